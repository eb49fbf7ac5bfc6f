# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Data sets made of folders of files. Every item is read once; unreadable items are left out and reported."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import numpy as np
from datasets import Audio, Dataset, Features, Value, Video
from datasets.fingerprint import Hasher
from transformers.utils import logging

from .. import __version__
from ..utils.progress import progress_bar, quiet_datasets

logger = logging.get_logger(__name__)

# Number of problems that a warning names.
SHOWN = 5
_REFERENCE = {"bytes": Value("binary"), "path": Value("string")}


class Problem(NamedTuple):
    """An item that is left out of a data set.

    Args:
        item: Name of the item.
        why: Why it is left out.
    """

    item: str
    why: str


class Item(NamedTuple):
    """An item to read.

    Args:
        name: Name of the item, for messages.
        facts: Arguments of the function that reads the item: values that JSON can represent, and paths.
    """

    name: str
    facts: dict[str, Any]


def read_items(
    name: str,
    items: Sequence[Item],
    read: Callable[..., Iterable[dict | Problem]],
    features: Features,
    problems: Iterable[Problem] = (),
    report: str | Path | None = None,
    num_proc: int | None = None,
    batch_size: int = 16,
) -> Dataset:
    """Make a data set of the rows that a function reads from items.

    The result is kept in the cache of `datasets`. It is made again if the items, their files (sizes or modification
    times) or the arguments of the function have changed. Problems are cached too, and reported every time.

    Args:
        name: Name of the data set, for messages and cache files.
        items: The items.
        read: Called with the facts of an item, paths as strings. Returns the rows of the item, and problems for parts
            of it that are left out. A `ValueError` or an `OSError` makes the whole item a problem. It must be a
            function of a module, or a `partial` of one.
        features: Columns of the rows.
        problems: Problems that are known already.
        report: File for the list of all problems, one JSON object per line: `{"item": …, "why": …}`.
        num_proc: Number of processes.
        batch_size: Number of items whose rows are in memory at a time.

    Raises:
        ValueError: If no rows are left.
    """
    problems, stamped = list(problems), []
    for item in items:
        files = [value for value in item.facts.values() if isinstance(value, Path)]
        try:
            stamps = [[file.stat().st_size, file.stat().st_mtime_ns] for file in files]
        except OSError as error:
            problems.append(Problem(item.name, str(error)))
            continue
        facts = json.dumps(item.facts, default=str)
        stamped.append({"item": item.name, "facts": facts, "stamps": json.dumps(stamps)})
    if stamped:
        stored = {column: _REFERENCE if isinstance(f, (Audio, Video)) else f for column, f in features.items()}
        rows = Dataset.from_list(stamped)
        digest = Hasher.hash([rows._fingerprint, read, str(features), __version__])
        folder = Path(datasets.config.HF_DATASETS_CACHE) / "imagebind_hf"
        folder.mkdir(parents=True, exist_ok=True)
        # Several processes cannot share a progress bar of ours.
        is_serial = num_proc in (None, 1)
        attempt, description = _Attempt(read, list(features)), f"Reading {name}"
        with (
            quiet_datasets() if is_serial else nullcontext(),
            progress_bar(None, description, len(rows), disable=not is_serial) as bar,
        ):

            def process(batch: dict[str, list]) -> dict[str, list]:
                result = attempt(batch)
                bar.update(len(batch["item"]))
                return result

            rows = rows.map(
                process if is_serial else attempt,
                batched=True,
                batch_size=batch_size,
                writer_batch_size=batch_size,
                remove_columns=rows.column_names,
                features=Features({**stored, "item": Value("string"), "problem": Value("string")}),
                cache_file_name=str(folder / f"{name.lower().replace(' ', '_')}-{digest}.arrow"),
                new_fingerprint=digest,
                num_proc=num_proc,
                desc=description,
            )
        reasons = rows["problem"][:]
        lost = [number for number, why in enumerate(reasons) if why is not None]
        problems += [Problem(rows[number]["item"], reasons[number]) for number in lost]
        rows = rows.select(np.setdiff1d(np.arange(len(rows)), lost)) if lost else rows
        rows = rows.remove_columns(["item", "problem"])
    kept = len(rows) if stamped else 0
    tell(name, problems, kept, report)
    if not kept:
        raise ValueError(f"{name}: No rows are left. {_list(problems)}")
    # Encoding Audio and Video needs torchcodec, a cast does not.
    for column, feature in features.items():
        if isinstance(feature, (Audio, Video)):
            rows = rows.cast_column(column, feature)
    return rows


class _Attempt:
    """Reads items and records problems. As a class, it can be sent to other processes."""

    def __init__(self, read: Callable[..., Iterable[dict | Problem]], columns: list[str]):
        self.read, self.columns = read, columns

    def __call__(self, batch: dict[str, list]) -> dict[str, list]:
        rows: list[dict] = []
        for name, facts in zip(batch["item"], batch["facts"], strict=True):
            try:
                results = list(self.read(**json.loads(facts)))
            except (ValueError, OSError) as error:
                results = [Problem(name, str(error))]
            rows += [{"item": r.item, "problem": r.why} if isinstance(r, Problem) else r for r in results]
        return {column: [row.get(column) for row in rows] for column in (*self.columns, "item", "problem")}


def tell(name: str, problems: Sequence[Problem], kept: int, report: str | Path | None = None) -> None:
    """Warn of items that were left out: how many, the first few, and where to find the whole list.

    Args:
        name: Name of the data set.
        problems: The problems.
        kept: Number of rows of the data set.
        report: File for the whole list. It is written even if there are no problems.
    """
    if report is not None:
        lines = [json.dumps(problem._asdict(), ensure_ascii=False) + "\n" for problem in problems]
        Path(report).write_text("".join(lines), encoding="utf-8")
    if problems:
        where = (
            f"The whole list is in {str(report)!r}." if report is not None else "Set report=FILE for the whole list."
        )
        logger.warning(f"{name}: {kept} rows, {len(problems)} left out. {_list(problems)} {where}")


def _list(problems: Sequence[Problem]) -> str:
    """Describe the first few problems in one sentence."""
    shown = "; ".join(f"{problem.item}: {problem.why.rstrip('.')}" for problem in problems[:SHOWN])
    if len(problems) > SHOWN:
        shown += f"; and {len(problems) - SHOWN} more"
    return f"Left out: {shown}." if shown else "There are no items to read."


def open_folder(data_dir: str | Path, *folders: str | None) -> Path:
    """Return the absolute path of a folder, or of a subfolder.

    Raises:
        ValueError: If the folder does not exist.
    """
    path = Path(data_dir, *(folder for folder in folders if folder is not None)).absolute()
    if not path.is_dir():
        raise ValueError(f"The folder {str(path)!r} does not exist.")
    return path


def show(folder: Path) -> str:
    """Describe the content of a folder, for error messages."""
    names = sorted(entry.name for entry in folder.iterdir())
    shown = ", ".join(map(repr, names[:8])) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return f"{str(folder)!r} contains {shown}" if names else f"{str(folder)!r} is empty"


def walk(folder: Path, suffixes: Iterable[str]) -> Iterator[Path]:
    """Yield the files with some suffixes in a folder and its subfolders, sorted by path."""
    suffixes = tuple(suffixes)
    for path, folders, files in os.walk(folder, followlinks=True):
        folders.sort()
        yield from (Path(path, file) for file in sorted(files) if file.lower().endswith(suffixes))
