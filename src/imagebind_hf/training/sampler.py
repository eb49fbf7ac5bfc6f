# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Which rows pair up, in which batch: decided by the seed and the epoch alone, so that a resumed run sees the same.

So is the seed that comes with each batch, of what is drawn at random when it is read: its augmentation.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from .data import Pairs


class PairBatchSampler(torch.utils.data.Sampler[list[tuple[int, int, int, int]]]):
    """Yields batches of keys of a [`PairDataset`], each of one kind.

    Args:
        pairs: The kinds of pairs.
        batch_size: Pairs in a batch.
        num_processes: So many batches in a row are of one kind: one for each process, which take turns.
        mixing: `"proportional"` or `"round_robin"`, see [`ImageBindTrainingArguments`].
        seed: Seed of all randomness; with it the epoch.

    Raises:
        ValueError: If a batch has fewer than two pairs, or a kind fewer pairs than one step takes.
    """

    def __init__(
        self,
        pairs: Mapping[str, Pairs],
        batch_size: int,
        num_processes: int = 1,
        mixing: str = "proportional",
        seed: int = 0,
    ):
        if batch_size * num_processes < 2:
            raise ValueError(f"A contrastive loss needs at least 2 pairs in a batch, got {batch_size}.")
        for name, kind in pairs.items():
            if len(kind) < batch_size * num_processes:
                raise ValueError(
                    f"{name!r} has {len(kind)} pairs, fewer than one step takes: {num_processes} x {batch_size}."
                )
        self.pairs = dict(pairs)
        # Accelerate reads both.
        self.batch_size, self.drop_last = batch_size, True
        self.num_processes, self.mixing, self.seed, self.epoch = num_processes, mixing, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next."""
        self.epoch = epoch

    def _steps(self) -> list[int]:
        """Return how many steps of each kind an epoch has."""
        steps = [len(kind) // (self.batch_size * self.num_processes) for kind in self.pairs.values()]
        return [min(steps)] * len(steps) if self.mixing == "round_robin" else steps

    def __len__(self) -> int:
        return sum(self._steps()) * self.num_processes

    def __iter__(self) -> Iterator[list[tuple[int, int, int, int]]]:
        generator = np.random.default_rng([self.seed, self.epoch])
        steps = self._steps()
        rows = [kind.draw(generator) for kind in self.pairs.values()]
        if self.mixing == "round_robin":
            order = np.tile(np.arange(len(steps)), steps[0])
        else:
            order = generator.permutation(np.repeat(np.arange(len(steps)), steps))
        seeds = generator.integers(2**63 - 1, size=(len(order), self.num_processes)).tolist()
        position = [0] * len(steps)
        for kind, of_step in zip(order, seeds, strict=True):
            for seed in of_step:
                start = position[kind]
                position[kind] += self.batch_size
                yield [(int(kind), *map(int, row), seed) for row in rows[kind][start : start + self.batch_size]]
