# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Pairs that come as streams: data sets larger than the disk."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from datasets import IterableDataset
from datasets.distributed import split_dataset_by_node

from .augmentation import seeded
from .data import Pairs


class PairStream(torch.utils.data.IterableDataset):
    """Batches of pairs from streams, each of one kind; kinds take turns.

    It never ends: a stream begins anew, in another order, when it is used up.

    Args:
        pairs: The kinds, at least one of them a stream, all with images and partners in the same rows.
        batch_size: Pairs in a batch.
        num_processes: Rows are divided among so many processes.
        process_index: Which of them this is.
        buffer_size: Rows are drawn at random from so many.
        seed: Seed of all randomness.

    Raises:
        ValueError: If a kind has images and partners in two data sets, is paired by label, or replicated.
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
            raise ValueError(f"A contrastive loss needs at least 2 pairs in a batch, got {batch_size}.")
        self.pairs, self.batch_size, self.buffer_size, self.seed = dict(pairs), batch_size, buffer_size, seed
        self.process_index = process_index
        self.streams: dict[str, IterableDataset] = {}
        for name, kind in self.pairs.items():
            if kind.by_label or kind.partners is not kind.images or kind.replication != 1:
                raise ValueError(
                    f"{name!r}: beside a stream, pairs must be rows of one data set, as they are: neither paired by "
                    "label nor replicated."
                )
            rows = kind.images.select_columns([kind.image_column, kind.column])
            if not isinstance(rows, IterableDataset):
                rows = rows.to_iterable_dataset()
            self.streams[name] = split_dataset_by_node(rows, process_index, num_processes)

    @property
    def num_shards(self) -> int:
        """So many workers can read at once: a shard goes to one of them, and each must have one of every stream."""
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
                    f"{name!r}: the stream has fewer rows for this process than a batch of {self.batch_size}."
                )
