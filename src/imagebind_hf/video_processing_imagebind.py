# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Videos: clips spread over time, a few frames of each, crops of those."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers.image_processing_utils import BatchFeature
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD
from transformers.processing_utils import VideosKwargs
from transformers.utils import TensorType, logging
from transformers.video_processing_utils import BaseVideoProcessor

from .audio_utils import clip_starts
from .media import describe, is_reference, open_video

logger = logging.get_logger(__name__)

# What transformers takes for a video of unknown rate.
DEFAULT_FPS = 24.0


class ImageBindVideoProcessorKwargs(VideosKwargs, total=False):
    """Arguments of [`ImageBindVideoProcessor`]."""

    num_clips: int
    clip_duration: float
    frames_per_clip: int
    num_crops: int


class ImageBindVideoProcessor(BaseVideoProcessor):
    r"""Prepares videos: 5 clips of 2 s, 2 frames of each, short side to 224, 3 crops: 15 views (all as published).

    Frames are scaled in [0, 1], bilinearly and without antialiasing, then normalised as CLIP does. The crops lie along
    the longer side: first, middle, last. Views are ordered clip by clip.

    Args:
        num_clips (`int`): Clips, spread evenly from start to end; of a video shorter than a clip all are the whole.
        clip_duration (`float`): Length of a clip in seconds.
        frames_per_clip (`int`): Frames of a clip, spread evenly from its first to its last.
        num_crops (`int`): 1 (the centre) or 3.
        size (`dict`): `{"shortest_edge": 224}`; also the side of the crops.

    Example:
        >>> import numpy as np
        >>> from imagebind_hf import ImageBindVideoProcessor
        >>> frames = np.zeros((48, 120, 160, 3), dtype=np.uint8)
        >>> ImageBindVideoProcessor()(frames, fps=8, return_tensors="pt")["pixel_values_videos"].shape
        torch.Size([1, 15, 2, 3, 224, 224])
    """

    valid_kwargs = ImageBindVideoProcessorKwargs
    model_input_names = ["pixel_values_videos"]
    image_mean = OPENAI_CLIP_MEAN
    image_std = OPENAI_CLIP_STD
    size = {"shortest_edge": 224}
    default_to_square = False
    num_clips = 5
    clip_duration = 2.0
    frames_per_clip = 2
    num_crops = 3

    def preprocess(
        self,
        videos: Any,
        fps: float | Sequence[float] | None = None,
        return_tensors: str | TensorType | None = None,
        num_clips: int | None = None,
        clip_duration: float | None = None,
        frames_per_clip: int | None = None,
        num_crops: int | None = None,
        device: str | torch.device | None = None,
        **kwargs: Any,
    ) -> BatchFeature:
        """Prepare one video or a list of them.

        Args:
            videos: A video is a path, bytes, `{"bytes": …, "path": …}`, a torchcodec decoder, or frames: an array of shape
                `(T, H, W, 3)` or `(T, 3, H, W)` (0..255 as integers, [0, 1] as floats) or a list of PIL images. An array
                of five axes is a batch.
            fps (`float` or list, *optional*): Rate of videos given as frames; 24 if unknown, with a warning.
            return_tensors (`str`, *optional*): `"pt"` or `"np"`.
            num_clips, clip_duration, frames_per_clip, num_crops (*optional*): Instead of the processor's own.
            device (`str`, *optional*): Where to compute.
            **kwargs: Ignored.

        Returns:
            `pixel_values_videos` of shape `(B, num_clips * num_crops, frames_per_clip, 3, H, W)`, float32.

        Raises:
            ValueError: If there is nothing, or something is no video: the message names it.
        """
        num_clips = self.num_clips if num_clips is None else num_clips
        clip_duration = self.clip_duration if clip_duration is None else clip_duration
        frames_per_clip = self.frames_per_clip if frames_per_clip is None else frames_per_clip
        num_crops = self.num_crops if num_crops is None else num_crops
        if num_crops not in (1, 3) or num_clips < 1 or frames_per_clip < 1 or clip_duration <= 0:
            raise ValueError(
                f"Expected clips and frames, and 1 or 3 crops; got num_clips={num_clips}, clip_duration={clip_duration}, "
                f"frames_per_clip={frames_per_clip}, num_crops={num_crops}."
            )
        items = _items(videos)
        rates = list(fps) if isinstance(fps, (list, tuple)) else [fps] * len(items)
        if len(rates) != len(items):
            raise ValueError(f"Got {len(rates)} values of fps for {len(items)} videos.")
        side = dict(self.size)["shortest_edge"]
        views = []
        for item, rate in zip(items, rates, strict=True):
            if is_reference(item) or hasattr(item, "get_frames_at"):
                video = open_video(item)
                plan = frame_plan(video.num_frames, video.fps, num_clips, clip_duration, frames_per_clip)
                needed = sorted({frame for clip in plan for frame in clip})
                frames = _channels_first(video.read(needed), item)
                plan = [[needed.index(frame) for frame in clip] for clip in plan]
            else:
                frames = _channels_first(item, item)
                if rate is None:
                    logger.warning_once(f"No fps given: frames are taken to be at {DEFAULT_FPS:g} a second.")
                plan = frame_plan(len(frames), rate or DEFAULT_FPS, num_clips, clip_duration, frames_per_clip)
            frames = _scale(frames.to(device or "cpu"), side)
            mean, std = (frames.new_tensor(values)[:, None, None] for values in (self.image_mean, self.image_std))
            frames = (frames - mean) / std
            views.append(torch.stack([crop for clip in plan for crop in _crops(frames[clip], side, num_crops)]))
        values = torch.stack(views)
        if return_tensors != "pt":
            values = values.cpu().numpy()
        return BatchFeature({"pixel_values_videos": values}, tensor_type=return_tensors)


def frame_plan(
    num_frames: int, fps: float, num_clips: int, clip_duration: float, frames_per_clip: int
) -> list[list[int]]:
    """Choose the frames of each clip, as published.

    A clip's frames are those from its start on (rounded up) and before its end; of them `frames_per_clip` are taken,
    evenly from first to last.
    """
    plan = []
    for start in clip_starts(num_frames / fps, num_clips, clip_duration):
        first = min(math.ceil(fps * start), num_frames - 1)
        last = max(min(math.ceil(fps * (start + clip_duration)), num_frames), first + 1) - 1
        steps = torch.linspace(0, last - first, frames_per_clip).clamp(0, last - first).long()
        plan.append([first + int(step) for step in steps])
    return plan


def _items(videos: Any) -> list:
    if isinstance(videos, (np.ndarray, torch.Tensor)) and videos.ndim == 5:
        return list(videos)
    if isinstance(videos, (list, tuple)):
        if not len(videos):
            raise ValueError("Got an empty list of videos.")
        frames = isinstance(videos[0], Image.Image) or getattr(videos[0], "ndim", 0) == 3
        return [videos] if frames else list(videos)
    return [videos]


def _channels_first(video: Any, item: Any) -> torch.Tensor:
    """Return frames as a tensor of shape `(T, 3, H, W)`."""
    if isinstance(video, (list, tuple)):
        if not all(isinstance(frame, (Image.Image, np.ndarray, torch.Tensor)) for frame in video):
            raise ValueError(f"Expected a video (path, bytes, frames), got {describe(item)}.")
        video = [np.asarray(frame.convert("RGB") if isinstance(frame, Image.Image) else frame) for frame in video]
        if len({frame.shape for frame in video}) != 1:
            raise ValueError(f"Frames differ in shape: {sorted({frame.shape for frame in video})}.")
        video = np.stack(video)
    if not isinstance(video, (np.ndarray, torch.Tensor)):
        raise ValueError(f"Expected a video (path, bytes, frames), got {describe(item)}.")
    frames = torch.as_tensor(video)
    if frames.ndim == 4 and frames.shape[-1] == 3 and frames.shape[1] != 3:
        frames = frames.permute(0, 3, 1, 2)
    if frames.ndim != 4 or frames.shape[1] != 3 or 0 in frames.shape:
        raise ValueError(f"Expected frames of shape (T, H, W, 3) or (T, 3, H, W), got {tuple(frames.shape)}.")
    if frames.is_floating_point() and not torch.isfinite(frames).all():
        raise ValueError(f"The video, {describe(item)}, has values that are not finite.")
    return frames


def _scale(frames: torch.Tensor, side: int) -> torch.Tensor:
    """Scale the short side; in [0, 1], bilinear without antialiasing, sizes rounded down."""
    height, width = frames.shape[-2:]
    if width < height:
        size = (math.floor(height / width * side), side)
    else:
        size = (side, math.floor(width / height * side))
    frames = frames if frames.is_floating_point() else frames / 255
    return torch.nn.functional.interpolate(frames.float(), size=size, mode="bilinear", align_corners=False)


def _crops(frames: torch.Tensor, side: int, num_crops: int) -> list[torch.Tensor]:
    """Cut squares from frames: the middle one, or first, middle and last along the longer side."""
    height, width = frames.shape[-2:]
    top, left = math.ceil((height - side) / 2), math.ceil((width - side) / 2)
    places = [(top, left)]
    if num_crops == 3:
        ends = [(0, left), (height - side, left)] if height > width else [(top, 0), (top, width - side)]
        places = [ends[0], (top, left), ends[1]]
    return [frames[..., top : top + side, left : left + side] for top, left in places]


__all__ = ["ImageBindVideoProcessor"]
