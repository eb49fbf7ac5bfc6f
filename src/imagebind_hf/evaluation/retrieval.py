# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Retrieval metrics."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from .bootstrap import bootstrap_interval


def retrieval_by_class(
    queries: torch.Tensor, gallery: torch.Tensor, query_labels: torch.Tensor, gallery_labels: torch.Tensor
) -> dict[str, Any]:
    """Compute how often the nearest gallery item has the class of the query.

    Args:
        queries, gallery (`torch.Tensor` of shape `(num_rows, projection_dim)`): Embeddings.
        query_labels, gallery_labels (`torch.Tensor` of shape `(num_rows,)`): Class numbers.

    Returns:
        `recall@1`; `interval`, its 95 % bootstrap interval over queries; and `chance`, the expected value for a random
        gallery item.
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
    """Return the rank of each query's best target in the gallery, starting from 1.

    Ties count against the target: a model that maps all inputs to one point gets the worst rank.

    Args:
        queries, gallery (`torch.Tensor` of shape `(num_rows, projection_dim)`): Embeddings.
        targets: Gallery row numbers of the targets of each query. By default, query i has the one target i.
        block_size: Number of queries to compare at a time. The result does not depend on it.

    Returns:
        Integer `torch.Tensor` of shape `(num_queries,)`.

    Raises:
        ValueError: If a query has no target, a target is not in the gallery, or embeddings are not finite.
    """
    if targets is None:
        if len(queries) != len(gallery):
            raise ValueError(f"Expected `targets` for {len(queries)} queries and {len(gallery)} gallery items.")
        targets = [[row] for row in range(len(queries))]
    if len(targets) != len(queries):
        raise ValueError(f"Expected targets for {len(queries)} queries, but got {len(targets)}.")
    # A comparison with NaN is false, which would count as a hit.
    if not (queries.isfinite().all() and gallery.isfinite().all()):
        raise ValueError("Expected finite embeddings, but got NaN or infinity.")
    ranks = []
    for start in range(0, len(queries), block_size):
        scores = queries[start : start + block_size] @ gallery.t()
        for row, right in zip(scores, targets[start : start + block_size], strict=True):
            right = torch.as_tensor(right, dtype=torch.long)
            if not len(right) or right.min() < 0 or right.max() >= len(gallery):
                raise ValueError(
                    f"Expected at least one target per query, from rows 0 to {len(gallery) - 1} of the gallery, but "
                    f"got {right.tolist()}."
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
    """Compute retrieval metrics.

    Args:
        queries, gallery, targets: As for [`target_ranks`].
        ks: Cutoffs.

    Returns:
        `recall@k`, the share of queries with a target among the first k items, for every cutoff; and `median_rank`.

    Raises:
        ValueError: As for [`target_ranks`].
    """
    return recalls(target_ranks(queries, gallery, targets), ks)


def recalls(ranks: torch.Tensor, ks: Sequence[int] = (1, 5, 10)) -> dict[str, float]:
    """Compute `recall@k` and `median_rank` from ranks; see [`target_ranks`]."""
    shares = {f"recall@{k}": (ranks <= k).float().mean().item() for k in ks}
    return {**shares, "median_rank": float(np.median(ranks.numpy()))}
