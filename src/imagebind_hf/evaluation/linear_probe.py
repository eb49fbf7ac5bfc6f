# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Few-shot linear probes on embeddings (paper, section 4.4)."""

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def few_shot_accuracy(
    train_embeds: torch.Tensor,
    train_labels: torch.Tensor,
    test_embeds: torch.Tensor,
    test_labels: torch.Tensor,
    shots: Sequence[int | str] = (1, 2, 4, 8, "all"),
    seeds: int = 5,
) -> dict[str, dict[str, float]]:
    """Train logistic regressions on few items of each class, and test them.

    Embeddings are brought to mean 0 and deviation 1 first: unit vectors of a contrastive model lie in a narrow cone,
    where the regression's penalty weighs more than what tells classes apart.

    Args:
        train_embeds, test_embeds (`torch.Tensor` of shape `(rows, E)`): Embeddings.
        train_labels, test_labels (`torch.Tensor` of shape `(rows,)`): Their classes.
        shots: Numbers of items of each class, or `"all"`.
        seeds: Number of random draws; with `"all"` there is one.

    Returns:
        By number of shots, `mean` and `std` of the accuracy over the draws.

    Raises:
        ValueError: If a class has fewer items than a number of shots, or test items are of a class without any.
    """
    features, labels = train_embeds.numpy(), train_labels.numpy()
    classes, counts = np.unique(labels, return_counts=True)
    unknown = sorted(set(test_labels.tolist()) - set(classes.tolist()))
    if unknown:
        raise ValueError(f"Test items are of classes {unknown}, which no training item is of: {classes.tolist()}.")
    results = {}
    for number in shots:
        if number != "all" and (not isinstance(number, int) or number < 1):
            raise ValueError(f"Shots are numbers from 1 on, or 'all', got {number!r}.")
        if number != "all" and number > counts.min():
            few = dict(zip(classes[counts < number].tolist(), counts[counts < number].tolist(), strict=True))
            raise ValueError(f"{number} shots are more than some classes have items: {few}.")
        accuracies = []
        for seed in range(1 if number == "all" else seeds):
            rows = np.arange(len(labels))
            if number != "all":
                generator = np.random.default_rng([seed, number])
                rows = np.concatenate(
                    [generator.choice(np.flatnonzero(labels == label), number, replace=False) for label in classes]
                )
            probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
            probe.fit(features[rows], labels[rows])
            accuracies.append(probe.score(test_embeds.numpy(), test_labels.numpy()))
        results[str(number)] = {"mean": float(np.mean(accuracies)), "std": float(np.std(accuracies))}
    return results
