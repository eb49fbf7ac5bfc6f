# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Locks that let one process at a time write to a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def one_writer(folder: str | Path, name: str = "writer", timeout: float = 0) -> Iterator[None]:
    """Hold a folder's lock for writing. Readers need no lock.

    The operating system releases the lock when the process ends, however it ends.

    Args:
        folder: The folder. It is made if it does not exist.
        name: Name of the lock, if several processes may share the folder.
        timeout: Seconds to wait for another writer.

    Raises:
        ValueError: If another process or thread still holds the lock after `timeout`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # A singleton can be locked again by the thread that holds it.
    lock = FileLock(folder / f".{name}.lock", is_singleton=True)
    try:
        lock.acquire(timeout=timeout)
    except Timeout:
        raise ValueError(
            f"Another process is writing to {str(folder)!r}. Wait until it has finished, or choose another folder."
        ) from None
    try:
        yield
    finally:
        lock.release()
