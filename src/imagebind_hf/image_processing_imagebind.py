# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Images, depth maps and thermal pictures, each for two back ends: torchvision (tensors, any device) and PIL.

The PIL back end repeats the published transforms to the bit (short side to 224, bicubic with antialiasing; centre crop).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers.image_processing_backends import PilBackend, TorchvisionBackend
from transformers.image_processing_utils import BatchFeature
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD, PILImageResampling, SizeDict
from transformers.processing_utils import ImagesKwargs

from .media import describe, is_reference, load_image


class _Images:
    """What all image processors here share."""

    resample = PILImageResampling.BICUBIC
    size = {"shortest_edge": 224}
    default_to_square = False
    crop_size = {"height": 224, "width": 224}
    do_resize = True
    do_center_crop = True

    def center_crop(self, image: Any, size: SizeDict, **kwargs: Any) -> Any:
        """Crop the centre; half pixels are rounded as torchvision does, where the base class rounds down."""
        height, width = image.shape[-2:]
        if height < size.height or width < size.width:
            return super().center_crop(image, size, **kwargs)
        top, left = round((height - size.height) / 2), round((width - size.width) / 2)
        return image[..., top : top + size.height, left : left + size.width]


class _RgbImages(_Images):
    """Colour images of any mode, from PIL images, arrays, paths, URLs, bytes or `datasets` columns."""

    image_mean = OPENAI_CLIP_MEAN
    image_std = OPENAI_CLIP_STD
    do_rescale = True
    do_normalize = True
    do_convert_rgb = True

    def fetch_images(self, images: Any) -> Any:
        """Read whatever is a reference; leave arrays as they are."""
        if isinstance(images, (list, tuple)):
            if not images:
                raise ValueError("Got an empty list of images.")
            return [self.fetch_images(image) for image in images]
        if is_reference(images) or isinstance(images, Image.Image):
            return _rgb(load_image(images))
        if not isinstance(images, (np.ndarray, torch.Tensor)):
            raise ValueError(f"Expected an image (PIL, array, path, URL, bytes), got {describe(images)}.")
        _check_array(images, "image")
        return images


def _rgb(image: Image.Image) -> Image.Image:
    """Convert to 8-bit RGB as PIL does, alpha dropped; 16-bit grey is scaled first, where PIL would clip it."""
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError("Expected an image of 8 or 16 bits, got one of floats: depth and thermal have processors.")
    return image.convert("RGB")


def _check_array(values: np.ndarray | torch.Tensor, name: str) -> None:
    """Raise a ValueError for an array that cannot be one or several images."""
    if values.ndim < 2 or 0 in values.shape:
        raise ValueError(f"Expected the {name} to have height and width, got the shape {tuple(values.shape)}.")
    tensor = torch.as_tensor(values) if isinstance(values, torch.Tensor) else values
    if isinstance(tensor, torch.Tensor):
        finite = not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())
    else:
        finite = not np.issubdtype(tensor.dtype, np.floating) or bool(np.isfinite(tensor).all())
    if not finite:
        raise ValueError(f"The {name}, {describe(values)}, has values that are not finite.")


class ImageBindImageProcessor(_RgbImages, TorchvisionBackend):
    r"""Prepares images: RGB, short side to 224 (bicubic), centre crop, CLIP's mean and standard deviation.

    Output: `pixel_values` of shape `(B, 3, 224, 224)`. Arrays are channels-first or -last, with values in 0..255, or in
    [0, 1] with `do_rescale=False`.

    Raises:
        ValueError: For what is no image: the message names it.
    """


class ImageBindImageProcessorPil(_RgbImages, PilBackend):
    r"""[`ImageBindImageProcessor`] on PIL: to the bit the published transforms."""


class ImageBindDepthImageProcessorKwargs(ImagesKwargs, total=False):
    """Arguments of [`ImageBindDepthImageProcessor`]."""

    depth_unit: str | None
    bit_rotated: bool
    baseline: float
    focal_length: float
    depth_scale: float
    min_disparity: float
    max_disparity: float


class ImageBindThermalImageProcessorKwargs(ImagesKwargs, total=False):
    """Arguments of [`ImageBindThermalImageProcessor`]."""

    value_range: tuple[float, float] | list[float] | None


class _Planes(_Images):
    """Pictures of one channel with a physical meaning: float32 all the way."""

    do_rescale = False
    do_convert_rgb = False

    # Set by subclasses: values of a plane, float32 (H, W), and the dtype they came in, to what the model reads.
    to_plane: Callable[..., np.ndarray]

    def _prepare_images_structure(self, images: Any, expected_ndims: int = 3) -> list:
        if isinstance(images, (list, tuple)):
            if not images:
                raise ValueError("Got an empty list of images.")
            return [image for item in images for image in self._prepare_images_structure(item)]
        if isinstance(images, (np.ndarray, torch.Tensor)):
            single = images.ndim == 2 or (images.ndim == 3 and 1 in (images.shape[0], images.shape[-1]))
            return [images] if single or images.ndim not in (3, 4) else list(images)
        return [images]

    def process_image(self, image: Any, **kwargs: Any) -> Any:
        """Turn one item into a plane of shape `(1, H, W)`."""
        values = _plane(image)
        plane = torch.from_numpy(np.ascontiguousarray(self.to_plane(values, **kwargs), dtype=np.float32))[None]
        if isinstance(self, PilBackend):
            return plane.numpy()
        return plane if kwargs.get("device") is None else plane.to(kwargs["device"])

    def _preprocess(self, images: list, **kwargs: Any) -> BatchFeature:
        features = super()._preprocess(images, **kwargs)
        features[self.model_input_names[0]] = features.pop("pixel_values")
        return features


def _plane(item: Any) -> np.ndarray:
    """Read a picture of one channel in its own dtype, shape `(H, W)`."""
    if is_reference(item) or isinstance(item, Image.Image):
        image = load_image(item)
        if image.mode not in ("L", "I", "F") and not image.mode.startswith("I;16"):
            if image.mode not in ("1", "LA", "P", "RGB", "RGBA"):
                raise ValueError(f"Expected a picture of one channel, {describe(item)} has the mode {image.mode}.")
            image = image.convert("L")
        values = np.asarray(image)
    elif isinstance(item, torch.Tensor):
        values = item.detach().cpu().numpy()
    elif isinstance(item, np.ndarray):
        values = item
    else:
        raise ValueError(f"Expected a picture (PIL, array, path, bytes), got {describe(item)}.")
    if values.ndim == 3 and 1 in (values.shape[0], values.shape[-1]):
        values = values[0] if values.shape[0] == 1 else values[..., 0]
    if values.ndim != 2:
        raise ValueError(f"Expected a picture of one channel, got the shape {values.shape}.")
    if values.dtype == bool or not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
        raise ValueError(f"Expected numbers in a picture, got {values.dtype}.")
    _check_array(values, "picture")
    return values


class _PilPlanes(PilBackend):
    """PIL's resizing of float planes; the base class would go through 8 bits."""

    def resize(self, image: np.ndarray, size: SizeDict, resample: Any = None, **kwargs: Any) -> np.ndarray:
        """Resize a plane of shape `(1, H, W)` in float32."""
        height, width = image.shape[-2:]
        if size.shortest_edge:
            short = min(height, width)
            height, width = (int(size.shortest_edge * side / short) for side in (height, width))
        else:
            height, width = size.height, size.width
        resized = Image.fromarray(image[0]).resize((width, height), resample=resample)
        return np.asarray(resized)[None]


class _Depth(_Planes):
    model_input_names = ["pixel_values_depth"]
    valid_kwargs = ImageBindDepthImageProcessorKwargs
    image_mean = 0.0418
    image_std = 0.0295
    do_normalize = True
    depth_unit = None
    bit_rotated = False
    baseline = 0.075
    focal_length = 518.86
    depth_scale = 8.0
    min_disparity = 0.01
    max_disparity = 75.0

    def to_plane(
        self,
        values: np.ndarray,
        depth_unit: str | None = None,
        bit_rotated: bool = False,
        baseline: float = 0.075,
        focal_length: float = 518.86,
        depth_scale: float = 8.0,
        min_disparity: float = 0.01,
        max_disparity: float = 75.0,
        **kwargs: Any,
    ) -> np.ndarray:
        """Turn depth into disparity in units of its largest value, in [0, 1]; see the class."""
        if depth_unit not in (None, "m", "mm", "disparity"):
            raise ValueError(f"depth_unit is {depth_unit!r}, expected 'm', 'mm', 'disparity' or None.")
        integer = np.issubdtype(values.dtype, np.integer)
        if bit_rotated:
            if not integer:
                raise ValueError(f"bit_rotated goes with integers as SUN RGB-D stores them, got {values.dtype}.")
            values = values.astype(np.uint16)
            values, depth_unit, integer = (values >> 3) | (values << 13), "mm", True
        unit = depth_unit or ("mm" if integer else "m")
        values = values.astype(np.float32)
        if unit != "disparity":
            metres = values / 1000 if unit == "mm" else values
            # No reading (0) is what is infinitely far: no disparity.
            with np.errstate(divide="ignore", over="ignore"):
                values = np.where(metres > 0, baseline * focal_length / (depth_scale * metres), 0)
        return np.clip(values, min_disparity, max_disparity) / max_disparity


class ImageBindDepthImageProcessor(_Depth, TorchvisionBackend):
    r"""Prepares depth maps: disparity, clipped and scaled, short side to 224, centre crop, mean and deviation.

    Output: `pixel_values_depth` of shape `(B, 1, 224, 224)`.

    Args:
        depth_unit (`str`, *optional*): `"m"`, `"mm"`, or `"disparity"` for what is disparity already. By default integers
            are millimetres and floats metres.
        bit_rotated (`bool`): The integers are as in SUN RGB-D's PNG files, rotated by three bits: millimetres are
            `(d >> 3) | (d << 13)`.
        baseline (`float`): Baseline of the sensor in metres: Kinect .075, RealSense and Xtion .095 (the authors, in a
            public thread).
        focal_length (`float`): Focal length in pixels, the first number of SUN RGB-D's `intrinsics.txt`; the default
            is NYU's Kinect.
        depth_scale (`float`): How many times too large the depths were from which the published constants come. Derived,
            not confirmed: mean and deviation fit disparities of un-rotated raw values, eight times the millimetres. 1
            takes depths at their word.
        min_disparity, max_disparity (`float`): Clipping; the result is divided by the latter (published: .01, 75).
        image_mean, image_std (`float`): Published: .0418, .0295.

    Raises:
        ValueError: For what is no depth map, or an unknown unit.

    Example:
        A wall at two metres, in millimetres, seen by a Kinect v1:

        >>> import numpy as np
        >>> from imagebind_hf import ImageBindDepthImageProcessor
        >>> wall = np.full((480, 640), 2000, dtype=np.uint16)
        >>> values = ImageBindDepthImageProcessor()(wall, return_tensors="pt")["pixel_values_depth"]
        >>> tuple(values.shape), round(values.mean().item(), 2)
        ((1, 1, 224, 224), -0.32)
    """


class ImageBindDepthImageProcessorPil(_Depth, _PilPlanes):
    r"""[`ImageBindDepthImageProcessor`] on PIL."""


class _Thermal(_Planes):
    model_input_names = ["pixel_values_thermal"]
    valid_kwargs = ImageBindThermalImageProcessorKwargs
    do_normalize = False
    value_range = None

    def to_plane(
        self, values: np.ndarray, value_range: tuple[float, float] | None = None, **kwargs: Any
    ) -> np.ndarray:
        """Scale to [0, 1]; see the class."""
        if value_range is not None:
            low, high = map(float, value_range)
            if not low < high:
                raise ValueError(f"value_range must rise, got {tuple(value_range)}.")
        elif values.dtype == np.uint8:
            low, high = 0.0, 255.0
        else:
            low, high = float(values.min()), float(values.max())
        scaled = (values.astype(np.float64) - low) / max(high - low, np.finfo(np.float32).tiny)
        return np.clip(scaled, 0, 1)


class ImageBindThermalImageProcessor(_Thermal, TorchvisionBackend):
    r"""Prepares thermal pictures: [0, 1], short side to 224, centre crop; no mean, no deviation (as published).

    Output: `pixel_values_thermal` of shape `(B, 1, 224, 224)`.

    Args:
        value_range (`tuple[float, float]`, *optional*): What becomes 0 and 1. By default 0 and 255 for 8 bits, and each
            picture's own extremes for everything else (16-bit radiometric values, temperatures).

    Raises:
        ValueError: For what is no picture, or a range that does not rise.

    Example:
        A radiometric picture in hundredths of a kelvin, from 0 to 40 degrees Celsius:

        >>> import numpy as np
        >>> from imagebind_hf import ImageBindThermalImageProcessor
        >>> room = np.full((120, 160), 29315, dtype=np.uint16)
        >>> values = ImageBindThermalImageProcessor()(room, value_range=(27315, 31315), return_tensors="pt")
        >>> round(values["pixel_values_thermal"].mean().item(), 2)
        0.5
    """


class ImageBindThermalImageProcessorPil(_Thermal, _PilPlanes):
    r"""[`ImageBindThermalImageProcessor`] on PIL."""


__all__ = [
    "ImageBindDepthImageProcessor",
    "ImageBindDepthImageProcessorPil",
    "ImageBindImageProcessor",
    "ImageBindImageProcessorPil",
    "ImageBindThermalImageProcessor",
    "ImageBindThermalImageProcessorPil",
]
