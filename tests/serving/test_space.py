# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The browser app: its functions, and the page in a headless browser, compared with the outputs of the model."""

import json
import os
import re
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
from imagebind_hf.models.imagebind.feature_extraction_imagebind import ImageBindImuFeatureExtractor

gr = pytest.importorskip("gradio")

from imagebind_hf.serving.space import views  # noqa: E402
from imagebind_hf.serving.space.about import describe_model  # noqa: E402
from imagebind_hf.serving.space.app import App  # noqa: E402
from imagebind_hf.serving.space.engine import Engine  # noqa: E402
from imagebind_hf.serving.space.index import CSV_COLUMNS, write_six_digits  # noqa: E402

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
SHARE = "Softmax of each row"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
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


@pytest.fixture(scope="module")
def space(folder) -> App:
    return App(Engine(str(folder / "tiny-model"), folder / "index"))


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


def test_only_modalities_of_the_checkpoint_are_offered(space):
    assert space.engine.modalities == ["image", "video", "text", "audio", "depth"]
    assert space.indexed == ["image", "video", "text", "audio", "depth"]
    assert len(space.engine.items) == 3 + 1 + 3 + 4 + 4
    assert len(space.engine.unreadable) == 2 and "broken.png" in space.engine.unreadable[0]
    assert "latin.txt" in space.engine.unreadable[1]


def test_shares_are_a_softmax(space, folder):
    sounds = list(map(str, indexed(folder)["audio"]))
    shares, note = space.engine.compare(("audio", sounds), ("text", CAPTIONS), shares=True)
    oracle = Oracle(folder)
    scale = oracle.model.logit_scale("text").item()
    expected = softmax(scale * oracle("audio", sounds) @ oracle("text", CAPTIONS).T)
    np.testing.assert_allclose(shares, expected, atol=1e-5)
    assert f"{scale:.3g}" in note
    picture = str(folder / "visitor" / "picture 3.png")
    assert space.engine.compare(("audio", sounds), ("image", [picture]), shares=True)[1].endswith("× 20)")


@pytest.mark.parametrize(
    "modality, value, excluded",
    [
        ("text", f" {CAPTIONS[1]} ", CAPTIONS[1]),
        ("image", "visitor/copy.png", "index/picture 1.png"),
        ("image", "index/picture 0.png", "index/picture 0.png"),
        ("image", "visitor/picture 3.png", None),
    ],
)
def test_query_is_not_its_own_hit(space, folder, modality, value, excluded):
    items = list(map(str, indexed(folder)[modality]))
    is_text = modality == "text"
    found = space.engine.search(modality, value if is_text else str(folder / value), modality, 10)
    absolute = excluded if is_text or excluded is None else str(folder / excluded)
    assert {item.source for item, _ in found} == set(items) - {absolute}
    cosines = [cosine for _, cosine in found]
    assert cosines == sorted(cosines, reverse=True)
    # Other modalities are complete.
    assert len(space.engine.search(modality, value if is_text else str(folder / value), "depth", 10)) == 4


@pytest.mark.parametrize(
    "method, arguments, message",
    [
        ("compare", ("image", "", None, "text", "a", None, "Cosine"), "Image: expected 1 to 24 items, but got none"),
        ("compare", ("text", "a\n" * 25, None, "text", "a", None, "Cosine"), "1 to 24 items, but got 25"),
        ("classify", ("text", "a", *[None] * 4, " , \n", ""), "Expected 2 to 200 labels.* got 0"),
        ("classify", ("text", "a", *[None] * 4, "a, a", ""), "got 1"),
        ("classify", ("text", "a", *[None] * 4, "a, b", "a photo"), "template to have {}.* got &#x27;a photo&#x27;"),
        ("classify", ("text", "a", *[None] * 4, "a, b", "{} {x}"), "no other braces"),
        ("classify", ("audio", "a", *[None] * 4, "a, b", ""), "Audio: add an item"),
        ("search", ("text", "a", *[None] * 4, [], 3), "at least one modality"),
        ("search", ("image", "", "/no/where/x.png", *[None] * 3, ["text"], 3), "&#x27;x.png&#x27;"),
    ],
)
def test_bad_input_gives_a_message_in_place_of_the_result(space, method, arguments, message):
    result = getattr(space, method)(*arguments)
    if method == "classify":
        assert result[1] is None
        result = result[0]
    assert result.startswith('<div class="ib-error" role="alert">')
    assert re.search(message, result) and "/no/where" not in result


def test_a_checkpoint_without_text(tmp_path, folder):
    torch.manual_seed(0)
    config = make_config(modalities=["vision", "thermal"])
    ImageBindModel(config).save_pretrained(tmp_path)
    ImageBindProcessor.from_config(config).save_pretrained(tmp_path)
    blocks = App(Engine(str(tmp_path), folder / "index"), is_six_digits=True).build().blocks.values()
    assert [block.label for block in blocks if isinstance(block, gr.Tab)] == ["Compare", "Search"]
    choices = [block.choices for block in blocks if isinstance(block, gr.Dropdown)]
    assert choices == [[("Image", "image"), ("Video", "video"), ("Thermal", "thermal")]] * 3


@pytest.mark.parametrize("with_part", [True, False])
def test_extra_modalities_are_offered_if_the_processor_has_a_part(tmp_path, folder, with_part):
    torch.manual_seed(0)
    tower = {"model_type": "imagebind_imu_model", **make_config().imu_config.to_diff_dict()}
    config = make_config(modalities=["text", "touch"], extra_modalities={"touch": tower})
    ImageBindModel(config).save_pretrained(tmp_path / "model")
    part = ImageBindImuFeatureExtractor(num_samples=config.extra_modalities["touch"].num_samples)
    extra = {"touch": part if with_part else None}
    ImageBindProcessor.from_config(config, extra_processors=extra).save_pretrained(tmp_path / "model")
    index = tmp_path / "index"
    (index / "touch").mkdir(parents=True)
    (index / "captions.txt").write_text("\n".join(CAPTIONS))
    for number in range(2):
        table = np.random.default_rng(number).normal(size=(50, 7))
        table[:, 0] = np.arange(50) * 5
        np.savetxt(index / "touch" / f"{number}.csv", table, "%.5g", ",", header=CSV_COLUMNS, comments="")
    page = App(Engine(str(tmp_path / "model"), index))
    page.build()
    if not with_part:
        assert page.engine.modalities == ["text"]
        return
    assert page.engine.modalities == page.indexed == ["text", "touch"]
    found = page.search("touch", "", None, None, None, str(index / "touch" / "0.csv"), ["text", "touch"], 3)
    assert found.count("<li>") == 3 + 1 and "1.csv" in found and "0.csv" not in found
    message, answer = page.classify("touch", "", None, None, None, str(index / "touch" / "0.csv"), "a, b", "")
    assert message == "" and sum(answer.values()) == pytest.approx(1)


def test_an_index_without_items(tmp_path, folder):
    (tmp_path / "notes.md").write_text("x")
    with pytest.raises(ValueError, match="to have items of the modalities .*, but found none"):
        Engine(str(folder / "tiny-model"), tmp_path)


def test_facts_about_the_model(folder, tmp_path):
    facts = describe_model(str(folder / "tiny-model"), ["image", "imu", "my_sensor"])
    assert re.fullmatch(r"tiny-model \(1\.\d\d million parameters\)", facts.pop("Model"))
    assert facts == {
        "Modalities": "Image, IMU, My sensor",
        "Trained on": "pairs of image–audio (1,234), starting from org/base",
        "License": "cc-by-nc-4.0 (no commercial use)",
    }
    # An adapter has no configuration of its own.
    assert describe_model(str(tmp_path), ["image"]) == {"Model": tmp_path.name, "Modalities": "Image"}


def test_missing_gradio_names_the_extra():
    code = "import sys; sys.modules['gradio'] = None; import imagebind_hf.serving.space"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.strip().endswith("Install it with `pip install imagebind-hf[space]`.")


@pytest.mark.slow
def test_six_digits_as_an_index(tmp_path):
    folder = write_six_digits(tmp_path / "digits", each=2)
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


@pytest.fixture(scope="module")
def page(folder, tmp_path_factory):
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


@pytest.mark.slow
def test_a_filled_example_in_a_browser(page, folder):
    page.open("Compare")
    _, shown, note = page.matrix()
    oracle, items = Oracle(folder), indexed(folder)
    expected = oracle("image", list(map(str, items["image"]))) @ oracle("audio", list(map(str, items["audio"]))).T
    np.testing.assert_allclose(shown, expected, atol=0.0051)
    assert "Cosine similarity: Image × Audio" in note
    best = [each.text for each in page.find("#matrix td.best")]
    assert best == [f"{row.max():.2f}" for row in expected]
    about = page.find("#about")[0].text
    for fact in ("tiny-model", "Image, Video, Text, Audio, Depth", "image–audio (1,234)", "no commercial use"):
        assert fact in about
    # The recordings can be played.
    buttons = page.find("#matrix .ib-play")
    assert [each.get_attribute("aria-label") for each in buttons] == [f"Play sound{number}.wav" for number in range(4)]
    assert page.duration("#matrix audio") == pytest.approx(1, abs=0.05)
    for button in buttons[:2]:
        button.click()
        page.until(lambda button=button: "on" in button.get_attribute("class").split())
    # The second one stops the first one.
    assert "on" not in buttons[0].get_attribute("class").split()
    # The other tabs have results, too.
    page.open("Zero-shot")
    assert page.until(lambda: page.find("#answer h2"))
    page.open("Search")
    assert len(page.until(lambda: page.find("#hits [data-modality=image] li"))) == 2


@pytest.mark.slow
def test_values_switch_in_a_browser(page, folder):
    page.open("Compare")
    page.matrix()
    page.until(lambda: page.find("label", SHARE))[0].click()
    page.until(lambda: "Softmax" in page.find("#matrix .ib-note")[0].text)
    oracle, items = Oracle(folder), indexed(folder)
    cosines = oracle("image", list(map(str, items["image"]))) @ oracle("audio", list(map(str, items["audio"]))).T
    np.testing.assert_allclose(page.matrix()[1], softmax(20 * cosines), atol=0.0051)
    # A new file redraws the matrix with the chosen values.
    page.upload(folder / "visitor" / "picture 3.png")
    page.until(lambda: len(page.find("#matrix tr")) == 5)
    _, shown, note = page.matrix()
    assert "Softmax" in note
    np.testing.assert_allclose(shown.sum(axis=1), 1, atol=0.021)


@pytest.mark.slow
def test_zero_shot_in_a_browser(page, folder):
    page.open("Zero-shot")
    picture = folder / "visitor" / "picture 3.png"
    page.type("Labels", "a dog, a car on the road\nrain")
    page.clear()
    page.upload(picture)
    page.until(lambda: page.find("[data-testid=image] img, .image-frame img"))
    page.type("Prompt template", "look: {}", enter=True)
    oracle = Oracle(folder)
    cosines = oracle("image", [str(picture)]) @ oracle("text", [f"look: {label}" for label in CAPTIONS]).T
    shares = softmax(oracle.model.logit_scale("text").item() * cosines[0])
    expected = [f"{label}\n{share:.0%}" for label, share in zip(CAPTIONS, shares, strict=True)]
    page.until(lambda: all(each in page.find("#answer")[0].text for each in expected))
    assert page.find("#answer h2")[0].text == CAPTIONS[shares.argmax()]


@pytest.mark.slow
def test_compare_in_a_browser(page, folder):
    page.open("Compare")
    page.matrix()
    pictures = indexed(folder)["image"]
    page.clear()
    page.upload(*pictures)
    # The captions of the index are examples, too.
    page.choose("Columns", "Text")
    page.until(lambda: page.matrix()[0] == CAPTIONS)
    page.type("Texts", "\n".join(CAPTIONS[::-1]))
    page.press("Compare")
    page.until(lambda: page.matrix()[0] == CAPTIONS[::-1])
    _, shown, _ = page.matrix()
    oracle = Oracle(folder)
    expected = oracle("image", list(map(str, pictures))) @ oracle("text", CAPTIONS[::-1]).T
    np.testing.assert_allclose(shown, expected, atol=0.0051)
    assert [each.text for each in page.find("#matrix td.best")] == [f"{row.max():.2f}" for row in expected]
    # A click on an example adds it.
    page.find("button[aria-label='Example: picture 0.png']")[0].click()
    page.until(lambda: len(page.find("#matrix tr")) == 5)
    np.testing.assert_allclose(page.matrix()[1], expected[[0, 1, 2, 0]], atol=0.0051)


@pytest.mark.slow
def test_search_in_a_browser(page, folder):
    page.open("Search")
    page.until(lambda: page.find("#hits li"))
    page.choose("Query", "Text")
    page.type("Text", "a dog in the rain", enter=True)
    oracle = Oracle(folder)
    query = oracle("text", ["a dog in the rain"])[0]
    for modality, items in indexed(folder).items():
        cosines = oracle(modality, list(map(str, items))) @ query
        expected = [f"{c:.2f}" for c in sorted(cosines)[::-1][:3]]
        selector = f'#hits [data-modality="{modality}"] li'
        page.until(lambda s=selector, e=expected: [card.text.split("\n")[-1] for card in page.find(s)] == e)
        best = items[cosines.argmax()]
        assert (best if modality == "text" else best.name) in page.find(selector)[0].text
    assert page.duration("#hits audio") == pytest.approx(1, abs=0.05)
    # A query that is in the index is not its own hit: as a text, as an example, and as an uploaded copy.
    page.type("Text", CAPTIONS[0], enter=True)
    page.until(lambda: len(page.find('#hits [data-modality="text"] li')) == 2)
    assert CAPTIONS[0] not in [card.text.split("\n")[0] for card in page.find('#hits [data-modality="text"] li')]
    page.choose("Query", "Image")

    def names() -> list[str]:
        return sorted(card.text.split("\n")[0] for card in page.find('#hits [data-modality="image"] li'))

    page.until(lambda: names() == ["picture 1.png", "picture 2.png"])
    page.find("button[aria-label='Example: picture 2.png']")[0].click()
    page.until(lambda: names() == ["picture 0.png", "picture 1.png"])
    page.clear()
    page.upload(folder / "visitor" / "copy.png")
    page.until(lambda: names() == ["picture 0.png", "picture 2.png"])


@pytest.mark.slow
def test_camera_and_microphone_in_a_browser(page):
    page.open("Compare")
    page.matrix()
    page.find("button", "Add a photo\n▼")[0].click()
    page.until(lambda: page.find("button", "Click to Access Webcam"))[0].click()
    page.until(lambda: page.find("button[aria-label='capture photo']"))[0].click()
    page.until(lambda: len(page.find("#matrix tr")) == 5)
    page.find("button", "Add a recording\n▼")[0].click()
    page.until(lambda: page.find("button.record-button"))[0].click()
    time.sleep(1.5)
    page.until(lambda: page.find("button.stop-button"))[0].click()
    page.until(lambda: len(page.find("#matrix th[scope=col]")) == 5)
    assert page.matrix()[1].shape == (4, 5)


@pytest.mark.slow
def test_bad_input_in_a_browser(page, folder):
    page.open("Zero-shot")
    page.type("Labels", "a")
    page.press("Classify")
    assert "Expected 2 to 200 labels" in page.error("#answer-message")
    assert page.find("#answer") == []
    page.type("Labels", "a, b")
    page.clear()
    page.press("Classify")
    page.until(lambda: "Image: add an item" in page.error("#answer-message"))
    page.upload(folder / "visitor" / "<b>broken.png")
    page.until(lambda: "Cannot read the image" in page.error("#answer-message"))
    message = page.error("#answer-message")
    assert "broken.png" in message and "/" not in message
    page.open("Compare")
    page.matrix()
    page.upload(folder / "visitor" / "<b>broken.png")
    message = page.error("#matrix")
    assert "Cannot read the image" in message and "broken.png" in message and "/" not in message
    page.open("Search")
    page.until(lambda: page.find("#hits li"))
    page.choose("Query", "Text")
    page.type("Text", " ", enter=True)
    assert "Text: add an item" in page.error("#hits")


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_phones_and_no_internet(page, theme):
    page.driver.get_log("performance")
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme)
    try:
        for tab, content in (("Compare", "#matrix td"), ("Zero-shot", "#answer h2"), ("Search", "#hits li")):
            page.open(tab)
            page.until(lambda content=content: page.find(content))
            assert page.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
            assert page.driver.execute_script("return document.body.classList.contains('dark')") == (theme == "dark")
        cards = page.find("#hits [data-modality=text] li")[:3]
        assert len({card.rect["y"] for card in cards}) == 1 and len({card.rect["x"] for card in cards}) == 3
        # The matrix of the example fits. A wider one scrolls inside its frame, and says so.
        page.open("Compare")
        page.matrix()
        widths = "const e = document.querySelector('.ib-scroll'); return [e.scrollWidth, e.clientWidth]"
        scrolled, visible = page.driver.execute_script(widths)
        assert scrolled <= visible and page.find(".ib-hint") == []
        page.choose("Columns", "Text")
        page.type("Texts", "\n".join(f"text number {number}" for number in range(12)))
        page.press("Compare")
        page.until(lambda: len(page.matrix()[0]) == 12)
        scrolled, visible = page.driver.execute_script(widths)
        assert scrolled > visible and page.find(".ib-hint")[0].text == "Scroll sideways to see all 12 columns."
        assert page.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    events = [json.loads(entry["message"])["message"] for entry in page.driver.get_log("performance")]
    urls = {e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"}
    assert any(url.startswith(page.url) for url in urls)
    assert [url for url in urls if not url.startswith((page.url, "data:", "blob:", "chrome:"))] == []
