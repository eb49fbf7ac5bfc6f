# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints and the Hub: convert, describe, load, write cards with licenses, publish."""

from importlib import import_module
from typing import Any

# Imported on first use: a search index imports `hub.checkpoints`, but not torch.
_EXPORTS = ("check_files", "find_files", "push_folder")

__all__ = list(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(".push", __name__), name)
