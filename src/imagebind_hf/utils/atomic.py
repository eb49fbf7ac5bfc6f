# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Files that are there whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside a file, then put it in its place: whoever is killed leaves no half of one.

    Args:
        path: The file.
        write: Writes the file that it is given.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """Write a text file like this; what cannot be encoded, as a question mark."""
    replace_file(path, lambda beside: beside.write_text(text, encoding="utf-8", errors="replace"))
