# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Sources: configuration and loading of the rows of a recipe or a benchmark."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
from datasets import ClassLabel, Features, Value
from transformers.utils import logging

from ..utils.names import nearest_name
from ..utils.progress import quiet_datasets
from .audioset import load_audioset
from .ego4d import load_ego4d
from .llvip import load_llvip
from .motion import load_motion
from .six_digits import load_six_digits
from .sunrgbd import load_sunrgbd
from .wand_strokes import load_wand_strokes

logger = logging.get_logger(__name__)

Rows = datasets.Dataset | datasets.IterableDataset

# Arguments are `split`, the options of the source, and `data_files` or `data_dir` if the source has them.
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
    """A source of rows.

    Args:
        dataset: Name of a reader (`READERS`), or the first argument of `datasets.load_dataset`: `parquet`, a Hub id, …
        data_files: File or files, relative to the data folder (`--data`).
        data_dir: Folder, relative to the data folder; `.` is the data folder itself.
        split: The split.
        column: Column to rename to the modality. It replaces a column with that name. By default, the column has the
            name of the modality already.
        label: Column to rename to `label`.
        classes: Classes to keep, in this order, or `{class: new name}`. Classes with the same new name are merged.
        include: Rows to keep, as `{column: [values]}`.
        exclude: Rows to leave out, as `{column: [values]}`.
        streaming: Whether to stream the rows instead of downloading all files first. Readers do not support it.
        options: Further arguments of the reader or of `datasets.load_dataset`.
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
    """Load the rows of a source.

    Audio is not decoded, because `datasets` needs torchcodec for it. The processor decodes it instead.

    Args:
        source: The source.
        name: Name of the column to use, usually the modality.
        data: Folder that `data_files` and `data_dir` are relative to.

    Raises:
        ValueError: If files, columns or classes are missing, no rows are left, or a reader is to be streamed.
    """
    arguments = dict(source.options)
    if source.data_files is not None:
        arguments["data_files"] = _files(source.data_files, data)
    if source.data_dir is not None:
        arguments["data_dir"] = _folder(source.data_dir, data)
    if source.dataset in READERS:
        if source.streaming:
            raise ValueError(f"The reader {source.dataset!r} does not support `streaming`.")
        rows = READERS[source.dataset](split=source.split, **arguments)
    else:
        # `load_dataset` assigns files without split names to the split "train".
        split = "train" if source.data_files is not None else source.split
        rows = datasets.load_dataset(source.dataset, split=split, streaming=source.streaming, **arguments)
    if rows.column_names is None:
        rows = rows._resolve_features()
    column = source.column or name
    where = source.dataset
    _check_column(rows, column, where)
    if isinstance(rows.features[column], datasets.Audio):
        rows = rows.cast_column(column, datasets.Audio(decode=False))
        # Writing an Audio feature needs torchcodec, too.
        rows = rows.cast_column(column, {"bytes": Value("binary"), "path": Value("string")})
    for purpose, conditions in (("include", source.include), ("exclude", source.exclude)):
        for key, values in conditions.items():
            _check_column(rows, key, where, f" to {purpose} rows by")
            with quiet_datasets():
                rows = rows.filter(_IsIn(values, purpose == "include"), input_columns=key)
    if source.label is not None:
        _check_column(rows, source.label, where)
        rows = _rename(rows, source.label, "label")
    if source.classes is not None:
        rows = select_classes(rows, source.classes)
    if isinstance(rows, datasets.Dataset) and not len(rows):
        raise ValueError(
            f"{where}: No rows are left (split {source.split!r}, include {source.include}, exclude {source.exclude}, "
            f"classes {source.classes})."
        )
    return _rename(rows, column, name)


def _rename(rows: Rows, old: str, new: str) -> Rows:
    """Rename a column. It replaces an existing column with the new name."""
    if old == new:
        return rows
    if new in rows.column_names:
        rows = rows.remove_columns(new)
    return rows.rename_column(old, new)


def select_classes(rows: Rows, classes: Sequence[str] | Mapping[str, str]) -> Rows:
    """Keep the rows of some classes, with new class numbers and names.

    A `ClassLabel` lists all classes, so that an unknown class is an error. If labels are strings, a class without rows
    may be correct: it is an error only if rows with a similar label would be left out, otherwise a warning. Labels of
    a stream are not checked if they are strings.

    Args:
        rows: Data set with a column `label`, a `ClassLabel` or strings.
        classes: Classes to keep, in their new order, or `{class: new name}`. Classes with equal new names are merged.

    Raises:
        ValueError: If there is no column `label`, or a class is unknown.
    """
    _check_column(rows, "label", "classes")
    renamed = dict(classes) if isinstance(classes, Mapping) else {name: name for name in classes}
    names = list(dict.fromkeys(renamed.values()))
    feature = rows.features["label"]
    known = feature.names if isinstance(feature, ClassLabel) else None
    for name in renamed if known is not None else ():
        if name not in known:
            raise ValueError(f"Unknown class {name!r}. {nearest_name(name, known)}")
    if isinstance(feature, Value) and isinstance(rows, datasets.Dataset):
        _check_names(rows.unique("label"), list(renamed))
    number = {known.index(name) if known is not None else name: names.index(new) for name, new in renamed.items()}
    with quiet_datasets():
        rows = rows.filter(_IsIn(list(number), True), input_columns="label")
        return rows.map(
            lambda label: {"label": number[label]},
            input_columns="label",
            features=Features({**rows.features, "label": ClassLabel(names=names)}),
        )


def _check_names(present: Sequence[Any], classes: Sequence[Any]) -> None:
    """Raise a ValueError for a class that seems misspelled, and warn of other classes without rows."""
    dropped = [str(name) for name in present if name is not None and name not in classes]
    absent = [name for name in classes if name not in present]
    for name in absent:
        near = difflib.get_close_matches(str(name), dropped, n=1)
        if near:
            raise ValueError(f"No rows have the class {name!r}. Did you mean {near[0]!r}?")
    if absent:
        logger.warning(f"No rows have the classes {absent}.")


class _IsIn:
    """A condition on a column. As a class, it has the same fingerprint for `datasets` in every run."""

    def __init__(self, values: Sequence, wanted: bool):
        self.values, self.wanted = list(values), wanted

    def __call__(self, value: object) -> bool:
        return (value in self.values) == self.wanted


def _check_column(rows: Rows, column: str, where: str, purpose: str = "") -> None:
    if column not in rows.column_names:
        raise ValueError(f"{where}: Expected a column {column!r}{purpose}, but the columns are {rows.column_names}.")


def _files(files: str | list[str], data: str | Path | None) -> list[str]:
    paths = [Path(data or ".") / file for file in ([files] if isinstance(files, str) else files)]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise ValueError(f"Files not found: {missing}. Set the folder that contains them with --data.")
    return [str(path) for path in paths]


def _folder(folder: str, data: str | Path | None) -> str:
    path = Path(data or ".") / folder
    if not path.is_dir():
        raise ValueError(f"Folder not found: {str(path)!r}. Set the folder that contains the data with --data.")
    return str(path)
