# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The parts of the processor: their classes, how to create them, and their arguments."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from transformers.feature_extraction_utils import FeatureExtractionMixin
from transformers.image_processing_base import ImageProcessingMixin

from .feature_extraction_imagebind import ImageBindFeatureExtractor, ImageBindImuFeatureExtractor
from .image_processing_imagebind import (
    ImageBindDepthImageProcessor,
    ImageBindDepthImageProcessorPil,
    ImageBindImageProcessor,
    ImageBindImageProcessorPil,
    ImageBindThermalImageProcessor,
    ImageBindThermalImageProcessorPil,
)
from .tokenization_imagebind import ImageBindTokenizer
from .video_processing_imagebind import ImageBindVideoProcessor

# Classes by name, as `processor_config.json` refers to them.
PART_CLASSES = {
    cls.__name__: cls
    for cls in (
        ImageBindDepthImageProcessor,
        ImageBindDepthImageProcessorPil,
        ImageBindFeatureExtractor,
        ImageBindImageProcessor,
        ImageBindImageProcessorPil,
        ImageBindImuFeatureExtractor,
        ImageBindThermalImageProcessor,
        ImageBindThermalImageProcessorPil,
        ImageBindTokenizer,
        ImageBindVideoProcessor,
    )
}
# How `from_config` creates each part from the configuration of its tower.
_FROM_TOWER: dict[str, Callable[[Any], Any]] = {
    "tokenizer": lambda tower: ImageBindTokenizer(model_max_length=tower.max_position_embeddings),
    "image_processor": lambda tower: ImageBindImageProcessor(**_sizes(tower.image_size)),
    "video_processor": lambda tower: ImageBindVideoProcessor(
        size={"shortest_edge": tower.image_size}, frames_per_clip=tower.num_frames
    ),
    "feature_extractor": lambda tower: ImageBindFeatureExtractor(
        num_mel_bins=tower.num_mel_bins, num_frames=tower.num_frames
    ),
    "depth_image_processor": lambda tower: ImageBindDepthImageProcessor(**_sizes(tower.image_size)),
    "thermal_image_processor": lambda tower: ImageBindThermalImageProcessor(**_sizes(tower.image_size)),
    "imu_feature_extractor": lambda tower: ImageBindImuFeatureExtractor(num_samples=tower.num_samples),
}
# The entries of a saved part that name its class.
_TYPE_KEYS = ("image_processor_type", "video_processor_type", "feature_extractor_type")


def create_part(name: str, tower: Any) -> Any:
    """Create a part of the processor from the configuration of its tower."""
    return _FROM_TOWER[name](tower)


def is_part_class(part_class: type) -> bool:
    """Return whether a class is an image processor, a video processor or a feature extractor."""
    return isinstance(part_class, type) and issubclass(part_class, (ImageProcessingMixin, FeatureExtractionMixin))


def is_part(part: Any) -> bool:
    """Return whether an object is an image processor, a video processor or a feature extractor."""
    return is_part_class(type(part))


def part_class_name(name: str, saved: dict[str, Any]) -> str:
    """Return the name of the class in the saved settings of a part."""
    for key in _TYPE_KEYS:
        if saved.get(key):
            return saved[key]
    raise ValueError(f"The settings of {name!r} in processor_config.json have none of the keys {_TYPE_KEYS}.")


def _sizes(side: int) -> dict[str, dict[str, int]]:
    return {"size": {"shortest_edge": side}, "crop_size": {"height": side, "width": side}}


def arguments_of(part: Any) -> set[str]:
    """Return the names of the arguments that a part accepts, without its input."""
    if part is None:
        return {"return_tensors"}
    arguments = getattr(part, "valid_kwargs", None)
    names = arguments.__annotations__ if arguments else list(inspect.signature(part).parameters)[1:]
    return {"return_tensors", *names} - {"args", "kwargs"}


def stack_items(name: str, items: Any) -> np.ndarray:
    """Stack items that are already preprocessed. An array is a batch."""

    def to_array(item: Any) -> np.ndarray:
        return np.asarray(item.detach().float().cpu() if isinstance(item, torch.Tensor) else item, np.float32)

    try:
        if isinstance(items, (np.ndarray, torch.Tensor)):
            return to_array(items)
        arrays = [to_array(item) for item in items]
    except (TypeError, ValueError) as error:
        raise ValueError(f"Expected the items of {name!r} to be arrays of numbers: {error}") from error
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1:
        raise ValueError(f"Expected items of {name!r} with the same shape, but got {sorted(shapes)}.")
    return np.stack(arrays)


__all__ = [
    "PART_CLASSES",
    "arguments_of",
    "create_part",
    "is_part",
    "is_part_class",
    "part_class_name",
    "stack_items",
]
