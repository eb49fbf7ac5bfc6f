# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The ImageBind score of audio-video generation: the similarity of videos and their audio."""

import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cosine_similarity
from transformers.utils import logging

from ..embedding.items import AUDIO_SUFFIXES, VIDEO_SUFFIXES
from ..models.imagebind.containers import FFMPEG_OPTIONS
from ..models.imagebind.media import describe
from ..models.imagebind.modeling_imagebind import ImageBindModel
from ..models.imagebind.processing_imagebind import ImageBindProcessor
from ..utils.extras import needs_extra
from ..utils.progress import progress_bar
from .bootstrap import bootstrap_interval

logger = logging.get_logger(__name__)


def imagebind_score(
    model: ImageBindModel,
    processor: ImageBindProcessor,
    clips: str | Path | Sequence[tuple[Any, Any]],
    batch_size: int = 4,
    progress: bool = True,
) -> dict[str, Any]:
    """Compute the mean cosine similarity of videos and their audio, times 100.

    The processors sample as the original implementation does: fifteen views of a video (five clips with three crops
    each) and three clips of its audio. An embedding is the mean of the unit vectors of its views or clips.

    Args:
        model: The model, in evaluation mode.
        processor: The processor of the model.
        clips: A folder, see [`find_clips`]; or pairs of a video and its audio, in any form that the processor accepts.
            If the audio is `None`, the audio track of the video is used.
        batch_size: Number of clips per forward pass.
        progress: Whether to show a progress bar.

    Returns:
        `score`; `interval`, its 95 % bootstrap interval over clips; `clips`, the score of every clip by name;
        `unreadable`, the reasons for clips that were left out, by name. The name of a clip is the path of its video,
        with the number of the pair if several pairs have the same video.

    Raises:
        ValueError: If the model lacks a tower, no clip can be read, or a score is not finite.
    """
    lacking = [name for name in ("video", "audio") if name not in model.inputs]
    if lacking:
        raise ValueError(f"The model has no tower for {lacking}. Its modalities are {list(model.inputs)}.")
    pairs = find_clips(clips) if isinstance(clips, (str, Path)) else list(clips)
    named = list(zip(_unique_names([video for video, _ in pairs]), pairs, strict=True))
    scores: dict[str, float] = {}
    unreadable: dict[str, str] = {}
    batches = range(0, len(pairs), batch_size)
    for start in progress_bar(batches, "Scoring", unit="batches", disable=not progress):
        names, videos, tracks = [], [], []
        for name, (video, audio) in named[start : start + batch_size]:
            try:
                track = read_track(video) if audio is None else audio
                inputs = processor(videos=[video], return_tensors="pt") | processor(audio=[track], return_tensors="pt")
            except ValueError as error:
                unreadable[name] = str(error)
                continue
            names.append(name)
            videos.append(inputs["pixel_values_videos"])
            tracks.append(inputs["input_features"])
        if names:
            values = (torch.cat(side).to(model.device, model.dtype) for side in (videos, tracks))
            with torch.inference_mode():
                outputs = model(**dict(zip(("pixel_values_videos", "input_features"), values, strict=True)))
            cosines = cosine_similarity(outputs.video_embeds.float(), outputs.audio_embeds.float()).cpu()
            scores |= dict(zip(names, (100 * cosines).tolist(), strict=True))
    if not scores:
        if not unreadable:
            raise ValueError("Expected at least one clip, but got none.")
        first = ": ".join(next(iter(unreadable.items())))
        raise ValueError(f"Cannot read any of the {len(unreadable)} clips. The first error: {first}")
    values = np.array(list(scores.values()))
    if not np.isfinite(values).all():
        raise ValueError(
            "Expected finite scores, but got NaN or infinity. Check the weights and the data type of the model."
        )
    return {
        "score": float(values.mean()),
        "interval": list(bootstrap_interval(values)),
        "clips": scores,
        "unreadable": unreadable,
    }


def find_clips(folder: str | Path) -> list[tuple[Path, Path | None]]:
    """List the videos in a folder and its subfolders.

    Args:
        folder: The folder.

    Returns:
        For every video its path, and the path of the audio file with the same name or, if there is no such file,
        `None`, which stands for the audio track of the video.

    Raises:
        ValueError: If the folder does not exist or contains no videos.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"The folder {str(folder)!r} does not exist.")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    tracks = {path.with_suffix(""): path for path in files if path.suffix.lower() in AUDIO_SUFFIXES}
    stems = {path.with_suffix("") for path in files if path.suffix.lower() in VIDEO_SUFFIXES}
    alone = [str(path) for stem, path in tracks.items() if stem not in stems]
    if alone:
        logger.warning(f"Skipping {len(alone)} audio files without a video of the same name: {alone[:5]}")
    clips = [(path, tracks.get(path.with_suffix(""))) for path in files if path.suffix.lower() in VIDEO_SUFFIXES]
    if not clips:
        raise ValueError(f"The folder {str(folder)!r} contains no videos.")
    return clips


def _unique_names(videos: Sequence[Any]) -> list[str]:
    """Name each pair by its video, and by its number if several pairs have the same video."""
    names = [
        str(video) if isinstance(video, (str, Path)) else f"{number}: {describe(video)}"
        for number, video in enumerate(videos)
    ]
    counts = Counter(names)
    return [f"{name} #{number}" if counts[name] > 1 else name for number, name in enumerate(names)]


def read_track(video: Any) -> dict[str, Any]:
    """Read the audio track of a video with PyAV.

    Args:
        video: Path or bytes of a video file.

    Returns:
        `array`, float32 of shape `(num_channels, num_samples)`, and `sampling_rate` in Hz.

    Raises:
        ImportError: If PyAV is not installed.
        ValueError: If the video cannot be read or has no audio track.
    """
    with needs_extra("video"):
        import av
    try:
        source = io.BytesIO(video) if isinstance(video, (bytes, bytearray)) else video
        with av.open(source, options=FFMPEG_OPTIONS) as container:
            if not container.streams.audio:
                raise ValueError("it has no audio track")
            rate = container.streams.audio[0].rate
            resampler = av.AudioResampler(format="fltp", rate=rate)
            frames = [each.to_ndarray() for frame in container.decode(audio=0) for each in resampler.resample(frame)]
            frames += [each.to_ndarray() for each in resampler.resample(None)]
    except (av.FFmpegError, ValueError, OSError) as error:
        raise ValueError(f"Cannot read the audio track of {describe(video)}: {error}") from error
    if not frames:
        raise ValueError(f"Cannot read the audio track of {describe(video)}: it is empty")
    return {"array": np.concatenate(frames, axis=1), "sampling_rate": rate}
