# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Thumbnails of items of any modality, so that a page of results does not need the files."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from transformers.utils import logging

from ..models.imagebind.media import is_reference, load_audio, load_image, load_imu, open_video
from ..utils.extras import needs_extra

# Size in pixels and JPEG quality: about 5 kB per thumbnail.
WIDTH, HEIGHT, QUALITY = 192, 144, 80
# Samples per column of a spectrogram, and the range that it shows.
_WINDOW, _FLOOR_DB = 1024, 80
_CURVES = ("#e4572e", "#76b041", "#17bebb")
# Largest number of channels that are drawn as curves; arrays with more are drawn as a plane.
_MAX_CURVES = 8

logger = logging.get_logger(__name__)


def thumbnail(modality: str, item: Any) -> bytes | None:
    """Draw an item.

    Images are scaled down. Of a video, the middle frame is drawn; of audio, a spectrogram; depth and thermal in false
    colors; of IMU, curves. An array of an extra modality is drawn as an image, in false colors, or as curves.

    Args:
        modality: The item's modality.
        item: The processor's input.

    Returns:
        A JPEG of at most 192x144 pixels, or `None` for texts and for items that cannot be drawn.

    Raises:
        ValueError: If the item cannot be read.
    """
    image = _DRAW.get(modality, _values)(item)
    if image is None:
        return None
    image.thumbnail((WIDTH, HEIGHT))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def try_thumbnail(modality: str, load: Callable[[], Any], name: str) -> bytes | None:
    """Load and draw an item. If that fails, log the reason and return `None`: an item needs no thumbnail to be found.

    Args:
        modality: The item's modality.
        load: Returns the item.
        name: The item's name in the log.
    """
    try:
        return thumbnail(modality, load())
    # Decoders raise exceptions of any type for a corrupted file.
    except Exception as error:
        logger.info(f"Cannot draw a thumbnail of {name!r}: {error}")
        return None


def _text(item: Any) -> None:
    return None


def _image(item: Any) -> Image.Image:
    image = item if isinstance(item, Image.Image) else load_image(item) if is_reference(item) else _from_array(item)
    if image.mode.startswith("I") or image.mode == "F":
        return _false_colors(np.asarray(image), "gray")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _video(item: Any) -> Image.Image:
    if not is_reference(item) and not hasattr(item, "get_frames_at"):
        frames = np.asarray(item)
        return _from_array(frames[len(frames) // 2])
    video = open_video(item)
    return Image.fromarray(np.ascontiguousarray(video.read([video.num_frames // 2])[0].transpose(1, 2, 0)))


def _audio(item: Any) -> Image.Image:
    """Draw a spectrogram with one column per pixel for a clip of any length."""
    if isinstance(item, np.ndarray):
        wave = np.atleast_2d(item).astype(np.float32).mean(axis=0)
    else:
        wave = load_audio(item)[0].mean(axis=0)
    wave = np.pad(wave, (0, max(0, _WINDOW - len(wave))))
    starts = np.linspace(0, len(wave) - _WINDOW, WIDTH).astype(int)
    windows = wave[starts[:, None] + np.arange(_WINDOW)] * np.hanning(_WINDOW)
    power = np.abs(np.fft.rfft(windows)[:, 1:]) ** 2
    # Logarithmic frequencies, as in human hearing.
    edges = np.unique(np.geomspace(4, power.shape[1], HEIGHT // 2 + 1).astype(int))
    bands = np.add.reduceat(power, edges[:-1], axis=1) / np.diff(edges)
    level = 10 * np.log10(bands + 1e-10)
    level = (level - level.max()).clip(-_FLOOR_DB) / _FLOOR_DB + 1
    return _colors(level.T[::-1], "magma").resize((WIDTH, HEIGHT // 2))


def _imu(item: Any) -> Image.Image:
    """Draw the three axes of the accelerometer above those of the gyroscope."""
    if is_reference(item):
        item = load_imu(item)
    if isinstance(item, dict):
        item = np.concatenate([np.asarray(item["accel"]), np.asarray(item["gyro"])])
    values = np.nan_to_num(np.asarray(item, np.float32))
    if values.ndim != 2 or values.shape[0] != 6:
        raise ValueError(f"Expected IMU data of shape (6, T), but got {values.shape}.")
    return _curves([values[:3], values[3:]])


def _curves(bands: list[np.ndarray]) -> Image.Image:
    """Draw arrays of shape `(channels, T)` below each other. The curves of a band share a scale."""
    height = HEIGHT // 3
    image = Image.new("RGB", (WIDTH, height * len(bands)), "#14181f")
    draw = ImageDraw.Draw(image)
    for position, band in enumerate(bands):
        columns = np.linspace(0, band.shape[1] - 1, min(WIDTH, band.shape[1])).astype(int)
        x, rows = np.linspace(0, WIDTH - 1, len(columns)), band[:, columns]
        low, span = rows.min(), max(float(np.ptp(rows)), 1e-6)
        for number, row in enumerate(rows):
            y = position * height + 4 + (height - 8) * (1 - (row - low) / span)
            points = [*map(tuple, np.stack([x, y], axis=1).tolist())]
            draw.line(points, fill=_CURVES[number % len(_CURVES)], width=1)
    return image


def _values(item: Any) -> Image.Image | None:
    """Draw an item of an extra modality if it is numeric: an image, a plane of values, or curves."""
    if isinstance(item, Image.Image):
        return _image(item)
    try:
        array = np.asarray(item, np.float32).squeeze()
    # Text, bytes, a mapping, or ragged lists: only the modality's own processor knows what they mean.
    except (TypeError, ValueError):
        return None
    if not array.size or not np.isfinite(array).any():
        return None
    if array.ndim == 3 and (array.shape[0] == 3 or array.shape[-1] == 3):
        return _from_array(array)
    if array.ndim == 2 and min(array.shape) > _MAX_CURVES:
        return _false_colors(array, "viridis")
    if array.ndim in (1, 2):
        array = np.nan_to_num(np.atleast_2d(array))
        return _curves([array if len(array) <= _MAX_CURVES else array.T])
    return None


def _plane(color_map: str) -> Callable[[Any], Image.Image]:
    def draw(item: Any) -> Image.Image:
        array = np.asarray(load_image(item) if is_reference(item) or isinstance(item, Image.Image) else item)
        array = array.squeeze()
        if array.ndim == 3:
            # The camera has applied false colors already.
            return _from_array(array)
        return _false_colors(array, color_map)

    return draw


def _false_colors(array: np.ndarray, color_map: str) -> Image.Image:
    """Map the values between the 2nd and the 98th percentile to colors."""
    if array.ndim != 2:
        raise ValueError(f"Expected a plane of values, but got shape {array.shape}.")
    # Skip rows and columns that a thumbnail does not show.
    step = max(1, min(array.shape[0] // (2 * HEIGHT), array.shape[1] // (2 * WIDTH)))
    values = array[::step, ::step].astype(np.float64)
    known = np.isfinite(values)
    if not known.any():
        raise ValueError("There is no finite value to draw.")
    low, high = np.percentile(values[known], [2, 98])
    scaled = (np.where(known, values, low) - low) / max(high - low, 1e-12)
    return _colors(scaled.clip(0, 1), color_map)


def _colors(values: np.ndarray, color_map: str) -> Image.Image:
    with needs_extra("search"):
        from matplotlib import colormaps

    return Image.fromarray(colormaps[color_map](values, bytes=True)[..., :3])


def _from_array(array: Any) -> Image.Image:
    array = np.asarray(array)
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[-1] not in (1, 3, 4):
        array = array.transpose(1, 2, 0)
    if array.dtype.kind == "f":
        array = array * 255 if array.max() <= 1 else array
    return Image.fromarray(np.ascontiguousarray(array.squeeze().clip(0, 255).astype(np.uint8))).convert("RGB")


_DRAW: dict[str, Callable[[Any], Image.Image | None]] = {
    "text": _text,
    "image": _image,
    "video": _video,
    "audio": _audio,
    "depth": _plane("turbo_r"),
    "thermal": _plane("inferno"),
    "imu": _imu,
}
