# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Pairs from streams, for data sets that do not fit on the disk."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from datasets import IterableDataset
from datasets.distributed import split_dataset_by_node

from .augmentation import seeded
from .pairs import Pairs


class PairStream(torch.utils.data.IterableDataset):
    """Batches of pairs from streams. A batch holds one kind of pairs, and kinds alternate.

    The iteration is infinite: an exhausted stream restarts in another order.

    Args:
        pairs: The kinds of pairs, by name, with images and partners in the same rows.
        batch_size: Number of pairs in a batch.
        num_processes: Number of processes that share the rows.
        process_index: Index of this process.
        buffer_size: Number of rows that are shuffled together.
        seed: The random seed.

    Raises:
        ValueError: If a batch has fewer than two pairs, or if a kind has images and partners in two data sets, is
            paired by label, or is replicated.
    """

    def __init__(
        self,
        pairs: Mapping[str, Pairs],
        batch_size: int,
        num_processes: int = 1,
        process_index: int = 0,
        buffer_size: int = 1000,
        seed: int = 0,
    ):
        if batch_size < 2:
            raise ValueError(f"A contrastive loss requires at least 2 pairs in a batch, but got {batch_size}.")
        self.pairs, self.batch_size, self.buffer_size, self.seed = dict(pairs), batch_size, buffer_size, seed
        self.process_index = process_index
        self.streams: dict[str, IterableDataset] = {}
        for name, kind in self.pairs.items():
            if kind.by_label or kind.partners is not kind.images or kind.replication != 1:
                raise ValueError(
                    f"{name!r}: If one kind of pairs is a stream, all kinds must have images and partners in the same "
                    "rows, without `by_label` and `replication`."
                )
            rows = kind.images.select_columns([kind.image_column, kind.column])
            if not isinstance(rows, IterableDataset):
                rows = rows.to_iterable_dataset()
            self.streams[name] = split_dataset_by_node(rows, process_index, num_processes)

    @property
    def num_shards(self) -> int:
        """Maximum number of workers: each needs at least one shard of every stream."""
        return min(stream.num_shards for stream in self.streams.values())

    def __iter__(self) -> Iterator[dict[str, Any]]:
        batches = {name: self._batches(name) for name in self.streams}
        worker = torch.utils.data.get_worker_info()
        generator = np.random.default_rng([self.seed, self.process_index, 0 if worker is None else worker.id])
        while True:
            for name, kind in self.pairs.items():
                columns = next(batches[name])
                seed = int(generator.integers(2**63 - 1))
                with seeded(seed):
                    pairs = kind.augmented(columns[kind.image_column], columns[kind.column])
                yield {"kind": name, "seed": seed, **pairs}

    def _batches(self, name: str) -> Iterator[dict[str, list]]:
        rows = self.streams[name].shuffle(seed=self.seed, buffer_size=self.buffer_size)
        batches = rows.batch(self.batch_size, drop_last_batch=True)
        for epoch in itertools.count():
            batches.set_epoch(epoch)
            is_empty = True
            for batch in batches:
                is_empty = False
                yield batch
            if is_empty:
                raise ValueError(
                    f"{name!r}: The stream has fewer rows for this process than one batch of {self.batch_size}."
                )
