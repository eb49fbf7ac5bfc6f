# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from imagebind_hf.evaluation.linear_probe import few_shot_accuracy


def clouds(rows: int, seed: int, noise: float = 0.5) -> tuple[torch.Tensor, torch.Tensor]:
    """Three classes around three directions."""
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % 3
    values = np.eye(3, 8)[labels] + noise * rng.standard_normal((rows, 8))
    return torch.from_numpy(values).float(), torch.from_numpy(labels)


def test_all_items_are_a_plain_regression():
    (train, labels), (test, answers) = clouds(60, 0), clouds(90, 1)
    mean, deviation = train.numpy().mean(0), train.numpy().std(0)
    probe = LogisticRegression(max_iter=1000).fit((train.numpy() - mean) / deviation, labels.numpy())
    expected = (probe.predict((test.numpy() - mean) / deviation) == answers.numpy()).mean()
    result = few_shot_accuracy(train, labels, test, answers, shots=["all"])
    assert result == {"all": {"mean": pytest.approx(expected), "std": 0.0}}


def test_more_examples_help_and_draws_differ():
    result = few_shot_accuracy(*clouds(120, 0), *clouds(300, 1), shots=[1, 4, 16], seeds=6)
    means = [result[number]["mean"] for number in ("1", "4", "16")]
    assert means[0] < means[1] < means[2] and result["1"]["std"] > 0
    assert few_shot_accuracy(*clouds(120, 0), *clouds(300, 1), shots=[4], seeds=6)["4"] == result["4"]


@pytest.mark.parametrize(
    "shots, message",
    [
        ([21], "at least 21 training items per class, but some have fewer: {0: 20"),
        ([0], "at least 1 or 'all', but got 0"),
        (["some"], "'some'"),
    ],
)
def test_bad_shots(shots, message):
    with pytest.raises(ValueError, match=message):
        few_shot_accuracy(*clouds(60, 0), *clouds(30, 1), shots=shots)


def test_unknown_classes():
    train, labels = clouds(60, 0)
    with pytest.raises(ValueError, match=r"test classes \[5\] have no training items"):
        few_shot_accuracy(train, labels, train[:1], torch.tensor([5]))
