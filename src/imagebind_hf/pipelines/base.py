# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""What the pipelines share: items as `{modality: value}`, embedded batch by batch.

A checkpoint that carries its code carries these files too, so they import each other with one dot only, and nothing
else of this package.
"""

import difflib
from collections.abc import Mapping
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import Pipeline


class ImageBindPipeline(Pipeline):
    """What both pipelines share: items as `{modality: value}`, embedded batch by batch."""

    _load_processor = True
    _load_tokenizer = False
    _load_image_processor = False
    _load_feature_extractor = False

    def _prepare(self, item: Mapping[str, Any], processor_kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
        """Run the processor over one item."""
        inputs = {}
        for modality, value in item.items():
            if modality not in self.model.inputs:
                near = difflib.get_close_matches(str(modality), self.model.inputs, n=1)
                hint = f"Did you mean {near[0]!r}?" if near else f"The model has {list(self.model.inputs)}."
                raise ValueError(f"Unknown modality {modality!r}. {hint}")
            if modality == "text" and not isinstance(value, str):
                # The processor takes lists of texts, of which all but the first would be lost.
                raise ValueError(f"Expected a text, got a {type(value).__name__}: give a list of items, each its own.")
            prepared = self.processor.prepare(modality, [value], return_tensors="pt", **(processor_kwargs or {}))
            inputs[modality] = prepared[self.model.inputs[modality].model_argument]
        # In a list, which the base class neither pads nor stacks.
        return {"items": [inputs]}

    def _embed(self, model_inputs: Mapping[str, Any]) -> list[dict[str, torch.Tensor]]:
        """Embed a batch of prepared items: each modality of all of them together."""
        items = [item for entry in model_inputs["items"] for item in (entry if isinstance(entry, list) else [entry])]
        embeds: list[dict[str, torch.Tensor]] = [{} for _ in items]
        for modality in dict.fromkeys(name for item in items for name in item):
            rows = [row for row, item in enumerate(items) if modality in item]
            values = [items[row][modality] for row in rows]
            if modality == "text":
                # What is padded on the right does not matter.
                batch = pad_sequence([ids[0] for ids in values], batch_first=True)
            else:
                batch = torch.cat(values)
                batch = batch.to(self.model.dtype) if batch.is_floating_point() else batch
            vectors = self.model(**{self.model.inputs[modality].model_argument: batch})[f"{modality}_embeds"]
            for row, vector in zip(rows, vectors, strict=True):
                embeds[row][modality] = vector
        return embeds


__all__ = ["ImageBindPipeline"]
