# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""A store of vectors on disk: a LanceDB table with a row for each item, and what is asked of it.

Every change is one commit, there whole or not at all; an item whose id is there already is replaced.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .identity import ModelRecord, record_of
from .table import create_table, is_store, make_rows, open_table, quote

if TYPE_CHECKING:
    from .query import QueryEmbedder

# Below, comparing with all vectors takes no longer than what else is done for a search.
APPROXIMATE_FROM = 20_000
# Vectors of so many dimensions are told apart by one bit of each, with which those are chosen that are looked at in
# full: ten times as many as are wanted.
BITS_FROM, REFINE = 256, 10
# Parts of the index, of about 4,096 vectors each, that are looked into; more of them where a modality is wanted, whose
# vectors may all lie far from a query of another.
PROBES, PROBES_FILTERED = 30, 120
# Items outside the index, and files of few, that are put up with.
UNINDEXED, FRAGMENTS = 5_000, 64
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

    def __init__(self, folder: Path, table: Any, model: ModelRecord):
        self.folder, self.model, self._table = folder, model, table
        self._embedders: dict[frozenset[str], QueryEmbedder] = {}

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
        return cls(folder, create_table(folder, model), model)

    @classmethod
    def open(cls, folder: str | Path) -> "SearchIndex":
        """Open a store.

        Raises:
            ValueError: If there is none, or it is damaged.
            ImportError: If LanceDB is not installed.
        """
        folder = Path(folder)
        return cls(folder, *open_table(folder))

    def __len__(self) -> int:
        return self._table.count_rows()

    def counts(self) -> dict[str, int]:
        """Count the items of each modality."""
        counts: dict[str, int] = {}
        for batch in self._scan(["modality"]):
            for entry in pc.value_counts(batch["modality"]).to_pylist():
                counts[entry["values"]] = counts.get(entry["values"], 0) + entry["counts"]
        return dict(sorted(counts.items()))

    def rows(self, columns: Sequence[str], where: str | None = None) -> Iterator[dict[str, Any]]:
        """Read columns of all rows, in no order.

        Args:
            columns: Among `id`, `modality`, `path`, `stamp`, `text`, `thumbnail`, `vector`.
            where: A condition, in SQL.
        """
        for batch in self._scan(columns, where):
            yield from batch.to_pylist()

    def add(
        self,
        vectors: Any,
        ids: Sequence[str],
        modalities: Sequence[str] | str,
        thumbnails: Sequence[bytes | None] | None = None,
        **texts: Sequence[str | None],
    ) -> None:
        """Add items, in one commit; those whose id is there are replaced.

        Args:
            vectors: Of shape `(items, dimension)`, of any length but zero: they are brought to length 1.
            ids: A name for each, which is its own.
            modalities: The modality of each, or of all.
            thumbnails: Small JPEGs.
            **texts: `path`, the file of each; `stamp`, what tells whether it has changed; `text`.

        Raises:
            ValueError: If numbers or shapes do not fit, an id is there twice, or a vector is zero or not finite.
        """
        rows = make_rows(self._table.schema, vectors, ids, modalities, thumbnails, texts)
        if len(rows):
            self._table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(rows)

    def remove(self, names: Iterable[str | Path]) -> int:
        """Remove items, in one commit.

        Args:
            names: Ids; or files or folders, for all that lies in them.

        Returns:
            How many were removed.

        Raises:
            ValueError: If nothing is called so.
        """
        conditions = {}
        for name in map(str, names):
            path = str(Path(name).absolute())
            inside = f"path = {quote(path)} OR starts_with(path, {quote(path.rstrip('/') + '/')})"
            conditions[name] = f"(id = {quote(name)} OR id = {quote(path)} OR {inside})"
        missing = [name for name, condition in conditions.items() if not self._table.count_rows(condition)]
        if missing or not conditions:
            raise ValueError(f"There is no item, file or folder {missing} in the store {str(self.folder)!r}.")
        return self._table.delete(" OR ".join(conditions.values())).num_deleted_rows

    def remove_ids(self, ids: Sequence[str]) -> int:
        """Remove items by id, as far as they are there; returns how many."""
        removed = 0
        for start in range(0, len(ids), 1000):
            names = ", ".join(map(quote, ids[start : start + 1000]))
            removed += self._table.delete(f"id IN ({names})").num_deleted_rows
        return removed

    @property
    def is_approximate(self) -> bool:
        """Whether there is an index for approximate search."""
        return any(entry.columns == ["vector"] for entry in self._table.list_indices())

    def build_index(self) -> None:
        """Make the index for approximate search, anew if there is one; items added later are compared one by one.

        Raises:
            ValueError: If the store is empty.
        """
        from lancedb.index import Bitmap, BTree, IvfRq, IvfSq

        self._check_not_empty()
        # A bit a dimension; too little of short vectors, which have a byte.
        kind = IvfSq if self.model.dimension % 8 or self.model.dimension < BITS_FROM else IvfRq
        # A quarter of the vectors that LanceDB would train on, and of its rounds: no worse, and faster by as much.
        self._table.create_index("vector", config=kind(distance_type="cosine", sample_rate=64, max_iterations=15))
        self._table.create_index("id", config=BTree())
        self._table.create_index("modality", config=Bitmap())

    def optimize(self, keep: timedelta = KEEP) -> None:
        """Take what was added into the index, join small files, and delete commits that were replaced.

        Args:
            keep: How long what was replaced or removed stays on the disk, for those who are reading it.
        """
        self._table.optimize(cleanup_older_than=keep)

    def needs_optimizing(self) -> bool:
        """Tell whether there are many commits that are not joined, or many items that are not in the index.

        Joining writes most of a store anew: not for a handful of items.
        """
        new = [self._table.index_stats(entry.name) for entry in self._table.list_indices()]
        unindexed = max((stats.num_unindexed_rows for stats in new), default=0)
        return unindexed > UNINDEXED or self._table.stats()["fragment_stats"]["num_small_fragments"] > FRAGMENTS

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
        self._check_not_empty()
        query = self._table.search(vector, vector_column_name="vector").distance_type("cosine").limit(k)
        query = query.select(["id", "modality", "path", "text", "thumbnail", "_distance"])
        if only is not None:
            wanted = [only] if isinstance(only, str) else list(only)
            query = query.where(f"modality IN ({', '.join(map(quote, wanted))})", prefilter=True)
        if exact:
            rows = query.bypass_vector_index().to_arrow().to_pylist()
        else:
            query = query.refine_factor(REFINE)
            rows = query.nprobes(PROBES if only is None else PROBES_FILTERED).to_arrow().to_pylist()
            if len(rows) < k:
                # There are too few in these parts, or in all.
                rows = query.minimum_nprobes(1).maximum_nprobes(0).to_arrow().to_pylist()
        if not rows and only is not None:
            raise ValueError(f"The store {str(self.folder)!r} has no items of {wanted}; it has {self.counts()}.")
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
        modalities = frozenset(part.modality for part in parts)
        if modalities not in self._embedders:
            self.model.check(record_of(self.model.model, self.model.commit, self.model), self.folder)
            self._embedders[modalities] = QueryEmbedder(self.model, modalities)
        return self.search(self._embedders[modalities](parts), k, only, exact)

    def _scan(self, columns: Sequence[str], where: str | None = None) -> Iterator[pa.RecordBatch]:
        query = self._table.search().select(list(columns))
        yield from (query if where is None else query.where(where)).to_batches()

    def _check_not_empty(self) -> None:
        if not len(self):
            raise ValueError(f"The store {str(self.folder)!r} is empty.")
