# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The batch sampler. Its batches depend only on the seed and the epoch, so that a resumed run gets the same batches.

Each batch includes a seed for its augmentation.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from .pairs import Pairs


class PairBatchSampler(torch.utils.data.Sampler[list[tuple[int, int, int, int]]]):
    """Yield batches of keys of a [`PairDataset`]. A batch holds one kind of pairs.

    Args:
        pairs: The kinds of pairs, by name.
        batch_size: Number of pairs in a batch.
        num_processes: Number of processes. This many consecutive batches are of the same kind, one for each process.
        mixing: `"proportional"` or `"round_robin"`, see `pair_sampling` of [`ImageBindTrainingArguments`].
        seed: The random seed.

    Raises:
        ValueError: If a step has fewer than two pairs, or if a kind has fewer pairs than a step.
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
            raise ValueError(f"A contrastive loss requires at least 2 pairs in a batch, but got {batch_size}.")
        for name, kind in pairs.items():
            if len(kind) < batch_size * num_processes:
                raise ValueError(
                    f"{name!r} has {len(kind)} pairs, but one step requires {num_processes} x {batch_size}."
                )
        self.pairs = dict(pairs)
        # Accelerate reads these two attributes.
        self.batch_size, self.drop_last = batch_size, True
        self.num_processes, self.mixing, self.seed, self.epoch = num_processes, mixing, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration."""
        self.epoch = epoch

    def _steps(self) -> list[int]:
        """Return the number of steps of each kind in an epoch."""
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
        for kind, step_seeds in zip(order, seeds, strict=True):
            for seed in step_seeds:
                start = position[kind]
                position[kind] += self.batch_size
                yield [(int(kind), *map(int, row), seed) for row in rows[kind][start : start + self.batch_size]]
