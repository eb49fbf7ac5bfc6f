# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Reading media: whatever names an image, a sound or a video, into arrays. Bad files are a `ValueError` that names them."""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

# Samples of all channels together that are read from one file: three hours of 16 kHz mono. A header can claim more.
MAX_AUDIO_SAMPLES = 3 * 3600 * 16_000
# Pixels of one image, PIL's own limit against decompression bombs.
MAX_IMAGE_PIXELS = 89_478_485


def describe(item: Any) -> str:
    """Name a media item in an error: its path, or what it is."""
    if isinstance(item, (str, os.PathLike)):
        return repr(os.fspath(item))
    if isinstance(item, dict):
        return describe(item["path"]) if item.get("path") else describe(item.get("bytes"))
    if isinstance(item, (bytes, bytearray)):
        return f"{len(item)} bytes"
    return f"a {type(item).__name__}" + (f" of shape {tuple(item.shape)}" if hasattr(item, "shape") else "")


def is_reference(item: Any) -> bool:
    """Tell whether an item refers to encoded media: a path, bytes, or the undecoded form of a `datasets` column."""
    return isinstance(item, (str, os.PathLike, bytes, bytearray)) or (
        isinstance(item, dict) and (item.get("bytes") is not None or isinstance(item.get("path"), str))
    )


def _open(item: Any) -> Any:
    """Return what a decoder reads from: a path or a file object."""
    if isinstance(item, dict):
        return _open(item["bytes"] if item.get("bytes") is not None else item["path"])
    if isinstance(item, (bytes, bytearray)):
        return io.BytesIO(item)
    if not Path(item).is_file():
        raise ValueError(f"There is no file {os.fspath(item)!r}.")
    return os.fspath(item)


def load_image(item: Any) -> Image.Image:
    """Read an image, upright as its EXIF data say.

    Args:
        item: A PIL image, a path, a URL, bytes, or `{"bytes": …, "path": …}`.

    Raises:
        ValueError: If it is no image, is cut short, or has more than 89 million pixels.
    """
    if isinstance(item, str) and item.startswith(("http://", "https://")):
        from transformers.image_utils import load_image as load_url

        item = load_url(item)
    try:
        image = item if isinstance(item, Image.Image) else Image.open(_open(item))
        if image.width * image.height > MAX_IMAGE_PIXELS:
            raise ValueError(f"Image {describe(item)} has {image.width}x{image.height} pixels, too many to decode.")
        image.load()
        return ImageOps.exif_transpose(image)
    except (UnidentifiedImageError, OSError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(f"Cannot read the image {describe(item)}: {error}") from error


def load_audio(item: Any) -> tuple[np.ndarray, int]:
    """Read a sound with soundfile (WAV, FLAC, Ogg, MP3, …).

    Args:
        item: A path, bytes, or `{"bytes": …, "path": …}`.

    Returns:
        The waveform, float32 of shape `(channels, samples)` in [-1, 1], and its sampling rate in Hz.

    Raises:
        ValueError: If it is no sound that soundfile reads, is empty, or claims more than three hours.
    """
    import soundfile

    try:
        with soundfile.SoundFile(_open(item)) as file:
            if file.frames * file.channels > MAX_AUDIO_SAMPLES:
                raise ValueError(
                    f"Audio {describe(item)} claims {file.frames / file.samplerate:.0f} s of {file.channels} channels, "
                    f"more than {MAX_AUDIO_SAMPLES} samples: cut it first."
                )
            waveform = file.read(dtype="float32", always_2d=True).T
            sampling_rate = file.samplerate
    except (soundfile.SoundFileError, TypeError) as error:
        raise ValueError(f"Cannot read the audio {describe(item)}: {error}") from error
    if not waveform.size:
        raise ValueError(f"Audio {describe(item)} has no samples.")
    return waveform, sampling_rate


class Video(NamedTuple):
    """Frames that can be read by number."""

    num_frames: int
    fps: float
    read: Any


def open_video(item: Any) -> Video:
    """Open a video; frames are decoded when they are read, with torchcodec where it loads, else with PyAV.

    Args:
        item: A path, bytes, `{"bytes": …, "path": …}`, or a torchcodec `VideoDecoder`.

    Returns:
        Number of frames, frames a second, and a function from frame numbers to a uint8 array `(T, H, W, 3)`.

    Raises:
        ValueError: If it is no video, or has no frames.
        ImportError: If neither decoder is installed.
    """
    decoder = item if hasattr(item, "get_frames_at") else None
    if decoder is None:
        source = _open(item)
        try:
            from torchcodec.decoders import VideoDecoder
        except (ImportError, RuntimeError, OSError):
            return _open_with_pyav(item, source)
        try:
            decoder = VideoDecoder(source.getvalue() if isinstance(source, io.BytesIO) else source)
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"Cannot read the video {describe(item)}: {error}") from error

    def read(frames: Sequence[int]) -> np.ndarray:
        return decoder.get_frames_at(list(frames)).data.permute(0, 2, 3, 1).numpy()

    if not decoder.metadata.num_frames:
        raise ValueError(f"Video {describe(item)} has no frames.")
    return Video(decoder.metadata.num_frames, float(decoder.metadata.average_fps), read)


def _open_with_pyav(item: Any, source: Any) -> Video:
    try:
        import av
    except ImportError as error:
        raise ImportError("Reading video files takes a decoder: `pip install av` (or torchcodec).") from error

    def decode() -> Any:
        if isinstance(source, io.BytesIO):
            source.seek(0)
        try:
            with av.open(source) as container:
                if not container.streams.video:
                    raise ValueError(f"{describe(item)} has no video stream.")
                yield from container.decode(video=0)
        except av.error.FFmpegError as error:
            raise ValueError(f"Cannot read the video {describe(item)}: {error}") from error

    # Frames are counted, not taken from the header, which may be wrong or silent.
    num_frames, rate = 0, None
    for frame in decode():
        num_frames += 1
        rate = rate or frame.time_base
    if not num_frames:
        raise ValueError(f"Video {describe(item)} has no frames.")
    if isinstance(source, io.BytesIO):
        source.seek(0)
    with av.open(source) as container:
        fps = container.streams.video[0].average_rate

    def read(frames: Sequence[int]) -> np.ndarray:
        wanted = {}
        for number, frame in enumerate(decode()):
            if number in frames:
                wanted[number] = frame.to_ndarray(format="rgb24")
            if len(wanted) == len(set(frames)):
                break
        return np.stack([wanted[number] for number in frames])

    return Video(num_frames, float(fps or 0) or 25.0, read)
