# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Downloads of media, with limits on size and time."""

import base64
import time
from typing import Any
from urllib.parse import unquote_to_bytes

from huggingface_hub import get_session

# Maximum size of a download in bytes: 1 GiB.
MAX_DOWNLOAD = 2**30
# Timeout of each network operation in seconds, and of a whole download. The latter is checked after each chunk.
DOWNLOAD_TIMEOUT = 30.0
DOWNLOAD_DEADLINE = 600.0
# Uncompressed: the size limit and `Content-Length` then refer to the same bytes.
_HEADERS = {"User-Agent": "imagebind-hf", "Accept-Encoding": "identity"}
_SCHEMES = ("http", "https")


def download(url: str) -> bytes:
    """Return the content of a `http:`, `https:` or `data:` URL.

    Requests use the HTTP client of huggingface_hub: its proxy settings apply, and its offline mode
    (`HF_HUB_OFFLINE=1`) disables downloads. Redirects to other schemes are refused.

    Raises:
        ValueError: If the download fails, is incomplete, too large or too slow.
    """
    if url.startswith("data:"):
        return _decode_data_url(url)
    try:
        with get_session().stream(
            "GET", url, headers=_HEADERS, timeout=DOWNLOAD_TIMEOUT, follow_redirects=True
        ) as response:
            if response.url.scheme not in _SCHEMES:
                raise ValueError(f"expected a redirect to http or https, but got {response.url}")
            if not response.is_success:
                raise ValueError(f"HTTP status {response.status_code} {response.reason_phrase}")
            return _read(response)
    # The client is httpx or httpx2, depending on the release of huggingface_hub. Their errors have no common base.
    except Exception as error:
        raise ValueError(str(error) or type(error).__name__) from error


def _read(response: Any) -> bytes:
    """Read the body of a response (of httpx or httpx2) within the limits."""
    deadline = time.monotonic() + DOWNLOAD_DEADLINE
    expected = int(response.headers.get("Content-Length", -1))
    if expected > MAX_DOWNLOAD:
        raise ValueError(f"it has {expected} bytes, more than the maximum of {MAX_DOWNLOAD}")
    data = bytearray()
    for chunk in response.iter_bytes():
        data += chunk
        if len(data) > MAX_DOWNLOAD:
            raise ValueError(f"it has more than the maximum of {MAX_DOWNLOAD} bytes")
        if time.monotonic() > deadline:
            raise ValueError(f"it took longer than {DOWNLOAD_DEADLINE:g} seconds")
    if expected >= 0 and response.num_bytes_downloaded != expected:
        raise ValueError(f"it is truncated: got {response.num_bytes_downloaded} of {expected} bytes")
    return bytes(data)


def _decode_data_url(url: str) -> bytes:
    """Decode a URL that contains its data: `data:[type][;base64],DATA`."""
    header, comma, body = url.partition(",")
    if not comma:
        raise ValueError("expected a comma before the data of a data URL")
    data = unquote_to_bytes(body)
    return base64.b64decode(data) if header.endswith(";base64") else data


__all__ = ["DOWNLOAD_DEADLINE", "DOWNLOAD_TIMEOUT", "MAX_DOWNLOAD", "download"]
