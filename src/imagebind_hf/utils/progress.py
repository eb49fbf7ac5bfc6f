# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Progress bars that only long tasks show."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import datasets
from tqdm.auto import tqdm

# Seconds before a bar appears.
DELAY = 2.0


def progress_bar(
    iterable: Iterable | None = None,
    description: str = "",
    total: int | None = None,
    unit: str = "items",
    disable: bool = False,
) -> Any:
    """Return a progress bar with the rate and the time left. It appears after `DELAY` seconds."""
    return tqdm(iterable, desc=description, total=total, unit=f" {unit}", delay=DELAY, disable=disable)


@contextmanager
def quiet_datasets() -> Iterator[None]:
    """Hide the progress bars of `datasets`, which appear at once, however short the task is."""
    was_disabled = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if not was_disabled:
            datasets.enable_progress_bars()
