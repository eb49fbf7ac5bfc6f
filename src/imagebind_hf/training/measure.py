# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""What a recipe measures in the end: zero-shot accuracy, retrieval between modalities, few-shot probes."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import ProcessorMixin

from ..evaluation import class_embeddings, embed_dataset, retrieval_by_class, zero_shot_accuracy
from ..evaluation.linear_probe import few_shot_accuracy
from ..evaluation.retrieval import retrieval_metrics
from ..modeling_imagebind import ImageBindModel
from .recipe import FewShotConfig
from .validation import ValidationSet


def measure(
    model: ImageBindModel,
    processor: ProcessorMixin,
    tests: Mapping[str, ValidationSet],
    probes: Mapping[str, tuple[Dataset, Dataset]],
    few_shot: Mapping[str, FewShotConfig],
) -> dict[str, Any]:
    """Measure a model.

    Args:
        model: The model, in evaluation mode.
        processor: Its processor.
        tests: Test sets, by name.
        probes: Training and test rows of linear probes, by name.
        few_shot: The probes' settings.

    Returns:
        `zero_shot`, by test set; `retrieval`, by class between every two test sets of different modalities, over the
        classes that both have, and row by row within those that say so; `few_shot`, by probe and number of items.
    """
    results: dict[str, Any] = {"zero_shot": {}, "retrieval": {}, "few_shot": {}}
    embeds, classes = {}, {}
    for name, test in tests.items():
        embeds[name] = embed_dataset(model, processor, test.dataset, test.modality)
        if test.templates is not None:
            names = test.dataset.features["label"].names
            labels = np.asarray(test.dataset["label"][:])
            classes[name] = np.asarray(names)[labels]
            prompts = class_embeddings(model, processor, names, test.templates)
            accuracy = zero_shot_accuracy(embeds[name], prompts, torch.from_numpy(labels))
            results["zero_shot"][name] = {"accuracy": accuracy, "chance": 1 / len(names), "rows": len(labels)}
        if test.against is not None:
            others = embed_dataset(model, processor, test.dataset, test.against)
            for way, sides in {
                f"{name}: {test.modality} to {test.against}": (embeds[name], others),
                f"{name}: {test.against} to {test.modality}": (others, embeds[name]),
            }.items():
                results["retrieval"][way] = {**retrieval_metrics(*sides), "chance": 1 / len(others)}
    for query, gallery in itertools.permutations(classes, 2):
        if tests[query].modality == tests[gallery].modality:
            continue
        both = np.intersect1d(classes[query], classes[gallery])
        if len(both):
            sides = [_only(embeds[name], classes[name], both) for name in (query, gallery)]
            results["retrieval"][f"{query} to {gallery}"] = retrieval_by_class(
                sides[0][0], sides[1][0], sides[0][1], sides[1][1]
            )
    for name, (train, test) in probes.items():
        config = few_shot[name]
        sides = [embed_dataset(model, processor, rows, config.modality or name) for rows in (train, test)]
        labels = [torch.tensor(rows["label"][:]) for rows in (train, test)]
        results["few_shot"][name] = few_shot_accuracy(
            sides[0], labels[0], sides[1], labels[1], shots=config.shots, seeds=config.seeds
        )
    return results


def _only(embeds: torch.Tensor, names: np.ndarray, kept: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Keep the rows of some classes, numbered in the order of `kept`."""
    rows = np.isin(names, kept)
    return embeds[torch.from_numpy(rows)], torch.from_numpy(np.searchsorted(kept, names[rows]))


def format_results(results: Mapping[str, Any]) -> str:
    """Lay out the results of a run as text."""
    lines = []
    if results["zero_shot"]:
        lines.append("Zero-shot accuracy by text" + " " * 14 + "chance    rows")
    for name, entry in results["zero_shot"].items():
        lines.append(f"  {name:<24}{entry['accuracy']:>8.1%}{entry['chance']:>12.1%}{entry['rows']:>8}")
    if results["retrieval"]:
        lines.append("Retrieval, recall@1" + " " * 21 + "chance")
    for name, entry in results["retrieval"].items():
        lines.append(f"  {name:<24}{entry['recall@1']:>8.1%}{entry['chance']:>12.1%}")
    if results["few_shot"]:
        lines.append("Linear probe, items a class" + " " * 9 + "accuracy")
    for name, entries in results["few_shot"].items():
        for shots, entry in entries.items():
            lines.append(f"  {name + ', ' + str(shots):<30}{entry['mean']:>8.1%} ± {entry['std']:.1%}")
    return "\n".join(lines)
