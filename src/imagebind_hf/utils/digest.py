# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""SHA-256 digests that identify files, texts and weights."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# Bytes that are read at a time.
_BLOCK = 2**22


def digest_file(path: str | Path) -> str:
    """Return the SHA-256 of a file's content, as `sha256sum` prints it."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_files(paths: Iterable[str | Path]) -> str:
    """Return one digest of the names, sizes and contents of some files, in the given order."""
    digest = hashlib.sha256()
    for path in map(Path, paths):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


def digest_text(*parts: object) -> str:
    """Return one digest of some values, as `str` writes them. Their number and boundaries count."""
    return digest_lines(map(str, parts))


def digest_lines(lines: Iterable[str]) -> str:
    """Return one digest of a stream of texts. Their number and boundaries count."""
    digest = hashlib.sha256()
    for line in lines:
        data = line.encode("utf-8", "surrogatepass")
        digest.update(b"%d\0" % len(data))
        digest.update(data)
    return digest.hexdigest()


def digest_tensors(tensors: "Iterable[torch.Tensor]", *parts: object) -> str:
    """Return one digest of the values of some tensors, in float32, and of further values as `str` writes them."""
    digest = hashlib.sha256(digest_text(*parts).encode())
    for tensor in tensors:
        digest.update(f"{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.detach().float().cpu().contiguous().numpy())
    return digest.hexdigest()
