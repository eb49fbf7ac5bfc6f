# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Reading media: whatever names an image, a sound or a video, into arrays.

What names one, a reference, is a path, a URL, bytes, a file object, or the undecoded form of a `datasets` column,
`{"bytes": …, "path": …}`. A file that is foreign, damaged, cut short or absurdly large is a `ValueError` that names
it.
"""

import csv
import io
import os
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from .containers import check_complete, mp3_tells_length

# Samples of all channels together that are read from one file, 1 GiB of float32: 4.6 hours of 16 kHz mono.
MAX_AUDIO_SAMPLES = 2**28
# Pixels of one image: PIL's own limit against decompression bombs.
MAX_IMAGE_PIXELS = 89_478_485
# Bytes of one download, 1 GiB, and seconds that a server may be silent.
MAX_DOWNLOAD = 2**30
DOWNLOAD_TIMEOUT = 30.0


def describe(item: Any) -> str:
    """Name a media item in an error: its path, or what it is."""
    if isinstance(item, (str, os.PathLike)):
        path = str(item)
        return repr(path if len(path) <= 200 else path[:200] + "…")
    if isinstance(item, Mapping) and (item.get("path") or item.get("bytes") is not None):
        return describe(item.get("path") or item["bytes"])
    if isinstance(item, (bytes, bytearray)):
        return f"of {len(item)} bytes"
    if hasattr(item, "shape"):
        return f"a {type(item).__name__} of shape {tuple(item.shape)}"
    return repr(item) if isinstance(item, (int, float, type(None))) else f"a {type(item).__name__}"


def is_reference(item: Any) -> bool:
    """Tell whether an item is a reference to encoded media, as the module says."""
    if isinstance(item, Mapping):
        return item.get("bytes") is not None or isinstance(item.get("path"), (str, os.PathLike))
    return isinstance(item, (str, os.PathLike, bytes, bytearray, io.IOBase))


def is_list(items: Any) -> bool:
    """Tell whether something is a list of items: a list, a tuple, a column of `datasets`."""
    return isinstance(items, Sequence) and not isinstance(items, (str, bytes, bytearray))


def for_each(function: Callable[[Any], Any], items: Sequence[Any]) -> list:
    """Apply a function to every item; the message of a `ValueError` tells which item it was.

    Raises:
        ValueError: If there are no items, or the function raised one.
    """
    if not len(items):
        raise ValueError("Got an empty list.")
    results = []
    for number, item in enumerate(items):
        try:
            results.append(function(item))
        except ValueError as error:
            raise ValueError(f"Item {number} of {len(items)}: {error}") from error
    return results


def load_image(item: Any) -> Image.Image:
    """Read an image, upright as its EXIF data say.

    Args:
        item: A reference, or a PIL image.

    Returns:
        The image, in its own mode.

    Raises:
        ValueError: If it is no image, is cut short, or has more than 89 million pixels.
    """
    source = item if isinstance(item, Image.Image) else _open(item)
    try:
        image = source if isinstance(source, Image.Image) else Image.open(source)
        if image.width * image.height > MAX_IMAGE_PIXELS:
            raise ValueError(f"{image.width}x{image.height} are too many pixels")
        image.load()
        return ImageOps.exif_transpose(image)
    except UnidentifiedImageError as error:
        # PIL names the file object, with its address.
        raise ValueError(f"Cannot read the image {describe(item)}: it is of no format that PIL knows") from error
    # PIL's readers raise whatever they stumble over in a damaged file.
    except Exception as error:
        raise ValueError(f"Cannot read the image {describe(item)}: {error}") from error


def load_audio(item: Any, max_samples: int = MAX_AUDIO_SAMPLES) -> tuple[np.ndarray, int]:
    """Read a sound with soundfile (WAV, FLAC, Ogg, MP3, …).

    Args:
        item: A reference, `{"array": …, "sampling_rate": …}`, or a torchcodec `AudioDecoder`, as which recent
            `datasets` decode their columns.
        max_samples: How many samples, of all channels together, a file may have.

    Returns:
        The waveform, float32 of shape `(channels, samples)`, in [-1, 1] where it was integers; its rate in Hz.

    Raises:
        ValueError: If it is no sound that soundfile reads, is cut short, is empty or not finite, or claims more than
            `max_samples`.
    """
    if isinstance(item, Mapping) and item.get("array") is not None:
        waveform, sampling_rate = np.atleast_2d(np.asarray(item["array"], dtype=np.float32)), item.get("sampling_rate")
    elif hasattr(item, "get_all_samples"):
        samples = item.get_all_samples()
        waveform, sampling_rate = samples.data.numpy(), samples.sample_rate
    else:
        waveform, sampling_rate = _read_audio(item, max_samples)
    if waveform.ndim != 2 or not sampling_rate or sampling_rate < 0:
        raise ValueError(f"Expected channels, samples and a rate, got {waveform.shape} at {sampling_rate} Hz.")
    if not waveform.size:
        raise ValueError(f"The audio {describe(item)} has no samples.")
    if not np.isfinite(waveform).all():
        raise ValueError(f"The audio {describe(item)} has samples that are not finite.")
    return waveform, int(sampling_rate)


def _read_audio(item: Any, max_samples: int) -> tuple[np.ndarray, int]:
    import soundfile

    source = _open(item)
    try:
        check_complete(source)
        with soundfile.SoundFile(source) as file:
            if file.frames * file.channels > max_samples:
                raise ValueError(f"it claims {file.frames} samples of {file.channels} channels, more than are read")
            waveform = file.read(dtype="float32", always_2d=True)
            if len(waveform) < file.frames and (file.format != "MP3" or mp3_tells_length(source)):
                raise ValueError(f"it is cut short: {len(waveform)} of {file.frames} samples are there")
            return waveform.T, file.samplerate
    # soundfile raises a TypeError for a file without a header that it knows.
    except (soundfile.SoundFileError, TypeError, ValueError) as error:
        raise ValueError(f"Cannot read the audio {describe(item)}: {error}") from error


def load_imu(item: Any) -> dict[str, np.ndarray]:
    """Read motion from a CSV file with a line of names, as Ego4D has them.

    Args:
        item: A reference. Columns: `accl_x`, `accl_y`, `accl_z` (or `accel_…`), `gyro_x`, `gyro_y`, `gyro_z`, in any
            order, and `canonical_timestamp_ms` (or `timestamp_ms`), milliseconds; others are passed over.

    Returns:
        `accel` and `gyro`, float32 of shape `(3, T)`, NaN where a field is empty or no number; `timestamps` in
        seconds, `(T,)`. Lines are put in the order of their time.

    Raises:
        ValueError: If it is no such file, or has no lines.
    """
    source = _open(item)
    try:
        raw = source.getvalue() if isinstance(source, io.BytesIO) else Path(source).read_bytes()
        lines = csv.DictReader(io.StringIO(raw.decode("utf-8-sig")))
        names = {name.strip().lower().replace("accl", "accel"): name for name in lines.fieldnames or [] if name}
        time = next((names[name] for name in ("canonical_timestamp_ms", "timestamp_ms") if name in names), None)
        axes = [f"{sensor}_{axis}" for sensor in ("accel", "gyro") for axis in "xyz"]
        missing = [name for name in axes if name not in names] + ([] if time else ["canonical_timestamp_ms"])
        if missing:
            raise ValueError(f"the columns {missing} are missing, there are {list(names)}")
        rows = [[_number(line[time]), *(_number(line[names[name]]) for name in axes)] for line in lines]
    except (csv.Error, UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"Cannot read the motion {describe(item)}: {error}") from error
    table = np.asarray(rows, dtype=np.float64).reshape(-1, 7)
    table = table[np.isfinite(table[:, 0])]
    if not len(table):
        raise ValueError(f"The motion {describe(item)} has no lines with a time.")
    table = table[np.argsort(table[:, 0], kind="stable")]
    values = table[:, 1:].T.astype(np.float32)
    return {"accel": values[:3], "gyro": values[3:], "timestamps": table[:, 0] / 1000}


def _number(field: str | None) -> float:
    try:
        return float(field or "nan")
    except ValueError:
        return float("nan")


class Video(NamedTuple):
    """A video whose frames are decoded when they are read.

    Args:
        num_frames: Number of frames.
        fps: Frames a second, on average.
        read: Function from frame numbers to frames, uint8 of shape `(len(numbers), 3, H, W)`.
        backend: What decodes: `"torchcodec"` or `"pyav"`.
    """

    num_frames: int
    fps: float
    read: Callable[[Sequence[int]], np.ndarray]
    backend: str


def open_video(item: Any) -> Video:
    """Open a video, with torchcodec where that loads, else with PyAV.

    Args:
        item: A reference, or a torchcodec `VideoDecoder`, as which recent `datasets` decode their columns.

    Raises:
        ValueError: If it is no video, is cut short, or has no frames.
        ImportError: If there is no decoder.
    """
    try:
        if hasattr(item, "get_frames_at"):
            return _torchcodec_video(item, item)
        source = _open(item)
        check_complete(source)
        return _decoder()(source, item)
    except ImportError:
        raise
    # Decoders have errors of their own kinds.
    except Exception as error:
        raise ValueError(f"Cannot read the video {describe(item)}: {error}") from error


def _decoder() -> Callable[[Any, Any], Video]:
    try:
        from torchcodec.decoders import VideoDecoder

        return lambda source, item: _torchcodec_video(VideoDecoder(source), item)
    # Where FFmpeg's libraries are missing, torchcodec is installed and yet does not load.
    except (ImportError, RuntimeError, OSError):
        pass
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise ImportError("Reading video files takes a decoder: `pip install av` (or torchcodec).") from error
    return _pyav_video


def _torchcodec_video(decoder: Any, item: Any) -> Video:
    def read(numbers: Sequence[int]) -> np.ndarray:
        try:
            return decoder.get_frames_at(list(numbers)).data.numpy()
        except Exception as error:
            raise ValueError(f"Cannot decode the video {describe(item)}: {error}") from error

    num_frames, fps = decoder.metadata.num_frames, decoder.metadata.average_fps_from_header
    if not num_frames:
        raise ValueError("it has no frames")
    return Video(num_frames, float(fps or decoder.metadata.average_fps), read, "torchcodec")


def _pyav_video(source: Any, item: Any) -> Video:
    import av

    def decode(begin: int | None) -> Iterator[tuple[int, Any]]:
        with av.open(_rewound(source)) as container:
            if begin is not None:
                container.seek(begin, stream=container.streams.video[0])
            for number, frame in enumerate(container.decode(video=0)):
                yield (frame.pts if keys else number), frame

    # Packets, one for each frame, are read but not decoded: what a header says of their number may be wrong.
    with av.open(_rewound(source)) as container:
        if not container.streams.video:
            raise ValueError("it has no video stream")
        stream = container.streams.video[0]
        fps, time_base = stream.average_rate, stream.time_base
        packets = [packet for packet in container.demux(stream) if packet.size and not packet.is_discard]
    times = [packet.pts for packet in packets]
    keys = [packet.pts for packet in packets if packet.is_keyframe]
    if None in times or len(set(times)) < len(times):
        # Containers without times: frames are counted, and always from the start.
        keys = []
        times = [number for number, _ in decode(None)]
    times, keys = sorted(times), sorted(keys)
    if not times:
        raise ValueError("it has no frames")
    if not fps:
        fps = (len(times) - 1) / max(float((times[-1] - times[0]) * time_base), 1e-3) or 1

    def read(numbers: Sequence[int]) -> np.ndarray:
        frames: dict[int, np.ndarray] = {}
        groups = defaultdict(set)
        for time in {times[number] for number in numbers}:
            place = bisect_right(keys, time) - 1
            groups[keys[place] if place >= 0 else None].add(time)
        try:
            # What decoding from a key frame does not give (a damaged index) is looked for from the start.
            for begin, missing in [*groups.items(), (None, set(times))]:
                missing &= {times[number] for number in numbers} - frames.keys()
                for time, frame in decode(begin) if missing else ():
                    if time in missing:
                        frames[time] = frame.to_ndarray(format="rgb24").transpose(2, 0, 1)
                        missing.discard(time)
                    if not missing:
                        break
            return np.stack([frames[times[number]] for number in numbers])
        except Exception as error:
            raise ValueError(f"Cannot decode the video {describe(item)}: {error}") from error

    return Video(len(times), float(fps), read, "pyav")


def _open(item: Any) -> str | io.BytesIO:
    """Turn a reference into what decoders read from: a path or a file in memory."""
    if isinstance(item, Mapping):
        item = item["bytes"] if item.get("bytes") is not None else item.get("path")
    if isinstance(item, (bytes, bytearray)):
        return io.BytesIO(item)
    if hasattr(item, "read"):
        data = item.read()
        if not isinstance(data, bytes):
            raise ValueError(f"Expected a file that was opened for bytes, got {describe(item)}.")
        return io.BytesIO(data)
    if not isinstance(item, (str, os.PathLike)):
        raise ValueError(f"Expected a path, a URL or bytes, got {describe(item)}.")
    path = os.fspath(item)
    if path.startswith(("http://", "https://", "data:")):
        return _download(path)
    if not os.path.isfile(path):
        raise ValueError(f"There is no file {describe(item)}.")
    return path


def _download(url: str) -> io.BytesIO:
    try:
        with urlopen(Request(url, headers={"User-Agent": "imagebind-hf"}), timeout=DOWNLOAD_TIMEOUT) as response:
            data = response.read(MAX_DOWNLOAD + 1)
    except (OSError, ValueError) as error:
        raise ValueError(f"Cannot download {describe(url)}: {error}") from error
    if len(data) > MAX_DOWNLOAD:
        raise ValueError(f"{describe(url)} has more than {MAX_DOWNLOAD} bytes.")
    return io.BytesIO(data)


def _rewound(source: str | io.BytesIO) -> str | io.BytesIO:
    if not isinstance(source, str):
        source.seek(0)
    return source
