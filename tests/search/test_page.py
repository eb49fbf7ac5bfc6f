# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import base64
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlparse

import numpy as np
import pytest
import soundfile
from PIL import Image

from imagebind_hf.search import Hit, Part, originals, write_page
from imagebind_hf.search.thumbnails import try_thumbnail

NAMES = {"image": "a <b>&'\"#?% é.png", "audio": "rain.wav", "video": "clip.mp4", "depth": "depth.png"}


@pytest.fixture
def media(tmp_path, fixtures) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    Image.new("RGB", (400, 300), "red").save(folder / NAMES["image"])
    soundfile.write(folder / NAMES["audio"], np.zeros(4000), 8000)
    shutil.copy(fixtures / "video" / "clip_1p5s_10fps_120x160.mp4", folder / NAMES["video"])
    Image.fromarray(np.full((20, 20), 1000, np.uint16)).save(folder / NAMES["depth"])
    return folder


def hits_of(folder: Path) -> list[Hit]:
    paths = {modality: str(folder / name) for modality, name in NAMES.items()}
    return [
        Hit(path, 0.5, modality, path, None, try_thumbnail(modality, lambda path=path: path, path))
        for modality, path in paths.items()
    ]


class Page(HTMLParser):
    """Checks that elements are nested correctly, and collects them with their attributes."""

    def __init__(self, text: str):
        super().__init__()
        self.elements, self.open, self.text = [], [], ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        assert all(value is None or "<" not in value or name == "aria-label" or name == "alt" for name, value in attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, *tags: str) -> list[dict]:
        return [attributes for tag, attributes in self.elements if tag in tags]


def file_of(url: str, page: Path) -> Path:
    """Return the file that a browser opens for a URL of the page."""
    parsed = urlparse(urljoin(page.absolute().as_uri(), url))
    assert parsed.scheme == "file" and not parsed.query and not parsed.fragment
    return Path(unquote(parsed.path))


@pytest.mark.parametrize("is_below", [True, False])
def test_links_to_the_originals(media, tmp_path, is_below):
    (tmp_path / "pages").mkdir()
    file = (tmp_path if is_below else tmp_path / "pages") / "found.html"
    write_page(file, hits_of(media))
    page = Page(file.read_text())
    (audio,), (video,), links = page.all("audio"), page.all("video"), page.all("a")
    assert "controls" in audio and "controls" in video and video["poster"].startswith("data:image/jpeg;base64,")
    opened = [audio["src"], video["src"], *(link["href"] for link in links)]
    expected = [media / NAMES[modality] for modality in ("audio", "video", "image", "depth")]
    assert [file_of(url, file) for url in opened] == expected
    assert all(link["target"] == "_blank" and link["rel"] == "noopener" for link in links)
    assert all((urlparse(url).scheme == "") == is_below for url in opened)
    # Thumbnails of the image, the audio clip and the depth map; the video has a poster.
    assert len(page.all("img")) == 3 and not page.all("script", "link", "iframe")
    assert file.stat().st_size < 40_000
    if is_below:
        shutil.move(tmp_path / "media", tmp_path / "pages" / "media")
        moved = Path(shutil.move(file, tmp_path / "pages" / "found.html"))
        assert all(file_of(url, moved).is_file() for url in opened), "the page and its folder can be moved together"


def test_embedded_media(media, tmp_path):
    file = write_page(tmp_path / "found.html", hits_of(media), embed_media=True)
    page = Page(file.read_text())
    (audio,), (video,) = page.all("audio"), page.all("video")
    images = {image["src"].partition(",")[0]: image["src"] for image in page.all("img") if "loading" in image}
    embedded = [audio["src"], video["src"], images["data:image/png;base64"]]
    for url, kind, name in zip(
        embedded, ("audio/wav", "video/mp4", "image/png"), ("audio", "video", "depth"), strict=True
    ):
        head, _, data = url.partition(",")
        assert head == f"data:{kind};base64" and base64.b64decode(data) == (media / NAMES[name]).read_bytes()
    # A click on a thumbnail shows the full image, a click on that closes it.
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    targets = [link["href"] for link in page.all("a")]
    assert len(targets) == 4 and all(target[0] == "#" and target[1:] in ids for target in targets)
    assert str(tmp_path) not in file.read_text() and "file:" not in file.read_text()


def test_limits_of_embedded_media(media, tmp_path, monkeypatch):
    sizes = {modality: (media / name).stat().st_size for modality, name in NAMES.items()}
    assert sizes["depth"] < sizes["image"] < sizes["audio"] < sizes["video"]

    def embedded() -> tuple[int, str]:
        page = Page(write_page(tmp_path / "found.html", hits_of(media), note="Note", embed_media=True).read_text())
        images = [image for image in page.all("img") if "loading" in image]
        return len(images) + len(page.all("audio", "video")), page.text

    count, text = embedded()
    assert count == 4 and "Too large" not in text
    monkeypatch.setattr(originals, "MAX_FILE", sizes["audio"])
    count, text = embedded()
    assert count == 3 and "Note. Too large to embed: 1 of 4 files" in text
    monkeypatch.setattr(originals, "MAX_PAGE", sizes["image"] + sizes["audio"])
    count, text = embedded()
    assert count == 2 and "Note. Too large to embed: 2 of 4 files" in text


def test_items_without_an_original(media, tmp_path):
    """Missing files, parts of files, and formats that browsers do not play have no player."""
    hits = [
        Hit("/nowhere/a.wav", 0.5, "audio", "/nowhere/a.wav", None, b"jpeg"),
        Hit(f"{media}/x.tar#a.wav", 0.5, "audio", f"{media}/x.tar", None, b"jpeg"),
        Hit("rows#1#smell", -0.5, "smell"),
        Hit(f"{media}/t.txt#1", 0.5, "text", f"{media}/t.txt", "<script>alert(1)</script> & more\nlines"),
    ]
    for embed in (False, True):
        text = write_page(tmp_path / "found.html", hits, embed_media=embed).read_text()
        page = Page(text)
        assert not page.all("audio", "video", "a", "script") and len(page.all("img")) == 2
        assert "<script>alert(1)</script> & more\nlines" in page.text and "smell" in page.text
        assert "nowhere/a.wav" in page.text and "media/x.tar#a.wav" in page.text and str(tmp_path) not in text
    soundfile.write(media / "tones.aiff", np.zeros(8000), 8000)
    hit = Hit(str(media / "tones.aiff"), 0.5, "audio", str(media / "tones.aiff"))
    page = Page(write_page(tmp_path / "found.html", [hit]).read_text())
    assert not page.all("audio") and [link["href"] for link in page.all("a")] == ["media/tones.aiff"]
    page = Page(write_page(tmp_path / "found.html", [hit], embed_media=True).read_text())
    assert not page.all("audio", "a")


def test_the_query(media, tmp_path):
    parts = [Part("image", str(media / NAMES["image"])), Part("text", "</div><script>", -0.3), Part("touch", "raw")]
    parts += [Part("audio", b"not audio"), Part("imu", np.zeros((6, 9)), 2.0)]
    text = write_page(tmp_path / "found.html", [], parts, "<note>").read_text()
    page = Page(text)
    assert not page.all("script") and "0 results for" in page.text and "<note>" in page.text
    assert "+ image" in page.text and NAMES["image"] in page.text and "“</div><script>”" in page.text
    assert (
        "− 0.3 × text" in page.text and "+ touch" in page.text and "+ audio" in page.text and "+ 2 × imu" in page.text
    )
    assert len(page.all("img")) == 2, "parts that cannot be drawn have no thumbnail"
    assert len([each for each in page.all("div") if each.get("class") == "part minus"]) == 1


def test_the_page_adapts_to_the_screen(tmp_path):
    text = write_page(tmp_path / "found.html", []).read_text()
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in text
    assert "color-scheme: light dark" in text and "prefers-color-scheme: dark" in text and "max-width: 30rem" in text
    assert not re.search(r"url\(|@import|https?://", text), "nothing is loaded from elsewhere"
