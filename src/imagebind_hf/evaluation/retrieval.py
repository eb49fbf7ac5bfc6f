# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Retrieval between modalities."""

import torch


def retrieval_by_class(
    queries: torch.Tensor, gallery: torch.Tensor, query_labels: torch.Tensor, gallery_labels: torch.Tensor
) -> dict[str, float]:
    """Measure how often the nearest item of the gallery is of the query's class.

    Args:
        queries, gallery (`torch.Tensor` of shape `(rows, E)`): Embeddings.
        query_labels, gallery_labels (`torch.Tensor` of shape `(rows,)`): Their classes.

    Returns:
        `recall@1`, and `chance`: what a random item of the gallery would reach.
    """
    nearest = gallery_labels[(queries @ gallery.t()).argmax(dim=1)]
    size = int(max(query_labels.max(), gallery_labels.max())) + 1
    shares = [torch.bincount(labels, minlength=size) / len(labels) for labels in (query_labels, gallery_labels)]
    return {
        "recall@1": (nearest == query_labels).float().mean().item(),
        "chance": (shares[0] * shares[1]).sum().item(),
    }
