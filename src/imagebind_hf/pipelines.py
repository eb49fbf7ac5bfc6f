# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Pipelines for what transformers has none: zero-shot classification of any modality, embeddings of any mixture."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn.functional import normalize
from torch.nn.utils.rnn import pad_sequence
from transformers import Pipeline

from .modeling_imagebind import input_name
from .processing_imagebind import processor_argument

# Prompts that are embedded together.
PROMPT_BATCH = 256
# Label sets whose embeddings are kept.
MAX_LABEL_SETS = 16


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
            name = input_name(modality)
            if modality in self.model.config.extra_modalities:
                # There is no processor for these: the value is what the model reads.
                inputs[modality] = torch.as_tensor(value)[None]
                continue
            if modality == "text" and not isinstance(value, str):
                # The processor takes lists of texts, of which all but the first would be lost.
                raise ValueError(f"Expected a text, got a {type(value).__name__}: give a list of items, each its own.")
            argument = {processor_argument(modality): value if modality == "text" else [value]}
            inputs[modality] = self.processor(**argument, return_tensors="pt", **(processor_kwargs or {}))[name]
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
            vectors = self.model(**{input_name(modality): batch})[f"{modality}_embeds"]
            for row, vector in zip(rows, vectors, strict=True):
                embeds[row][modality] = vector
        return embeds


class ImageBindZeroShotPipeline(ImageBindPipeline):
    r"""Zero-shot classification: which of some labels fits a video, depth map, thermal picture or IMU signal best.

    One class for the tasks `zero-shot-{video,depth,thermal,imu}-classification`.

    Args of a call:
        inputs: An item as the processor takes it, or a list, a generator or a data set of them.
        candidate_labels (`list[str]` or comma-separated `str`): The labels.
        hypothesis_template (`str` or `list[str]`): Sentences with `{}` for a label. Of several, a label's embedding is
            the mean of the unit embeddings, brought to unit length, as CLIP does. The default is that of transformers'
            pipeline for images: the paper asks every modality with prompts for images (appendix B).
        processor_kwargs (`dict`): Further arguments of the processor, as `{"depth_unit": "mm"}`.

    Returns:
        For each item a list of `{"score": …, "label": …}`, the best first; scores are the softmax of `logits_per_…`.

    Raises:
        ValueError: Without labels, for a template without `{}`, or if the model lacks a tower.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        # zero-shot-<modality>-classification
        self.modality = self.task.split("-")[2]
        lacking = [name for name in (self.modality, "text") if name not in self.model.inputs]
        if lacking:
            raise ValueError(f"{self.task} needs towers for {lacking}; the model has {list(self.model.inputs)}.")
        self._label_embeds: dict[tuple, torch.Tensor] = {}

    def _sanitize_parameters(
        self,
        candidate_labels: str | Sequence[str] | None = None,
        hypothesis_template: str | Sequence[str] | None = None,
        processor_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> tuple[dict, dict, dict]:
        if kwargs:
            raise ValueError(f"Unknown arguments {list(kwargs)}; expected candidate_labels, hypothesis_template, …")
        labels = {}
        if candidate_labels is not None:
            if isinstance(candidate_labels, str):
                candidate_labels = [label.strip() for label in candidate_labels.split(",") if label.strip()]
            labels["candidate_labels"] = tuple(candidate_labels)
        forward = dict(labels)
        if hypothesis_template is not None:
            templates = [hypothesis_template] if isinstance(hypothesis_template, str) else hypothesis_template
            forward["templates"] = tuple(templates)
        return {} if processor_kwargs is None else {"processor_kwargs": processor_kwargs}, forward, labels

    def preprocess(self, inputs: Any, processor_kwargs: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Prepare one item."""
        return self._prepare({self.modality: inputs}, processor_kwargs)

    def _forward(
        self,
        model_inputs: Mapping[str, Any],
        candidate_labels: tuple[str, ...] = (),
        templates: tuple[str, ...] = ("This is a photo of {}.",),
    ) -> dict[str, torch.Tensor]:
        embeds = torch.stack([each[self.modality] for each in self._embed(model_inputs)])
        labels = self._embed_labels(candidate_labels, templates)
        return {"logits": (embeds @ labels.t() * self.model.logit_scale("text")).float()}

    def _embed_labels(self, labels: tuple[str, ...], templates: tuple[str, ...]) -> torch.Tensor:
        """Embed labels, once for each set of them; `(labels, E)`."""
        if not labels or not templates or any("{}" not in template for template in templates):
            raise ValueError(f"Expected candidate_labels, and templates with '{{}}', got {labels} and {templates}.")
        if (labels, templates) not in self._label_embeds:
            prompts = [template.format(label) for label in labels for template in templates]
            # Those of like length together, so that little is padded.
            order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
            vectors = []
            for start in range(0, len(prompts), PROMPT_BATCH):
                batch = [prompts[number] for number in order[start : start + PROMPT_BATCH]]
                inputs = self.processor(text=batch, return_tensors="pt", padding=True)
                ids = inputs["input_ids"].to(self.model.device)
                vectors.append(self.model.get_text_features(ids).pooler_output)
            embeds = torch.cat(vectors)[torch.tensor(order).argsort()]
            means = embeds.unflatten(0, (len(labels), len(templates))).mean(dim=1)
            if len(self._label_embeds) == MAX_LABEL_SETS:
                self._label_embeds.pop(next(iter(self._label_embeds)))
            self._label_embeds[labels, templates] = normalize(means, dim=-1)
        return self._label_embeds[labels, templates]

    def postprocess(
        self, model_outputs: Mapping[str, torch.Tensor], candidate_labels: tuple[str, ...] = ()
    ) -> list[dict[str, Any]]:
        """Make a sorted list of labels and scores."""
        scores = model_outputs["logits"][0].softmax(dim=-1).tolist()
        answers = [{"score": score, "label": label} for score, label in zip(scores, candidate_labels, strict=True)]
        return sorted(answers, key=lambda answer: -answer["score"])


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
        missing = [modality for modality in weights if modality not in embeds]
        if missing or not weights:
            raise ValueError(f"Got weights of {list(weights)}, the item has {list(embeds)}.")
        total = sum(weight * embeds[modality] for modality, weight in weights.items())
        if not total.norm() > 1e-6:
            raise ValueError(f"The weights {dict(weights)} cancel out: nothing is left to compare with.")
        vector = normalize(total, dim=0)
        return vector if return_tensors else vector.tolist()


TASKS: dict[str, type[ImageBindPipeline]] = {
    **{f"zero-shot-{name}-classification": ImageBindZeroShotPipeline for name in ("video", "depth", "thermal", "imu")},
    "multimodal-embedding": ImageBindEmbeddingPipeline,
}

__all__ = ["ImageBindEmbeddingPipeline", "ImageBindZeroShotPipeline"]
