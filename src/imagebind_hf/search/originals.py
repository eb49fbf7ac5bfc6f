# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The original files of search results, as links or embedded in a page."""

import base64
import os
from pathlib import Path
from urllib.parse import quote

from .hits import Hit

# Limits of embedded media: 5 MB per file, because base64 adds a third, and 50 MB per page, which browsers still open
# without delay.
MAX_FILE, MAX_PAGE = 5_000_000, 50_000_000
# Media types that browsers show, by suffix. Chromium plays QuickTime files only as MP4, which has the same structure.
IMAGE_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".bmp": "image/bmp",
    ".avif": "image/avif",
}
AUDIO_TYPES = {
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
}
VIDEO_TYPES = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm"}
_TYPES = IMAGE_TYPES | AUDIO_TYPES | VIDEO_TYPES


class Originals:
    """Returns URLs of the original files of results, for one page.

    Args:
        page: File of the page.
        embed: Return `data:` URLs of small files, and no links. Otherwise, return links to the files.
    """

    def __init__(self, page: Path, embed: bool):
        self.folder, self.embed = page.absolute().parent, embed
        # Number of files that were too large to embed, and bytes that may still be embedded.
        self.too_large, self._rest = 0, MAX_PAGE

    def url(self, hit: Hit) -> str | None:
        """Return the URL of a result's file. Return `None` if there is no file, or it is not embedded.

        A link to a file below the page's folder is relative, so that the folder can be moved. Other links are
        absolute.
        """
        if not hit.is_file or not os.path.isfile(hit.path):
            return None
        file = Path(os.path.abspath(hit.path))
        if self.embed:
            return self._data(file)
        if file.is_relative_to(self.folder):
            return quote(os.fsencode(file.relative_to(self.folder)))
        return file.as_uri()

    def _data(self, file: Path) -> str | None:
        kind = _TYPES.get(file.suffix.lower())
        if kind is None:
            return None
        size = file.stat().st_size
        if size > min(MAX_FILE, self._rest):
            self.too_large += 1
            return None
        self._rest -= size
        return data_url(file.read_bytes(), kind)


def data_url(content: bytes, kind: str) -> str:
    """Return some bytes as a `data:` URL."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
