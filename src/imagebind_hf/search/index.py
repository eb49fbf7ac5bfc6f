# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Search in a store, by a vector or by a mixture of items of any modalities."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..hub.checkpoints import ModelRecord, record_of
from .hits import Hit
from .store import Store
from .table import nearest

if TYPE_CHECKING:
    from .query import QueryEmbedder


class SearchIndex(Store):
    """A store, made by [`SearchIndex.create`] or opened by [`SearchIndex.open`].

    One process at a time may change a store. Searches need no lock, and see whole commits.

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
        super().__init__(folder, model)
        self._threads = ThreadPoolExecutor(thread_name_prefix="search")
        self._embedder: QueryEmbedder | None = None

    def search(
        self, vector: Any, k: int = 10, only: str | Sequence[str] | None = None, exact: bool = False
    ) -> list[Hit]:
        """Find the items with the nearest vectors.

        Args:
            vector: The query, of shape `(dimension,)`. It is normalized.
            k: Number of results.
            only: Search only this modality, or these.
            exact: Compare all vectors, even if there is an index.

        Returns:
            At most `k` hits, nearest first.

        Raises:
            ValueError: If the vector has another shape, is zero or not finite, `k` is not positive, or the store has
                no items of the modalities.
        """
        vector = np.asarray(vector, np.float32)
        if vector.shape != (self.model.dimension,):
            raise ValueError(f"Expected a vector of shape ({self.model.dimension},), but got {vector.shape}.")
        if not np.isfinite(vector).all() or not vector.any():
            raise ValueError("The vector of the query is zero or not finite.")
        if k < 1:
            raise ValueError(f"Expected `k` to be at least 1, but got {k}.")
        wanted = [only] if isinstance(only, str) else only
        tables = [table for name, table in self._tables().items() if wanted is None or name in wanted]
        found = self._threads.map(lambda table: nearest(table, vector, k, exact), tables)
        rows = sorted((row for rows in found for row in rows), key=lambda row: row["_distance"])[:k]
        if not rows:
            counts = self._check_not_empty()
            raise ValueError(f"The store {str(self.folder)!r} has no items of {list(wanted)}. It has {counts}.")
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
        """Search with a mixture of items. The towers that it needs are loaded, and kept for the next query.

        Args:
            parts: `{modality: item}` with items as the processor takes them, or a list of `(modality, item, weight)`,
                in which a modality may occur more than once. A negative weight subtracts.
            weights: Weights by modality, for a mapping. Default: 1.
            k, only, exact: As for [`SearchIndex.search`].

        Raises:
            ValueError: If an item cannot be read, the model has no tower for it or has changed, or the parts cancel
                out.
        """
        from .query import QueryEmbedder, parts_of

        parts = parts_of(parts, weights)
        self._check_not_empty()
        modalities = {part.modality for part in parts}
        if self._embedder is None or not modalities <= self._embedder.modalities:
            self.model.check(record_of(self.model.model, self.model.commit, self.model), self.folder)
            modalities |= self._embedder.modalities if self._embedder else set()
            self._embedder = QueryEmbedder(self.model, modalities)
        return self.search(self._embedder(parts), k, only, exact)
