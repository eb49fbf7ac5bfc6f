# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Validation during training: zero-shot accuracy and retrieval."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from datasets import Dataset
from transformers import ProcessorMixin

from ..evaluation import class_embeddings, embed_dataset, zero_shot_accuracy
from ..evaluation.retrieval import retrieval_metrics
from ..models.imagebind.modalities import model_argument
from ..models.imagebind.modeling_imagebind import ImageBindModel


@dataclass
class ValidationSet:
    """Held-out rows of one modality.

    Args:
        dataset: Data set with a column named after the modality, or after its model input.
        modality: The modality.
        templates: Prompt templates with `{}` for the class names of the column `label`, to measure zero-shot accuracy.
        against: Another modality in the same rows, such as `image`, to measure retrieval in both directions.

    Raises:
        ValueError: If a column is missing, or if neither `templates` nor `against` is given.
    """

    dataset: Dataset
    modality: str
    templates: Sequence[str] | None = None
    against: str | None = None

    def __post_init__(self) -> None:
        columns = self.dataset.column_names
        for modality in filter(None, (self.modality, self.against)):
            if modality not in columns and model_argument(modality) not in columns:
                raise ValueError(f"Expected a column {modality!r}, but the data set has {columns}.")
        if self.templates is None and self.against is None:
            raise ValueError(f"Validation of {self.modality!r} requires `templates` or `against`, but got neither.")
        if self.templates is not None and not getattr(self.dataset.features.get("label"), "names", None):
            raise ValueError(
                f"Zero-shot classification requires a ClassLabel column 'label', but the data set has {columns}."
            )

    def measure(
        self, model: ImageBindModel, processor: ProcessorMixin, accelerator: Accelerator, batch_size: int
    ) -> dict[str, float]:
        """Embed the rows, distributed over all processes, and compute the metrics.

        Returns:
            `accuracy` with `templates`; `to_<against>_recall@1` and `from_<against>_recall@1` with `against`.
        """
        metrics = {}
        embeds = _embed(model, processor, accelerator, self.dataset, self.modality, batch_size)
        if self.templates is not None:
            classes = class_embeddings(model, processor, self.dataset.features["label"].names, self.templates)
            metrics["accuracy"] = zero_shot_accuracy(embeds, classes, torch.tensor(self.dataset["label"][:]))
        if self.against is not None:
            others = _embed(model, processor, accelerator, self.dataset, self.against, batch_size)
            for direction, (queries, gallery) in {"to": (embeds, others), "from": (others, embeds)}.items():
                metrics[f"{direction}_{self.against}_recall@1"] = retrieval_metrics(queries, gallery)["recall@1"]
        return metrics


def _embed(
    model: Any, processor: ProcessorMixin, accelerator: Accelerator, dataset: Dataset, modality: str, batch_size: int
) -> torch.Tensor:
    size, processes = len(dataset), accelerator.num_processes
    # All processes must call the model equally often (FSDP), so the first rows fill up the last shares.
    rows = [row % size for row in range(accelerator.process_index, -(-size // processes) * processes, processes)]
    part = embed_dataset(model, processor, dataset.select(rows), modality, batch_size, progress=False)
    # Gathered by process: rows 0, n, 2n, …, then 1, n + 1, … for n processes.
    parts = accelerator.gather(part.to(accelerator.device)).cpu().unflatten(0, (processes, len(rows)))
    return parts.transpose(0, 1).flatten(0, 1)[:size]
