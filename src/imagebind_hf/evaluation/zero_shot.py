# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Zero-shot classification by text prompts (section 4.1 of the paper)."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from ..models.imagebind.modeling_imagebind import ImageBindModel
from ..models.imagebind.processing_imagebind import ImageBindProcessor
from .embed import embed_texts


def class_embeddings(
    model: ImageBindModel,
    processor: ImageBindProcessor,
    class_names: Sequence[str],
    templates: Sequence[str],
    cached: bool = False,
) -> torch.Tensor:
    """Embed classes as CLIP does: the normalized mean of the embeddings of their prompts.

    Args:
        model: The model, in evaluation mode.
        processor: The processor of the model.
        class_names: Names of the classes.
        templates: Prompt templates with `{}` for the class name.
        cached: Whether to keep the embeddings of the prompts on disk.

    Returns:
        `torch.Tensor` of shape `(num_classes, projection_dim)`.

    Raises:
        ValueError: If there are no class names or no templates, or a template lacks `{}`.
    """
    if not class_names or not templates or any("{}" not in template for template in templates):
        raise ValueError(
            f"Expected class names, and templates with '{{}}', but got {list(class_names)} and {list(templates)}."
        )
    prompts = [template.format(name) for name in class_names for template in templates]
    embeds = embed_texts(model, processor, prompts, cached=cached)
    embeds = embeds.unflatten(0, (len(class_names), len(templates))).mean(dim=1)
    return torch.nn.functional.normalize(embeds, dim=-1)


def class_scores(
    model: ImageBindModel,
    processor: ImageBindProcessor,
    embeds: torch.Tensor,
    class_names: Sequence[str],
    templates: Sequence[str],
    groups: Mapping[str, Sequence[str]] | None = None,
    cached: bool = False,
) -> torch.Tensor:
    """Compute the score of every item for every class, which is their cosine similarity.

    Args:
        model, processor, templates, cached: As for [`class_embeddings`].
        embeds (`torch.Tensor` of shape `(num_rows, projection_dim)`): Embeddings of the items.
        class_names: Names of the classes.
        groups: Several names for a class, whose score is the maximum over them. For example, the class `others` of
            NYU-D consists of eighteen rare scenes.

    Returns:
        `torch.Tensor` of shape `(num_rows, num_classes)`.

    Raises:
        ValueError: If a group has an unknown class or no names.
    """
    groups = groups or {}
    unknown = [name for name in groups if name not in class_names]
    if unknown:
        raise ValueError(f"Expected `groups` for some of the classes {list(class_names)}, but got {unknown}.")
    empty = [name for name, names in groups.items() if not names]
    if empty:
        raise ValueError(f"Expected at least one name in every group, but {empty} are empty.")
    names = [list(groups.get(name, [name])) for name in class_names]
    prompts = class_embeddings(model, processor, [name for group in names for name in group], templates, cached)
    parts = (embeds @ prompts.t()).split([len(group) for group in names], dim=1)
    return torch.stack([part.max(dim=1).values for part in parts], dim=1)


def top_k_hits(scores: torch.Tensor, labels: torch.Tensor, k: int = 1) -> torch.Tensor:
    """Return for every item whether its class has one of the k best scores.

    Ties count against the correct class: a model that maps all inputs to one point has no hits.

    Args:
        scores (`torch.Tensor` of shape `(num_rows, num_classes)`): Scores.
        labels (`torch.Tensor` of shape `(num_rows,)`): Class number of every item.
        k: Number of best scores; at most the number of classes is used.

    Returns:
        Boolean `torch.Tensor` of shape `(num_rows,)`.

    Raises:
        ValueError: If a score is not finite or a label is out of range.
    """
    _check_finite(scores)
    if len(labels) and not 0 <= labels.min() <= labels.max() < scores.shape[1]:
        raise ValueError(
            f"Expected labels from 0 to {scores.shape[1] - 1}, but got labels from {labels.min()} to {labels.max()}."
        )
    return (scores >= scores.gather(1, labels[:, None])).sum(dim=1) <= min(k, scores.shape[1])


def zero_shot_accuracy(embeds: torch.Tensor, classes: torch.Tensor, labels: torch.Tensor) -> float:
    """Compute the share of items whose nearest class is the correct one.

    Args:
        embeds (`torch.Tensor` of shape `(num_rows, projection_dim)`): Embeddings of the items.
        classes (`torch.Tensor` of shape `(num_classes, projection_dim)`): Embeddings of the classes.
        labels (`torch.Tensor` of shape `(num_rows,)`): Class number of every item.
    """
    return top_k_hits(embeds @ classes.t(), labels).float().mean().item()


def mean_average_precision(
    scores: torch.Tensor, labels: Sequence[Sequence[int]], samples: np.ndarray | None = None
) -> np.ndarray:
    """Compute the mean over classes of the average precision, the metric of AudioSet.

    Args:
        scores (`torch.Tensor` of shape `(num_rows, num_classes)`): Scores.
        labels: Class numbers of every item. Classes without items are left out.
        samples (`np.ndarray` of shape `(num_samples, sample_size)`, *optional*): Row numbers of bootstrap samples.
            By default, the only sample is all rows.

    Returns:
        `np.ndarray` of shape `(num_samples,)`.

    Raises:
        ValueError: If no item has a class, or a score is not finite.
    """
    _check_finite(scores)
    rows, classes = scores.shape
    truth = np.zeros((rows, classes), dtype=bool)
    for row, numbers in enumerate(labels):
        truth[row, list(numbers)] = True
    present = np.flatnonzero(truth.any(axis=0))
    if not len(present):
        raise ValueError("Expected at least one item with a class, but `labels` has none.")
    samples = np.arange(rows)[None] if samples is None else samples
    # A sample is represented by how often it contains each item.
    weights = np.stack([np.bincount(sample, minlength=rows) for sample in samples])
    total, count = np.zeros(len(samples)), np.zeros(len(samples))
    for number in present:
        values = scores[:, number].numpy()
        order = np.argsort(-values, kind="stable")
        drawn = weights[:, order]
        # Items with the same score form one step of the precision-recall curve.
        ends = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))
        found = np.cumsum(drawn * truth[order, number], axis=1)[:, ends]
        precision = found / np.maximum(np.cumsum(drawn, axis=1)[:, ends], 1)
        steps = np.diff(found, axis=1, prepend=0)
        # A sample may contain no item of the class.
        total += (steps * precision).sum(axis=1) / np.maximum(found[:, -1], 1)
        count += found[:, -1] > 0
    return total / np.maximum(count, 1)


def _check_finite(scores: torch.Tensor) -> None:
    if not scores.isfinite().all():
        raise ValueError("Expected finite scores, but got NaN or infinity.")
