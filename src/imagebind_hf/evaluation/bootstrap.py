# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Bootstrap confidence intervals."""

from collections.abc import Callable, Sequence

import numpy as np

from ..utils.extras import needs_extra

# Numbers in memory at a time: 32 MiB in float64.
_BLOCK = 2**22


def bootstrap_interval(
    outcomes: Sequence[float] | np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray] | None = None,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a statistic, computed by `scipy.stats.bootstrap`.

    Args:
        outcomes: One number per test item, for example 1 for a correct and 0 for a wrong prediction.
        statistic: Maps resampled outcomes of shape `(batch_size, num_items)` to values of shape `(batch_size,)`.
            Defaults to the mean.
        resamples: Number of resamples.
        confidence: Confidence level, between 0 and 1.
        seed: Seed of the resamples. The same seed gives the same interval.

    Returns:
        Lower and upper end. Both are the statistic itself if there is only one item.

    Raises:
        ValueError: If there are no outcomes, or the confidence level is out of range.
        ImportError: If scipy is not installed.
    """
    with needs_extra("eval"):
        from scipy import stats

    values = np.asarray(outcomes)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"Expected one outcome per item, but got an array of shape {values.shape}.")
    if not 0 < confidence < 1:
        raise ValueError(f"Expected `confidence` to be between 0 and 1, but got {confidence}.")

    def compute(sample: np.ndarray, axis: int) -> np.ndarray:
        return sample.mean(axis=axis) if statistic is None else statistic(sample)

    if len(values) == 1:
        # scipy needs two observations.
        value = float(compute(values[None], -1)[0])
        return value, value
    interval = stats.bootstrap(
        (values,),
        compute,
        n_resamples=resamples,
        batch=max(1, _BLOCK // len(values)),
        vectorized=True,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(interval.low), float(interval.high)
