# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Image processors for images with one channel: depth maps and thermal images."""

import math
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers.image_processing_backends import PilBackend, TorchvisionBackend
from transformers.image_processing_utils import BatchFeature
from transformers.image_utils import ChannelDimension, SizeDict
from transformers.processing_utils import ImagesKwargs

from .image_processing_utils import ImageInputs
from .image_utils import channels_first, flatten, is_integer
from .references import for_each, is_list

# Baselines of the sensors of SUN RGB-D in meters. An author of the paper gave them in a public thread.
SENSOR_BASELINES = {"kv1": 0.075, "kv2": 0.075, "realsense": 0.095, "xtion": 0.095}


class ImageBindDepthImageProcessorKwargs(ImagesKwargs, total=False):
    """Arguments of [`ImageBindDepthImageProcessor`]."""

    depth_unit: str | None
    bit_rotated: bool
    baseline: float | int | str | list[float | int | str]
    focal_length: float | int | list[float | int]
    depth_scale: float | int
    min_disparity: float | int
    max_disparity: float | int


class ImageBindThermalImageProcessorKwargs(ImagesKwargs, total=False):
    """Arguments of [`ImageBindThermalImageProcessor`]."""

    value_range: list[float | int] | tuple[float | int, float | int] | None


class _Planes(ImageInputs):
    """Images with one channel and physical values, which `to_plane` converts to [0, 1]."""

    do_rescale = False

    def process_image(
        self,
        image: Any,
        input_data_format: str | ChannelDimension | None = None,
        device: str | torch.device | None = None,
        **kwargs: Any,
    ) -> np.ndarray | torch.Tensor:
        """Convert an image to the shape `(1, H, W)`, float32 in [0, 1]."""
        if isinstance(image, Image.Image):
            is_single = image.mode in ("L", "F") or image.mode.startswith("I")
            image = np.asarray(image if is_single else image.convert("L"))
        values = channels_first(image, (1,), input_data_format)
        values = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else values
        return self._to_backend(self.to_plane(values, **kwargs).astype(np.float32), device)

    def resize(self, image: Any, size: SizeDict, resample: Any = None, **kwargs: Any) -> Any:
        """Resize in float32, and clip the overshoot of bicubic interpolation."""
        if isinstance(self, TorchvisionBackend):
            return super().resize(image, size, resample, **kwargs).clip(0, 1)
        # The base class converts to 8 bits.
        height, width = image.shape[-2:]
        shape = (size.height, size.width)
        if size.shortest_edge:
            shape = tuple(int(size.shortest_edge * side / min(height, width)) for side in (height, width))
        return np.asarray(Image.fromarray(image[0]).resize(shape[::-1], resample=resample))[None].clip(0, 1)

    def _preprocess(self, images: list, **kwargs: Any) -> BatchFeature:
        features = super()._preprocess(images, **kwargs)
        features[self.model_input_names[0]] = features.pop("pixel_values")
        return features


class _Depth(_Planes):
    model_input_names = ["pixel_values_depth"]
    valid_kwargs = ImageBindDepthImageProcessorKwargs
    image_mean = 0.0418
    image_std = 0.0295
    do_normalize = True
    bit_rotated = False
    baseline = 0.075
    focal_length = 518.86
    depth_scale = 8.0
    min_disparity = 0.01
    max_disparity = 75.0

    def _prepare_image_like_inputs(
        self, images: Any, *args: Any, baseline: Any = None, focal_length: Any = None, **kwargs: Any
    ) -> list:
        maps = flatten(self.fetch_images(images))
        cameras = []
        for name, value in (("baseline", baseline), ("focal_length", focal_length)):
            values = value if is_list(value) else [value] * len(maps)
            if len(values) != len(maps):
                raise ValueError(f"Expected one {name} per image, but got {len(values)} for {len(maps)} images.")
            cameras.append(values)

        def process(item: tuple) -> np.ndarray | torch.Tensor:
            return self.process_image(item[0], baseline=item[1], focal_length=item[2], **kwargs)

        return for_each(process, list(zip(maps, *cameras, strict=True)))

    def to_plane(
        self,
        values: np.ndarray,
        depth_unit: str | None,
        bit_rotated: bool,
        baseline: float | str,
        focal_length: float,
        depth_scale: float,
        min_disparity: float,
        max_disparity: float,
        **kwargs: Any,
    ) -> np.ndarray:
        """Convert depth to disparity, divided by the maximum disparity. See the class for the arguments."""
        if isinstance(baseline, str):
            if baseline not in SENSOR_BASELINES:
                raise ValueError(
                    f"Expected baseline in meters or one of {list(SENSOR_BASELINES)}, but got {baseline!r}."
                )
            baseline = SENSOR_BASELINES[baseline]
        is_positive = all(0 < value < math.inf for value in (baseline, focal_length, depth_scale))
        if not is_positive or not 0 <= min_disparity < max_disparity < math.inf:
            raise ValueError(
                f"Expected positive constants, but got baseline={baseline}, focal_length={focal_length}, "
                f"depth_scale={depth_scale}, min_disparity={min_disparity}, max_disparity={max_disparity}."
            )
        if depth_unit not in (None, "m", "mm", "disparity"):
            raise ValueError(f"Expected depth_unit to be 'm', 'mm', 'disparity' or None, but got {depth_unit!r}.")
        if bit_rotated:
            if not is_integer(values) or depth_unit not in (None, "mm"):
                raise ValueError(
                    f"Expected integers in mm with bit_rotated=True, but got {values.dtype} in {depth_unit!r}."
                )
            values = values.astype(np.uint16)
            values = (values >> 3) | (values << 13)
        if depth_unit is None:
            if values.dtype.itemsize == 1:
                raise ValueError(
                    "Expected depth_unit ('m', 'mm' or 'disparity') for 8-bit depth, which has no default unit."
                )
            depth_unit = "mm" if is_integer(values) else "m"
        values = values.astype(np.float64)
        if depth_unit != "disparity":
            meters = values / 1000 if depth_unit == "mm" else values
            # 0 means that there is no measurement. It is treated as infinitely far: disparity 0.
            with np.errstate(divide="ignore", over="ignore"):
                values = np.where(meters > 0, baseline * focal_length / (depth_scale * meters), 0)
        return values.clip(min_disparity, max_disparity) / max_disparity


class ImageBindDepthImageProcessor(_Depth, TorchvisionBackend):
    r"""Preprocesses depth maps: clipped disparity, shorter side to 224, center crop, mean and standard deviation.

    A depth map has any of the formats of [`ImageBindImageProcessor`]; arrays have one channel. A depth of 0 (no
    measurement) becomes the minimum disparity.

    Args:
        depth_unit (`str`, *optional*): `"m"`, `"mm"`, or `"disparity"` in the unit of `max_disparity`. By default,
            floats are meters and integers are millimeters. 8-bit integers have no default unit.
        bit_rotated (`bool`): Whether integers are rotated by three bits, as in the PNG files of SUN RGB-D: the
            depth in millimeters is `(d >> 3) | (d << 13)`.
        baseline (`float` or `str`): Baseline of the sensor in meters, or the name of a sensor of SUN RGB-D: `"kv1"`,
            `"kv2"` (0.075), `"realsense"`, `"xtion"` (0.095). An author gave these values in a public thread. A list
            has one value per depth map.
        focal_length (`float`): Focal length in pixels, the first number in `intrinsics.txt` of SUN RGB-D. The default
            is the Kinect of NYU. A list has one value per depth map.
        depth_scale (`float`): Factor by which depths are multiplied before the conversion. The published mean and
            standard deviation fit the disparities of raw SUN RGB-D values before the bit rotation, which are 8 times
            too large. This is derived from the numbers and not confirmed by the authors. 1 uses the true depths.
        min_disparity, max_disparity (`float`): Range to clip to. The result is divided by `max_disparity`. Published
            values: 0.01 and 75.
        image_mean, image_std (`float`): Mean and standard deviation of the result. Published values: 0.0418 and
            0.0295.

    Returns:
        `pixel_values_depth` of shape `(B, 1, 224, 224)`, float32.

    Raises:
        ValueError: If an item is not a depth map or is corrupted, or if an argument is invalid. The message names the
            item.

    Example:
        A wall at a distance of two meters, in millimeters, and the same wall in the format of SUN RGB-D:

        >>> import numpy as np
        >>> from imagebind_hf import ImageBindDepthImageProcessor
        >>> processor = ImageBindDepthImageProcessor()
        >>> wall = np.full((480, 640), 2000, dtype=np.uint16)
        >>> round(processor(wall, return_tensors="pt")["pixel_values_depth"].mean().item(), 2)
        -0.32
        >>> camera = {"baseline": "kv1", "focal_length": float("518.86 0 284.58 0 519.47".split()[0])}
        >>> stored = (wall << 3) | (wall >> 13)
        >>> values = processor(stored, bit_rotated=True, **camera, return_tensors="pt")["pixel_values_depth"]
        >>> tuple(values.shape), round(values.mean().item(), 2)
        ((1, 1, 224, 224), -0.32)
    """


class ImageBindDepthImageProcessorPil(_Depth, PilBackend):
    r"""[`ImageBindDepthImageProcessor`] with PIL."""


class _Thermal(_Planes):
    model_input_names = ["pixel_values_thermal"]
    valid_kwargs = ImageBindThermalImageProcessorKwargs
    do_normalize = False

    def to_plane(self, values: np.ndarray, value_range: Any = None, **kwargs: Any) -> np.ndarray:
        """Scale values to [0, 1]. See the class for the arguments."""
        if value_range is not None:
            low, high = map(float, value_range)
            if not -math.inf < low < high < math.inf:
                raise ValueError(f"Expected a finite, increasing value_range, but got {tuple(value_range)}.")
        elif values.dtype == np.uint8:
            low, high = 0.0, 255.0
        else:
            low, high = float(values.min()), float(values.max())
        return ((values.astype(np.float64) - low) / (high - low or 1)).clip(0, 1)


class ImageBindThermalImageProcessor(_Thermal, TorchvisionBackend):
    r"""Preprocesses thermal images: values in [0, 1], shorter side to 224, center crop.

    There is no normalization with a mean and standard deviation. This gives the accuracy of the published weights that
    is closest to the paper (62.4 % of 63.4 % on LLVIP, pull request 73 of the original implementation). An image has
    any of the formats of [`ImageBindImageProcessor`]; arrays have one channel.

    Args:
        value_range (`tuple[float, float]`, *optional*): The values that are mapped to 0 and 1. Defaults to 0 and 255
            for 8 bits, and to the minimum and maximum of each image for 16-bit radiometric values and temperatures.

    Returns:
        `pixel_values_thermal` of shape `(B, 1, 224, 224)`, float32.

    Raises:
        ValueError: If an item is not an image or is corrupted, or if the range is invalid. The message names the item.

    Example:
        A radiometric image in hundredths of a kelvin, scaled from the range 0 to 40 degrees Celsius:

        >>> import numpy as np
        >>> from imagebind_hf import ImageBindThermalImageProcessor
        >>> room = np.full((120, 160), 29315, dtype=np.uint16)
        >>> values = ImageBindThermalImageProcessor()(room, value_range=(27315, 31315), return_tensors="pt")
        >>> round(values["pixel_values_thermal"].mean().item(), 2)
        0.5
    """


class ImageBindThermalImageProcessorPil(_Thermal, PilBackend):
    r"""[`ImageBindThermalImageProcessor`] with PIL."""


__all__ = [
    "SENSOR_BASELINES",
    "ImageBindDepthImageProcessor",
    "ImageBindDepthImageProcessorPil",
    "ImageBindThermalImageProcessor",
    "ImageBindThermalImageProcessorPil",
]
