# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The browser app in a headless browser, compared with the outputs of the model."""

import json
import time

import numpy as np
import pytest

pytest.importorskip("gradio")

from space_page import CAPTIONS, Oracle, indexed, make_folder, open_page, softmax  # noqa: F401

pytestmark = pytest.mark.slow
SHARE = "Softmax of each row"


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


def test_search_in_a_browser(page, folder):
    page.open("Search")
    page.until(lambda: page.find("#hits li"))
    assert "index of 15 items" in page.find("body")[0].text and "2 more could not be read" in page.find("body")[0].text
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
