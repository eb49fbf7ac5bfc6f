# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Retrieval between modalities."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from .bootstrap import bootstrap_interval


def retrieval_by_class(
    queries: torch.Tensor, gallery: torch.Tensor, query_labels: torch.Tensor, gallery_labels: torch.Tensor
) -> dict[str, Any]:
    """Measure how often the nearest item of the gallery is of the query's class.

    Args:
        queries, gallery (`torch.Tensor` of shape `(rows, E)`): Embeddings.
        query_labels, gallery_labels (`torch.Tensor` of shape `(rows,)`): Their classes.

    Returns:
        `recall@1`; its `interval`, of 95 % (bootstrap over queries); and `chance`: what a random item of the gallery
        would reach.
    """
    nearest = gallery_labels[(queries @ gallery.t()).argmax(dim=1)]
    size = int(max(query_labels.max(), gallery_labels.max())) + 1
    shares = [torch.bincount(labels, minlength=size) / len(labels) for labels in (query_labels, gallery_labels)]
    hits = (nearest == query_labels).float()
    return {
        "recall@1": hits.mean().item(),
        "interval": list(bootstrap_interval(hits.numpy())),
        "chance": (shares[0] * shares[1]).sum().item(),
    }


def target_ranks(
    queries: torch.Tensor,
    gallery: torch.Tensor,
    targets: Sequence[Sequence[int]] | None = None,
    block_size: int = 1024,
) -> torch.Tensor:
    """Return the rank of each query's best right answer among the gallery, 1 for the first.

    Items as near as the right answer count as before it: a model that maps all to one point gains nothing.

    Args:
        queries, gallery (`torch.Tensor` of shape `(rows, E)`): Embeddings.
        targets: For every query the rows of its right answers; by default the row of the same number.
        block_size: Queries that are compared together; the result does not depend on it.

    Returns:
        `torch.Tensor` of shape `(queries,)`, integers.

    Raises:
        ValueError: If a query has no right answer, or one that is not in the gallery, or embeddings are not finite.
    """
    if targets is None:
        if len(queries) != len(gallery):
            raise ValueError(f"{len(queries)} queries and {len(gallery)} items: say which belong together (targets).")
        targets = [[row] for row in range(len(queries))]
    if len(targets) != len(queries):
        raise ValueError(f"Got {len(targets)} targets for {len(queries)} queries.")
    # Nothing is as near as what is no number: such a query would count as answered.
    if not (queries.isfinite().all() and gallery.isfinite().all()):
        raise ValueError("Embeddings are not finite.")
    ranks = []
    for start in range(0, len(queries), block_size):
        scores = queries[start : start + block_size] @ gallery.t()
        for row, right in zip(scores, targets[start : start + block_size], strict=True):
            right = torch.as_tensor(right, dtype=torch.long)
            if not len(right) or right.min() < 0 or right.max() >= len(gallery):
                raise ValueError(
                    f"Right answers are rows 0 to {len(gallery) - 1} of the gallery, got {right.tolist()}."
                )
            wrong = torch.ones(len(row), dtype=torch.bool)
            wrong[right] = False
            ranks.append(1 + (row[wrong] >= row[right].max()).sum())
    return torch.stack(ranks)


def retrieval_metrics(
    queries: torch.Tensor,
    gallery: torch.Tensor,
    targets: Sequence[Sequence[int]] | None = None,
    ks: Sequence[int] = (1, 5, 10),
) -> dict[str, float]:
    """Measure retrieval; arguments and errors as for [`target_ranks`].

    Returns:
        `recall@k`: the share of queries with a right answer among the first k; `median_rank`.
    """
    return recalls(target_ranks(queries, gallery, targets), ks)


def recalls(ranks: torch.Tensor, ks: Sequence[int] = (1, 5, 10)) -> dict[str, float]:
    """Sum ranks up: `recall@k`, and `median_rank`."""
    shares = {f"recall@{k}": (ranks <= k).float().mean().item() for k in ks}
    return {**shares, "median_rank": float(np.median(ranks.numpy()))}
