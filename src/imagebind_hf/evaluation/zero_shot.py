# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Zero-shot classification: nearest class by its prompts (paper, section 4.1)."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from transformers import ProcessorMixin

from ..models.imagebind.modeling_imagebind import ImageBindModel
from .embed import embed_texts


def class_embeddings(
    model: ImageBindModel,
    processor: ProcessorMixin,
    class_names: Sequence[str],
    templates: Sequence[str],
    cached: bool = False,
) -> torch.Tensor:
    """Embed classes as CLIP does: the mean of the unit embeddings of their prompts, brought back to unit length.

    Args:
        model: The model, in evaluation mode.
        processor: Its processor.
        class_names: The names.
        templates: Sentences with `{}` for the name.
        cached: Keep the embeddings of the prompts on disk.

    Returns:
        `torch.Tensor` of shape `(classes, E)`.

    Raises:
        ValueError: If there are no names or templates, or a template lacks `{}`.
    """
    if not class_names or not templates or any("{}" not in template for template in templates):
        raise ValueError(f"Expected class names, and templates with '{{}}', got {class_names!r} and {templates!r}.")
    prompts = [template.format(name) for name in class_names for template in templates]
    embeds = embed_texts(model, processor, prompts, cached=cached)
    embeds = embeds.unflatten(0, (len(class_names), len(templates))).mean(dim=1)
    return torch.nn.functional.normalize(embeds, dim=-1)


def class_scores(
    model: ImageBindModel,
    processor: ProcessorMixin,
    embeds: torch.Tensor,
    class_names: Sequence[str],
    templates: Sequence[str],
    groups: Mapping[str, Sequence[str]] | None = None,
    cached: bool = False,
) -> torch.Tensor:
    """Score every item for every class: the cosine with the class, or with the best of the names in its group.

    Args:
        model, processor, templates, cached: As for [`class_embeddings`].
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
    prompts = class_embeddings(model, processor, [name for group in names for name in group], templates, cached)
    parts = (embeds @ prompts.t()).split([len(group) for group in names], dim=1)
    return torch.stack([part.max(dim=1).values for part in parts], dim=1)


def top_k_hits(scores: torch.Tensor, labels: torch.Tensor, k: int = 1) -> torch.Tensor:
    """Tell for every item whether its class is among the k best.

    Classes as near as the right one count as before it: a model that maps all to one point gains nothing.

    Args:
        scores (`torch.Tensor` of shape `(rows, classes)`): Scores.
        labels (`torch.Tensor` of shape `(rows,)`): Number of each item's class.
        k: Of all classes, if it is larger than their number.

    Returns:
        `torch.Tensor` of shape `(rows,)`, booleans.

    Raises:
        ValueError: If a score is not finite, or a label is no class.
    """
    if not scores.isfinite().all():
        raise ValueError("Scores are not finite.")
    if len(labels) and not 0 <= labels.min() <= labels.max() < scores.shape[1]:
        raise ValueError(f"Labels from {labels.min()} to {labels.max()} for {scores.shape[1]} classes.")
    return (scores >= scores.gather(1, labels[:, None])).sum(dim=1) <= min(k, scores.shape[1])


def zero_shot_accuracy(embeds: torch.Tensor, classes: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the share of items whose nearest class is theirs.

    Args:
        embeds (`torch.Tensor` of shape `(rows, E)`): The items.
        classes (`torch.Tensor` of shape `(classes, E)`): The classes.
        labels (`torch.Tensor` of shape `(rows,)`): Number of each item's class.
    """
    return top_k_hits(embeds @ classes.t(), labels).float().mean().item()


def mean_average_precision(
    scores: torch.Tensor, labels: Sequence[Sequence[int]], samples: np.ndarray | None = None
) -> np.ndarray:
    """Return the mean over classes of average precision (AudioSet's measure).

    Args:
        scores (`torch.Tensor` of shape `(rows, classes)`): Scores.
        labels: The numbers of each item's classes. Classes without an item are left out.
        samples (`np.ndarray` of shape `(samples, n)`, *optional*): Numbers of items, drawn with replacement; by
            default the items themselves are the one sample.

    Returns:
        `np.ndarray` of shape `(samples,)`.

    Raises:
        ValueError: If no item has a class, or a score is not finite.
    """
    if not scores.isfinite().all():
        raise ValueError("Scores are not finite.")
    rows, classes = scores.shape
    truth = np.zeros((rows, classes), dtype=bool)
    for row, numbers in enumerate(labels):
        truth[row, list(numbers)] = True
    present = np.flatnonzero(truth.any(axis=0))
    if not len(present):
        raise ValueError("No item has a class.")
    samples = np.arange(rows)[None] if samples is None else samples
    # How often each item was drawn.
    weights = np.stack([np.bincount(sample, minlength=rows) for sample in samples])
    total, count = np.zeros(len(samples)), np.zeros(len(samples))
    for number in present:
        values = scores[:, number].numpy()
        order = np.argsort(-values, kind="stable")
        drawn = weights[:, order]
        # Items of one score are one step.
        ends = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))
        found = np.cumsum(drawn * truth[order, number], axis=1)[:, ends]
        precision = found / np.maximum(np.cumsum(drawn, axis=1)[:, ends], 1)
        steps = np.diff(found, axis=1, prepend=0)
        # A sample may lack the class.
        total += (steps * precision).sum(axis=1) / np.maximum(found[:, -1], 1)
        count += found[:, -1] > 0
    return total / np.maximum(count, 1)
