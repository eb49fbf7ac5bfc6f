# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Conversion of images to arrays with a fixed layout, range and type."""

from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers.image_utils import ChannelDimension

# Maximum ratio of the sides. For larger ones, resizing the shorter side to 224 would need too much memory.
MAX_ASPECT_RATIO = 256
_TORCH_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_TORCH_INTEGERS = (torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.int8)
_TORCH_INTEGERS += (torch.int16, torch.int32, torch.int64)


def is_float(array: np.ndarray | torch.Tensor) -> bool:
    """Return whether the values of an array are floats."""
    return array.dtype in _TORCH_FLOATS if isinstance(array, torch.Tensor) else array.dtype.kind == "f"


def is_integer(array: np.ndarray | torch.Tensor) -> bool:
    """Return whether the values of an array are integers. Booleans are not."""
    return array.dtype in _TORCH_INTEGERS if isinstance(array, torch.Tensor) else array.dtype.kind in "ui"


def flatten(images: Any) -> list:
    """Flatten nested lists to a list of images. An array with four axes is a batch."""
    if isinstance(images, list):
        return [image for item in images for image in flatten(item)]
    return list(images) if not isinstance(images, Image.Image) and images.ndim == 4 else [images]


def check_sides(shape: tuple[int, ...]) -> None:
    """Raise a ValueError for images without pixels, or with a side more than 256 times the other."""
    height, width = shape[-2:]
    if 0 in shape or max(height, width) > MAX_ASPECT_RATIO * min(height, width):
        raise ValueError(
            f"Expected a non-empty image with an aspect ratio up to {MAX_ASPECT_RATIO}, but got {height}x{width}."
        )


def channels_first(
    image: np.ndarray | torch.Tensor,
    channels: tuple[int, ...],
    input_data_format: str | ChannelDimension | None = None,
) -> np.ndarray | torch.Tensor:
    """Validate an image and convert it to the shape `(C, H, W)`.

    Args:
        image: Integers or floats, of shape `(H, W)`, `(C, H, W)` or `(H, W, C)`.
        channels: Allowed numbers of channels.
        input_data_format: Position of the channels. By default, it is inferred as in transformers, which prefers the
            first axis if both are possible.

    Returns:
        The image. Floats are converted to float32, integers are unchanged.

    Raises:
        ValueError: If the shape or the type is not supported, or if values are not finite.
    """
    planes = image[None] if image.ndim == 2 else image
    if image.ndim == 3:
        first, last = image.shape[0] in channels, image.shape[-1] in channels
        if input_data_format == ChannelDimension.LAST if input_data_format else last and not first:
            planes = image.transpose(2, 0, 1) if isinstance(image, np.ndarray) else image.permute(2, 0, 1)
    if planes.ndim != 3 or planes.shape[0] not in channels:
        counts = " or ".join(map(str, channels))
        raise ValueError(f"Expected height, width and {counts} channels, but got the shape {tuple(image.shape)}.")
    check_sides(tuple(planes.shape))
    if is_float(planes):
        # Values that are too large for float32 become infinite.
        with np.errstate(over="ignore"):
            planes = planes.float() if isinstance(planes, torch.Tensor) else planes.astype(np.float32)
        if not (torch if isinstance(planes, torch.Tensor) else np).isfinite(planes).all():
            raise ValueError(f"The image of shape {tuple(image.shape)} has values that are not finite.")
    elif not is_integer(planes):
        raise ValueError(f"Expected an image of integers or floats, but got {planes.dtype}.")
    return planes


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert to 8-bit RGB as PIL does, without alpha. 16-bit images are scaled, which PIL would clip.

    Raises:
        ValueError: If the values are floats, whose range is unknown.
    """
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError(
            "Expected an image with 8 or 16 bits, but got floats. There are processors for depth and thermal."
        )
    return image.convert("RGB")


def to_eight_bits(image: np.ndarray | torch.Tensor) -> np.ndarray | torch.Tensor:
    """Convert to uint8: uint16 from 0..65535, other integers from 0..255, floats from 0..255 or from [0, 1].

    Raises:
        ValueError: If a value is out of range.
    """
    is_tensor = isinstance(image, torch.Tensor)
    if image.dtype == (torch.uint8 if is_tensor else np.uint8):
        return image
    values = image.double() if is_tensor else image.astype(np.float64)
    if image.dtype == (torch.uint16 if is_tensor else np.uint16):
        values = values // 256
    elif is_float(image) and values.min() >= 0 and values.max() <= 1:
        values = values * 255
    if values.min() < 0 or values.max() > 255:
        raise ValueError(f"Expected values in 0..255 or [0, 1], but got {values.min():g} to {values.max():g}.")
    values = values.round()
    return values.to(torch.uint8) if is_tensor else values.astype(np.uint8)


__all__ = ["channels_first", "check_sides", "flatten", "is_float", "is_integer", "to_eight_bits", "to_rgb"]
