# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Images, depth maps and thermal pictures, each for two back ends: torchvision (tensors, any device) and PIL.

The PIL back end repeats the published transforms to the bit: short side to 224, bicubic with antialiasing; centre
crop. torchvision's rounds otherwise: on the images of the tests by at most .03 and on average below .0003, normalised.
"""

import math
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers.image_processing_backends import PilBackend, TorchvisionBackend
from transformers.image_processing_utils import BatchFeature
from transformers.image_utils import (
    OPENAI_CLIP_MEAN,
    OPENAI_CLIP_STD,
    ChannelDimension,
    PILImageResampling,
    SizeDict,
)
from transformers.processing_utils import ImagesKwargs

from .image_utils import channels_first, flatten, is_integer, to_eight_bits, to_rgb
from .media import describe, for_each, is_list, is_reference, load_image

# Baselines of SUN RGB-D's sensors in metres, which an author of the published model gave in a public thread.
SENSOR_BASELINES = {"kv1": 0.075, "kv2": 0.075, "realsense": 0.095, "xtion": 0.095}


class _Images:
    """What all image processors here share: the forms of input, scaling and cropping."""

    resample = PILImageResampling.BICUBIC
    size = {"shortest_edge": 224}
    default_to_square = False
    crop_size = {"height": 224, "width": 224}
    do_resize = True
    do_center_crop = True

    def fetch_images(self, images: Any) -> Any:
        """Read whatever is a reference, at any depth of nesting; leave arrays as they are."""
        if is_list(images):
            return for_each(self.fetch_images, images)
        if is_reference(images) or isinstance(images, Image.Image):
            return load_image(images)
        if not isinstance(images, (np.ndarray, torch.Tensor)):
            raise ValueError(f"Expected an image (PIL, array, path, URL, bytes), got {describe(images)}.")
        return images

    def _prepare_image_like_inputs(self, images: Any, *args: Any, expected_ndims: int = 3, **kwargs: Any) -> list:
        return for_each(partial(self.process_image, **kwargs), flatten(self.fetch_images(images)))

    def _to_backend(self, image: np.ndarray | torch.Tensor, device: Any) -> np.ndarray | torch.Tensor:
        if isinstance(self, PilBackend):
            return image.detach().cpu().numpy() if isinstance(image, torch.Tensor) else image
        # A copy: PIL's arrays are read-only, which torch does not take.
        image = torch.from_numpy(np.array(image)) if isinstance(image, np.ndarray) else image
        return image if device is None else image.to(device)

    def center_crop(self, image: Any, size: SizeDict, **kwargs: Any) -> Any:
        """Crop the centre; half pixels are rounded as torchvision does, where the base class rounds down."""
        height, width = image.shape[-2:]
        if height < size.height or width < size.width:
            return super().center_crop(image, size, **kwargs)
        top, left = round((height - size.height) / 2), round((width - size.width) / 2)
        return image[..., top : top + size.height, left : left + size.width]


class _RgbImages(_Images):
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
        """Bring one image into the shape `(3, H, W)`, and into 8 bits if it is to be rescaled."""
        if isinstance(image, Image.Image):
            image = np.asarray(to_rgb(image) if do_convert_rgb else image)
            input_data_format = ChannelDimension.LAST
        image = channels_first(image, (1, 3, 4), input_data_format)
        if do_rescale:
            image = to_eight_bits(image)
        if do_convert_rgb and len(image) != 3:
            # Alpha is dropped, as PIL does.
            image = image[:3] if len(image) == 4 else image[[0, 0, 0]]
        return self._to_backend(image, device)


class ImageBindImageProcessor(_RgbImages, TorchvisionBackend):
    r"""Prepares images: RGB, short side to 224 (bicubic), centre crop, CLIP's mean and standard deviation.

    An image is a PIL image of any mode (16 bits too; alpha is dropped, EXIF rotation applied), a path, URL, bytes,
    file object or `{"bytes": …, "path": …}`; or an array, channels first or last, of 1, 3 or 4 channels or none:
    integers in 0..255, uint16 in 0..65535, floats in 0..255 or in [0, 1]. A list or an array of four axes is a batch.

    Returns:
        `pixel_values` of shape `(B, 3, 224, 224)`, float32.

    Raises:
        ValueError: For what is no image, or a damaged one: the message names it.

    Example:
        >>> from PIL import Image
        >>> from imagebind_hf import ImageBindImageProcessor
        >>> images = [Image.new("L", (300, 200)), Image.new("RGBA", (64, 80))]
        >>> ImageBindImageProcessor()(images, return_tensors="pt")["pixel_values"].shape
        torch.Size([2, 3, 224, 224])
    """


class ImageBindImageProcessorPil(_RgbImages, PilBackend):
    r"""[`ImageBindImageProcessor`] on PIL: to the bit the published transforms."""


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


class _Planes(_Images):
    """Pictures of one channel with a physical meaning; `to_plane` brings their values into [0, 1]."""

    do_rescale = False

    def process_image(
        self,
        image: Any,
        input_data_format: str | ChannelDimension | None = None,
        device: str | torch.device | None = None,
        **kwargs: Any,
    ) -> np.ndarray | torch.Tensor:
        """Turn one picture into a plane of shape `(1, H, W)`, float32 in [0, 1]."""
        if isinstance(image, Image.Image):
            is_single = image.mode in ("L", "F") or image.mode.startswith("I")
            image = np.asarray(image if is_single else image.convert("L"))
        values = channels_first(image, (1,), input_data_format)
        values = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else values
        return self._to_backend(self.to_plane(values, **kwargs).astype(np.float32), device)

    def resize(self, image: Any, size: SizeDict, resample: Any = None, **kwargs: Any) -> Any:
        """Scale in float32; what bicubic scaling shoots over is cut off."""
        if isinstance(self, TorchvisionBackend):
            return super().resize(image, size, resample, **kwargs).clip(0, 1)
        # The base class would go through 8 bits.
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
        pictures = flatten(self.fetch_images(images))
        cameras = []
        for name, value in (("baseline", baseline), ("focal_length", focal_length)):
            values = value if is_list(value) else [value] * len(pictures)
            if len(values) != len(pictures):
                raise ValueError(f"Got {len(values)} values of {name} for {len(pictures)} pictures.")
            cameras.append(values)

        def process(item: tuple) -> np.ndarray | torch.Tensor:
            return self.process_image(item[0], baseline=item[1], focal_length=item[2], **kwargs)

        return for_each(process, list(zip(pictures, *cameras, strict=True)))

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
        """Turn depth into disparity as a part of the largest, in [0, 1]; see the class."""
        if isinstance(baseline, str):
            if baseline not in SENSOR_BASELINES:
                raise ValueError(f"Unknown sensor {baseline!r}, expected one of {list(SENSOR_BASELINES)}, or metres.")
            baseline = SENSOR_BASELINES[baseline]
        is_positive = all(0 < value < math.inf for value in (baseline, focal_length, depth_scale))
        if not is_positive or not 0 <= min_disparity < max_disparity < math.inf:
            raise ValueError(
                f"Expected positive constants, got baseline={baseline}, focal_length={focal_length}, "
                f"depth_scale={depth_scale}, min_disparity={min_disparity}, max_disparity={max_disparity}."
            )
        if depth_unit not in (None, "m", "mm", "disparity"):
            raise ValueError(f"depth_unit is {depth_unit!r}, expected 'm', 'mm', 'disparity' or None.")
        if bit_rotated:
            if not is_integer(values) or depth_unit not in (None, "mm"):
                raise ValueError(f"bit_rotated goes with integers in mm, got {values.dtype} in {depth_unit!r}.")
            values = values.astype(np.uint16)
            values = (values >> 3) | (values << 13)
        if depth_unit is None:
            if values.dtype.itemsize == 1:
                raise ValueError("Depth of 8 bits has no natural unit: pass depth_unit ('m', 'mm' or 'disparity').")
            depth_unit = "mm" if is_integer(values) else "m"
        values = values.astype(np.float64)
        if depth_unit != "disparity":
            metres = values / 1000 if depth_unit == "mm" else values
            # No reading, 0, counts as infinitely far: no disparity.
            with np.errstate(divide="ignore", over="ignore"):
                values = np.where(metres > 0, baseline * focal_length / (depth_scale * metres), 0)
        return values.clip(min_disparity, max_disparity) / max_disparity


class ImageBindDepthImageProcessor(_Depth, TorchvisionBackend):
    r"""Prepares depth maps: disparity, clipped and scaled, short side to 224, centre crop, mean and deviation.

    A depth map comes in any form that [`ImageBindImageProcessor`] takes; arrays have one channel. No reading, 0,
    becomes the smallest disparity.

    Args:
        depth_unit (`str`, *optional*): `"m"`, `"mm"`, or `"disparity"` for what is disparity already, in the units of
            `max_disparity`. By default floats are metres and integers millimetres, except 8 bits, which must be told.
        bit_rotated (`bool`): The integers are as in SUN RGB-D's PNG files, rotated by three bits: millimetres are
            `(d >> 3) | (d << 13)`.
        baseline (`float` or `str`): Baseline of the sensor in metres, or which of SUN RGB-D's sensors it is: `"kv1"`,
            `"kv2"` (.075), `"realsense"`, `"xtion"` (.095). From an author, in a public thread. A list: for each map.
        focal_length (`float`): Focal length in pixels, the first number of SUN RGB-D's `intrinsics.txt`; the default
            is that of NYU's Kinect. A list: for each map.
        depth_scale (`float`): How many times too large the depths were from which the published constants come.
            Derived, not confirmed: mean and deviation fit disparities of un-rotated raw values, eight times the
            millimetres. 1 takes depths at their word.
        min_disparity, max_disparity (`float`): Clipping; the result is divided by the latter (published: .01, 75).
        image_mean, image_std (`float`): Of the result (published: .0418, .0295).

    Returns:
        `pixel_values_depth` of shape `(B, 1, 224, 224)`, float32.

    Raises:
        ValueError: For what is no depth map, or is damaged (the message names it), or has an unknown unit.

    Example:
        A wall at two metres, in millimetres, seen by NYU's Kinect; and as SUN RGB-D would store it:

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
    r"""[`ImageBindDepthImageProcessor`] on PIL."""


class _Thermal(_Planes):
    model_input_names = ["pixel_values_thermal"]
    valid_kwargs = ImageBindThermalImageProcessorKwargs
    do_normalize = False

    def to_plane(self, values: np.ndarray, value_range: Any = None, **kwargs: Any) -> np.ndarray:
        """Bring values into [0, 1]; see the class."""
        if value_range is not None:
            low, high = map(float, value_range)
            if not -math.inf < low < high < math.inf:
                raise ValueError(f"value_range must be finite and rise, got {tuple(value_range)}.")
        elif values.dtype == np.uint8:
            low, high = 0.0, 255.0
        else:
            low, high = float(values.min()), float(values.max())
        return ((values.astype(np.float64) - low) / (high - low or 1)).clip(0, 1)


class ImageBindThermalImageProcessor(_Thermal, TorchvisionBackend):
    r"""Prepares thermal pictures: [0, 1], short side to 224, centre crop; no mean, no deviation.

    Without these two the published weights come closest to the paper (62.4 of 63.4 % on LLVIP; pull request 73 of the
    published code). A picture comes in any form that [`ImageBindImageProcessor`] takes; arrays have one channel.

    Args:
        value_range (`tuple[float, float]`, *optional*): What becomes 0 and 1. By default 0 and 255 for 8 bits, and
            each picture's own extremes for everything else (16-bit radiometric values, temperatures).

    Returns:
        `pixel_values_thermal` of shape `(B, 1, 224, 224)`, float32.

    Raises:
        ValueError: For what is no picture, or is damaged (the message names it), or a range that does not rise.

    Example:
        A radiometric picture in hundredths of a kelvin, seen from 0 to 40 degrees Celsius:

        >>> import numpy as np
        >>> from imagebind_hf import ImageBindThermalImageProcessor
        >>> room = np.full((120, 160), 29315, dtype=np.uint16)
        >>> values = ImageBindThermalImageProcessor()(room, value_range=(27315, 31315), return_tensors="pt")
        >>> round(values["pixel_values_thermal"].mean().item(), 2)
        0.5
    """


class ImageBindThermalImageProcessorPil(_Thermal, PilBackend):
    r"""[`ImageBindThermalImageProcessor`] on PIL."""


__all__ = [
    "ImageBindDepthImageProcessor",
    "ImageBindDepthImageProcessorPil",
    "ImageBindImageProcessor",
    "ImageBindImageProcessorPil",
    "ImageBindThermalImageProcessor",
    "ImageBindThermalImageProcessorPil",
]
