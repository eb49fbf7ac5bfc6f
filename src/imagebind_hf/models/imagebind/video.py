# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Open videos with torchcodec or PyAV."""

import io
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .containers import FFMPEG_OPTIONS, check_complete, check_video_format
from .references import describe, open_reference


class Video(NamedTuple):
    """A video. Its frames are decoded when they are read.

    Args:
        num_frames: Number of frames.
        fps: Average number of frames per second.
        read: A function that returns the frames of some frame numbers, uint8 of shape `(len(numbers), 3, H, W)`.
        backend: The decoder: `"torchcodec"` or `"pyav"`.
    """

    num_frames: int
    fps: float
    read: Callable[[Sequence[int]], np.ndarray]
    backend: str


def open_video(item: Any) -> Video:
    """Open a video with torchcodec if that is installed and works, else with PyAV.

    Args:
        item: A reference, or a torchcodec `VideoDecoder`, which recent versions of `datasets` return.

    Raises:
        ValueError: If it is not a video, is truncated, or has no frames.
        ImportError: If no decoder is installed.
    """
    try:
        if hasattr(item, "get_frames_at"):
            return _torchcodec_video(item, item)
        source = open_reference(item)
        check_video_format(source)
        check_complete(source)
        return _decoder()(source, item)
    except ImportError:
        raise
    # Decoders raise many types of exceptions for corrupted files.
    except Exception as error:
        raise ValueError(f"Cannot read the video {describe(item)}: {error}") from error


def _decoder() -> Callable[[Any, Any], Video]:
    try:
        from torchcodec.decoders import VideoDecoder

        return lambda source, item: _torchcodec_video(VideoDecoder(source), item)
    # Without the libraries of FFmpeg, the import of torchcodec fails although it is installed.
    except (ImportError, RuntimeError, OSError):
        pass
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "Reading video files requires a decoder: `pip install imagebind-hf[video]` (or torchcodec)."
        ) from error
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
        with av.open(_rewind(source), options=FFMPEG_OPTIONS) as container:
            if begin is not None:
                container.seek(begin, stream=container.streams.video[0])
            for number, frame in enumerate(container.decode(video=0)):
                yield (frame.pts if keys else number), frame

    # Count frames by their packets, without decoding them: the number in the header may be wrong.
    with av.open(_rewind(source), options=FFMPEG_OPTIONS) as container:
        if not container.streams.video:
            raise ValueError("it has no video stream")
        stream = container.streams.video[0]
        fps, time_base = stream.average_rate, stream.time_base
        # Only the times are kept: the packets of a long video would fill the memory.
        packets = [
            (packet.pts, packet.is_keyframe)
            for packet in container.demux(stream)
            if packet.size and not packet.is_discard
        ]
    times = [time for time, _ in packets]
    keys = [time for time, is_key in packets if is_key]
    if None in times or len(set(times)) < len(times):
        # Without timestamps, frames are identified by counting from the start.
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
            # Frames that are missing after a key frame (corrupted index, no seeking) are searched for from the start.
            for begin, missing in [*groups.items(), (None, set(times))]:
                missing &= {times[number] for number in numbers} - frames.keys()
                try:
                    for time, frame in decode(begin) if missing else ():
                        if time in missing:
                            frames[time] = _upright(frame)
                            missing.discard(time)
                        if not missing:
                            break
                except av.FFmpegError:
                    if begin is None:
                        raise
            return np.stack([frames[times[number]] for number in numbers])
        except Exception as error:
            raise ValueError(f"Cannot decode the video {describe(item)}: {error}") from error

    return Video(len(times), float(fps), read, "pyav")


def _upright(frame: Any) -> np.ndarray:
    """Return the pixels of a frame, `(3, H, W)`, rotated as the display matrix of the video says."""
    pixels = frame.to_ndarray(format="rgb24").transpose(2, 0, 1)
    # Degrees counterclockwise.
    return np.rot90(pixels, round(frame.rotation / 90) % 4, axes=(1, 2))


def _rewind(source: str | io.BytesIO) -> str | io.BytesIO:
    if not isinstance(source, str):
        source.seek(0)
    return source


__all__ = ["Video", "open_video"]
