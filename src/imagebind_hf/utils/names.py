# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Hints for unknown names in error messages."""

import difflib
from collections.abc import Iterable


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Return the end of an error message for an unknown name: the nearest known one, or all of them.

    Example:
        >>> nearest_name("audoi", ["audio", "image"])
        "Did you mean 'audio'?"
        >>> nearest_name("smell", ["audio", "image"])
        "Choose from ['audio', 'image']."
    """
    known = list(known)
    near = difflib.get_close_matches(str(name), known, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Choose from {known}."
