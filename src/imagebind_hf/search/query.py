# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Questions: parts of any modalities, weighted, added up to one vector."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..hub.checkpoints import ModelRecord

if TYPE_CHECKING:
    from ..embedding.worker import ItemEmbedder


class Part(NamedTuple):
    """A part of a question.

    Args:
        modality: Its modality.
        item: What the processor takes: a text, a file, bytes, an array.
        weight: How much of it; a negative one takes away.
    """

    modality: str
    item: Any
    weight: float = 1.0


def parts_of(parts: Mapping[str, Any] | Iterable[tuple], weights: Mapping[str, float] | None = None) -> list[Part]:
    """Bring a question into its one form.

    Args:
        parts: `{modality: item}`, or `(modality, item)` or `(modality, item, weight)` each.
        weights: Weights by modality, of a mapping; 1 by default.

    Raises:
        ValueError: If there are no parts, or weights of what is not there.
    """
    if isinstance(parts, Mapping):
        missing = [modality for modality in weights or {} if modality not in parts]
        if missing:
            raise ValueError(f"Got weights of {missing}, the question has {list(parts)}.")
        parts = [(modality, item, (weights or {}).get(modality, 1.0)) for modality, item in parts.items()]
    elif weights is not None:
        raise ValueError("Weights stand beside a mapping; here each part has its own.")
    parts = [Part(*part) for part in parts]
    if not parts:
        raise ValueError("There is nothing to search for: give a text, a picture, a sound, …")
    return parts


def mix(vectors: Any, weights: Sequence[float]) -> np.ndarray:
    """Add up vectors of length 1 by weights, and bring the sum to length 1: the paper's embedding arithmetic.

    Args:
        vectors: Of shape `(parts, dimension)`, brought to length 1 if need be.
        weights: One for each.

    Returns:
        A vector of shape `(dimension,)`, float32.

    Raises:
        ValueError: If a vector is zero or not finite, or nothing is left of the sum.

    Example:
        >>> [round(float(value), 2) for value in mix([[1, 0], [0, 2]], [1, -1])]
        [0.71, -0.71]
    """
    vectors, weights = np.asarray(vectors, np.float64), np.asarray(weights, np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(lengths) & (lengths > 0)).all() or not np.isfinite(weights).all():
        raise ValueError("A vector or a weight is not finite, or a vector is zero.")
    total = weights @ (vectors / lengths)
    if not np.linalg.norm(total) > 1e-6 * max(np.abs(weights).sum(), 1e-6):
        raise ValueError(f"The parts with weights {weights.tolist()} cancel out: nothing is left to search for.")
    return (total / np.linalg.norm(total)).astype(np.float32)


class QueryEmbedder:
    """Embeds questions.

    Args:
        model: The store's model. Only the towers that the modalities take are loaded.
        modalities: Modalities of the parts.
        device, dtype: Where to compute, and in which type; as for `ItemEmbedder`.

    Raises:
        ValueError: If the model lacks a tower, or is no longer that of the store.
        OSError: If the model is not there.
    """

    def __init__(self, model: ModelRecord, modalities: Iterable[str], device: str | None = None, dtype: str = "auto"):
        self.modalities = frozenset(modalities)
        self._embedder = load_embedder(model, self.modalities, device=device, dtype=dtype)

    def __call__(self, parts: Sequence[Part]) -> np.ndarray:
        """Embed a question; returns a vector of shape `(dimension,)` and length 1.

        Raises:
            ValueError: If a part cannot be read, or the parts cancel out.
        """
        from ..embedding import Item

        items = [Item(f"part {number}", part.modality, part.item) for number, part in enumerate(parts)]
        vectors = np.zeros((len(parts), self._embedder.model.config.projection_dim), np.float32)
        for numbers, embeds, failures in self._embedder(items):
            if failures:
                number, why = failures[0]
                raise ValueError(f"The {parts[number].modality} of the question: {why}")
            vectors[numbers] = embeds
        return mix(vectors, [part.weight for part in parts])


def load_embedder(model: ModelRecord, modalities: Iterable[str], **kwargs: Any) -> "ItemEmbedder":
    """Load a store's model with the towers that some modalities take.

    Args:
        model: The model.
        modalities: The modalities.
        **kwargs: Further arguments of `ItemEmbedder.from_pretrained`.

    Raises:
        ValueError: If the model lacks a tower.
        OSError: If it is not there.
    """
    from ..embedding.worker import ItemEmbedder

    return ItemEmbedder.from_pretrained(model.model, modalities, revision=model.commit, **kwargs)
