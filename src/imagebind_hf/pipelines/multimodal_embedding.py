# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Embeddings of one or several modalities."""

from collections.abc import Mapping
from typing import Any

from torch.nn.functional import normalize

from ..models.imagebind.embedding_utils import combine_embeddings
from .base import ImageBindPipeline


class ImageBindEmbeddingPipeline(ImageBindPipeline):
    """Embed items of one or several modalities, one vector per modality or one vector per item.

    The task is `multimodal-embedding`. The arguments can be passed to `pipeline(...)` or to a call; those of a call
    take precedence.

    Args of a call:
        inputs (`dict[str, Any]` or a list of them): `{modality: value}`, with values that the processor accepts.
        weights (`dict[str, float]`): Weights by modality. With weights, each item gets one vector: the normalized
            weighted sum of its unit vectors (embedding arithmetic, section 4.5 of the paper). A negative weight
            subtracts. Modalities without a weight are left out.
        return_tensors (`bool`, defaults to `False`): Whether to return tensors instead of lists.
        processor_kwargs (`dict[str, Any]`): Further arguments of the processor.

    Returns:
        For each item `{modality: vector}`, or one vector if there are weights. Vectors have length 1.

    Raises:
        ValueError: If an item is empty or has an unknown modality, or weights are for modalities that the item does
            not have, or cancel out.
    """

    def _sanitize_parameters(
        self,
        weights: Mapping[str, float] | None = None,
        return_tensors: bool | None = None,
        processor_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> tuple[dict, dict, dict]:
        if kwargs:
            raise ValueError(
                f"Unknown arguments {list(kwargs)}. Expected weights, return_tensors or processor_kwargs."
            )
        preprocess = {} if processor_kwargs is None else {"processor_kwargs": processor_kwargs}
        # Arguments that are not given must not hide those of the constructor.
        postprocess = {"weights": weights, "return_tensors": return_tensors}
        return preprocess, {}, {name: value for name, value in postprocess.items() if value is not None}

    def preprocess(
        self, inputs: Mapping[str, Any], processor_kwargs: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Preprocess one item."""
        return self._prepare(inputs, processor_kwargs)

    def _forward(self, model_inputs: Mapping[str, Any]) -> dict[str, list]:
        return {"embeds": self._embed(model_inputs)}

    def postprocess(
        self,
        model_outputs: Mapping[str, Any],
        weights: Mapping[str, float] | None = None,
        return_tensors: bool = False,
    ) -> Any:
        """Return the vectors of one item, or their weighted sum."""
        embeds = model_outputs["embeds"]
        embeds = embeds[0] if isinstance(embeds, list) else embeds
        embeds = {modality: normalize(vector.float().flatten(), dim=0) for modality, vector in embeds.items()}
        if weights is not None:
            vector = combine_embeddings(embeds, weights)
            return vector if return_tensors else vector.tolist()
        return embeds if return_tensors else {modality: vector.tolist() for modality, vector in embeds.items()}


__all__ = ["ImageBindEmbeddingPipeline"]
