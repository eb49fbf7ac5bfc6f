# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""A store of vectors on disk: a LanceDB table for each modality, with a row for each item, and what is asked of it.

Every change of a table is one commit, there whole or not at all; an item whose id is there already is replaced. Tables
are apart because modalities lie apart in the space: among the neighbours of a text there are texts, however many parts
of a common index one looks into for pictures.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from ..hub.checkpoints import ModelRecord, record_of
from .table import (
    build_index,
    connect,
    has_index,
    is_store,
    make_rows,
    nearest,
    quote,
    read_record,
    schema,
    table_names,
    write_record,
)

if TYPE_CHECKING:
    from .query import QueryEmbedder

# Items of a modality from which on an index is worth while; and the fewest of which one is made.
APPROXIMATE_FROM, FEWEST = 5_000, 256
# Items outside an index, and files of few, that are put up with.
UNINDEXED, FRAGMENTS = 2_000, 64
# Commits that were replaced so long ago are deleted: whoever reads one has finished.
KEEP = timedelta(hours=1)


@dataclass(frozen=True)
class Hit:
    """An item that was found.

    Args:
        id: Its name.
        score: Its cosine with the query, in [-1, 1].
        modality: Its modality.
        path: The file that it lies in, empty for what came from memory.
        text: The text, of a text.
        thumbnail: A small JPEG, where there is one.
    """

    id: str
    score: float
    modality: str
    path: str = ""
    text: str | None = None
    thumbnail: bytes | None = None


class SearchIndex:
    """A store, made by [`SearchIndex.create`] or [`SearchIndex.open`].

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from imagebind_hf.search import ModelRecord, SearchIndex
        >>> folder = tempfile.TemporaryDirectory()
        >>> index = SearchIndex.create(folder.name + "/store", ModelRecord("my-model", "v1", dimension=2))
        >>> index.add(np.array([[1, 0], [0, 2], [3, 3]]), ["a", "b", "c"], ["image", "audio", "image"])
        >>> [(hit.id, round(hit.score, 2)) for hit in index.search([0.1, 1], k=2)]
        [('b', 1.0), ('c', 0.77)]
        >>> [hit.id for hit in index.search([0.1, 1], only="image")]
        ['c', 'a']
        >>> index.remove(["c"]), len(index)
        (1, 2)
    """

    def __init__(self, folder: Path, model: ModelRecord):
        self.folder, self.model = folder, model
        self._database, self._opened = connect(folder), {}
        self._threads = ThreadPoolExecutor(thread_name_prefix="search")
        self._embedder: QueryEmbedder | None = None

    @classmethod
    def create(cls, folder: str | Path, model: ModelRecord) -> "SearchIndex":
        """Make an empty store.

        Args:
            folder: Where; it does not hold a store yet.
            model: Which model its vectors are of.

        Raises:
            ValueError: If there is a store, or a file of that name.
            ImportError: If LanceDB is not installed.
        """
        folder = Path(folder)
        if is_store(folder):
            raise ValueError(f"There is a store in {str(folder)!r} already.")
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"{str(folder)!r} is a file, expected a folder.")
        index = cls(folder, model)
        write_record(folder, model)
        return index

    @classmethod
    def open(cls, folder: str | Path) -> "SearchIndex":
        """Open a store.

        Raises:
            ValueError: If there is none, or it is damaged.
            ImportError: If LanceDB is not installed.
        """
        folder = Path(folder)
        return cls(folder, read_record(folder))

    def __len__(self) -> int:
        return sum(self.counts().values())

    def counts(self) -> dict[str, int]:
        """Count the items of each modality."""
        counts = {name: table.count_rows() for name, table in self._tables().items()}
        return {name: count for name, count in counts.items() if count}

    def rows(self, columns: Sequence[str], where: str | None = None) -> Iterator[dict[str, Any]]:
        """Read columns of all rows, in no order.

        Args:
            columns: Among `id`, `modality`, `path`, `stamp`, `text`, `thumbnail`, `vector`.
            where: A condition, in SQL.
        """
        for table in self._tables().values():
            query = table.search().select(list(columns))
            for batch in (query if where is None else query.where(where)).to_batches():
                yield from batch.to_pylist()

    def add(
        self,
        vectors: Any,
        ids: Sequence[str],
        modalities: Sequence[str] | str,
        thumbnails: Sequence[bytes | None] | None = None,
        **texts: Sequence[str | None],
    ) -> None:
        """Add items, in a commit for each modality; those whose id is there, of the same modality, are replaced.

        Args:
            vectors: Of shape `(items, dimension)`, of any length but zero: they are brought to length 1.
            ids: A name for each, which is its own.
            modalities: The modality of each, or of all.
            thumbnails: Small JPEGs.
            **texts: `path`, the file of each; `stamp`, what tells whether it has changed; `text`.

        Raises:
            ValueError: If numbers or shapes do not fit, an id is there twice, or a vector is zero or not finite.
        """
        rows = make_rows(self.model.dimension, vectors, ids, modalities, thumbnails, texts)
        tables = self._tables()
        for name in pc.unique(rows["modality"]).to_pylist():
            if name not in tables:
                self._database.create_table(name, schema=schema(self.model.dimension), exist_ok=True)
                tables = self._tables()
            own = rows.filter(pc.equal(rows["modality"], name))
            tables[name].merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(own)

    def remove(self, names: Iterable[str | Path]) -> int:
        """Remove items, of all modalities.

        Args:
            names: Ids; or files or folders, for all that lies in them.

        Returns:
            How many were removed.

        Raises:
            ValueError: If nothing is called so.
        """
        conditions = {}
        for name in map(str, names):
            path = os.path.abspath(name)
            inside = f"path = {quote(path)} OR starts_with(path, {quote(path.rstrip('/') + '/')})"
            conditions[name] = f"(id = {quote(name)} OR id = {quote(path)} OR {inside})"
        tables = self._tables().values()
        missing = [name for name, each in conditions.items() if not any(table.count_rows(each) for table in tables)]
        if missing or not conditions:
            raise ValueError(f"There is no item, file or folder {missing} in the store {str(self.folder)!r}.")
        return self._delete(" OR ".join(conditions.values()))

    def remove_ids(self, ids: Sequence[str], modality: str) -> int:
        """Remove items of a modality by id, as far as they are there; returns how many."""
        names = [", ".join(map(quote, ids[start : start + 1000])) for start in range(0, len(ids), 1000)]
        return sum(self._delete(f"id IN ({some})", modality) for some in names)

    @property
    def is_approximate(self) -> bool:
        """Whether a modality has an index for approximate search."""
        return any(map(has_index, self._tables().values()))

    def build_index(self) -> None:
        """Make the indexes for approximate search, anew if there are some; items added later are compared one by one.

        Modalities of fewer than 256 items have none.

        Raises:
            ValueError: If the store is empty.
        """
        self._check_not_empty()
        for table in self._tables().values():
            if table.count_rows() >= FEWEST:
                build_index(table, self.model.dimension)

    def optimize(self, keep: timedelta = KEEP) -> None:
        """Take what was added into the indexes, join small files, and delete commits that were replaced.

        Args:
            keep: How long what was replaced or removed stays on the disk, for those who are reading it.
        """
        for table in self._tables().values():
            table.optimize(cleanup_older_than=keep)

    def tidy(self) -> None:
        """Make indexes where 5,000 items have none, and optimize where much has been added.

        Joining writes most of a table anew: not for a handful of items.
        """
        for table in self._tables().values():
            if table.count_rows() >= APPROXIMATE_FROM and not has_index(table):
                build_index(table, self.model.dimension)
            new = [table.index_stats(entry.name).num_unindexed_rows for entry in table.list_indices()]
            fragments = table.stats()["fragment_stats"]["num_small_fragments"]
            if max(new, default=0) > UNINDEXED or fragments > FRAGMENTS:
                table.optimize(cleanup_older_than=KEEP)

    def search(
        self, vector: Any, k: int = 10, only: str | Sequence[str] | None = None, exact: bool = False
    ) -> list[Hit]:
        """Find the items whose vectors are nearest.

        Args:
            vector: Of shape `(dimension,)`, of any length but zero.
            k: How many.
            only: The modality, or those, that are wanted.
            exact: Compare with all, also where there is an index.

        Returns:
            At most `k` hits, the nearest first.

        Raises:
            ValueError: If the vector is of another shape, zero or not finite, `k` is not positive, the store is empty
                or has no items of the modality.
        """
        vector = np.asarray(vector, np.float32)
        if vector.shape != (self.model.dimension,):
            raise ValueError(f"Expected a vector of shape ({self.model.dimension},), got {vector.shape}.")
        if not np.isfinite(vector).all() or not vector.any():
            raise ValueError("The vector to search for is zero, or not finite.")
        if k < 1:
            raise ValueError(f"k is {k}, expected at least 1.")
        wanted = [only] if isinstance(only, str) else only
        tables = [table for name, table in self._tables().items() if wanted is None or name in wanted]
        found = self._threads.map(lambda table: nearest(table, vector, k, exact), tables)
        rows = sorted((row for rows in found for row in rows), key=lambda row: row["_distance"])[:k]
        if not rows:
            counts = self._check_not_empty()
            raise ValueError(f"The store {str(self.folder)!r} has no items of {list(wanted)}; it has {counts}.")
        return [
            Hit(row["id"], 1 - row["_distance"], row["modality"], row["path"] or "", row["text"], row["thumbnail"])
            for row in rows
        ]

    def query(
        self,
        parts: Mapping[str, Any] | Iterable[tuple],
        weights: Mapping[str, float] | None = None,
        k: int = 10,
        only: str | Sequence[str] | None = None,
        exact: bool = False,
    ) -> list[Hit]:
        """Find what is like a mixture; the store's model is loaded, with the towers that it takes, and kept.

        Args:
            parts: `{modality: item}`, items as the processor takes them; or `(modality, item, weight)` each, so that a
                modality may come twice. A negative weight takes away.
            weights: Weights by modality, of a mapping; 1 by default.
            k, only, exact: As for [`SearchIndex.search`].

        Raises:
            ValueError: If something cannot be read or the model has no tower for it, the parts cancel out, or the
                model is no longer that of the store.
        """
        from .query import QueryEmbedder, parts_of

        parts = parts_of(parts, weights)
        self._check_not_empty()
        modalities = {part.modality for part in parts}
        if self._embedder is None or not modalities <= self._embedder.modalities:
            self.model.check(record_of(self.model.model, self.model.commit, self.model), self.folder)
            # Those that are loaded stay loaded: one model, with all towers that were asked for.
            modalities |= self._embedder.modalities if self._embedder else set()
            self._embedder = QueryEmbedder(self.model, modalities)
        return self.search(self._embedder(parts), k, only, exact)

    def _tables(self) -> dict[str, Any]:
        """Open the tables, also those that others have made meanwhile."""
        names = table_names(self.folder)
        for name in names:
            if name not in self._opened:
                try:
                    self._opened[name] = self._database.open_table(name)
                except (RuntimeError, ValueError) as error:
                    raise ValueError(f"The store in {str(self.folder)!r} cannot be read: {error}") from error
        return {name: self._opened[name] for name in names}

    def _check_not_empty(self) -> dict[str, int]:
        counts = self.counts()
        if not counts:
            raise ValueError(f"The store {str(self.folder)!r} is empty.")
        return counts

    def _delete(self, where: str, modality: str | None = None) -> int:
        tables = [table for name, table in self._tables().items() if modality in (None, name)]
        return sum(table.delete(where).num_deleted_rows for table in tables)
