# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Embeddings of any mixture of modalities."""

from collections.abc import Mapping
from typing import Any

from torch.nn.functional import normalize

from ..models.imagebind.embedding_utils import combine_embeddings
from .base import ImageBindPipeline


class ImageBindEmbeddingPipeline(ImageBindPipeline):
    """Embeddings of any mixture of modalities, each alone or added up; the task `multimodal-embedding`.

    Args of a call:
        inputs (`dict[str, Any]`): `{modality: item}`, items as the processor takes them; or a list of such.
        weights (`dict[str, float]`): Weights by modality: instead of a vector for each, one for all is returned, the
            weighted sum of the unit vectors, brought to unit length (the paper's embedding arithmetic, section 4.5).
            A negative weight takes away. A modality without one is left out.
        return_tensors (`bool`): Return tensors instead of lists.
        processor_kwargs (`dict`): Further arguments of the processor.

    Returns:
        For each item `{modality: vector}`, or with weights a vector, of length 1.

    Raises:
        ValueError: For nothing, an unknown modality, or weights of modalities that are not there or cancel out.
    """

    def _sanitize_parameters(
        self,
        weights: Mapping[str, float] | None = None,
        return_tensors: bool = False,
        processor_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> tuple[dict, dict, dict]:
        if kwargs:
            raise ValueError(f"Unknown arguments {list(kwargs)}; expected weights, return_tensors, processor_kwargs.")
        preprocess = {} if processor_kwargs is None else {"processor_kwargs": processor_kwargs}
        return preprocess, {}, {"weights": weights, "return_tensors": return_tensors}

    def preprocess(
        self, inputs: Mapping[str, Any], processor_kwargs: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Prepare one item."""
        if not isinstance(inputs, Mapping) or not inputs:
            raise ValueError(f"Expected {{modality: item}} with at least one, got {inputs!r}.")
        return self._prepare(inputs, processor_kwargs)

    def _forward(self, model_inputs: Mapping[str, Any]) -> dict[str, list]:
        return {"embeds": self._embed(model_inputs)}

    def postprocess(
        self,
        model_outputs: Mapping[str, Any],
        weights: Mapping[str, float] | None = None,
        return_tensors: bool = False,
    ) -> Any:
        """Return vectors, or their weighted sum."""
        embeds = model_outputs["embeds"]
        embeds = embeds[0] if isinstance(embeds, list) else embeds
        embeds = {modality: normalize(vector.float().flatten(), dim=0) for modality, vector in embeds.items()}
        if weights is None:
            return embeds if return_tensors else {modality: vector.tolist() for modality, vector in embeds.items()}
        vector = combine_embeddings(embeds, weights)
        return vector if return_tensors else vector.tolist()


__all__ = ["ImageBindEmbeddingPipeline"]
