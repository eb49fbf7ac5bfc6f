# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Keep a store up to date with files and data sets: only new and changed items are embedded."""

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

from ..utils.atomic import replace_text
from ..utils.digest import digest_text
from .store import Store

if TYPE_CHECKING:
    from ..embedding import Item
    from ..embedding.worker import ItemEmbedder

UNREADABLE = "unreadable.jsonl"


@dataclass
class IndexResult:
    """What [`index_items`] has done.

    Args:
        added: Number of new items.
        replaced: Number of changed items.
        unchanged: Number of items that were in the store already.
        unreadable: Ids of the items that could not be read (`id`), and the reasons (`why`). The store has no row for
            them.
    """

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    unreadable: list[dict[str, str]] = field(default_factory=list)


def index_items(
    index: Store,
    items: Iterable["Item"],
    load: Callable[[set[str]], "ItemEmbedder"],
    part_size: int = 1000,
    progress: bool = True,
) -> IndexResult:
    """Embed the items that are new, or have changed since they were indexed.

    A file has changed if its size or modification time has changed, a line of text if its content has changed, and an
    item of a data set if the data set's fingerprint or the item's column has changed. Every `part_size` items are one
    commit; a killed process loses at most the items after the last commit. Unreadable items are listed in the store's
    `unreadable.jsonl`, and tried again by the next call.

    Args:
        index: The store.
        items: The items, as `find_items` and `dataset_items` list them.
        load: Function from the modalities of the items to an `ItemEmbedder`. It is called only if there are items to
            embed.
        part_size: Number of items in a commit.
        progress: Show a progress bar if indexing takes longer than two seconds.

    Raises:
        ValueError: If `part_size` is not positive, the model has no tower for a modality, or another process is
            writing to the store.
    """
    from ..utils.progress import progress_bar

    if part_size < 1:
        raise ValueError(f"Expected `part_size` to be at least 1, but got {part_size}.")
    with index.writing():
        stamp_of = _Stamps()
        # An item that is given twice counts once. An image may be indexed as an image and as depth.
        items = {(item.id, item.modality): item for item in items}
        stamps = {name: stamp_of(item) for name, item in items.items()}
        known = {(row["id"], row["modality"]): row["stamp"] for row in index.rows(["id", "modality", "stamp"])}
        due = [item for name, item in items.items() if known.get(name) != stamps[name]]
        result = IndexResult(unchanged=len(items) - len(due))
        if due:
            embedder = load({item.modality for item in due})
            with progress_bar(description="Indexing", total=len(due), disable=not progress) as bar:
                for start in range(0, len(due), part_size):
                    part = due[start : start + part_size]
                    _add_part(index, part, [stamps[item.id, item.modality] for item in part], embedder, known, result)
                    bar.update(len(part))
        lines = [json.dumps(entry) + "\n" for entry in result.unreadable]
        replace_text(index.folder / UNREADABLE, "".join(lines))
    return result


def prune(
    index: Store, items: Iterable["Item"] = (), modality: str | None = None, files: Iterable[str | Path] = ()
) -> int:
    """Remove items that do not exist anymore.

    An item is removed if its file does not exist, or if its file was searched and the item was not found in it.

    Args:
        index: The store.
        items: The items that were found now.
        modality: The modality that was searched for. Items of other modalities in the searched files stay.
        files: Absolute paths of searched files in which nothing was found.

    Returns:
        The number of removed items.
    """
    found, searched = set(), set(map(str, files))
    for item in items:
        found.add(item.id)
        searched.add(item.path)
    gone, exists = defaultdict(list), lru_cache(maxsize=None)(os.path.exists)
    for row in index.rows(["id", "modality", "path"]):
        if not row["path"] or row["id"] in found:
            continue
        is_part_of_file = row["id"] != row["path"]
        is_missing = is_part_of_file and row["path"] in searched and modality in (None, row["modality"])
        if is_missing or not exists(row["path"]):
            gone[row["modality"]].append(row["id"])
    return sum(index.remove_ids(ids, name) for name, ids in gone.items())


def _add_part(
    index: Store,
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
    # A readable file may still give a vector without a direction.
    for number in np.flatnonzero(kept & ~(np.isfinite(vectors).all(axis=1) & vectors.any(axis=1))):
        kept[number], errors[int(number)] = False, "The model's vector is zero or not finite."
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
            # The row belongs to the item before it changed.
            index.remove_ids([item.id], item.modality)


def _draw(item: "Item") -> bytes | None:
    from .thumbnails import try_thumbnail

    return try_thumbnail(item.modality, item.load, item.id)


class _Stamps:
    """Returns a text that changes with an item: the state of its file, and the column of a data set's item."""

    def __init__(self) -> None:
        self._of_path = lru_cache(maxsize=None)(_state)

    def __call__(self, item: "Item") -> str:
        if item.modality == "text" and isinstance(item.source, str):
            return digest_text(item.source)[:32]
        if not item.path:
            return item.source.dataset._fingerprint
        state, column = self._of_path(item.path), getattr(item.source, "column", None)
        return state if column is None else f"{state} {column}"


def _state(path: str) -> str:
    """Return a digest of the sizes and modification times of a file, or of the files of a saved data set."""
    try:
        files = sorted(Path(path).rglob("*")) if os.path.isdir(path) else [Path(path)]
        states = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    # The file was deleted after it was listed. Reading it reports the error.
    except OSError:
        return "gone"
    return digest_text(*states)[:32]
