# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""A checkpoint, files and a browser page for the tests of the browser app."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from transformers import AutoModel, AutoProcessor

from conftest import FIXTURES, make_config
from imagebind_hf import ImageBindModel, ImageBindProcessor

SPACE = Path(__file__).parents[2] / "hub_cards" / "space"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1280,1400 --autoplay-policy=no-user-gesture-required "
    "--use-fake-device-for-media-stream --use-fake-ui-for-media-stream"
).split()
CAPTIONS = ["a dog", "a car on the road", "rain"]
WAIT = 60  # Seconds after which a page that does not answer is an error.


@pytest.fixture(scope="module", name="folder")
def make_folder(tmp_path_factory) -> Path:
    """A checkpoint without thermal and IMU, an index, and files that a visitor uploads."""
    folder, rng = tmp_path_factory.mktemp("space"), np.random.default_rng(0)
    torch.manual_seed(0)
    config = make_config(modalities=["vision", "text", "audio", "depth"])
    ImageBindModel(config).save_pretrained(folder / "tiny-model")
    ImageBindProcessor.from_config(config).save_pretrained(folder / "tiny-model")
    (folder / "tiny-model" / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n# A card\n")
    pairs = {"photos": {"modality": "audio", "anchor": "image", "rows": 1234}}
    facts = {"base_model": "org/base", "stages": [{"name": "training", "pairs": pairs}]}
    (folder / "tiny-model" / "training.json").write_text(json.dumps(facts))
    for name in ("index/depth", "visitor"):
        (folder / name).mkdir(parents=True)
    for number in range(4):
        pixels = rng.integers(0, 255, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / ("index" if number < 3 else "visitor") / f"picture {number}.png")
        depth = rng.integers(500, 4000, (40, 48), dtype=np.uint16)
        Image.fromarray(depth).save(folder / "index" / "depth" / f"{number}.png")
        soundfile.write(folder / "index" / f"sound{number}.wav", rng.uniform(-0.5, 0.5, 8000), 8000)
    shutil.copy(folder / "index" / "picture 1.png", folder / "visitor" / "copy.png")
    shutil.copy(FIXTURES / "video" / "clip_1p5s_10fps_120x160.mp4", folder / "index")
    (folder / "index" / "captions.txt").write_text("\n".join(CAPTIONS) + "\n")
    (folder / "index" / "README.md").write_text("not an item")
    (folder / "index" / "other").mkdir()
    (folder / "index" / "other" / "latin.txt").write_bytes("caf\xe9".encode("latin-1"))
    for name in ("index/broken.png", "visitor/<b>broken.png"):
        (folder / name).write_bytes(b"not an image")
    return folder


class Oracle:
    """Embeddings by model and processor alone."""

    def __init__(self, folder: Path):
        self.model = AutoModel.from_pretrained(folder / "tiny-model").eval()
        self.processor = AutoProcessor.from_pretrained(folder / "tiny-model")

    @torch.no_grad()
    def __call__(self, modality: str, items: list) -> np.ndarray:
        argument = {"image": "images", "video": "videos"}.get(modality, modality)
        outputs = self.model(**self.processor(**{argument: items}, return_tensors="pt"))
        return torch.nn.functional.normalize(outputs[f"{modality}_embeds"], dim=-1).numpy()


def indexed(folder: Path) -> dict[str, list]:
    """Return the items of the index by modality."""
    return {
        "image": sorted((folder / "index").glob("picture*.png")),
        "video": [folder / "index" / "clip_1p5s_10fps_120x160.mp4"],
        "text": CAPTIONS,
        "audio": sorted((folder / "index").glob("*.wav")),
        "depth": sorted((folder / "index" / "depth").glob("*.png")),
    }


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits)
    return powers / powers.sum(axis=-1, keepdims=True)


class Page:
    """The running app in a browser."""

    def __init__(self, driver, url: str):
        self.driver, self.url = driver, url

    def find(self, selector: str, text: str | None = None) -> list:
        """Return the visible elements of a CSS selector, with this text if it is given."""
        found = [each for each in self.driver.find_elements("css selector", selector) if each.is_displayed()]
        return [each for each in found if text is None or each.text.strip() == text]

    def until(self, condition):
        """Wait until a condition is true, and return its value."""
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, WAIT, ignored_exceptions=(StaleElementReferenceException,)).until(
            lambda _: condition()
        )

    def open(self, tab: str) -> None:
        """Load the page and select a tab."""
        self.driver.get(self.url)
        self.until(lambda: self.find("button[role=tab]", tab))[0].click()
        self.until(lambda: self.find("button[role=tab][aria-selected=true]", tab))

    def press(self, button: str) -> None:
        """Press the main button."""
        self.until(lambda: self.find("button.primary", button))[0].click()

    def choose(self, label: str, option: str) -> None:
        """Choose from a list."""
        self.find(f'input[aria-label="{label}"]')[0].click()
        self.until(lambda: self.find("[role=option]", option))[0].click()

    def type(self, label: str, text: str, enter: bool = False) -> None:
        """Write into a field, and press Enter."""
        fields = "textarea, input:not([type])"
        labels = self.until(
            lambda: [each for each in self.find(f"label:has({fields})") if each.text.startswith(label)]
        )
        field = labels[0].find_element("css selector", fields)
        field.clear()
        field.send_keys(text + ("\n" if enter else ""))

    def clear(self) -> None:
        """Empty the first file or image input."""
        buttons = "button[aria-label=Clear], button[aria-label='Remove Image']"
        before = len(self.until(lambda: self.find(buttons)))
        self.find(buttons)[0].click()
        self.until(lambda: len(self.find(buttons)) < before)

    def upload(self, *files: Path) -> None:
        """Upload files to the first file or image input."""
        areas = self.until(lambda: self.find("button:has(> input[type=file])"))
        areas[0].find_element("css selector", "input[type=file]").send_keys("\n".join(map(str, files)))

    def matrix(self) -> tuple[list[str], np.ndarray, str]:
        """Return the column heads, the numbers and the note of the matrix."""
        self.until(lambda: self.find("#matrix td[style]"))
        heads = [each.text for each in self.find("#matrix th[scope=col]")]
        rows = [row.find_elements("css selector", "td[style]") for row in self.find("#matrix tr")[1:]]
        return (
            heads,
            np.array([[float(cell.text) for cell in row] for row in rows]),
            self.find("#matrix .ib-note")[0].text,
        )

    def error(self, place: str) -> str:
        """Return the error message in a place. There must not be a pop-up."""
        message = self.until(lambda: self.find(f"{place} .ib-error[role=alert]"))[0].text
        assert self.find(".toast-body.error") == []
        return message

    def duration(self, selector: str) -> float:
        """Return the duration of a recording, which the server must deliver; -1 if it does not."""
        return self.driver.execute_async_script(
            "const [selector, done] = arguments, media = document.querySelector(selector);"
            "media.onloadedmetadata = () => done(media.duration); media.onerror = () => done(-1);"
            "media.preload = 'metadata'; media.load();",
            selector,
        )


@pytest.fixture(scope="module", name="page")
def open_page(folder, tmp_path_factory):
    if not BROWSER or not DRIVER:
        pytest.skip("no Chromium with its driver is installed (Debian: chromium, chromium-driver)")
    webdriver = pytest.importorskip("selenium.webdriver")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("log") / "app.txt"
    command = [sys.executable, str(SPACE / "app.py"), "--model", str(folder / "tiny-model"), "--port", str(port)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    environment.pop("GRADIO_ANALYTICS_ENABLED", None)
    with open(log, "w") as output:
        app = subprocess.Popen(
            [*command, "--index", str(folder / "index")], stdout=output, stderr=subprocess.STDOUT, env=environment
        )
    driver = None
    try:
        deadline = time.monotonic() + 5 * WAIT
        while "Running on local URL" not in log.read_text():
            assert app.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        options = webdriver.ChromeOptions()
        options.binary_location = BROWSER
        for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        yield Page(driver, f"http://127.0.0.1:{port}/")
    finally:
        if driver is not None:
            driver.quit()
        app.terminate()
        app.wait(WAIT)
    assert "Traceback" not in log.read_text(), log.read_text()
