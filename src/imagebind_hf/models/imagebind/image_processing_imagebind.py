# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Image processors for images, depth maps and thermal images, each with two back ends: torchvision and PIL.

The PIL back end is bit-exact with the transforms of the original implementation: shorter side to 224, bicubic with
antialiasing, center crop. torchvision rounds differently. On the test images, the normalized values differ by at most
0.03, and on average by less than 0.0003.
"""

from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers.image_processing_backends import PilBackend, TorchvisionBackend
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD, ChannelDimension

from .image_processing_imagebind_planes import (
    SENSOR_BASELINES,
    ImageBindDepthImageProcessor,
    ImageBindDepthImageProcessorPil,
    ImageBindThermalImageProcessor,
    ImageBindThermalImageProcessorPil,
)
from .image_processing_utils import ImageInputs
from .image_utils import channels_first, to_eight_bits, to_rgb


class _RgbImages(ImageInputs):
    image_mean = OPENAI_CLIP_MEAN
    image_std = OPENAI_CLIP_STD
    do_rescale = True
    do_normalize = True
    do_convert_rgb = True

    def process_image(
        self,
        image: Any,
        do_convert_rgb: bool | None = None,
        do_rescale: bool | None = None,
        input_data_format: str | ChannelDimension | None = None,
        device: str | torch.device | None = None,
        **kwargs: Any,
    ) -> np.ndarray | torch.Tensor:
        """Convert an image to the shape `(3, H, W)`, and to 8 bits if it will be rescaled."""
        if isinstance(image, Image.Image):
            image = np.asarray(to_rgb(image) if do_convert_rgb else image)
            input_data_format = ChannelDimension.LAST
        image = channels_first(image, (1, 3, 4), input_data_format)
        if do_rescale:
            image = to_eight_bits(image)
        if do_convert_rgb and len(image) != 3:
            # The alpha channel is dropped, as PIL does.
            image = image[:3] if len(image) == 4 else image[[0, 0, 0]]
        return self._to_backend(image, device)


class ImageBindImageProcessor(_RgbImages, TorchvisionBackend):
    r"""Preprocesses images: RGB, shorter side to 224 (bicubic), center crop, mean and standard deviation of CLIP.

    An image is a PIL image of any mode, a path, URL, bytes, file object or `{"bytes": ..., "path": ...}`, or an array.
    The alpha channel is dropped, EXIF rotation is applied. An array has 1, 3 or 4 channels, first or last, or only
    height and width. It has integers in 0..255, uint16 in 0..65535, or floats in 0..255 or in [0, 1]. A list or an
    array with four axes is a batch.

    Returns:
        `pixel_values` of shape `(B, 3, 224, 224)`, float32.

    Raises:
        ValueError: If an item is not an image or is corrupted. The message names the item.

    Example:
        >>> from PIL import Image
        >>> from imagebind_hf import ImageBindImageProcessor
        >>> images = [Image.new("L", (300, 200)), Image.new("RGBA", (64, 80))]
        >>> ImageBindImageProcessor()(images, return_tensors="pt")["pixel_values"].shape
        torch.Size([2, 3, 224, 224])
    """


class ImageBindImageProcessorPil(_RgbImages, PilBackend):
    r"""[`ImageBindImageProcessor`] with PIL: exactly the transforms of the original implementation."""


__all__ = [
    "SENSOR_BASELINES",
    "ImageBindDepthImageProcessor",
    "ImageBindDepthImageProcessorPil",
    "ImageBindImageProcessor",
    "ImageBindImageProcessorPil",
    "ImageBindThermalImageProcessor",
    "ImageBindThermalImageProcessorPil",
]
