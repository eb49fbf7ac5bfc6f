# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Few-shot linear probes on embeddings (section 4.4 of the paper)."""

from collections.abc import Sequence

import numpy as np
import torch

from ..utils.extras import needs_extra


def few_shot_accuracy(
    train_embeds: torch.Tensor,
    train_labels: torch.Tensor,
    test_embeds: torch.Tensor,
    test_labels: torch.Tensor,
    shots: Sequence[int | str] = (1, 2, 4, 8, "all"),
    seeds: int = 5,
) -> dict[str, dict[str, float]]:
    """Train logistic regressions on a few items per class and compute their test accuracy.

    Embeddings are standardized first. Embeddings of a contrastive model lie in a narrow cone, where without scaling
    the regularization dominates the differences between classes.

    Args:
        train_embeds, test_embeds (`torch.Tensor` of shape `(num_rows, projection_dim)`): Embeddings.
        train_labels, test_labels (`torch.Tensor` of shape `(num_rows,)`): Class numbers.
        shots: Numbers of training items per class. `"all"` trains on every item.
        seeds: Number of random draws of the training items. `"all"` needs only one.

    Returns:
        By number of shots, the `mean` and the standard deviation (`std`) of the accuracy over the draws.

    Raises:
        ValueError: If a class has fewer training items than a number of shots, or a test class has no training item.
        ImportError: If scikit-learn is not installed.
    """
    with needs_extra("eval"):
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

    features, labels = train_embeds.numpy(), train_labels.numpy()
    classes, counts = np.unique(labels, return_counts=True)
    unknown = sorted(set(test_labels.tolist()) - set(classes.tolist()))
    if unknown:
        raise ValueError(f"The test classes {unknown} have no training items. Training classes: {classes.tolist()}.")
    results = {}
    for number in shots:
        if number != "all" and (not isinstance(number, int) or number < 1):
            raise ValueError(f"Expected shots to be at least 1 or 'all', but got {number!r}.")
        if number != "all" and number > counts.min():
            few = dict(zip(classes[counts < number].tolist(), counts[counts < number].tolist(), strict=True))
            raise ValueError(f"Expected at least {number} training items per class, but some have fewer: {few}.")
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
