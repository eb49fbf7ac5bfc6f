# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The ImageBind score of audio–video generation: how near a video and its sound are."""

import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cosine_similarity
from tqdm.auto import tqdm
from transformers import ProcessorMixin
from transformers.utils import logging

from ..embedding.items import AUDIO_SUFFIXES, VIDEO_SUFFIXES
from ..models.imagebind.media import describe
from ..models.imagebind.modeling_imagebind import ImageBindModel
from .bootstrap import bootstrap_interval

logger = logging.get_logger(__name__)


def imagebind_score(
    model: ImageBindModel,
    processor: ProcessorMixin,
    clips: str | Path | Sequence[tuple[Any, Any]],
    batch_size: int = 4,
    progress: bool = True,
) -> dict[str, Any]:
    """Compute the mean cosine of videos and their sounds, times 100.

    Sampling is that of the processors, and so of the published implementation: fifteen views of a video (five clips,
    three crops), three clips of a sound, each side the mean of their unit vectors.

    Args:
        model: The model, in evaluation mode.
        processor: Its processor.
        clips: A folder, see [`find_clips`]; or pairs of a video and a sound, as the processor takes them.
        batch_size: Clips that are computed together.
        progress: Show a progress bar.

    Returns:
        `score`; `interval`, of 95 % (bootstrap over clips); `clips`, scores by name; `unreadable`, reasons by name. A
        name is the video's path, with the number of the pair where several pairs have that video.

    Raises:
        ValueError: If the model lacks a tower, or no clip can be read.
    """
    lacking = [name for name in ("video", "audio") if name not in model.inputs]
    if lacking:
        raise ValueError(f"The score needs {lacking}, the model has {list(model.inputs)}.")
    pairs = find_clips(clips) if isinstance(clips, (str, Path)) else list(clips)
    named = list(zip(_unique_names([video for video, _ in pairs]), pairs, strict=True))
    scores: dict[str, float] = {}
    unreadable: dict[str, str] = {}
    for start in tqdm(range(0, len(pairs), batch_size), desc="Scoring", disable=not progress):
        names, videos, sounds = [], [], []
        for name, (video, audio) in named[start : start + batch_size]:
            try:
                sound = read_track(video) if audio is None else audio
                inputs = processor(videos=[video], return_tensors="pt") | processor(audio=[sound], return_tensors="pt")
            except ValueError as error:
                unreadable[name] = str(error)
                continue
            names.append(name)
            videos.append(inputs["pixel_values_videos"])
            sounds.append(inputs["input_features"])
        if names:
            values = (torch.cat(side).to(model.device, model.dtype) for side in (videos, sounds))
            with torch.inference_mode():
                outputs = model(**dict(zip(("pixel_values_videos", "input_features"), values, strict=True)))
            cosines = cosine_similarity(outputs.video_embeds.float(), outputs.audio_embeds.float()).cpu()
            scores |= dict(zip(names, (100 * cosines).tolist(), strict=True))
    if not scores:
        first = next(iter(unreadable.items()), ("", "there is none"))
        raise ValueError(f"No clip can be scored; the first: {': '.join(first)}")
    values = np.array(list(scores.values()))
    if not np.isfinite(values).all():
        raise ValueError("Scores are not finite: the model's weights or its precision are at fault.")
    return {
        "score": float(values.mean()),
        "interval": list(bootstrap_interval(values)),
        "clips": scores,
        "unreadable": unreadable,
    }


def find_clips(folder: str | Path) -> list[tuple[Path, Path | None]]:
    """List the videos of a folder and those below, each with the sound file of its name, or its own track (`None`).

    Raises:
        ValueError: If there is no such folder, or no video in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"There is no folder {str(folder)!r}.")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sounds = {path.with_suffix(""): path for path in files if path.suffix.lower() in AUDIO_SUFFIXES}
    stems = {path.with_suffix("") for path in files if path.suffix.lower() in VIDEO_SUFFIXES}
    alone = [str(path) for stem, path in sounds.items() if stem not in stems]
    if alone:
        logger.warning(f"{len(alone)} sounds have no video of their name and are passed over: {alone[:5]}")
    clips = [(path, sounds.get(path.with_suffix(""))) for path in files if path.suffix.lower() in VIDEO_SUFFIXES]
    if not clips:
        raise ValueError(f"There is no video in {str(folder)!r}.")
    return clips


def _unique_names(videos: Sequence[Any]) -> list[str]:
    """Name each pair by its video, and by its number where that is not enough."""
    names = [
        str(video) if isinstance(video, (str, Path)) else f"{number}: {describe(video)}"
        for number, video in enumerate(videos)
    ]
    counts = Counter(names)
    return [f"{name} #{number}" if counts[name] > 1 else name for number, name in enumerate(names)]


def read_track(video: Any) -> dict[str, Any]:
    """Read the sound of a video file with PyAV: `array`, float32 of shape `(channels, samples)`, and `sampling_rate`.

    Raises:
        ImportError: If PyAV is not installed.
        ValueError: If it is no video, or has no sound.
    """
    try:
        import av
    except ImportError as error:
        raise ImportError(
            "Sounds of video files need PyAV: `pip install av`. Or put sound files beside them."
        ) from error
    try:
        source = io.BytesIO(video) if isinstance(video, (bytes, bytearray)) else video
        with av.open(source) as container:
            if not container.streams.audio:
                raise ValueError("it has no sound, and there is no sound file of its name")
            rate = container.streams.audio[0].rate
            resampler = av.AudioResampler(format="fltp", rate=rate)
            frames = [each.to_ndarray() for frame in container.decode(audio=0) for each in resampler.resample(frame)]
            frames += [each.to_ndarray() for each in resampler.resample(None)]
    # Errors of FFmpeg are of many kinds.
    except (av.FFmpegError, ValueError, OSError) as error:
        raise ValueError(f"Cannot read the sound of {describe(video)}: {error}") from error
    if not frames:
        raise ValueError(f"Cannot read the sound of {describe(video)}: it is empty")
    return {"array": np.concatenate(frames, axis=1), "sampling_rate": rate}
