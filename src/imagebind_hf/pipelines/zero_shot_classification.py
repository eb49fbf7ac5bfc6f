# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Zero-shot classification of modalities that transformers does not have a pipeline for, and of mixtures."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn.functional import normalize

from ..models.imagebind.embedding_utils import combine_embeddings
from .base import ImageBindPipeline

# Number of prompts in a batch of the text tower.
PROMPT_BATCH = 256
# Number of label sets whose embeddings are kept.
MAX_LABEL_SETS = 16
# Tasks are named zero-shot-<modality>-classification. With this word, an item may have any modalities.
MULTIMODAL = "multimodal"


class ImageBindZeroShotPipeline(ImageBindPipeline):
    r"""Classify videos, depth maps, thermal images, IMU recordings, or mixtures of modalities, with your own labels.

    The tasks are `zero-shot-{video,depth,thermal,imu}-classification`, and `zero-shot-multimodal-classification` for
    items of any modalities of the model, extra ones included. The arguments can be passed to `pipeline(...)` or to a
    call; those of a call take precedence.

    Args of a call:
        inputs: An item, or a list, generator or dataset of items: values that the processor accepts, and
            `{modality: value}` for the multimodal task.
        candidate_labels (`list[str]` or comma-separated `str`): The labels.
        hypothesis_template (`str` or `list[str]`): Prompts with `{}` in place of the label. With several prompts, the
            embedding of a label is the normalized mean of the unit vectors, as in CLIP. The default is the one of
            transformers' pipeline for images; the paper uses prompts for images with all modalities (appendix B).
        weights (`dict[str, float]`): Weights by modality, only for the multimodal task. An item is classified by the
            normalized weighted sum of its unit vectors (section 4.5 of the paper). All modalities of an item weigh
            the same by default.
        processor_kwargs (`dict[str, Any]`): Further arguments of the processor, for example `{"depth_unit": "mm"}`.

    Returns:
        For each item a list of `{"score": float, "label": str}`, the highest score first. Scores are the softmax over
        the labels of `logits_per_<modality>`.

    Raises:
        ValueError: If there are no labels, a template has no `{}`, the model does not have a tower, or weights are for
            modalities that the item does not have, or cancel out.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        needed = ["text"] if self._modality == MULTIMODAL else [self._modality, "text"]
        missing = [name for name in needed if name not in self.model.inputs]
        if missing:
            raise ValueError(f"{self.task} needs towers for {missing}, but the model has {list(self.model.inputs)}.")
        # Embeddings of labels, by labels and templates; and that of a short text, when they were computed.
        self._label_embeds: dict[tuple, torch.Tensor] = {}
        self._probe: torch.Tensor | None = None
        self._is_checked = False

    @property
    def _modality(self) -> str:
        return self.task.removeprefix("zero-shot-").removesuffix("-classification")

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        self._is_checked = False
        return super().__call__(inputs, **kwargs)

    def _sanitize_parameters(
        self,
        candidate_labels: str | Sequence[str] | None = None,
        hypothesis_template: str | Sequence[str] | None = None,
        weights: Mapping[str, float] | None = None,
        processor_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> tuple[dict, dict, dict]:
        if kwargs:
            raise ValueError(
                f"Unknown arguments {list(kwargs)}. Expected candidate_labels, hypothesis_template, weights or "
                "processor_kwargs."
            )
        labels = {}
        if candidate_labels is not None:
            if isinstance(candidate_labels, str):
                candidate_labels = [label.strip() for label in candidate_labels.split(",") if label.strip()]
            labels["candidate_labels"] = tuple(candidate_labels)
        forward = dict(labels)
        if hypothesis_template is not None:
            templates = [hypothesis_template] if isinstance(hypothesis_template, str) else hypothesis_template
            forward["templates"] = tuple(templates)
        if weights is not None:
            if self._modality != MULTIMODAL:
                raise ValueError(f"Expected weights only for zero-shot-{MULTIMODAL}-classification, not {self.task}.")
            forward["weights"] = weights
        return {} if processor_kwargs is None else {"processor_kwargs": processor_kwargs}, forward, labels

    def preprocess(self, inputs: Any, processor_kwargs: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Preprocess one item."""
        item = inputs if self._modality == MULTIMODAL else {self._modality: inputs}
        return self._prepare(item, processor_kwargs)

    def _forward(
        self,
        model_inputs: Mapping[str, Any],
        candidate_labels: tuple[str, ...] = (),
        templates: tuple[str, ...] = ("This is a photo of {}.",),
        weights: Mapping[str, float] | None = None,
    ) -> dict[str, torch.Tensor]:
        embeds = self._embed(model_inputs)
        if self._modality == MULTIMODAL:
            vectors = torch.stack([combine_embeddings(each, weights) for each in embeds])
        else:
            vectors = torch.stack([each[self._modality] for each in embeds])
        labels = self._embed_labels(candidate_labels, templates)
        return {"logits": (vectors @ labels.t() * self.model.logit_scale("text")).float()}

    def _embed_labels(self, labels: tuple[str, ...], templates: tuple[str, ...]) -> torch.Tensor:
        """Embed the labels, or return their kept embeddings; `(labels, projection_dim)`."""
        if not labels or not templates or any("{}" not in template for template in templates):
            raise ValueError(f"Expected candidate_labels, and templates with '{{}}', but got {labels}, {templates}.")
        self._forget_stale_labels()
        if (labels, templates) not in self._label_embeds:
            embeds = self._embed_prompts([template.format(label) for label in labels for template in templates])
            means = embeds.unflatten(0, (len(labels), len(templates))).mean(dim=1)
            if len(self._label_embeds) == MAX_LABEL_SETS:
                self._label_embeds.pop(next(iter(self._label_embeds)))
            self._label_embeds[labels, templates] = normalize(means, dim=-1)
        return self._label_embeds[labels, templates]

    def _forget_stale_labels(self) -> None:
        """Once per call, embed a short text: if that changed, so did the weights, the adapters or the type."""
        if self._is_checked:
            return
        probe, before = self._embed_prompts(["a"]), self._probe
        is_same = before is not None and (probe.dtype, probe.device) == (before.dtype, before.device)
        if not is_same or not torch.equal(probe, before):
            self._label_embeds.clear()
        self._probe, self._is_checked = probe, True

    def _embed_prompts(self, prompts: list[str]) -> torch.Tensor:
        # Prompts of similar length are in one batch, which needs little padding.
        order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
        vectors = []
        for start in range(0, len(prompts), PROMPT_BATCH):
            batch = [prompts[number] for number in order[start : start + PROMPT_BATCH]]
            inputs = self.processor(text=batch, return_tensors="pt", padding=True)
            ids = inputs["input_ids"].to(self.model.device)
            vectors.append(self.model.get_text_features(ids).pooler_output)
        return torch.cat(vectors)[torch.tensor(order).argsort()]

    def postprocess(
        self, model_outputs: Mapping[str, torch.Tensor], candidate_labels: tuple[str, ...] = ()
    ) -> list[dict[str, Any]]:
        """Return the labels of one item with their scores, the highest first."""
        scores = model_outputs["logits"][0].softmax(dim=-1).tolist()
        answers = [{"score": score, "label": label} for score, label in zip(scores, candidate_labels, strict=True)]
        return sorted(answers, key=lambda answer: -answer["score"])


__all__ = ["ImageBindZeroShotPipeline"]
