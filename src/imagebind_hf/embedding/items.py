# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""What there is to embed: files by type, lines of text, members of archives, rows of data sets."""

import difflib
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

# What soundfile reads, by suffix; it tells of subtypes, not of suffixes.
AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".caf", ".w64"})
VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".3gp"})


@dataclass(frozen=True)
class Item:
    """One thing to embed.

    Args:
        id: A name that is its own among all items: a path, `file.txt#line`, `archive.tar#member`,
            `file.parquet#row#modality`.
        modality: Its modality.
        source: What [`Item.load`] reads: a path, a text, or where in a file or a data set it is.
        path: The file or folder that it lies in; empty for what lies in memory.
    """

    id: str
    modality: str
    source: Any
    path: str = ""

    def load(self) -> Any:
        """Return what the processor reads: a path, a text, bytes, or a cell of a data set."""
        return self.source.load() if isinstance(self.source, (Member, Row, Cell, Unreadable)) else self.source


@dataclass(frozen=True)
class Member:
    """Bytes within a file."""

    path: str
    offset: int
    size: int

    def load(self) -> bytes:
        """Read them."""
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


@dataclass(frozen=True)
class Row:
    """A cell of a data set: a parquet file, or what lies ready in a folder of `datasets`."""

    path: str
    row: int
    column: str

    def load(self) -> Any:
        """Read it; sounds and videos as they are stored."""
        return _column(self.path, self.column)[self.row][self.column]


@dataclass(frozen=True)
class Cell:
    """A cell of a data set that is open: a column of its own, as [`dataset_items`] selects it."""

    dataset: datasets.Dataset
    row: int

    def load(self) -> Any:
        """Read it; sounds and videos as they are stored."""
        return self.dataset[self.row][self.dataset.column_names[0]]


@dataclass(frozen=True)
class Unreadable:
    """What stands for the items of a file that cannot be read as such: an item that cannot be either."""

    why: str

    def load(self) -> Any:
        """Raise a ValueError that says why."""
        raise ValueError(self.why)


@lru_cache(maxsize=32)
def _column(path: str, column: str) -> datasets.Dataset:
    return _undecoded(_open(path), column)


def _undecoded(rows: datasets.Dataset, column: str) -> datasets.Dataset:
    rows = rows.select_columns([column])
    if isinstance(rows.features[column], (datasets.Audio, datasets.Image, datasets.Video)):
        rows = rows.cast_column(column, type(rows.features[column])(decode=False))
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
    """List what is in files, folders, archives and data sets, in an order that is always the same.

    Args:
        inputs: Pictures, sounds, videos; text files, an item a line; tar archives (webdataset's too); parquet files
            and folders of `Dataset.save_to_disk`; folders of all those. Archives are not compressed.
        modality: The modality of pictures (`image`, `depth` or `thermal`), of columns and of members, where names do
            not tell; other files are passed over. IMU's CSV files need it: `imu`. So do extra modalities, which are
            columns of ready values.
        columns: Column of a data set by modality; by default columns that are named as modalities, `<name>_values`
            for an extra one.
        allow_none: Return an empty list where there is nothing.

    Raises:
        ValueError: If an input is not there, nothing is found, or the modality is misspelt.
    """
    if modality is not None and modality not in MODALITIES and columns is None:
        near = difflib.get_close_matches(modality, MODALITIES, n=1)
        if near:
            raise ValueError(f"Unknown modality {modality!r}. Did you mean {near[0]!r}? An extra one takes a column.")
        columns = {modality: model_argument(modality)}
    inputs = list(inputs)
    items = [item for path in list_files(inputs) for item in _items(path, modality, columns)]
    if not items and not allow_none:
        what = f"of modality {modality}" if modality else "that a modality can be told of by name"
        if modality is not None and modality not in MODALITIES:
            what += f" (known are {list(MODALITIES)}, others are columns of data sets)"
        raise ValueError(f"Found nothing {what} in {[str(each) for each in inputs]}.")
    return items


def dataset_items(dataset: datasets.Dataset, name: str, columns: Mapping[str, str] | None = None) -> list[Item]:
    """List the items of a data set that is open; their ids are `name#row#modality`.

    Args:
        dataset: The data set.
        name: What it is called in ids.
        columns: Column by modality; by default columns that are named as modalities.

    Raises:
        ValueError: If there are no such columns, or no rows.
    """
    columns = _columns(dataset, name, None, columns)
    if not len(dataset):
        raise ValueError(f"{name}: the data set is empty.")
    chosen = {modality: _undecoded(dataset, column) for modality, column in columns.items()}
    return [
        Item(f"{name}#{row}#{modality}", modality, Cell(rows, row))
        for row in range(len(dataset))
        for modality, rows in chosen.items()
    ]


def list_files(inputs: Iterable[str | Path]) -> list[Path]:
    """List the files of files and folders, whatever is in them; a saved data set counts as one file.

    Raises:
        ValueError: If an input is not there.
    """
    return [path for each in inputs for path in _files(Path(each))]


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        for folder, folders, names in os.walk(path):
            if "dataset_info.json" in names:
                # Those of a `DatasetDict` lie in one folder.
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
        yield Item(
            str(path), "text", Unreadable(f"Cannot read the lines of {str(path)!r} as UTF-8: {error}"), str(path)
        )
        return
    for number, line in enumerate(lines):
        if line.strip():
            yield Item(f"{path}#{number}", "text", line, str(path))


def _rows(path: Path, modality: str | None, columns: Mapping[str, str] | None) -> Iterator[Item]:
    rows = _open(str(path))
    columns = _columns(rows, str(path), modality, columns)
    for row in range(len(rows)):
        for name, column in columns.items():
            yield Item(f"{path}#{row}#{name}", name, Row(str(path), row, column), str(path))


def _columns(
    rows: datasets.Dataset, name: str, modality: str | None, columns: Mapping[str, str] | None
) -> Mapping[str, str]:
    if columns is None:
        columns = {each: each for each in MODALITIES if each in rows.column_names and modality in (None, each)}
    missing = [column for column in columns.values() if column not in rows.column_names]
    if missing or not columns:
        raise ValueError(f"{name}: no column {missing or 'named as a modality'}, there are {rows.column_names}.")
    return columns


def _members(path: Path, modality: str | None) -> Iterator[Item]:
    try:
        # Members are read where they lie, and so no compressed one will do.
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if not member.isfile():
                    continue
                name, place = f"{path}#{member.name}", Member(str(path), member.offset_data, member.size)
                if Path(member.name).suffix.lower() == ".txt" and modality in (None, "text"):
                    yield Item(name, "text", place.load().decode("utf-8", errors="replace").strip(), str(path))
                    continue
                found = _modality_of(member.name, modality)
                if found is not None:
                    yield Item(name, found, place, str(path))
    except tarfile.TarError as error:
        raise ValueError(f"Cannot read the archive {str(path)!r}: {error}. Unpack it if it is compressed.") from error


@lru_cache
def _image_suffixes() -> frozenset[str]:
    """What PIL opens (it also knows what it only writes), without EPS, which runs a program."""
    formats = Image.registered_extensions()
    return frozenset(suffix for suffix, name in formats.items() if name in Image.OPEN and name != "EPS")


def _modality_of(name: str, modality: str | None) -> str | None:
    """Tell a modality by a file's name; what has another than the wanted one is nothing."""
    suffix = Path(name).suffix.lower()
    if suffix in AUDIO_SUFFIXES:
        found = "audio"
    elif suffix in VIDEO_SUFFIXES:
        found = "video"
    elif suffix in _image_suffixes():
        # Pictures of one channel are pictures all the same: who means depth says so.
        found = modality if modality in ("depth", "thermal") else "image"
    elif suffix == ".csv" and modality == "imu":
        found = "imu"
    else:
        return None
    return found if modality in (None, found) else None
