# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Embedding arithmetic (section 4.5 of the paper): several embeddings become one."""

from collections.abc import Mapping

import torch
from torch.nn.functional import normalize

# Sums of unit vectors that are shorter than this are rounding errors.
MIN_NORM = 1e-6


def combine_embeddings(embeds: Mapping[str, torch.Tensor], weights: Mapping[str, float] | None = None) -> torch.Tensor:
    """Return the normalized weighted sum of unit vectors.

    The paper combines an image and an audio clip with weights of 0.5 each (section 4.5), and video and audio with 0.95
    and 0.05 (table 3).

    Args:
        embeds: Embeddings of shape `(..., projection_dim)` by name, usually the modality's. They are normalized first.
        weights: Weights by name. Embeddings without a weight are left out; a negative weight subtracts. All weigh the
            same by default.

    Returns:
        `torch.Tensor` of shape `(..., projection_dim)`: vectors of length 1.

    Raises:
        ValueError: If there is nothing to combine, a weight has no embedding, shapes differ, or a sum is zero.

    Example:
        >>> import torch
        >>> embeds = {"image": torch.tensor([2.0, 0.0]), "audio": torch.tensor([0.0, 1.0])}
        >>> combine_embeddings(embeds, {"image": 0.6, "audio": 0.8})
        tensor([0.6000, 0.8000])
    """
    weights = dict.fromkeys(embeds, 1.0) if weights is None else dict(weights)
    missing = [name for name in weights if name not in embeds]
    if missing or not weights:
        raise ValueError(f"Expected weights for some of {list(embeds)}, but got weights for {list(weights)}.")
    shapes = {name: tuple(embeds[name].shape) for name in weights}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"Expected embeddings of one shape, but got {shapes}.")
    total = sum(weight * normalize(embeds[name], dim=-1) for name, weight in weights.items())
    if (total.norm(dim=-1) < MIN_NORM).any():
        raise ValueError(f"The embeddings cancel out with the weights {weights}.")
    return normalize(total, dim=-1)


__all__ = ["combine_embeddings"]
