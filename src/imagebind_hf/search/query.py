# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Queries: a weighted mixture of items of any modalities becomes one vector."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..hub.checkpoints import ModelRecord

if TYPE_CHECKING:
    from ..embedding.worker import ItemEmbedder


class Part(NamedTuple):
    """A part of a query.

    Args:
        modality: Its modality.
        item: The processor's input: a text, a file, bytes, or an array.
        weight: Its weight. A negative weight subtracts.
    """

    modality: str
    item: Any
    weight: float = 1.0


def parts_of(parts: Mapping[str, Any] | Iterable[tuple], weights: Mapping[str, float] | None = None) -> list[Part]:
    """Return the parts of a query as a list of [`Part`].

    Args:
        parts: `{modality: item}`, or a list of `(modality, item)` or `(modality, item, weight)`.
        weights: Weights by modality, for a mapping. Default: 1.

    Raises:
        ValueError: If there are no parts, or a weight belongs to no part.
    """
    if isinstance(parts, Mapping):
        missing = [modality for modality in weights or {} if modality not in parts]
        if missing:
            raise ValueError(f"Got weights for {missing}, but the query has {list(parts)}.")
        parts = [(modality, item, (weights or {}).get(modality, 1.0)) for modality, item in parts.items()]
    elif weights is not None:
        raise ValueError("Expected `weights` only with a mapping of parts. In a list, each part has its own weight.")
    parts = [Part(*part) for part in parts]
    if not parts:
        raise ValueError("The query is empty. Expected at least one item, for example a text or an image.")
    return parts


def mix(vectors: Any, weights: Sequence[float]) -> np.ndarray:
    """Return the normalized weighted sum of vectors (embedding arithmetic, section 4.5 of the paper).

    Args:
        vectors: Vectors of shape `(parts, dimension)`. They are normalized first.
        weights: One weight for each vector.

    Returns:
        A vector of shape `(dimension,)`, float32.

    Raises:
        ValueError: If a vector is zero or not finite, a weight is not finite, or the sum is zero.

    Example:
        >>> [round(float(value), 2) for value in mix([[1, 0], [0, 2]], [1, -1])]
        [0.71, -0.71]
    """
    # Imported here, because a search by vector needs no torch.
    import torch

    from ..models.imagebind.embedding_utils import combine_embeddings

    vectors, weights = np.asarray(vectors, np.float64), np.asarray(weights, np.float64)
    lengths = np.linalg.norm(vectors, axis=1)
    if not (np.isfinite(lengths) & (lengths > 0)).all() or not np.isfinite(weights).all():
        raise ValueError("A vector of the query is zero or not finite, or a weight is not finite.")
    names = [f"part {number}" for number in range(1, len(vectors) + 1)]
    embeds = dict(zip(names, torch.from_numpy(vectors), strict=True))
    return combine_embeddings(embeds, dict(zip(names, weights.tolist(), strict=True))).float().numpy()


class QueryEmbedder:
    """Embeds queries.

    Args:
        model: The record of the store's model.
        modalities: Modalities of the queries. Only their towers are loaded.
        device, dtype: The model's device and dtype, as for `ItemEmbedder.from_pretrained`.

    Raises:
        ValueError: If the model has no tower for a modality.
        OSError: If the model does not exist.
    """

    def __init__(self, model: ModelRecord, modalities: Iterable[str], device: str | None = None, dtype: str = "auto"):
        self.modalities = frozenset(modalities)
        self._embedder = load_embedder(model, self.modalities, device=device, dtype=dtype)

    def __call__(self, parts: Sequence[Part]) -> np.ndarray:
        """Embed a query. Return a vector of shape `(dimension,)` and length 1.

        Raises:
            ValueError: If a part cannot be read, or the parts cancel out.
        """
        from ..embedding import Item

        items = [Item(f"part {number}", part.modality, part.item) for number, part in enumerate(parts)]
        vectors = np.zeros((len(parts), self._embedder.model.config.projection_dim), np.float32)
        for numbers, embeds, failures in self._embedder(items):
            if failures:
                number, why = failures[0]
                raise ValueError(f"Cannot read the query's {parts[number].modality}: {why}")
            vectors[numbers] = embeds
        return mix(vectors, [part.weight for part in parts])


def load_embedder(model: ModelRecord, modalities: Iterable[str], **kwargs: Any) -> "ItemEmbedder":
    """Load a store's model with the towers of some modalities.

    Args:
        model: The record of the model.
        modalities: The modalities.
        **kwargs: Further arguments of `ItemEmbedder.from_pretrained`.

    Raises:
        ValueError: If the model has no tower for a modality.
        OSError: If the model does not exist.
    """
    from ..embedding.worker import ItemEmbedder

    return ItemEmbedder.from_pretrained(model.model, modalities, revision=model.commit, **kwargs)
