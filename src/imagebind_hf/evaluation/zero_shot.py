# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Zero-shot classification: nearest class by its prompts (paper, section 4.1)."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from sklearn.metrics import average_precision_score
from transformers import ProcessorMixin

from ..modeling_imagebind import ImageBindModel
from .embed import embed_texts


def class_embeddings(
    model: ImageBindModel, processor: ProcessorMixin, class_names: Sequence[str], templates: Sequence[str]
) -> torch.Tensor:
    """Embed classes as CLIP does: the mean of the unit embeddings of their prompts, brought back to unit length.

    Args:
        model: The model, in evaluation mode.
        processor: Its processor.
        class_names: The names.
        templates: Sentences with `{}` for the name.

    Returns:
        `torch.Tensor` of shape `(classes, E)`.

    Raises:
        ValueError: If there are no names or templates, or a template lacks `{}`.
    """
    if not class_names or not templates or any("{}" not in template for template in templates):
        raise ValueError(f"Expected class names, and templates with '{{}}', got {class_names!r} and {templates!r}.")
    prompts = [template.format(name) for name in class_names for template in templates]
    embeds = embed_texts(model, processor, prompts).unflatten(0, (len(class_names), len(templates))).mean(dim=1)
    return torch.nn.functional.normalize(embeds, dim=-1)


def class_scores(
    model: ImageBindModel,
    processor: ProcessorMixin,
    embeds: torch.Tensor,
    class_names: Sequence[str],
    templates: Sequence[str],
    groups: Mapping[str, Sequence[str]] | None = None,
) -> torch.Tensor:
    """Score every item for every class: the cosine with the class, or with the best of the names in its group.

    Args:
        model, processor, templates: As for [`class_embeddings`].
        embeds (`torch.Tensor` of shape `(rows, E)`): The items.
        class_names: The classes.
        groups: The names that a class is asked by, for instance the eighteen rarer scenes of NYU for `others`.

    Returns:
        `torch.Tensor` of shape `(rows, classes)`.

    Raises:
        ValueError: If a group is of no class, or empty.
    """
    groups = groups or {}
    unknown = [name for name in groups if name not in class_names]
    if unknown or any(not names for names in groups.values()):
        raise ValueError(f"groups has {unknown or 'an empty group'}; the classes are {list(class_names)}.")
    names = [list(groups.get(name, [name])) for name in class_names]
    prompts = class_embeddings(model, processor, [name for group in names for name in group], templates)
    parts = (embeds @ prompts.t()).split([len(group) for group in names], dim=1)
    return torch.stack([part.max(dim=1).values for part in parts], dim=1)


def top_k_hits(scores: torch.Tensor, labels: torch.Tensor, k: int = 1) -> torch.Tensor:
    """Tell for every item whether its class is among the k best.

    Args:
        scores (`torch.Tensor` of shape `(rows, classes)`): Scores.
        labels (`torch.Tensor` of shape `(rows,)`): Number of each item's class.
        k: Of all classes, if it is larger than their number.

    Returns:
        `torch.Tensor` of shape `(rows,)`, booleans.
    """
    best = scores.topk(min(k, scores.shape[1]), dim=1).indices
    return (best == labels[:, None]).any(dim=1)


def zero_shot_accuracy(embeds: torch.Tensor, classes: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the share of items whose nearest class is theirs.

    Args:
        embeds (`torch.Tensor` of shape `(rows, E)`): The items.
        classes (`torch.Tensor` of shape `(classes, E)`): The classes.
        labels (`torch.Tensor` of shape `(rows,)`): Number of each item's class.
    """
    return top_k_hits(embeds @ classes.t(), labels).float().mean().item()


def mean_average_precision(scores: torch.Tensor, labels: Sequence[Sequence[int]]) -> tuple[float, int]:
    """Return the mean over classes of average precision (AudioSet's measure), and of how many classes.

    Args:
        scores (`torch.Tensor` of shape `(rows, classes)`): Scores.
        labels: The numbers of each item's classes. Classes without an item are left out.

    Raises:
        ValueError: If no item has a class.
    """
    truth = np.zeros(tuple(scores.shape), dtype=bool)
    for row, classes in enumerate(labels):
        truth[row, list(classes)] = True
    present = np.flatnonzero(truth.any(axis=0))
    if not len(present):
        raise ValueError("No item has a class.")
    precisions = [average_precision_score(truth[:, each], scores[:, each].numpy()) for each in present]
    return float(np.mean(precisions)), len(present)
