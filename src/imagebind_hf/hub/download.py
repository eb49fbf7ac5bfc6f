# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Download the published checkpoint `imagebind_huge.pth`."""

import hashlib
import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import get_session
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import hf_raise_for_status

from ..utils.digest import digest_file

# Address in the README of the original implementation.
PUBLISHED_URL = "https://dl.fbaipublicfiles.com/imagebind/imagebind_huge.pth"
PUBLISHED_SIZE = 4_803_584_173
PUBLISHED_SHA256 = "d6f6c22bedcc90708448d5d2fbb7b2db9c73f505dc89bd0b2e09b23af1b62157"
PUBLISHED_LICENSE_NOTICE = """\
The published ImageBind weights are for non-commercial use only.
The README and the LICENSE of the original implementation state CC-BY-NC 4.0, its model card CC-BY-NC-SA 4.0:
  https://creativecommons.org/licenses/by-nc/4.0/
  https://creativecommons.org/licenses/by-nc-sa/4.0/
The license also applies to converted and to fine-tuned weights."""
# Seconds until the server must answer the first request.
_TIMEOUT = 30


def download_published(
    folder: str | Path,
    accept_license: bool = False,
    url: str = PUBLISHED_URL,
    *,
    size: int = PUBLISHED_SIZE,
    sha256: str = PUBLISHED_SHA256,
) -> Path:
    """Download the published checkpoint, and verify its size and SHA-256.

    An interrupted download is resumed from its `.part` file. The file appears under its name when it is complete and
    verified. A verified file from an earlier download is kept.

    Args:
        folder: Folder for the file. It is created if necessary.
        accept_license: Confirm that you accept the license of the weights, [`PUBLISHED_LICENSE_NOTICE`].
        url: Address of the file.
        size: Expected size in bytes. No more than that is ever written.
        sha256: Expected SHA-256, in hexadecimal.

    Returns:
        Path of the file, named as in the URL.

    Raises:
        ValueError: If the license is not accepted, the disk is too small, or the file differs in size or SHA-256 from
            the expected one.
        OSError: If the server responds with an error, or the connection breaks repeatedly. Call the function again to
            resume.
    """
    if not accept_license:
        raise ValueError(
            f"{PUBLISHED_LICENSE_NOTICE}\nExpected accept_license=True (--accept-license on the command line) to "
            "download them."
        )
    target = Path(folder) / url.partition("?")[0].rpartition("/")[2]
    if target.is_file():
        _check(target, size, sha256, f"Delete {str(target)!r} to download it again.")
        return target
    with _connection_errors(url):
        response = get_session().head(url, follow_redirects=True, timeout=_TIMEOUT)
        hf_raise_for_status(response)
    length = response.headers.get("content-length")
    if length is not None and int(length) != size:
        raise ValueError(f"Expected {url} to have {size:,} bytes, but the server has {int(length):,}.")
    target.parent.mkdir(parents=True, exist_ok=True)
    # The name contains the version of the file on the server, so that parts of two versions are never joined.
    version = hashlib.sha256(f"{url} {response.headers.get('etag')} {size}".encode()).hexdigest()[:12]
    part = target.with_name(f"{target.name}.{version}.part")
    done = part.stat().st_size if part.is_file() else 0
    free = shutil.disk_usage(target.parent).free
    if free < size - done:
        raise ValueError(f"Expected {size - done:,} bytes of free disk space in {str(folder)!r}, but got {free:,}.")
    with _connection_errors(url), _LimitedFile(part, size) as file:
        http_get(url, file, resume_size=done, expected_size=size, displayed_filename=target.name)
    try:
        _check(part, size, sha256, "Try again.")
    except ValueError:
        part.unlink()
        raise
    part.replace(target)
    return target


@contextmanager
def _connection_errors(url: str) -> Iterator[None]:
    """Turn errors of the HTTP library, which depends on the version of huggingface_hub, into an OSError."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.startswith("httpx"):
            raise OSError(f"Cannot download {url}: {error}. Try again to resume.") from error
        raise


class _LimitedFile(io.FileIO):
    """A file that is appended to, up to a number of bytes."""

    def __init__(self, path: Path, limit: int):
        super().__init__(path, "ab")
        self.limit = limit

    def write(self, data: bytes) -> int:
        if self.tell() + len(data) > self.limit:
            raise ValueError(f"Expected {self.limit:,} bytes, but the server sent more.")
        return super().write(data)


def _check(file: Path, size: int, sha256: str, remedy: str) -> None:
    """Raise a ValueError if a file does not have a size and SHA-256."""
    if file.stat().st_size != size:
        raise ValueError(f"Expected {file.name} to have {size:,} bytes, but got {file.stat().st_size:,}. {remedy}")
    digest = digest_file(file)
    if digest != sha256:
        raise ValueError(f"Expected {file.name} to have the SHA-256 {sha256}, but got {digest}. {remedy}")
