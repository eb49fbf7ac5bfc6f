# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Images as arrays: what is accepted, and which shape, range and kind of numbers they are brought to."""

from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers.image_utils import ChannelDimension

# Longer to shorter side; beyond it, scaling the shorter side to 224 would take memory without bound.
MAX_ASPECT_RATIO = 256
_TORCH_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_TORCH_INTEGERS = (torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.int8)
_TORCH_INTEGERS += (torch.int16, torch.int32, torch.int64)


def is_float(array: np.ndarray | torch.Tensor) -> bool:
    """Tell whether an array holds floats."""
    return array.dtype in _TORCH_FLOATS if isinstance(array, torch.Tensor) else array.dtype.kind == "f"


def is_integer(array: np.ndarray | torch.Tensor) -> bool:
    """Tell whether an array holds integers, which booleans are not."""
    return array.dtype in _TORCH_INTEGERS if isinstance(array, torch.Tensor) else array.dtype.kind in "ui"


def flatten(images: Any) -> list:
    """Make a flat list of single images from nested lists; an array of four axes is a batch."""
    if isinstance(images, list):
        return [image for item in images for image in flatten(item)]
    return list(images) if not isinstance(images, Image.Image) and images.ndim == 4 else [images]


def check_sides(shape: tuple[int, ...]) -> None:
    """Raise a ValueError for pictures without pixels, or more than 256 times as long as wide."""
    height, width = shape[-2:]
    if 0 in shape or max(height, width) > MAX_ASPECT_RATIO * min(height, width):
        raise ValueError(f"A picture of {height}x{width} is too small, or too long for its width.")


def channels_first(
    image: np.ndarray | torch.Tensor,
    channels: tuple[int, ...],
    input_data_format: str | ChannelDimension | None = None,
) -> np.ndarray | torch.Tensor:
    """Check a picture and bring it into the shape `(C, H, W)`.

    Args:
        image: Integers or floats, of shape `(H, W)`, `(C, H, W)` or `(H, W, C)`.
        channels: Which numbers of channels there may be.
        input_data_format: Where the channels are. As in transformers, it is found out if not said, and they are first
            where both is possible.

    Returns:
        The picture; integers as they were, floats as float32.

    Raises:
        ValueError: If it has another shape, no pixels, is too long for its width, or has values that are not finite.
    """
    planes = image[None] if image.ndim == 2 else image
    if image.ndim == 3:
        first, last = image.shape[0] in channels, image.shape[-1] in channels
        if input_data_format == ChannelDimension.LAST if input_data_format else last and not first:
            planes = image.transpose(2, 0, 1) if isinstance(image, np.ndarray) else image.permute(2, 0, 1)
    if planes.ndim != 3 or planes.shape[0] not in channels:
        counts = " or ".join(map(str, channels))
        raise ValueError(f"Expected height, width and {counts} channels, got the shape {tuple(image.shape)}.")
    check_sides(tuple(planes.shape))
    if is_float(planes):
        # What float32 cannot hold becomes infinite.
        with np.errstate(over="ignore"):
            planes = planes.float() if isinstance(planes, torch.Tensor) else planes.astype(np.float32)
        if not (torch if isinstance(planes, torch.Tensor) else np).isfinite(planes).all():
            raise ValueError(f"The picture of shape {tuple(image.shape)} has values that are not finite.")
    elif not is_integer(planes):
        raise ValueError(f"Expected numbers in a picture, got {planes.dtype}.")
    return planes


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert to 8-bit RGB as PIL does, alpha dropped; 16-bit grey is scaled first, where PIL would clip it.

    Raises:
        ValueError: For an image of floats, whose range is unknown.
    """
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError("Expected an image of 8 or 16 bits, got one of floats: depth and thermal have processors.")
    return image.convert("RGB")


def to_eight_bits(image: np.ndarray | torch.Tensor) -> np.ndarray | torch.Tensor:
    """Bring values to uint8: uint16 from 0..65535, other integers from 0..255, floats from 0..255 or from [0, 1].

    Raises:
        ValueError: If values are outside.
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
        raise ValueError(f"Expected values in 0..255 or [0, 1], got {values.min():g} to {values.max():g}.")
    values = values.round()
    return values.to(torch.uint8) if is_tensor else values.astype(np.uint8)
