# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""References to encoded media, and lists of items.

A reference is a path, a URL, bytes, a file object, or the undecoded form of a `datasets` column,
`{"bytes": ..., "path": ...}`.
"""

import io
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .download import download


def describe(item: Any) -> str:
    """Return a short description of a media item for error messages: its path if it has one, else its type."""
    if isinstance(item, (str, os.PathLike)):
        path = str(item)
        return repr(path if len(path) <= 200 else path[:200] + "…")
    if isinstance(item, Mapping) and (item.get("path") or item.get("bytes") is not None):
        return describe(item.get("path") or item["bytes"])
    if isinstance(item, (bytes, bytearray)):
        return f"of {len(item)} bytes"
    if hasattr(item, "shape"):
        return f"a {type(item).__name__} of shape {tuple(item.shape)}"
    return repr(item) if isinstance(item, (int, float, type(None))) else f"a {type(item).__name__}"


def is_reference(item: Any) -> bool:
    """Return whether an item is a reference to encoded media."""
    if isinstance(item, Mapping):
        return item.get("bytes") is not None or isinstance(item.get("path"), (str, os.PathLike))
    return isinstance(item, (str, os.PathLike, bytes, bytearray, io.IOBase))


def is_list(items: Any) -> bool:
    """Return whether an object is a list of items: a list, a tuple or a column of `datasets`."""
    return isinstance(items, Sequence) and not isinstance(items, (str, bytes, bytearray))


def for_each(function: Callable[[Any], Any], items: Sequence[Any]) -> list:
    """Apply a function to each item. The message of a `ValueError` names the item.

    Raises:
        ValueError: If there are no items, or if the function raises one.
    """
    if not len(items):
        raise ValueError("Got an empty list.")
    results = []
    for number, item in enumerate(items):
        try:
            results.append(function(item))
        except ValueError as error:
            raise ValueError(f"Item {number} of {len(items)}: {error}") from error
    return results


def open_reference(item: Any) -> str | io.BytesIO:
    """Return the path of a reference, or its content as a file in memory. URLs are downloaded.

    Raises:
        ValueError: If the item is not a reference, if the file does not exist, or if a download fails.
    """
    if isinstance(item, Mapping):
        item = item["bytes"] if item.get("bytes") is not None else item.get("path")
    if isinstance(item, (bytes, bytearray)):
        return io.BytesIO(item)
    if hasattr(item, "read"):
        data = item.read()
        if not isinstance(data, bytes):
            raise ValueError(f"Expected a file opened in binary mode, but got {describe(item)}.")
        return io.BytesIO(data)
    if not isinstance(item, (str, os.PathLike)):
        raise ValueError(f"Expected a path, a URL or bytes, but got {describe(item)}.")
    path = os.fspath(item)
    if path.startswith(("http://", "https://", "data:")):
        try:
            return io.BytesIO(download(path))
        except ValueError as error:
            raise ValueError(f"Cannot download {describe(path)}: {error}") from error
    if not os.path.isfile(path):
        raise ValueError(f"There is no file {describe(item)}.")
    return path


__all__ = ["describe", "for_each", "is_list", "is_reference", "open_reference"]
