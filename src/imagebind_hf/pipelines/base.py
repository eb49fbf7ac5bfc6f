# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Base class of the pipelines: items are `{modality: value}`, and are embedded batch by batch."""

from collections.abc import Mapping
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import Pipeline

from ..utils.names import nearest_name


class ImageBindPipeline(Pipeline):
    """Base class of the pipelines: items are `{modality: value}`, and are embedded batch by batch."""

    _load_processor = True
    _load_tokenizer = False
    _load_image_processor = False
    _load_feature_extractor = False

    def _prepare(self, item: Mapping[str, Any], processor_kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
        """Preprocess one item."""
        if not isinstance(item, Mapping) or not item:
            raise ValueError(f"Expected {{modality: value}} with at least one modality, but got {item!r}.")
        inputs = {}
        for modality, value in item.items():
            if modality not in self.model.inputs:
                raise ValueError(f"Unknown modality {modality!r}. {nearest_name(modality, self.model.inputs)}")
            if modality == "text" and not isinstance(value, str):
                # The processor would accept a list of texts, of which only the first would be used.
                raise ValueError(f"Expected a text as a str, but got a {type(value).__name__}. Pass a list of items.")
            prepared = self.processor.prepare(modality, [value], return_tensors="pt", **(processor_kwargs or {}))
            inputs[modality] = prepared[self.model.inputs[modality].model_argument]
        # The base class neither pads nor stacks the elements of a list.
        return {"items": [inputs]}

    def _embed(self, model_inputs: Mapping[str, Any]) -> list[dict[str, torch.Tensor]]:
        """Embed a batch of preprocessed items, one modality at a time."""
        items = [item for entry in model_inputs["items"] for item in (entry if isinstance(entry, list) else [entry])]
        embeds: list[dict[str, torch.Tensor]] = [{} for _ in items]
        for modality in dict.fromkeys(name for item in items for name in item):
            rows = [row for row, item in enumerate(items) if modality in item]
            values = [items[row][modality] for row in rows]
            if modality == "text":
                # Padding on the right does not change the embeddings: the text tower is causal.
                batch = pad_sequence([ids[0] for ids in values], batch_first=True)
            else:
                batch = torch.cat(values)
                batch = batch.to(self.model.dtype) if batch.is_floating_point() else batch
            vectors = self.model(**{self.model.inputs[modality].model_argument: batch})[f"{modality}_embeds"]
            for row, vector in zip(rows, vectors, strict=True):
                embeds[row][modality] = vector
        return embeds


__all__ = ["ImageBindPipeline"]
