# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Sources of rows: this package's readers by name, and whatever `datasets.load_dataset` takes."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import datasets

from .six_digits import load_six_digits
from .wand_strokes import load_wand_strokes

if TYPE_CHECKING:
    from ..training.recipe import SourceConfig

# Called with `split`, `data_files` (absolute, where there are any) and the source's options.
READERS: dict[str, Callable[..., datasets.Dataset]] = {
    "six_digits": load_six_digits,
    "wand_strokes": load_wand_strokes,
}


def load_source(source: "SourceConfig", name: str, data: str | Path | None = None) -> datasets.Dataset:
    """Load rows, with the wanted column under a given name.

    Audio is left undecoded: the processor decodes it, without the codecs that `datasets` asks for.

    Args:
        source: What to load.
        name: What the column shall be called.
        data: Folder that `data_files` are relative to.

    Raises:
        ValueError: If files or the column are missing, or nothing is left.
    """
    arguments = dict(source.options)
    if source.data_files is not None:
        arguments["data_files"] = _files(source.data_files, data)
    if source.dataset in READERS:
        dataset = READERS[source.dataset](split=source.split, **arguments)
    else:
        # Files of one source are one split, whatever its name.
        split = "train" if source.data_files is not None else source.split
        dataset = datasets.load_dataset(source.dataset, split=split, **arguments)
    column = source.column or name
    if column not in dataset.column_names:
        raise ValueError(f"{source.dataset}: no column {column!r}, the data set has {dataset.column_names}.")
    if isinstance(dataset.features[column], datasets.Audio):
        dataset = dataset.cast_column(column, datasets.Audio(decode=False))
    for key, values in source.exclude.items():
        if key not in dataset.column_names:
            raise ValueError(f"{source.dataset}: no column {key!r} to exclude by: {dataset.column_names}.")
        keep = [row for row, value in enumerate(dataset[key]) if value not in values]
        dataset = dataset.select(keep)
    if not len(dataset):
        raise ValueError(f"{source.dataset}: no rows (split {source.split!r}, exclude {source.exclude}).")
    return dataset if column == name else dataset.rename_column(column, name)


def _files(files: str | list[str], data: str | Path | None) -> list[str]:
    paths = [Path(data or ".") / file for file in ([files] if isinstance(files, str) else files)]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise ValueError(f"No such files: {missing}. They are looked for in {str(data or '.')!r}; say where: --data.")
    return [str(path) for path in paths]
