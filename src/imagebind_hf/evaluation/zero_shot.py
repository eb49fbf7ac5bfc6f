# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Zero-shot classification: nearest class by its prompts (paper, section 4.1)."""

from collections.abc import Sequence

import torch
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


def zero_shot_accuracy(embeds: torch.Tensor, classes: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the share of items whose nearest class is theirs.

    Args:
        embeds (`torch.Tensor` of shape `(rows, E)`): The items.
        classes (`torch.Tensor` of shape `(classes, E)`): The classes.
        labels (`torch.Tensor` of shape `(rows,)`): Number of each item's class.
    """
    return ((embeds @ classes.t()).argmax(dim=1) == labels).float().mean().item()
