# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The work of `imagebind-hf index` and `imagebind-hf search`, with results as data."""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..hub.checkpoints import record_of
from .files import UNREADABLE, IndexResult, index_items, prune
from .hits import Hit
from .index import SearchIndex
from .page import write_page
from .query import Part, QueryEmbedder, load_embedder, parts_of
from .table import RECORD, is_store

# Number of unreadable items that a terminal shows.
SHOWN = 10


@dataclass
class IndexSummary:
    """What [`run_index`] has done.

    Args:
        store: Folder of the store.
        removed: Number of items that were removed on request.
        indexed: Numbers of added, replaced and unchanged items, and the unreadable ones. `None` without inputs.
        pruned: Number of removed items that do not exist anymore. `None` without `prune_gone`.
        counts: Number of items in the store by modality.
    """

    store: Path
    removed: int | None = None
    indexed: IndexResult | None = None
    pruned: int | None = None
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether none of the given items could be read."""
        done = self.indexed
        return done is not None and bool(done.unreadable) and not (done.added or done.replaced or done.unchanged)

    def to_dict(self) -> dict[str, Any]:
        """Return the summary for JSON."""
        indexed = asdict(self.indexed or IndexResult())
        return {
            "store": str(self.store),
            "removed": self.removed or 0,
            **indexed,
            "pruned": self.pruned or 0,
            "items": sum(self.counts.values()),
            "counts": self.counts,
        }

    def lines(self) -> list[str]:
        """Return the summary as lines for a terminal."""
        lines = []
        if self.removed is not None:
            lines.append(f"{self.removed} items removed")
        if self.indexed is not None:
            done = self.indexed
            lines.append(
                f"{done.added} items added, {done.replaced} replaced, {done.unchanged} unchanged, "
                f"{len(done.unreadable)} could not be read"
            )
            lines += [f"  {entry['id']}: {entry['why']}" for entry in done.unreadable[:SHOWN]]
            if len(done.unreadable) > SHOWN:
                more = f" (see {self.store / UNREADABLE})" if is_store(self.store) else ""
                lines.append(f"  … and {len(done.unreadable) - SHOWN} more{more}")
        if self.pruned is not None:
            lines.append(f"{self.pruned} items removed that do not exist anymore")
        if not is_store(self.store):
            return [*lines, f"No items: no store was made in {self.store}"]
        counts = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        return [*lines, f"{sum(self.counts.values())} items in {self.store}" + (f": {counts}" if counts else "")]


def run_index(
    store: Path,
    inputs: Sequence[Path] = (),
    model: str | None = None,
    modality: str | None = None,
    column: str | None = None,
    remove: Sequence[str] = (),
    prune_gone: bool = False,
    approximate: bool = False,
    part_size: int = 1000,
    progress: bool = True,
    **embedder_kwargs: Any,
) -> IndexSummary:
    """Bring a store up to date: remove items, and embed new and changed ones.

    A new store that would stay empty is not made.

    Args:
        store: Folder of the store. It is made if it does not exist.
        inputs: Files, folders, archives and data sets.
        model: Folder or Hub id. Default: the store's model.
        modality, column: As for `imagebind-hf embed`.
        remove: Ids, files or folders to remove first.
        prune_gone: At the end, remove items that do not exist anymore.
        approximate: Build or rebuild the indexes for approximate search now. Otherwise they are built from 5,000 items
            of a modality on.
        part_size: Number of items in a commit.
        progress: Show a progress bar.
        **embedder_kwargs: `batch_size`, `num_workers`, `device`, `dtype`.

    Raises:
        ValueError: If there is nothing to do, an input or an item to remove does not exist, the store was made with
            another model, or another process is writing to it.
    """
    if not (inputs or remove or prune_gone or approximate):
        raise ValueError("There is nothing to do. Expected files or folders, --remove, --prune or --approximate.")
    if column is not None and modality is None:
        raise ValueError("--column needs --modality, the modality of the column.")
    is_new = bool(inputs) and not is_store(store)
    if is_new and model is None:
        raise ValueError(f"There is no store in {str(store)!r} yet. To make one, name its model with --model.")
    if is_new and remove:
        raise ValueError(f"There is no store in {str(store)!r} yet, so there is nothing to remove.")
    index, summary, items, files = None if is_new else SearchIndex.open(store), IndexSummary(store), [], []
    record = None if index is None else index.model
    if model is not None:
        record = record_of(model, known=record)
    elif inputs:
        record = record_of(record.model, record.commit, record)
    existed = store.exists()
    with ExitStack() as stack:
        if index is not None:
            index.model.check(record, store)
            stack.enter_context(index.writing(timeout=0))
        if remove:
            summary.removed = index.remove(remove)
        if inputs:
            from ..embedding import find_items, list_files

            # Absolute, because the paths are ids, which do not depend on the current folder.
            absolute = [os.path.abspath(each) for each in inputs]
            allow_none = prune_gone and not is_new
            items = find_items(absolute, modality, None if column is None else {modality: column}, allow_none)
            files = list_files(absolute)

            def load(modalities: set[str]) -> Any:
                return load_embedder(record, modalities, **embedder_kwargs)

            if index is None:
                # Loaded before the store is made, because the model may lack a tower.
                embedder = load({item.modality for item in items})
                index = SearchIndex.create(store, record)
                stack.callback(_discard_if_empty, index, existed)
                stack.enter_context(index.writing(timeout=0))
                load = lambda _: embedder  # noqa: E731
            summary.indexed = index_items(index, items, load, part_size, progress)
        if prune_gone:
            summary.pruned = prune(index, items, modality, files)
        if approximate and not summary.failed:
            index.build_index()
        index.tidy()
        summary.counts = index.counts()
    return summary


def _discard_if_empty(index: SearchIndex, existed: bool) -> None:
    """Remove a new store without items. Other files in its folder stay."""
    if len(index):
        return
    for name in (RECORD, UNREADABLE, ".writer.lock"):
        (index.folder / name).unlink(missing_ok=True)
    if not existed and not any(index.folder.iterdir()):
        index.folder.rmdir()


@dataclass(frozen=True)
class SearchResult:
    """What [`run_search`] has found.

    Args:
        hits: The results, nearest first.
        parts: The parts of the query.
        items: Number of items in the store.
        is_exact: Whether all vectors were compared.
        html: File of the page of results, if one is requested.
        embed_media: Embed small media files in the page.
    """

    hits: list[Hit]
    parts: list[Part]
    items: int
    is_exact: bool
    html: Path | None = None
    embed_media: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the results for JSON."""
        query = [{"modality": part.modality, "item": str(part.item), "weight": part.weight} for part in self.parts]
        hits = [{"rank": rank, **hit.to_dict()} for rank, hit in enumerate(self.hits, 1)]
        return {"query": query, "items": self.items, "exact": self.is_exact, "hits": hits}

    def lines(self) -> list[str]:
        """Return the results as lines for a terminal."""
        return [hit.to_line(rank) for rank, hit in enumerate(self.hits, 1)]

    def write_page(self) -> Path:
        """Write the page of results.

        Raises:
            OSError: If the file cannot be written.
        """
        note = f"{self.items} items, {'exact' if self.is_exact else 'approximate'} search"
        return write_page(self.html, self.hits, self.parts, note, self.embed_media)


def run_search(
    store: Path,
    parts: Sequence[tuple[str, str, float]],
    model: str | None = None,
    k: int = 10,
    only: Sequence[str] | None = None,
    exact: bool = False,
    html: Path | None = None,
    device: str | None = None,
    embed_media: bool = False,
) -> SearchResult:
    """Search a store.

    The page is not written here, so that a caller can show the results even if the page cannot be written.

    Args:
        store: Folder of the store.
        parts: Modality, item and weight of each part of the query.
        model: Folder or Hub id of the store's model, if it has moved.
        k, only, exact: As for [`SearchIndex.search`].
        html: File for the page of results, which [`SearchResult.write_page`] writes.
        device: The model's device.
        embed_media: Embed small media files in the page.

    Raises:
        ValueError: If there is no store, the query is empty or cannot be read, the page's folder does not exist, or
            the store was made with another model.
    """
    if html is not None and not html.parent.is_dir():
        raise ValueError(f"Expected --html to be a file in an existing folder, but got {str(html)!r}.")
    if embed_media and html is None:
        raise ValueError("--embed-media needs --html, the file of the page.")
    index, query = SearchIndex.open(store), parts_of(parts)
    known = index.model
    record = record_of(known.model if model is None else model, known.commit if model is None else None, known)
    known.check(record, store)
    vector = QueryEmbedder(record, {part.modality for part in query}, device)(query)
    hits = index.search(vector, k, only or None, exact)
    return SearchResult(hits, query, len(index), exact or not index.is_approximate, html, embed_media)


def weigh(parts: Mapping[str, Sequence[str] | None], weights: Sequence[str]) -> list[tuple[str, str, float]]:
    """Return the parts of a query from the options of the command line.

    Args:
        parts: Items by modality, or by `minus-text`.
        weights: Texts `name=number` with a name among `parts`.

    Raises:
        ValueError: If a weight is not a number, or belongs to no part.
    """
    given = {name: list(items) for name, items in parts.items() if items}
    numbers = {}
    for entry in weights:
        name, _, number = entry.partition("=")
        try:
            numbers[name] = float(number)
        except ValueError:
            raise ValueError(f"Expected --weight to be like audio=0.5, but got {entry!r}.") from None
        if name not in given:
            raise ValueError(f"--weight {entry} belongs to no part of the query, which has {list(given)}.")
    return [
        (name.removeprefix("minus-"), item, numbers.get(name, 1.0) * (-1 if name.startswith("minus-") else 1))
        for name, items in given.items()
        for item in items
    ]
