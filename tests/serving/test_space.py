# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The Space: its functions, and the page itself in a headless browser, compared with what the model computes."""

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
import yaml
from PIL import Image
from transformers import AutoModel, AutoProcessor

from conftest import FIXTURES, make_config
from imagebind_hf import ImageBindModel, ImageBindProcessor
from imagebind_hf.datasets.six_digits import CLASS_NAMES

gr = pytest.importorskip("gradio")

SPACE = Path(__file__).parents[2] / "hub_cards" / "space"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1200,1400"
).split()
CAPTIONS = ["a dog", "a car on the road", "rain"]
WAIT = 60  # seconds until a page that does not answer is an error


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A checkpoint without thermal and IMU, an index, and files that a visitor brings."""
    folder, rng = tmp_path_factory.mktemp("space"), np.random.default_rng(0)
    torch.manual_seed(0)
    config = make_config(modalities=["vision", "text", "audio", "depth"])
    ImageBindModel(config).save_pretrained(folder / "model")
    ImageBindProcessor.from_config(config).save_pretrained(folder / "model")
    for name in ("index/depth", "visitor"):
        (folder / name).mkdir(parents=True)
    for number in range(4):
        pixels = rng.integers(0, 255, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / ("index" if number < 3 else "visitor") / f"picture {number}.png")
        depth = rng.integers(500, 4000, (40, 48), dtype=np.uint16)
        Image.fromarray(depth).save(folder / "index" / "depth" / f"{number}.png")
        soundfile.write(folder / "index" / f"sound{number}.wav", rng.uniform(-0.5, 0.5, 8000), 8000)
    shutil.copy(FIXTURES / "video" / "clip_1p5s_10fps_120x160.mp4", folder / "index")
    (folder / "index" / "captions.txt").write_text("\n".join(CAPTIONS) + "\n")
    (folder / "index" / "README.md").write_text("passed over")
    (folder / "index" / "other").mkdir()
    (folder / "index" / "other" / "latin.txt").write_bytes("caf\xe9".encode("latin-1"))
    for name in ("index/broken.png", "visitor/<b>broken.png"):
        (folder / name).write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def space(folder):
    """The Space's modules, and its app on the checkpoint."""
    from imagebind_hf.serving.space import app, engine, views

    page = app.App(engine.Engine(str(folder / "model"), folder / "index"), is_six_digits=False)
    return page, engine, views


class Oracle:
    """Embeddings by model and processor alone."""

    def __init__(self, folder: Path):
        self.model = AutoModel.from_pretrained(folder / "model").eval()
        self.processor = AutoProcessor.from_pretrained(folder / "model")

    @torch.no_grad()
    def __call__(self, modality: str, items: list) -> np.ndarray:
        argument = {"image": "images", "video": "videos"}.get(modality, modality)
        outputs = self.model(**self.processor(**{argument: items}, return_tensors="pt"))
        return torch.nn.functional.normalize(outputs[f"{modality}_embeds"], dim=-1).numpy()


def test_only_what_the_checkpoint_has_is_offered(space):
    page, _, _ = space
    assert [name for _, name in page.choices] == ["image", "video", "text", "audio", "depth"]
    assert [name for _, name in page.indexed] == ["image", "video", "text", "audio", "depth"]
    assert len(page.engine.items) == 3 + 1 + 3 + 4 + 4
    assert len(page.engine.unreadable) == 2 and "broken.png" in page.engine.unreadable[0]
    assert "latin.txt" in page.engine.unreadable[1]


def test_shares_are_a_softmax(space, folder):
    page, _, _ = space
    sounds = sorted(str(file) for file in (folder / "index").glob("*.wav"))
    shares, note = page.engine.compare(("audio", sounds), ("text", CAPTIONS), shares=True)
    oracle = Oracle(folder)
    scale = oracle.model.logit_scale("text").item()
    powers = np.exp(scale * oracle("audio", sounds) @ oracle("text", CAPTIONS).T)
    np.testing.assert_allclose(shares, powers / powers.sum(axis=1, keepdims=True), atol=1e-5)
    assert f"{scale:.3g}" in note
    picture = str(folder / "visitor" / "picture 3.png")
    assert page.engine.compare(("audio", sounds), ("image", [picture]), shares=True)[1].endswith("× 20")


@pytest.mark.parametrize(
    "method, arguments, message",
    [
        ("compare", ("image", "", None, "text", "a", None, "Cosine"), "Image: expected 1 to 24 items, got nothing"),
        ("compare", ("text", "a\n" * 25, None, "text", "a", None, "Cosine"), "1 to 24 items, got 25"),
        ("classify", ("text", "a", None, " , \n", ""), "Write 2 to 200 labels.* got 0"),
        ("classify", ("text", "a", None, "a, a", ""), "got 1"),
        ("classify", ("text", "a", None, "a, b", "a photo"), "The template 'a photo' needs {}"),
        ("classify", ("text", "a", None, "a, b", "{} {x}"), "no other braces"),
        ("classify", ("audio", "a", None, "a, b", ""), "Audio: there is nothing yet"),
        ("search", ("text", "a", None, [], 3), "at least one modality"),
        ("search", ("image", "", "/no/where/x.png", ["text"], 3), "^.There is no file 'x.png'"),
    ],
)
def test_bad_input_is_told(space, method, arguments, message):
    with pytest.raises(gr.Error, match=message) as error:
        getattr(space[0], method)(*arguments)
    assert not error.value.print_exception


def test_a_checkpoint_without_text(space, tmp_path, folder):
    page, engine, _ = space
    torch.manual_seed(0)
    config = make_config(modalities=["vision", "thermal"])
    ImageBindModel(config).save_pretrained(tmp_path)
    ImageBindProcessor.from_config(config).save_pretrained(tmp_path)
    blocks = type(page)(engine.Engine(str(tmp_path), folder / "index"), is_six_digits=True).build().blocks.values()
    assert [block.label for block in blocks if isinstance(block, gr.Tab)] == ["Compare", "Search"]
    choices = [block.choices for block in blocks if isinstance(block, gr.Dropdown)]
    assert choices == [[("Image", "image"), ("Video", "video"), ("Thermal", "thermal")]] * 3


def test_an_index_of_nothing(space, tmp_path, folder):
    (tmp_path / "notes.md").write_text("x")
    with pytest.raises(ValueError, match="nothing in .* that the model can embed"):
        space[1].Engine(str(folder / "model"), tmp_path)


@pytest.mark.slow
def test_six_digits_as_an_index(space, tmp_path):
    _, engine, views = space
    folder = engine.write_six_digits(tmp_path / "digits", each=2)
    for modality, suffix in (("image", "png"), ("audio", "wav"), ("depth", "png"), ("thermal", "png"), ("imu", "csv")):
        files = sorted(file.name for file in (folder / modality).iterdir())
        assert files == [f"{n}-{digit}-{name}.{suffix}" for n in (1, 2) for digit, name in enumerate(CLASS_NAMES)]
        assert views.thumbnail(modality, str(folder / modality / files[0])).startswith('<img class="ib-thumb"')
    captions = (folder / "text" / "captions.txt").read_text().splitlines()
    assert all(name in caption for name, caption in zip(CLASS_NAMES, captions, strict=False))
    processor = ImageBindProcessor.from_config(make_config())
    values = processor(imu=[str(folder / "imu" / "1-3-three.csv")], return_tensors="np")["imu_values"]
    assert values[0, 1].mean() == pytest.approx(9.6, abs=0.5)  # gravity


def test_the_card():
    text = (SPACE / "README.md").read_text()
    facts = yaml.safe_load(text.split("---")[1])
    assert facts["sdk"] == "gradio" and (SPACE / facts["app_file"]).is_file() and facts["license"] == "apache-2.0"
    assert "(screenshot.png)" in text
    with Image.open(SPACE / "screenshot.png") as picture:
        assert picture.width >= 800
    assert (SPACE / "screenshot.png").stat().st_size < 200_000


class Page:
    """The running app in a browser."""

    def __init__(self, driver, url: str):
        self.driver, self.url = driver, url

    def find(self, selector: str, text: str | None = None) -> list:
        """Return what is visible of a CSS selector (with a text)."""
        found = [each for each in self.driver.find_elements("css selector", selector) if each.is_displayed()]
        return [each for each in found if text is None or each.text.strip() == text]

    def until(self, condition):
        """Wait for something that is true, and return it."""
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, WAIT, ignored_exceptions=(StaleElementReferenceException,)).until(
            lambda _: condition()
        )

    def open(self, tab: str) -> None:
        """Load the page anew at a tab."""
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

    def type(self, label: str, text: str) -> None:
        """Write into a field."""
        labels = self.until(lambda: [each for each in self.find("label:has(textarea)") if each.text.startswith(label)])
        field = labels[0].find_element("css selector", "textarea")
        field.clear()
        field.send_keys(text)

    def upload(self, *files: Path) -> None:
        """Drop files into the first file input that is seen, and wait until they are there."""
        areas = self.until(lambda: self.find("button[aria-dropeffect], .upload-container, button.center"))
        areas[0].find_element("css selector", "input[type=file]").send_keys("\n".join(map(str, files)))
        self.until(lambda: len(self.find(".file-preview tr.file, .file-preview .file")) == len(files))

    def message(self) -> str:
        """Return the message that appears."""
        return self.until(lambda: self.find(".toast-body.error"))[0].text


@pytest.fixture(scope="module")
def page(folder, tmp_path_factory):
    if not BROWSER or not DRIVER:
        pytest.skip("no Chromium with its driver is installed (Debian: chromium, chromium-driver)")
    webdriver = pytest.importorskip("selenium.webdriver")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("log") / "app.txt"
    command = [sys.executable, str(SPACE / "app.py"), "--model", str(folder / "model"), "--port", str(port)]
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
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


@pytest.mark.slow
def test_zero_shot_in_a_browser(page, folder):
    page.open("Zero-shot")
    picture = folder / "visitor" / "picture 3.png"
    page.type("Labels", "a dog, a car on the road\nrain")
    page.type("Template", "look: {}")
    page.upload(picture)
    assert page.until(lambda: page.find(".ib-preview img"))[0].get_attribute("alt") == "image: picture 3.png"
    page.press("Classify")
    page.until(lambda: page.find("#answer [data-testid$='-confidence'], #answer .confidence-set"))
    shown = page.find("#answer")[0].text
    oracle = Oracle(folder)
    cosines = oracle("image", [str(picture)]) @ oracle("text", [f"look: {label}" for label in CAPTIONS]).T
    powers = np.exp(oracle.model.logit_scale("text").item() * cosines[0])
    for label, share in zip(CAPTIONS, powers / powers.sum(), strict=True):
        assert f"{label}\n{share:.0%}" in shown, shown
    assert page.find("#answer h2")[0].text == CAPTIONS[powers.argmax()]


@pytest.mark.slow
def test_compare_in_a_browser(page, folder):
    page.open("Compare")
    pictures = sorted((folder / "index").glob("picture*.png"))
    page.upload(*pictures)
    page.choose("Columns", "Text")
    page.type("Texts", "\n".join(CAPTIONS))
    page.press("Compare")
    rows = page.until(lambda: page.find("#matrix tr"))
    shown = [[float(cell.text) for cell in row.find_elements("css selector", "td[style]")] for row in rows[1:]]
    oracle = Oracle(folder)
    expected = oracle("image", list(map(str, pictures))) @ oracle("text", CAPTIONS).T
    np.testing.assert_allclose(shown, expected, atol=0.0051)
    assert [each.text for each in rows[0].find_elements("css selector", "th")] == CAPTIONS
    best = [row.find_elements("css selector", "td.best")[0].text for row in rows[1:]]
    assert best == [f"{row.max():.2f}" for row in expected]


@pytest.mark.slow
def test_search_in_a_browser(page, folder):
    page.open("Search")
    page.choose("What you bring", "Text")
    page.type("Text", "a dog in the rain")
    page.press("Search")
    page.until(lambda: page.find("#found li"))
    oracle = Oracle(folder)
    query = oracle("text", ["a dog in the rain"])[0]
    indexed = {
        "image": sorted((folder / "index").glob("picture*.png")),
        "video": [folder / "index" / "clip_1p5s_10fps_120x160.mp4"],
        "text": CAPTIONS,
        "audio": sorted((folder / "index").glob("*.wav")),
        "depth": sorted((folder / "index" / "depth").glob("*.png")),
    }
    for modality, items in indexed.items():
        cosines = oracle(modality, list(map(str, items))) @ query
        cards = page.find(f'#found [data-modality="{modality}"] li')
        assert [card.text.split("\n")[-1] for card in cards] == [f"{c:.2f}" for c in sorted(cosines)[::-1][:3]]
        best = items[cosines.argmax()]
        assert (best if modality == "text" else best.name) in cards[0].text
    # The sound is served.
    duration = page.until(
        lambda: page.driver.execute_async_script(
            "const done = arguments[0], sound = document.querySelector('#found audio');"
            "sound.onloadedmetadata = () => done(sound.duration); sound.onerror = () => done(-1);"
            "sound.preload = 'metadata'; sound.load();"
        )
    )
    assert duration == pytest.approx(1, abs=0.05)


@pytest.mark.slow
def test_bad_input_in_a_browser(page, folder):
    page.open("Zero-shot")
    page.press("Classify")
    assert "Write 2 to 200 labels" in page.message()
    page.open("Zero-shot")
    page.type("Labels", "a, b")
    page.press("Classify")
    assert "Image: there is nothing yet" in page.message()
    page.open("Compare")
    page.upload(folder / "visitor" / "<b>broken.png")
    page.choose("Columns", "Text")
    page.type("Texts", "a dog")
    page.press("Compare")
    message = page.message()
    assert "Cannot read the image" in message and "broken.png" in message and "/" not in message


@pytest.mark.slow
def test_phones_and_no_internet(page):
    page.driver.get_log("performance")
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        page.open("Compare")
        page.until(lambda: page.find("button", "Fill in an example"))[0].click()
        page.until(lambda: page.find("#matrix td"))
        assert page.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    events = [json.loads(entry["message"])["message"] for entry in page.driver.get_log("performance")]
    urls = {e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"}
    assert any(url.startswith(page.url) for url in urls)
    assert [url for url in urls if not url.startswith((page.url, "data:", "blob:", "chrome:"))] == []
