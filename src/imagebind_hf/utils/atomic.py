# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Atomic writes: a reader never sees an incomplete file."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def new_folder(target: str | Path) -> Iterator[Path]:
    """Fill a temporary folder that becomes the target at the end. After an error, the target is unchanged.

    Args:
        target: The folder. It must not exist, or be empty.

    Raises:
        ValueError: If the target exists and is not an empty folder.
    """
    target = Path(target).absolute()
    exists = target.exists()
    if exists and not target.is_dir():
        raise ValueError(f"Expected an empty folder, but {str(target)!r} is a file.")
    if exists and any(target.iterdir()):
        names = sorted(path.name for path in target.iterdir())
        found = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        raise ValueError(f"Expected an empty folder, but {str(target)!r} has {found}.")
    # The working directory and mount points cannot be replaced. They are filled from a folder on the same disk.
    parent = target if exists else target.parent
    parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=parent))
    try:
        yield staging
        if exists:
            for path in [*staging.iterdir()]:
                path.replace(target / path.name)
        else:
            # Temporary folders are private.
            staging.chmod(0o755)
            staging.replace(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
