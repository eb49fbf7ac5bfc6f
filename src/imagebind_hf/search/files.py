# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Files and data sets into a store: what is new or has changed is embedded, the rest is there already."""

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from transformers.utils import logging

from ..utils.atomic import replace_text
from .store import SearchIndex

if TYPE_CHECKING:
    from ..embedding import Item
    from ..embedding.worker import ItemEmbedder

UNREADABLE = "unreadable.jsonl"

logger = logging.get_logger(__name__)


@dataclass
class IndexResult:
    """What became of items.

    Args:
        added: New ones.
        replaced: Those that had changed.
        unchanged: Those that were there.
        unreadable: Those that could not be read, and why; the store has no row of these.
    """

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    unreadable: list[dict[str, str]] = field(default_factory=list)


def index_items(
    index: SearchIndex,
    items: Iterable["Item"],
    load: Callable[[set[str]], "ItemEmbedder"],
    part_size: int = 1000,
    progress: bool = True,
) -> IndexResult:
    """Embed what a store does not have yet, and what has changed since.

    A file has changed if its size or time has; a text, if it is another; a data set, if its fingerprint is, or if its
    items are now another column. Every
    `part_size` items are one commit: that many at most are done again after a kill. What cannot be read is listed in
    the store's `unreadable.jsonl`, and tried again by the next call.

    Args:
        index: The store.
        items: The items, as `find_items` and `dataset_items` list them.
        load: Function from the modalities of what is to be embedded to an `ItemEmbedder`; not called for nothing.
        part_size: Items in a commit.
        progress: Show a progress bar.

    Raises:
        ValueError: If `part_size` is not positive, or the model has no tower for a modality.
    """
    from tqdm.auto import tqdm

    if part_size < 1:
        raise ValueError(f"part_size is {part_size}, expected at least 1.")
    stamp_of = _Stamps()
    # An input that is named twice counts once; a picture may be there as an image and as depth.
    items = {(item.id, item.modality): item for item in items}
    stamps = {name: stamp_of(item) for name, item in items.items()}
    known = {(row["id"], row["modality"]): row["stamp"] for row in index.rows(["id", "modality", "stamp"])}
    due = [item for name, item in items.items() if known.get(name) != stamps[name]]
    result = IndexResult(unchanged=len(items) - len(due))
    if due:
        embedder = load({item.modality for item in due})
        with tqdm(total=len(due), desc="Indexing", unit="item", disable=not progress) as bar:
            for start in range(0, len(due), part_size):
                part = due[start : start + part_size]
                _add_part(index, part, [stamps[item.id, item.modality] for item in part], embedder, known, result)
                bar.update(len(part))
    lines = [json.dumps(entry) + "\n" for entry in result.unreadable]
    replace_text(index.folder / UNREADABLE, "".join(lines))
    return result


def prune(
    index: SearchIndex, items: Iterable["Item"] = (), modality: str | None = None, files: Iterable[str | Path] = ()
) -> int:
    """Remove items that are no longer there.

    Args:
        index: The store.
        items: What has been found now; what lies in the same files and is not among it is removed: lines of texts,
            members, rows. Of other items it is asked whether their file is there.
        modality: The modality that was looked for; others in these files stay.
        files: Further files that were looked into, where nothing was found, by absolute paths.

    Returns:
        How many were removed.
    """
    found, scanned = set(), set(map(str, files))
    for item in items:
        found.add(item.id)
        scanned.add(item.path)
    gone, is_there = defaultdict(list), lru_cache(maxsize=None)(os.path.exists)
    for row in index.rows(["id", "modality", "path"]):
        if not row["path"] or row["id"] in found:
            continue
        is_within = row["id"] != row["path"]
        is_missing = is_within and row["path"] in scanned and modality in (None, row["modality"])
        if is_missing or not is_there(row["path"]):
            gone[row["modality"]].append(row["id"])
    return sum(index.remove_ids(ids, name) for name, ids in gone.items())


def _add_part(
    index: SearchIndex,
    part: Sequence["Item"],
    stamps: Sequence[str],
    embedder: "ItemEmbedder",
    known: dict[tuple[str, str], str],
    result: IndexResult,
) -> None:
    vectors = np.zeros((len(part), index.model.dimension), np.float32)
    kept, errors = np.zeros(len(part), bool), {}
    for numbers, embeds, failures in embedder(part):
        vectors[numbers], kept[numbers] = embeds, True
        errors |= dict(failures)
    # A model may make of a file that is read without complaint what no vector can be.
    for number in np.flatnonzero(kept & ~(np.isfinite(vectors).all(axis=1) & vectors.any(axis=1))):
        kept[number], errors[int(number)] = False, "The model's vector is zero, or not finite."
    rows = np.flatnonzero(kept).tolist()
    readable = [part[row] for row in rows]
    with ThreadPoolExecutor(max(1, embedder.num_workers)) as pool:
        thumbnails = list(pool.map(_draw, readable))
    index.add(
        vectors[rows],
        [item.id for item in readable],
        [item.modality for item in readable],
        thumbnails,
        path=[item.path for item in readable],
        stamp=[stamps[row] for row in rows],
        text=[item.load() if item.modality == "text" else None for item in readable],
    )
    replaced = sum((item.id, item.modality) in known for item in readable)
    result.replaced += replaced
    result.added += len(readable) - replaced
    for number, why in sorted(errors.items()):
        item = part[number]
        result.unreadable.append({"id": item.id, "why": why})
        if (item.id, item.modality) in known:
            # It has changed, so what the store has of it is not true any more.
            index.remove_ids([item.id], item.modality)


def _draw(item: "Item") -> bytes | None:
    from .thumbnails import thumbnail

    try:
        return thumbnail(item.modality, item.load())
    # It has a vector and can be found, only not be seen.
    except Exception as error:
        logger.warning(f"There is no thumbnail of {item.id!r}: {error}")
        return None


class _Stamps:
    """What tells whether an item has changed: the state of what it lies in, and of a row its column."""

    def __init__(self) -> None:
        self._of_path = lru_cache(maxsize=None)(_state)

    def __call__(self, item: "Item") -> str:
        if item.modality == "text" and isinstance(item.source, str):
            return hashlib.sha256(item.source.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        if not item.path:
            return item.source.dataset._fingerprint
        state, column = self._of_path(item.path), getattr(item.source, "column", None)
        return state if column is None else f"{state} {column}"


def _state(path: str) -> str:
    """Return sizes and times of a file, or of the files of a saved data set."""
    try:
        files = sorted(Path(path).rglob("*")) if os.path.isdir(path) else [Path(path)]
        states = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    # It went away meanwhile; reading will tell.
    except OSError:
        return "gone"
    return hashlib.sha256(repr(states).encode()).hexdigest()[:32]
