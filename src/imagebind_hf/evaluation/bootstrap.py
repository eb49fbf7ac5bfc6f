# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""How far a result would move with other test items."""

from collections.abc import Callable, Sequence

import numpy as np


def bootstrap_interval(
    outcomes: Sequence[float] | np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray] | None = None,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile bootstrap interval (Efron 1979) of a statistic of the items' outcomes.

    Args:
        outcomes: One number for each item: 1 for right and 0 for wrong, or a rank.
        statistic: From outcomes of shape `(resamples, items)` to `(resamples,)`; the mean by default.
        resamples: Number of samples drawn with replacement.
        confidence: Share of the samples within the interval.
        seed: Seed of the samples: the interval is the same every time.

    Raises:
        ValueError: If there are no outcomes, or the confidence is no share.
    """
    values = np.asarray(outcomes, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"Expected an outcome for each item, got an array of shape {values.shape}.")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}, expected more than 0 and less than 1.")
    generator = np.random.default_rng(seed)
    statistics = []
    # In blocks, so that memory does not grow with the number of items times that of samples.
    block = max(1, 2**24 // len(values))
    for start in range(0, resamples, block):
        rows = generator.integers(len(values), size=(min(block, resamples - start), len(values)))
        sample = values[rows]
        statistics.append(sample.mean(axis=1) if statistic is None else statistic(sample))
    tail = 50 * (1 - confidence)
    low, high = np.percentile(np.concatenate(statistics), [tail, 100 - tail])
    return float(low), float(high)
