# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Pipelines for tasks that transformers has none for."""

from ..models.imagebind.modalities import MODALITIES
from .base import ImageBindPipeline
from .multimodal_embedding import ImageBindEmbeddingPipeline
from .zero_shot_classification import ImageBindZeroShotPipeline

# transformers' own pipelines serve images and audio; text is what the labels are.
_OTHERS = [name for name in MODALITIES if name not in ("image", "audio", "text")]

TASKS: dict[str, type[ImageBindPipeline]] = {
    **{f"zero-shot-{name}-classification": ImageBindZeroShotPipeline for name in _OTHERS},
    "multimodal-embedding": ImageBindEmbeddingPipeline,
}

__all__ = ["TASKS", "ImageBindEmbeddingPipeline", "ImageBindPipeline", "ImageBindZeroShotPipeline"]
