# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""What the image processors have in common."""

from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers.image_processing_backends import PilBackend
from transformers.image_utils import PILImageResampling, SizeDict

from .image_utils import flatten
from .media import load_image
from .references import describe, for_each, is_list, is_reference


class ImageInputs:
    """Mixin of all image processors: input formats, resizing and cropping."""

    resample = PILImageResampling.BICUBIC
    size = {"shortest_edge": 224}
    default_to_square = False
    crop_size = {"height": 224, "width": 224}
    do_resize = True
    do_center_crop = True

    def fetch_images(self, images: Any) -> Any:
        """Read references in nested lists. Arrays are returned unchanged."""
        if is_list(images):
            return for_each(self.fetch_images, images)
        if is_reference(images) or isinstance(images, Image.Image):
            return load_image(images)
        if not isinstance(images, (np.ndarray, torch.Tensor)):
            raise ValueError(f"Expected an image (PIL, array, path, URL, bytes), but got {describe(images)}.")
        return images

    def _prepare_image_like_inputs(self, images: Any, *args: Any, expected_ndims: int = 3, **kwargs: Any) -> list:
        return for_each(partial(self.process_image, **kwargs), flatten(self.fetch_images(images)))

    def _to_backend(self, image: np.ndarray | torch.Tensor, device: Any) -> np.ndarray | torch.Tensor:
        if isinstance(self, PilBackend):
            return image.detach().cpu().numpy() if isinstance(image, torch.Tensor) else image
        # A copy, because arrays of PIL are read-only and torch warns about them.
        image = torch.from_numpy(np.array(image)) if isinstance(image, np.ndarray) else image
        return image if device is None else image.to(device)

    def center_crop(self, image: Any, size: SizeDict, **kwargs: Any) -> Any:
        """Crop the center. Half pixels are rounded as in torchvision; the base class rounds down."""
        height, width = image.shape[-2:]
        if height < size.height or width < size.width:
            return super().center_crop(image, size, **kwargs)
        top, left = round((height - size.height) / 2), round((width - size.width) / 2)
        return image[..., top : top + size.height, left : left + size.width]


__all__ = ["ImageInputs"]
