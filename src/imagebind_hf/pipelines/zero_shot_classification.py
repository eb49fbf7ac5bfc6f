# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Zero-shot classification of the modalities that transformers has no pipeline for."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn.functional import normalize

from .base import ImageBindPipeline

# Prompts that are embedded together.
PROMPT_BATCH = 256
# Label sets whose embeddings are kept.
MAX_LABEL_SETS = 16


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


__all__ = ["ImageBindZeroShotPipeline"]
