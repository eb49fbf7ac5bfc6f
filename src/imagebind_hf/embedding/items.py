# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Find the items to embed: files by type, lines of text files, members of tar archives, rows of data sets."""

import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import datasets
from PIL import Image

from ..models.imagebind.modalities import MODALITIES, model_argument
from ..utils.names import nearest_name

# Suffixes of the formats that soundfile reads. libsndfile lists its formats, but not their suffixes.
AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".caf", ".w64"})
VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".3gp"})


@dataclass(frozen=True)
class Item:
    """One item to embed.

    Args:
        id: A unique name: a path, `file.txt#line`, `archive.tar#member`, or `file.parquet#row#modality`.
        modality: Name of its modality.
        source: The value that [`Item.load`] returns, or a reference to it.
        path: The file or folder that contains the item. Empty for an item in memory.
    """

    id: str
    modality: str
    source: Any
    path: str = ""

    def load(self) -> Any:
        """Return the processor's input: a path, a text, bytes, or a cell of a data set."""
        return self.source.load() if isinstance(self.source, (Member, Row, Cell, Unreadable)) else self.source


@dataclass(frozen=True)
class Member:
    """A range of bytes in a file."""

    path: str
    offset: int
    size: int

    def load(self) -> bytes:
        """Read the bytes."""
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


@dataclass(frozen=True)
class Row:
    """A cell of a data set on disk: a parquet file or a folder that `Dataset.save_to_disk` wrote."""

    path: str
    row: int
    column: str
    decode_images: bool = False

    def load(self) -> Any:
        """Read the cell. Audio and videos are not decoded."""
        return _column(self.path, self.column, self.decode_images)[self.row][self.column]


@dataclass(frozen=True)
class Cell:
    """A cell of a data set in memory. The data set has one column, as [`dataset_items`] selects it."""

    dataset: datasets.Dataset
    row: int

    def load(self) -> Any:
        """Read the cell. Audio and videos are not decoded."""
        return self.dataset[self.row][self.dataset.column_names[0]]


@dataclass(frozen=True)
class Unreadable:
    """The source of an item that stands for a file whose items cannot be listed."""

    why: str

    def load(self) -> Any:
        """Raise a ValueError with the reason."""
        raise ValueError(self.why)


@lru_cache(maxsize=32)
def _column(path: str, column: str, decode_images: bool) -> datasets.Dataset:
    return _select(_open(path), column, decode_images)


def _select(rows: datasets.Dataset, column: str, decode_images: bool) -> datasets.Dataset:
    # Images of an extra modality are decoded, because the image processors of transformers read no bytes.
    rows = rows.select_columns([column])
    kind = type(rows.features[column])
    if kind in (datasets.Audio, datasets.Video) or (kind is datasets.Image and not decode_images):
        rows = rows.cast_column(column, kind(decode=False))
    return rows


@lru_cache(maxsize=32)
def _open(path: str) -> datasets.Dataset:
    if Path(path).is_dir():
        return datasets.load_from_disk(path)
    return datasets.Dataset.from_parquet(path)


def find_items(
    inputs: Iterable[str | Path],
    modality: str | None = None,
    columns: Mapping[str, str] | None = None,
    allow_none: bool = False,
) -> list[Item]:
    """List the items in files, folders, archives and data sets, always in the same order.

    Args:
        inputs: Images, audio files, videos; text files with one item per line; uncompressed tar archives, including
            webdataset shards; parquet files and folders that `Dataset.save_to_disk` wrote; folders of all of these.
        modality: List only items of this modality. Image files are images unless it is `depth` or `thermal`. CSV
            files are listed only for `imu`. An extra modality is read from a data set's column.
        columns: Columns of the data sets by modality. Default: the columns that are named after a modality; for an
            extra modality the column `<name>_values` (values that its tower reads) or `<name>` (items for its part of
            the processor).
        allow_none: Return an empty list if there are no items, instead of raising an error.

    Raises:
        ValueError: If an input does not exist, nothing is found, or the modality is unknown.
    """
    inputs = list(inputs)
    items = [item for path in list_files(inputs) for item in _items(path, modality, columns)]
    if items:
        return items
    kind = "of a known type" if modality is None else f"of modality {modality!r}"
    found_nothing = f"Found no items {kind} in {[*map(str, inputs)]}."
    if modality is not None and modality not in MODALITIES:
        hint = nearest_name(modality, MODALITIES)
        raise ValueError(f"{found_nothing} {hint} Items of an extra modality are columns of data sets.")
    if not allow_none:
        raise ValueError(found_nothing)
    return []


def dataset_items(dataset: datasets.Dataset, name: str, columns: Mapping[str, str] | None = None) -> list[Item]:
    """List the items of a data set in memory. Their ids are `name#row#modality`.

    Args:
        dataset: The data set.
        name: Prefix of the ids.
        columns: Columns by modality. Default: the columns that are named after a modality.

    Raises:
        ValueError: If a column does not exist or the data set is empty.
    """
    columns = _columns(dataset, name, None, columns)
    if not len(dataset):
        raise ValueError(f"{name}: the data set is empty.")
    selected = {name: _select(dataset, column, name not in MODALITIES) for name, column in columns.items()}
    return [
        Item(f"{name}#{row}#{modality}", modality, Cell(rows, row))
        for row in range(len(dataset))
        for modality, rows in selected.items()
    ]


def list_files(inputs: Iterable[str | Path]) -> list[Path]:
    """List all files of some files and folders. A saved data set counts as one file.

    Raises:
        ValueError: If an input does not exist.
    """
    return [path for each in inputs for path in _files(Path(each))]


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        for folder, folders, names in os.walk(path):
            if "dataset_info.json" in names:
                # A data set. A `DatasetDict` is a folder of them.
                folders.clear()
                yield Path(folder)
                continue
            folders.sort()
            yield from (Path(folder) / name for name in sorted(names) if not name.startswith("."))
    elif path.exists():
        yield path
    else:
        raise ValueError(f"There is no file or folder {str(path)!r}.")


def _items(path: Path, modality: str | None, columns: Mapping[str, str] | None) -> Iterator[Item]:
    suffix = path.suffix.lower()
    if path.is_dir() or suffix == ".parquet":
        yield from _rows(path, modality, columns)
    elif suffix == ".tar":
        yield from _members(path, modality)
    elif suffix == ".txt" and modality in (None, "text"):
        yield from _lines(path)
    else:
        found = _modality_of(path.name, modality)
        if found is not None:
            yield Item(str(path), found, str(path), str(path))


def _lines(path: Path) -> Iterator[Item]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = f"Cannot read the lines of {str(path)!r} as UTF-8: {error}"
        yield Item(str(path), "text", Unreadable(why), str(path))
        return
    for number, line in enumerate(lines):
        if line.strip():
            yield Item(f"{path}#{number}", "text", line, str(path))


def _rows(path: Path, modality: str | None, columns: Mapping[str, str] | None) -> Iterator[Item]:
    rows = _open(str(path))
    columns = _columns(rows, str(path), modality, columns)
    for row in range(len(rows)):
        for name, column in columns.items():
            source = Row(str(path), row, column, name not in MODALITIES)
            yield Item(f"{path}#{row}#{name}", name, source, str(path))


def _columns(
    rows: datasets.Dataset, name: str, modality: str | None, columns: Mapping[str, str] | None
) -> Mapping[str, str]:
    known = rows.column_names
    if columns is not None:
        missing = [column for column in columns.values() if column not in known]
        if missing:
            raise ValueError(f"{name}: there is no column {missing}. The columns are {known}.")
        return columns
    if modality is None or modality in MODALITIES:
        columns = {each: each for each in MODALITIES if each in known and modality in (None, each)}
        if not columns:
            raise ValueError(f"{name}: no column is named after a modality. The columns are {known}.")
        return columns
    column = next((each for each in (model_argument(modality), modality) if each in known), None)
    if column is None:
        raise ValueError(
            f"{name}: there is no column {model_argument(modality)!r} or {modality!r}. The columns are {known}. "
            f"The built-in modalities are {list(MODALITIES)}."
        )
    return {modality: column}


def _members(path: Path, modality: str | None) -> Iterator[Item]:
    try:
        # Members are read from their offsets, which a compressed archive does not have.
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if not member.isfile():
                    continue
                name, content = f"{path}#{member.name}", Member(str(path), member.offset_data, member.size)
                if Path(member.name).suffix.lower() == ".txt" and modality in (None, "text"):
                    yield Item(name, "text", content.load().decode("utf-8", errors="replace").strip(), str(path))
                    continue
                found = _modality_of(member.name, modality)
                if found is not None:
                    yield Item(name, found, content, str(path))
    except tarfile.TarError as error:
        raise ValueError(
            f"Cannot read the archive {str(path)!r}: {error}. Expected an uncompressed tar archive."
        ) from error


@lru_cache
def _image_suffixes() -> frozenset[str]:
    """Return the suffixes that PIL opens, except EPS, for which PIL runs Ghostscript."""
    formats = Image.registered_extensions()
    return frozenset(suffix for suffix, name in formats.items() if name in Image.OPEN and name != "EPS")


def _modality_of(name: str, modality: str | None) -> str | None:
    """Return the modality of a file by its suffix, or None if it is unknown or not the requested one."""
    suffix = Path(name).suffix.lower()
    if suffix in AUDIO_SUFFIXES:
        found = "audio"
    elif suffix in VIDEO_SUFFIXES:
        found = "video"
    elif suffix in _image_suffixes():
        # A grayscale image is not necessarily depth or thermal, so these must be requested.
        found = modality if modality in ("depth", "thermal") else "image"
    elif suffix == ".csv" and modality == "imu":
        found = "imu"
    else:
        return None
    return found if modality in (None, found) else None
