# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Folders of files as data sets: every item is read once, and what cannot be read is left out, counted and listed."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import numpy as np
from datasets import Audio, Dataset, Features, Value, Video
from datasets.fingerprint import Hasher
from transformers.utils import logging

from .. import __version__

logger = logging.get_logger(__name__)

# So many problems are told in the log.
SHOWN = 5
_REFERENCE = {"bytes": Value("binary"), "path": Value("string")}


class Problem(NamedTuple):
    """Something that is left out of a data set.

    Args:
        item: What it is.
        why: Why it is left out.
    """

    item: str
    why: str


class Item(NamedTuple):
    """Something to be read.

    Args:
        name: What it is called if it cannot be read.
        facts: Arguments of the function that reads it: whatever JSON holds, and paths.
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
    """Make a data set of what a function reads from each item.

    The result is kept on disk with the other data of `datasets`, and read again when items, their files (sizes and
    times) or the function's arguments have changed. Problems are part of it, so they are told every time.

    Args:
        name: Name of the data set, for messages and files.
        items: What to read.
        read: Called with the facts of an item, paths as strings; gives its rows, and problems with parts of it. A
            `ValueError` or `OSError` makes the item itself a problem. A function of a module, or a `partial` of one.
        features: Columns of the rows.
        problems: What was left out already.
        report: File for the list of all that is left out, a line of JSON each: `{"item": …, "why": …}`.
        num_proc: Number of processes.
        batch_size: Items whose rows are in memory together.

    Raises:
        ValueError: If nothing is left.
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
        rows = rows.map(
            _Attempt(read, list(features)),
            batched=True,
            batch_size=batch_size,
            writer_batch_size=batch_size,
            remove_columns=rows.column_names,
            features=Features({**stored, "item": Value("string"), "problem": Value("string")}),
            cache_file_name=str(folder / f"{name.lower().replace(' ', '_')}-{digest}.arrow"),
            num_proc=num_proc,
            desc=name,
        )
        reasons = rows["problem"][:]
        lost = [number for number, why in enumerate(reasons) if why is not None]
        problems += [Problem(rows[number]["item"], reasons[number]) for number in lost]
        rows = rows.select(np.setdiff1d(np.arange(len(rows)), lost)) if lost else rows
        rows = rows.remove_columns(["item", "problem"])
    kept = len(rows) if stamped else 0
    tell(name, problems, kept, report)
    if not kept:
        raise ValueError(f"{name}: no rows. {_list(problems)}")
    # Cast, not encoded: what is encoded already needs no codec.
    for column, feature in features.items():
        if isinstance(feature, (Audio, Video)):
            rows = rows.cast_column(column, feature)
    return rows


class _Attempt:
    """Reads items and notes what went wrong; a class, so that `datasets` knows the same one again."""

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
    """Warn of what was left out: how much, the first few, and where all are listed.

    Args:
        name: Name of the data set.
        problems: What was left out.
        kept: Number of rows that were not.
        report: File for the list, written even if it is empty.
    """
    if report is not None:
        lines = [json.dumps(problem._asdict(), ensure_ascii=False) + "\n" for problem in problems]
        Path(report).write_text("".join(lines), encoding="utf-8")
    if problems:
        where = f"All are in {str(report)!r}." if report is not None else "Pass report=FILE for the whole list."
        logger.warning(f"{name}: {kept} rows, {len(problems)} left out. {_list(problems)} {where}")


def _list(problems: Sequence[Problem]) -> str:
    """Name the first few problems, in one sentence."""
    shown = "; ".join(f"{problem.item}: {problem.why.rstrip('.')}" for problem in problems[:SHOWN])
    if len(problems) > SHOWN:
        shown += f"; and {len(problems) - SHOWN} more"
    return f"Left out: {shown}." if shown else "There was nothing to read."


def open_folder(data_dir: str | Path, *folders: str | None) -> Path:
    """Return a folder as an absolute path, or one in it.

    Raises:
        ValueError: If there is no such folder.
    """
    path = Path(data_dir, *(folder for folder in folders if folder is not None)).absolute()
    if not path.is_dir():
        raise ValueError(f"There is no folder {str(path)!r}.")
    return path


def show(folder: Path) -> str:
    """Name what a folder holds, for messages that say what was not found there."""
    names = sorted(entry.name for entry in folder.iterdir())
    shown = ", ".join(map(repr, names[:8])) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return f"{str(folder)!r} holds {shown}" if names else f"{str(folder)!r} is empty"


def walk(folder: Path, suffixes: Iterable[str]) -> Iterator[Path]:
    """Yield the files of some kinds in a folder and below, in order of their paths."""
    kinds = tuple(suffixes)
    for path, folders, files in os.walk(folder, followlinks=True):
        folders.sort()
        yield from (Path(path, file) for file in sorted(files) if file.lower().endswith(kinds))
