# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""A store of vectors on disk, with one LanceDB table per modality and one row per item.

Every change of a table is an atomic commit. An item with an existing id replaces the old one.

Each modality has its own table because embeddings of different modalities lie in different regions of the space. With
a common index, the partitions nearest to a text contain almost only texts, so that a search for images would have to
read most of the index.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import pyarrow.compute as pc

from ..hub.checkpoints import ModelRecord
from ..utils.locks import one_writer
from .table import (
    build_index,
    connect,
    has_index,
    is_store,
    make_rows,
    named,
    quote,
    read_record,
    schema,
    table_names,
    write_record,
)

# Number of items of a modality from which `tidy` builds an index, and the smallest number that can be indexed.
APPROXIMATE_FROM, FEWEST = 5_000, 256
# Numbers of items outside the index, and of small files, above which `tidy` optimizes a table.
UNINDEXED, FRAGMENTS = 2_000, 64
# Replaced commits are deleted after this time, when no reader uses them anymore.
KEEP = timedelta(hours=1)
# Seconds that a change waits for another writer.
WAIT = 10.0


class Store:
    """The storage of a [`SearchIndex`]: adds, removes and reads rows, and maintains the tables.

    One process at a time may change a store. Readers need no lock, and see whole commits.
    """

    def __init__(self, folder: Path, model: ModelRecord):
        self.folder, self.model = folder, model
        self._database, self._opened = connect(folder), {}

    @classmethod
    def create(cls, folder: str | Path, model: ModelRecord) -> Self:
        """Make an empty store.

        Args:
            folder: Folder of the store.
            model: Record of the model that computes the vectors.

        Raises:
            ValueError: If there is a store already, or the folder is a file.
            ImportError: If LanceDB is not installed.
        """
        folder = Path(folder)
        if is_store(folder):
            raise ValueError(f"There is a store in {str(folder)!r} already.")
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"Expected {str(folder)!r} to be a folder, but it is a file.")
        index = cls(folder, model)
        write_record(folder, model)
        return index

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open a store.

        Raises:
            ValueError: If there is no store, or it is corrupted.
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
        """Read columns of all rows, in no particular order.

        Args:
            columns: Some of `id`, `modality`, `path`, `stamp`, `text`, `thumbnail`, `vector`.
            where: A condition in SQL.
        """
        for table in self._tables().values():
            query = table.search().select(list(columns))
            for batch in (query if where is None else query.where(where)).to_batches():
                yield from batch.to_pylist()

    def writing(self, timeout: float | None = None) -> AbstractContextManager[None]:
        """Hold the store's lock for several changes. Each change also takes the lock by itself.

        Args:
            timeout: Seconds to wait for another writer. Default: 10.

        Raises:
            ValueError: If another process is still writing to the store after `timeout`.
        """
        return one_writer(self.folder, timeout=WAIT if timeout is None else timeout)

    def add(
        self,
        vectors: Any,
        ids: Sequence[str],
        modalities: Sequence[str] | str,
        thumbnails: Sequence[bytes | None] | None = None,
        **texts: Sequence[str | None],
    ) -> None:
        """Add items, with one commit per modality. They replace items with the same id and modality.

        Args:
            vectors: Vectors of shape `(items, dimension)`. They are normalized.
            ids: Unique ids of the items.
            modalities: The modality of each item, or of all.
            thumbnails: Small JPEGs.
            **texts: The columns `path` (the file of each item), `stamp` (changes with the item) and `text`.

        Raises:
            ValueError: If lengths or shapes do not match, an id occurs twice, a vector is zero or not finite, or
                another process is writing to the store.
        """
        rows = make_rows(self.model.dimension, vectors, ids, modalities, thumbnails, texts)
        with self.writing():
            tables = self._tables()
            for name in pc.unique(rows["modality"]).to_pylist():
                if name not in tables:
                    self._database.create_table(name, schema=schema(self.model.dimension), exist_ok=True)
                    tables = self._tables()
                own = rows.filter(pc.equal(rows["modality"], name))
                tables[name].merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(own)

    def remove(self, names: Iterable[str | Path]) -> int:
        """Remove items of all modalities.

        Args:
            names: Ids; or files or folders, for all items in them.

        Returns:
            The number of removed items.

        Raises:
            ValueError: If a name matches no item, or another process is writing to the store.
        """
        conditions = {name: named(name) for name in map(str, names)}
        tables = self._tables().values()
        missing = [name for name, each in conditions.items() if not any(table.count_rows(each) for table in tables)]
        if missing or not conditions:
            raise ValueError(f"The store {str(self.folder)!r} has no item, file or folder {missing}.")
        return self._delete(" OR ".join(conditions.values()))

    def remove_ids(self, ids: Sequence[str], modality: str) -> int:
        """Remove the items of a modality with some ids, as far as they exist. Return the number of removed items."""
        names = [", ".join(map(quote, ids[start : start + 1000])) for start in range(0, len(ids), 1000)]
        return sum(self._delete(f"id IN ({some})", modality) for some in names)

    @property
    def is_approximate(self) -> bool:
        """Whether at least one modality has an index for approximate search."""
        return any(map(has_index, self._tables().values()))

    def build_index(self) -> None:
        """Build the indexes for approximate search, or rebuild existing ones.

        Modalities with fewer than 256 items get no index. Items that are added later are compared exactly.

        Raises:
            ValueError: If the store is empty, or another process is writing to it.
        """
        self._check_not_empty()
        with self.writing():
            for table in self._tables().values():
                if table.count_rows() >= FEWEST:
                    build_index(table, self.model.dimension)

    def optimize(self, keep: timedelta = KEEP) -> None:
        """Add new items to the indexes, join small files, and delete replaced commits.

        Args:
            keep: How long replaced and removed rows stay on disk for current readers.
        """
        with self.writing():
            for table in self._tables().values():
                table.optimize(cleanup_older_than=keep)

    def tidy(self) -> None:
        """Build missing indexes from 5,000 items on, and optimize tables to which many items were added.

        Optimizing rewrites most of a table, which does not pay for a few items.
        """
        with self.writing():
            for table in self._tables().values():
                if table.count_rows() >= APPROXIMATE_FROM and not has_index(table):
                    build_index(table, self.model.dimension)
                new = [table.index_stats(entry.name).num_unindexed_rows for entry in table.list_indices()]
                fragments = table.stats()["fragment_stats"]["num_small_fragments"]
                if max(new, default=0) > UNINDEXED or fragments > FRAGMENTS:
                    table.optimize(cleanup_older_than=KEEP)

    def _tables(self) -> dict[str, Any]:
        """Return the tables, including those that other processes have made since the store was opened."""
        names = table_names(self.folder)
        for name in names:
            if name not in self._opened:
                try:
                    self._opened[name] = self._database.open_table(name)
                except (RuntimeError, ValueError) as error:
                    raise ValueError(f"Cannot read the store {str(self.folder)!r}: {error}") from error
        return {name: self._opened[name] for name in names}

    def _check_not_empty(self) -> dict[str, int]:
        counts = self.counts()
        if not counts:
            raise ValueError(f"The store {str(self.folder)!r} is empty.")
        return counts

    def _delete(self, where: str, modality: str | None = None) -> int:
        with self.writing():
            tables = [table for name, table in self._tables().items() if modality in (None, name)]
            return sum(table.delete(where).num_deleted_rows for table in tables)
