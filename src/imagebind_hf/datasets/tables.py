# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Parquet files in the form that recipes and benchmarks read."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import ClassLabel, Dataset, Image

from ..utils.progress import quiet_datasets

_IMAGES = ("image", "depth", "thermal")
_MEDIA = (*_IMAGES, "audio", "video")


def write_rows(rows: Iterable[Mapping[str, Any]], file: str | Path, classes: Sequence[str] | None = None) -> Dataset:
    """Write rows to a parquet file. Media files become part of it.

    Args:
        rows: The rows, all with the same columns. The columns `image`, `depth`, `thermal`, `audio` and `video` are
            paths or bytes of media files; a column `label` of names becomes a `ClassLabel`; arrays become lists.
            Other values are written unchanged.
        file: The parquet file. An existing file is replaced.
        classes: Names of the `ClassLabel`, also of classes without rows. Defaults to the names in the rows, in
            alphabetical order.

    Returns:
        The data set.

    Raises:
        ValueError: If there are no rows.

    Example:
        >>> from pathlib import Path
        >>> images = Path("mnist/train").glob("*/*.png")  # doctest: +SKIP
        >>> rows = ({"image": path, "label": path.parent.name} for path in images)  # doctest: +SKIP
        >>> write_rows(rows, "mnist-train.parquet")  # doctest: +SKIP
    """
    stored = [{name: _store(name, value) for name, value in row.items()} for row in rows]
    if not stored:
        raise ValueError(f"Expected rows for {str(file)!r}, but got none. Check the paths of the source files.")
    dataset = Dataset.from_list(stored)
    with quiet_datasets():
        for name in _IMAGES:
            if name in dataset.column_names:
                dataset = dataset.cast_column(name, Image())
        if isinstance(stored[0].get("label"), str):
            names = sorted(dataset.unique("label")) if classes is None else list(classes)
            dataset = dataset.cast_column("label", ClassLabel(names=names))
        dataset.to_parquet(file)
    return dataset


def _store(name: str, value: Any) -> Any:
    if name in _MEDIA:
        if isinstance(value, (str, Path)):
            return {"bytes": Path(value).read_bytes(), "path": Path(value).name}
        return {"bytes": bytes(value), "path": None}
    return value.tolist() if isinstance(value, np.ndarray) else value
