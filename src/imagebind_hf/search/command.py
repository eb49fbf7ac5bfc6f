# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""What `imagebind-hf index` and `imagebind-hf search` do."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..hub.checkpoints import record_of
from .files import index_items, prune
from .page import write_page
from .query import QueryEmbedder, load_embedder, parts_of
from .store import SearchIndex
from .table import is_store

# Of texts and of lists, what is shown on a terminal.
SHOWN = 10


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
) -> list[str]:
    """Bring a store up to date: remove, embed what is new or has changed, forget what is gone.

    Args:
        store: Folder of the store, made if need be.
        inputs: Files, folders, archives and data sets.
        model: Folder or Hub id; by default that of the store.
        modality, column: As for `imagebind-hf embed`.
        remove: Ids, files or folders to remove first.
        prune_gone: Remove what is no longer there, at the end.
        approximate: Make the index for approximate search (anew) now; by itself it is made from 5,000 items
            of a modality on.
        part_size: Items in a commit.
        progress: Show a progress bar.
        **embedder_kwargs: `batch_size`, `num_workers`, `device`, `dtype`.

    Returns:
        Lines that tell what was done.

    Raises:
        ValueError: If there is nothing to do, something to remove or to embed is not there, or the model is another.
    """
    from ..embedding import find_items, list_files

    if not (inputs or remove or prune_gone or approximate):
        raise ValueError("There is nothing to do: name files or folders, or --remove, --prune or --approximate.")
    if column is not None and modality is None:
        raise ValueError("--column needs --modality: what is in it?")
    index, lines, items = SearchIndex.open(store) if is_store(store) or not inputs else None, [], []
    if index is None and model is None:
        raise ValueError(f"There is no store in {str(store)!r} yet: say --model, of which it shall be.")
    record = index.model if index is not None else None
    if model is not None:
        record = record_of(model, known=record)
    elif inputs:
        record = record_of(record.model, record.commit, record)
    if index is not None:
        index.model.check(record, store)
    if remove:
        if index is None:
            raise ValueError(f"There is no store in {str(store)!r} yet, and so nothing to remove.")
        lines.append(f"{index.remove(remove)} items removed")
    if inputs:
        # Ids are paths, the same from wherever it is called.
        absolute = [os.path.abspath(each) for each in inputs]
        allow_none = prune_gone and index is not None
        items = find_items(absolute, modality, None if column is None else {modality: column}, allow_none)

        def load(modalities: set[str]) -> Any:
            return load_embedder(record, modalities, **embedder_kwargs)

        if index is None:
            # Before anything is written: a model without a tower for these leaves no empty store behind.
            embedder = load({item.modality for item in items})
            index = SearchIndex.create(store, record)
            load = lambda _: embedder  # noqa: E731
        result = index_items(index, items, load, part_size, progress)
        lines.append(
            f"{result.added} items added, {result.replaced} replaced, {result.unchanged} unchanged, "
            f"{len(result.unreadable)} could not be read"
        )
        lines += [f"  {entry['id']}: {entry['why']}" for entry in result.unreadable[:SHOWN]]
        if len(result.unreadable) > SHOWN:
            lines.append(f"  … all in {store / 'unreadable.jsonl'}")
    if prune_gone:
        files = list_files(os.path.abspath(each) for each in inputs)
        lines.append(f"{prune(index, items, modality, files)} items removed that are no longer there")
    if approximate:
        index.build_index()
    index.tidy()
    counts = ", ".join(f"{count} {name}" for name, count in index.counts().items())
    lines.append(f"{len(index)} items in {store}" + (f": {counts}" if counts else ""))
    return lines


def run_search(
    store: Path,
    parts: Sequence[tuple[str, str, float]],
    model: str | None = None,
    k: int = 10,
    only: Sequence[str] | None = None,
    exact: bool = False,
    html: Path | None = None,
    device: str | None = None,
) -> Iterator[str]:
    """Ask a store, and write a page if one is wanted, when the hits have been told.

    Args:
        store: Folder of the store.
        parts: Modality, item and weight of each part of the question.
        model: Folder or Hub id, where the store's model has moved to.
        k, only, exact: As for [`SearchIndex.search`].
        html: File for the page.
        device: Where to compute.

    Yields:
        Lines, one for each hit.

    Raises:
        ValueError: If there is no store, no question or no folder for the page, something cannot be read, or the model
            is another or not there any more.
    """
    if html is not None and not html.parent.is_dir():
        raise ValueError(f"There is no folder {str(html.parent)!r} for the page.")
    index, parts = SearchIndex.open(store), parts_of(parts)
    known = index.model
    record = record_of(known.model if model is None else model, known.commit if model is None else None, known)
    known.check(record, store)
    vector = QueryEmbedder(record, {part.modality for part in parts}, device)(parts)
    hits = index.search(vector, k, only or None, exact)
    for rank, hit in enumerate(hits, 1):
        text = "" if hit.text is None else "  " + " ".join(hit.text.split())[:80]
        yield f"{rank:3} {hit.score:6.3f}  {hit.modality:7} {hit.id}{text}"
    if html is not None:
        note = f"{len(index)} items, {'exact' if exact or not index.is_approximate else 'approximate'} search"
        yield f"Wrote {write_page(html, hits, parts, note)}"


def weigh(parts: Mapping[str, Sequence[str] | None], weights: Sequence[str]) -> list[tuple[str, str, float]]:
    """Make the parts of a question of options.

    Args:
        parts: Items by modality, or by `minus-text`.
        weights: `name=number` each, the names those of `parts`.

    Raises:
        ValueError: If a weight is no number, or of what is not asked.
    """
    given = {name: list(items) for name, items in parts.items() if items}
    numbers = {}
    for entry in weights:
        name, _, number = entry.partition("=")
        try:
            numbers[name] = float(number)
        except ValueError:
            raise ValueError(f"--weight is {entry!r}, expected for instance audio=0.5.") from None
        if name not in given:
            raise ValueError(f"--weight {entry}: the question has {list(given)}.")
    return [
        (name.removeprefix("minus-"), item, numbers.get(name, 1.0) * (-1 if name.startswith("minus-") else 1))
        for name, items in given.items()
        for item in items
    ]
