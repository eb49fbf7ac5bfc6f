# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Sources of rows: this package's readers by name, and whatever `datasets.load_dataset` takes."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
from datasets import ClassLabel, Features, Value
from transformers.utils import logging

from .audioset import load_audioset
from .ego4d import load_ego4d
from .llvip import load_llvip
from .motion import load_motion
from .six_digits import load_six_digits
from .sunrgbd import load_sunrgbd
from .wand_strokes import load_wand_strokes

logger = logging.get_logger(__name__)

Rows = datasets.Dataset | datasets.IterableDataset

# Called with `split`, `data_files` or `data_dir` (absolute, where the source has them) and the source's options.
READERS: dict[str, Callable[..., datasets.Dataset]] = {
    "audioset": load_audioset,
    "ego4d": load_ego4d,
    "llvip": load_llvip,
    "motion": load_motion,
    "six_digits": load_six_digits,
    "sunrgbd": load_sunrgbd,
    "wand_strokes": load_wand_strokes,
}


@dataclass
class SourceConfig:
    """Where rows come from.

    Args:
        dataset: A reader of `imagebind_hf.datasets`, or what `datasets.load_dataset` takes: `parquet`, a Hub id, …
        data_files: File or files, relative to `--data`.
        data_dir: Folder, relative to `--data`; `.` for that itself.
        split: The split.
        column: The column to use, renamed to the modality (in place of a column of that name); by default it has that
            name already.
        label: The column of classes, renamed to `label`, where it is not called so.
        classes: The classes to keep, in this order; `{class: what texts call it}` where that is something else. Two
            classes that texts call the same are one.
        include: `{column: [values]}`: rows to keep.
        exclude: `{column: [values]}`: rows to leave out.
        streaming: Read the rows as they come, without downloading all first.
        options: Further arguments of the reader.
    """

    dataset: str = "parquet"
    data_files: str | list[str] | None = None
    data_dir: str | None = None
    split: str = "train"
    column: str | None = None
    label: str | None = None
    classes: list[str] | dict[str, str] | None = None
    include: dict[str, list] = field(default_factory=dict)
    exclude: dict[str, list] = field(default_factory=dict)
    streaming: bool = False
    options: dict[str, Any] = field(default_factory=dict)


def load_source(source: SourceConfig, name: str, data: str | Path | None = None) -> Rows:
    """Load rows, with the wanted column under a given name.

    Audio is left undecoded: the processor decodes it, without the codecs that `datasets` asks for.

    Args:
        source: What to load.
        name: What the column shall be called.
        data: Folder that `data_files` and `data_dir` are relative to.

    Raises:
        ValueError: If files, columns or classes are missing, nothing is left, or a reader shall stream.
    """
    arguments = dict(source.options)
    if source.data_files is not None:
        arguments["data_files"] = _files(source.data_files, data)
    if source.data_dir is not None:
        arguments["data_dir"] = _folder(source.data_dir, data)
    if source.dataset in READERS:
        if source.streaming:
            raise ValueError(f"The reader {source.dataset!r} does not stream; set streaming to false.")
        rows = READERS[source.dataset](split=source.split, **arguments)
    else:
        # Files of one source are one split, whatever its name.
        split = "train" if source.data_files is not None else source.split
        rows = datasets.load_dataset(source.dataset, split=split, streaming=source.streaming, **arguments)
    if rows.column_names is None:
        rows = rows._resolve_features()
    column = source.column or name
    where = source.dataset
    _check_column(rows, column, where)
    if isinstance(rows.features[column], datasets.Audio):
        rows = rows.cast_column(column, datasets.Audio(decode=False))
        # As what it is stored as: writing the feature itself asks for codecs too.
        rows = rows.cast_column(column, {"bytes": Value("binary"), "path": Value("string")})
    for purpose, conditions in (("include", source.include), ("exclude", source.exclude)):
        for key, values in conditions.items():
            _check_column(rows, key, where, f" to {purpose} by")
            rows = rows.filter(_IsIn(values, purpose == "include"), input_columns=key)
    if source.label is not None:
        _check_column(rows, source.label, where)
        rows = _rename(rows, source.label, "label")
    if source.classes is not None:
        rows = select_classes(rows, source.classes)
    if isinstance(rows, datasets.Dataset) and not len(rows):
        raise ValueError(
            f"{where}: no rows (split {source.split!r}, include {source.include}, exclude {source.exclude}, "
            f"classes {source.classes})."
        )
    return _rename(rows, column, name)


def _rename(rows: Rows, old: str, new: str) -> Rows:
    """Rename a column, in place of another that has that name."""
    if old == new:
        return rows
    if new in rows.column_names:
        rows = rows.remove_columns(new)
    return rows.rename_column(old, new)


def select_classes(rows: Rows, classes: Sequence[str] | Mapping[str, str]) -> Rows:
    """Keep the rows of some classes, in a new order and under new names.

    Args:
        rows: Data set with a column `label`: a `ClassLabel`, or names.
        classes: The classes; `{class: new name}` to rename. Classes of one new name become one.

    Raises:
        ValueError: If there is no such column or class. Names that are no `ClassLabel` do not tell which classes there
            are besides those of the rows: a class without rows is then a warning, and an error only where rows that
            would be dropped are of a class of nearly its name. Nothing is known of a stream's names.
    """
    _check_column(rows, "label", "classes")
    renamed = dict(classes) if isinstance(classes, Mapping) else {name: name for name in classes}
    names = list(dict.fromkeys(renamed.values()))
    feature = rows.features["label"]
    known = feature.names if isinstance(feature, ClassLabel) else None
    for name in renamed if known is not None else ():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3)
            raise ValueError(f"There is no class {name!r}. " + (f"Near ones: {near}." if near else f"Known: {known}."))
    if isinstance(feature, Value) and isinstance(rows, datasets.Dataset):
        _check_names(rows.unique("label"), list(renamed))
    number = {known.index(name) if known is not None else name: names.index(new) for name, new in renamed.items()}
    rows = rows.filter(_IsIn(list(number), True), input_columns="label")
    return rows.map(
        lambda label: {"label": number[label]},
        input_columns="label",
        features=Features({**rows.features, "label": ClassLabel(names=names)}),
    )


def _check_names(present: Sequence[Any], classes: Sequence[Any]) -> None:
    """Tell a class that is misspelt from one that no row happens to be of."""
    dropped = [str(name) for name in present if name is not None and name not in classes]
    absent = [name for name in classes if name not in present]
    for name in absent:
        near = difflib.get_close_matches(str(name), dropped, n=3)
        if near:
            raise ValueError(f"No row is of class {name!r}, but there are rows of {near}, which are not in classes.")
    if absent:
        logger.warning(f"No row is of the classes {absent}.")


class _IsIn:
    """A condition on a column; a class, so that `datasets` knows the same one again."""

    def __init__(self, values: Sequence, wanted: bool):
        self.values, self.wanted = list(values), wanted

    def __call__(self, value: object) -> bool:
        return (value in self.values) == self.wanted


def _check_column(rows: Rows, column: str, where: str, purpose: str = "") -> None:
    if column not in rows.column_names:
        raise ValueError(f"{where}: no column {column!r}{purpose}, the data set has {rows.column_names}.")


def _files(files: str | list[str], data: str | Path | None) -> list[str]:
    paths = [Path(data or ".") / file for file in ([files] if isinstance(files, str) else files)]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise ValueError(f"No such files: {missing}. They are looked for in {str(data or '.')!r}; say where: --data.")
    return [str(path) for path in paths]


def _folder(folder: str, data: str | Path | None) -> str:
    path = Path(data or ".") / folder
    if not path.is_dir():
        raise ValueError(f"No such folder: {str(path)!r}. Say where the data are: --data.")
    return str(path)
