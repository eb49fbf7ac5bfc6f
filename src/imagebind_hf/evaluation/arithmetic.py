# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Adding embeddings of several modalities (paper, section 4.5)."""

from collections.abc import Mapping

import torch
from torch.nn.functional import normalize


def combine_embeddings(embeds: Mapping[str, torch.Tensor], weights: Mapping[str, float] | None = None) -> torch.Tensor:
    """Add unit vectors with weights, and bring the sum to unit length.

    The paper adds an image and a sound with .5 each, and fuses video and audio with .95 and .05 (table 3).

    Args:
        embeds: Vectors of shape `(rows, E)` by modality; row i of all belongs together.
        weights: Weights by modality; equal ones by default. A negative one takes away.

    Returns:
        `torch.Tensor` of shape `(rows, E)`.

    Raises:
        ValueError: If there is nothing, a weight is of what is not there, shapes differ, or a sum vanishes.
    """
    weights = dict.fromkeys(embeds, 1.0) if weights is None else dict(weights)
    missing = [name for name in weights if name not in embeds]
    if missing or not weights:
        raise ValueError(f"Got weights of {list(weights)} and embeddings of {list(embeds)}.")
    shapes = {name: tuple(embeds[name].shape) for name in weights}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"Embeddings differ in shape: {shapes}.")
    total = sum(weight * normalize(embeds[name], dim=-1) for name, weight in weights.items())
    if (total.norm(dim=-1) < 1e-6).any():
        raise ValueError(f"With the weights {weights} some embeddings cancel out.")
    return normalize(total, dim=-1)
