# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from imagebind_hf.evaluation import bootstrap_interval


def test_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        low, high = bootstrap_interval(rng.random(200) < 0.3, resamples=400, seed=trial)
        covered += low <= 0.3 <= high
    assert 0.89 <= covered / 200 <= 0.99


def test_it_is_the_normal_interval_for_many_items():
    outcomes = np.arange(10_000) % 4 == 0
    low, high = bootstrap_interval(outcomes)
    half = 1.96 * np.sqrt(0.25 * 0.75 / 10_000)
    assert low == pytest.approx(0.25 - half, abs=1e-3) and high == pytest.approx(0.25 + half, abs=1e-3)
    assert bootstrap_interval(outcomes) == (low, high)


def test_other_statistics():
    ranks = np.arange(1, 100)
    low, high = bootstrap_interval(ranks, lambda sample: np.median(sample, axis=1))
    assert 30 < low < 50 < high < 70


def test_bad_input():
    with pytest.raises(ValueError, match="one outcome per item"):
        bootstrap_interval([])
    with pytest.raises(ValueError, match="`confidence` to be between 0 and 1, but got 95"):
        bootstrap_interval([1.0], confidence=95)
