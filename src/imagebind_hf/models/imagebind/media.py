# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Read images, audio, IMU recordings and videos from references.

A file that is not supported, corrupted, truncated or too large raises a `ValueError` that names it.
"""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from .containers import check_complete, mp3_has_length
from .references import describe, for_each, is_list, is_reference, open_reference
from .video import Video, open_video

# Maximum number of samples of an audio file, over all channels: 1 GiB of float32, 4.6 hours of 16 kHz mono.
MAX_AUDIO_SAMPLES = 2**28
# Maximum number of pixels of an image: the limit of PIL against decompression bombs.
MAX_IMAGE_PIXELS = 89_478_485
# Formats of images that are read. Others, such as EPS, make PIL start a program.
IMAGE_FORMATS = tuple("AVIF BMP DIB GIF HEIF JPEG JPEG2000 JXL MPO PCX PNG PPM TGA TIFF WEBP".split())


def _image_formats() -> list[str]:
    """Return the formats of `IMAGE_FORMATS` that this installation of PIL can read."""
    Image.init()
    return [name for name in IMAGE_FORMATS if name in Image.OPEN]


def load_image(item: Any) -> Image.Image:
    """Read an image and apply the rotation of its EXIF data.

    Args:
        item: A reference, or a PIL image.

    Returns:
        The image in its original mode.

    Raises:
        ValueError: If it is not an image, is truncated, or has more than 89 million pixels.
    """
    source = item if isinstance(item, Image.Image) else open_reference(item)
    try:
        image = source if isinstance(source, Image.Image) else Image.open(source, formats=_image_formats())
        if image.width * image.height > MAX_IMAGE_PIXELS:
            raise ValueError(
                f"it has {image.width}x{image.height} pixels, more than the maximum of {MAX_IMAGE_PIXELS}"
            )
        image.load()
        return ImageOps.exif_transpose(image)
    except UnidentifiedImageError as error:
        # The message of PIL contains the address of the file object.
        raise ValueError(
            f"Cannot read the image {describe(item)}: unknown format. Supported are "
            f"{', '.join(_image_formats())}; for HEIC (iPhone), install pillow-heif and call "
            "pillow_heif.register_heif_opener()"
        ) from error
    # The readers of PIL raise many types of exceptions for corrupted files.
    except Exception as error:
        raise ValueError(f"Cannot read the image {describe(item)}: {error}") from error


def load_audio(item: Any, max_samples: int = MAX_AUDIO_SAMPLES) -> tuple[np.ndarray, int]:
    """Read audio with soundfile (WAV, FLAC, Ogg, MP3, ...).

    Args:
        item: A reference, `{"array": ..., "sampling_rate": ...}`, or a torchcodec `AudioDecoder`, which
            recent versions of `datasets` return.
        max_samples: Maximum number of samples of a file, over all channels.

    Returns:
        The waveform, float32 of shape `(channels, samples)`, integers scaled to [-1, 1], and its sampling rate in Hz.

    Raises:
        ValueError: If soundfile cannot read it, if it is truncated or empty, has values that are not finite, or has
            more than `max_samples`.
    """
    if isinstance(item, Mapping) and item.get("array") is not None:
        waveform, sampling_rate = np.atleast_2d(np.asarray(item["array"], dtype=np.float32)), item.get("sampling_rate")
    elif hasattr(item, "get_all_samples"):
        samples = item.get_all_samples()
        waveform, sampling_rate = samples.data.numpy(), samples.sample_rate
    else:
        waveform, sampling_rate = _read_audio(item, max_samples)
    if waveform.ndim != 2 or not sampling_rate or sampling_rate < 0:
        raise ValueError(
            f"Expected audio of shape (channels, samples) and a sampling rate, but got {waveform.shape} at "
            f"{sampling_rate} Hz."
        )
    if not waveform.size:
        raise ValueError(f"The audio {describe(item)} has no samples.")
    if not np.isfinite(waveform).all():
        raise ValueError(f"The audio {describe(item)} has values that are not finite.")
    return waveform, int(sampling_rate)


def _read_audio(item: Any, max_samples: int) -> tuple[np.ndarray, int]:
    import soundfile

    source = open_reference(item)
    try:
        check_complete(source)
        with soundfile.SoundFile(source) as file:
            if file.frames * file.channels > max_samples:
                raise ValueError(
                    f"it has {file.frames} samples of {file.channels} channels, more than the maximum of {max_samples}"
                )
            waveform = file.read(dtype="float32", always_2d=True)
            if len(waveform) < file.frames and (file.format != "MP3" or mp3_has_length(source)):
                raise ValueError(f"it is truncated: it has {len(waveform)} of {file.frames} samples")
            return waveform.T, file.samplerate
    # soundfile raises a TypeError for a file with an unknown header.
    except (soundfile.SoundFileError, TypeError, ValueError) as error:
        raise ValueError(f"Cannot read the audio {describe(item)}: {error}") from error


def load_imu(item: Any) -> dict[str, np.ndarray]:
    """Read an IMU recording from a CSV file with a header, as in Ego4D.

    Args:
        item: A reference. Columns, in any order: `accl_x`, `accl_y`, `accl_z` (or `accel_x`, ...), `gyro_x`, `gyro_y`,
            `gyro_z`, and `canonical_timestamp_ms` (or `timestamp_ms`) in milliseconds. Other columns are ignored.

    Returns:
        `accel` and `gyro`, float32 of shape `(3, T)`, with NaN for fields that are not numbers, and `timestamps` in
        seconds, of shape `(T,)`. Rows are sorted by time.

    Raises:
        ValueError: If columns are missing, or if there are no rows.
    """
    source = open_reference(item)
    try:
        raw = source.getvalue() if isinstance(source, io.BytesIO) else Path(source).read_bytes()
        lines = csv.DictReader(io.StringIO(raw.decode("utf-8-sig")))
        names = {name.strip().lower().replace("accl", "accel"): name for name in lines.fieldnames or [] if name}
        time = next((names[name] for name in ("canonical_timestamp_ms", "timestamp_ms") if name in names), None)
        axes = [f"{sensor}_{axis}" for sensor in ("accel", "gyro") for axis in "xyz"]
        missing = [name for name in axes if name not in names] + ([] if time else ["canonical_timestamp_ms"])
        if missing:
            raise ValueError(f"expected the columns {missing}, but got {list(names)}")
        rows = [[_number(line[time]), *(_number(line[names[name]]) for name in axes)] for line in lines]
    except (csv.Error, UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"Cannot read the IMU recording {describe(item)}: {error}") from error
    table = np.asarray(rows, dtype=np.float64).reshape(-1, 7)
    table = table[np.isfinite(table[:, 0])]
    if not len(table):
        raise ValueError(f"The IMU recording {describe(item)} has no rows with a timestamp.")
    table = table[np.argsort(table[:, 0], kind="stable")]
    values = table[:, 1:].T.astype(np.float32)
    return {"accel": values[:3], "gyro": values[3:], "timestamps": table[:, 0] / 1000}


def _number(field: str | None) -> float:
    try:
        return float(field or "nan")
    except ValueError:
        return float("nan")


__all__ = [
    "MAX_AUDIO_SAMPLES",
    "MAX_IMAGE_PIXELS",
    "Video",
    "describe",
    "for_each",
    "is_list",
    "is_reference",
    "load_audio",
    "load_image",
    "load_imu",
    "open_video",
]
