# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Small pictures of items of any modality, so that a page of results needs no files."""

import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from ..models.imagebind.media import is_reference, load_audio, load_image, load_imu, open_video

# Pixels, and JPEG's quality: about 5 kB each.
WIDTH, HEIGHT, QUALITY = 192, 144, 80
# Samples of a column of a spectrogram, and what is drawn of them.
_WINDOW, _FLOOR_DB = 1024, 80
_CURVES = ("#e4572e", "#76b041", "#17bebb")


def thumbnail(modality: str, item: Any) -> bytes | None:
    """Draw an item: a picture, the middle frame of a video, a spectrogram, depth or heat in false colours, curves.

    Args:
        modality: Its modality.
        item: What the processor takes.

    Returns:
        A JPEG of at most 192x144 pixels; None for texts, and for modalities that nobody here can draw.

    Raises:
        ValueError: If it cannot be read.
    """
    if modality not in _DRAW:
        return None
    picture = _DRAW[modality](item)
    picture.thumbnail((WIDTH, HEIGHT))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _image(item: Any) -> Image.Image:
    picture = item if isinstance(item, Image.Image) else load_image(item) if is_reference(item) else _from_array(item)
    if picture.mode.startswith("I") or picture.mode == "F":
        return _false_colours(np.asarray(picture), "gray")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture)
    return picture.convert("RGB")


def _video(item: Any) -> Image.Image:
    if not is_reference(item) and not hasattr(item, "get_frames_at"):
        frames = np.asarray(item)
        return _from_array(frames[len(frames) // 2])
    video = open_video(item)
    return Image.fromarray(np.ascontiguousarray(video.read([video.num_frames // 2])[0].transpose(1, 2, 0)))


def _audio(item: Any) -> Image.Image:
    """Draw a spectrogram with a column for each pixel, however long the sound is."""
    if isinstance(item, np.ndarray):
        wave = np.atleast_2d(item).astype(np.float32).mean(axis=0)
    else:
        wave = load_audio(item)[0].mean(axis=0)
    wave = np.pad(wave, (0, max(0, _WINDOW - len(wave))))
    starts = np.linspace(0, len(wave) - _WINDOW, WIDTH).astype(int)
    windows = wave[starts[:, None] + np.arange(_WINDOW)] * np.hanning(_WINDOW)
    power = np.abs(np.fft.rfft(windows)[:, 1:]) ** 2
    # Rows are spaced by octaves, as one hears.
    edges = np.unique(np.geomspace(4, power.shape[1], HEIGHT // 2 + 1).astype(int))
    bands = np.add.reduceat(power, edges[:-1], axis=1) / np.diff(edges)
    level = 10 * np.log10(bands + 1e-10)
    level = (level - level.max()).clip(-_FLOOR_DB) / _FLOOR_DB + 1
    return _colours(level.T[::-1], "magma").resize((WIDTH, HEIGHT // 2))


def _imu(item: Any) -> Image.Image:
    """Draw the three axes of acceleration above, those of rotation below."""
    if is_reference(item):
        item = load_imu(item)
    if isinstance(item, dict):
        item = np.concatenate([np.asarray(item["accel"]), np.asarray(item["gyro"])])
    values = np.nan_to_num(np.asarray(item, np.float32))
    if values.ndim != 2 or values.shape[0] != 6:
        raise ValueError(f"Expected motion of shape (6, T), got {values.shape}.")
    picture = Image.new("RGB", (WIDTH, HEIGHT * 2 // 3), "#14181f")
    draw, band = ImageDraw.Draw(picture), HEIGHT // 3
    columns = np.linspace(0, values.shape[1] - 1, min(WIDTH, values.shape[1])).astype(int)
    x = np.linspace(0, WIDTH - 1, len(columns))
    for sensor in (0, 1):
        rows = values[3 * sensor : 3 * sensor + 3, columns]
        low, span = rows.min(), max(float(np.ptp(rows)), 1e-6)
        for axis, colour in enumerate(_CURVES):
            y = sensor * band + 4 + (band - 8) * (1 - (rows[axis] - low) / span)
            draw.line([*map(tuple, np.stack([x, y], axis=1).tolist())], fill=colour, width=1)
    return picture


def _plane(colours: str) -> Any:
    def draw(item: Any) -> Image.Image:
        array = np.asarray(load_image(item) if is_reference(item) or isinstance(item, Image.Image) else item)
        array = array.squeeze()
        if array.ndim == 3:
            # A picture of a camera that has put colours on it.
            return _from_array(array)
        return _false_colours(array, colours)

    return draw


def _false_colours(array: np.ndarray, colours: str) -> Image.Image:
    """Spread the values between the 2nd and the 98th of a hundred over a scale of colours."""
    if array.ndim != 2:
        raise ValueError(f"Expected a plane of values, got {array.shape}.")
    # No more rows and columns than are seen.
    step = max(1, min(array.shape[0] // (2 * HEIGHT), array.shape[1] // (2 * WIDTH)))
    values = array[::step, ::step].astype(np.float64)
    known = np.isfinite(values)
    if not known.any():
        raise ValueError("There is no finite value to draw.")
    low, high = np.percentile(values[known], [2, 98])
    scaled = (np.where(known, values, low) - low) / max(high - low, 1e-12)
    return _colours(scaled.clip(0, 1), colours)


def _colours(values: np.ndarray, name: str) -> Image.Image:
    from matplotlib import colormaps

    return Image.fromarray(colormaps[name](values, bytes=True)[..., :3])


def _from_array(array: Any) -> Image.Image:
    array = np.asarray(array)
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[-1] not in (1, 3, 4):
        array = array.transpose(1, 2, 0)
    if array.dtype.kind == "f":
        array = array * 255 if array.max() <= 1 else array
    return Image.fromarray(np.ascontiguousarray(array.squeeze().clip(0, 255).astype(np.uint8))).convert("RGB")


_DRAW = {
    "image": _image,
    "video": _video,
    "audio": _audio,
    "depth": _plane("turbo_r"),
    "thermal": _plane("inferno"),
    "imu": _imu,
}
