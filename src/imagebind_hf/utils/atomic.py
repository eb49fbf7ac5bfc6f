# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Atomic writes: a reader never sees an incomplete file."""

import os
from collections.abc import Callable
from pathlib import Path


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file atomically: write a temporary file in the same folder, then rename it.

    Args:
        path: The file.
        write: Function that writes to the path that it is given.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8. Characters that cannot be encoded are replaced by question marks."""
    replace_file(path, lambda temporary: temporary.write_text(text, encoding="utf-8", errors="replace"))
