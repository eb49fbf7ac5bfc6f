# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Pipelines for tasks that transformers does not have."""

from importlib import import_module
from typing import Any

from ..models.imagebind.modalities import MODALITIES

_EXPORTS = {
    "ImageBindPipeline": "base",
    "ImageBindEmbeddingPipeline": "multimodal_embedding",
    "ImageBindZeroShotPipeline": "zero_shot_classification",
}


def _pipeline(name: str) -> tuple[str, str]:
    """Return the module and the name of a pipeline class."""
    return f"{__name__}.{_EXPORTS[name]}", name


# transformers has pipelines for images and audio. Text is the modality of the labels.
_ZERO_SHOT = [*(name for name in MODALITIES if name not in ("image", "audio", "text")), "multimodal"]
# Module and name of the class of each task. The classes are imported when they are used.
TASK_CLASSES: dict[str, tuple[str, str]] = {
    **{f"zero-shot-{name}-classification": _pipeline("ImageBindZeroShotPipeline") for name in _ZERO_SHOT},
    "multimodal-embedding": _pipeline("ImageBindEmbeddingPipeline"),
}

__all__ = ["TASKS", "TASK_CLASSES", *_EXPORTS]


def __getattr__(name: str) -> Any:
    if name == "TASKS":
        return {task: getattr(import_module(module), cls) for task, (module, cls) in TASK_CLASSES.items()}
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_EXPORTS[name]}", __name__), name)
