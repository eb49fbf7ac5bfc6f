# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Videos: clips spread over time, a few frames of each, crops of those."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as tvF  # noqa: N812
from transformers.image_processing_utils import BatchFeature
from transformers.image_utils import (
    OPENAI_CLIP_MEAN,
    OPENAI_CLIP_STD,
    ChannelDimension,
    PILImageResampling,
    SizeDict,
    pil_torch_interpolation_mapping,
)
from transformers.processing_utils import VideosKwargs
from transformers.utils import TensorType, logging
from transformers.video_processing_utils import BaseVideoProcessor
from transformers.video_utils import VideoMetadata

from .audio_utils import clip_starts
from .image_utils import channels_first, to_eight_bits
from .media import describe, for_each, is_list, is_reference, open_video

logger = logging.get_logger(__name__)

# What transformers takes for the rate of a video that does not tell.
DEFAULT_FPS = 24.0


class ImageBindVideoProcessorKwargs(VideosKwargs, total=False):
    """Arguments of [`ImageBindVideoProcessor`]."""

    num_clips: int
    clip_duration: float | int
    frames_per_clip: int
    num_crops: int


class ImageBindVideoProcessor(BaseVideoProcessor):
    r"""Prepares videos: 5 clips of 2 s, 2 frames of each, short side to 224, 3 crops: 15 views (all as published).

    Frames are scaled in [0, 1], bilinearly and without antialiasing, then normalised as CLIP does. The crops lie along
    the longer side: first, middle, last. Views are ordered clip by clip.

    A video is a path, URL, bytes, file object, `{"bytes": …, "path": …}` or torchcodec decoder; or frames, an array
    of shape `(T, H, W, C)` or `(T, C, H, W)`, where C is 1, 3 or 4, or a list of images (numbers as for
    [`ImageBindImageProcessor`]). A list of videos or an array of five axes is a batch; its videos may differ in size
    and length. The rate of frames is `fps`, or, where rates differ, `video_metadata=[{"fps": …}, …]`.

    Args:
        num_clips (`int`): Clips, spread evenly from start to end; of a video shorter than a clip all are the whole.
        clip_duration (`float`): Length of a clip in seconds.
        frames_per_clip (`int`): Frames of a clip, spread evenly from its first to its last.
        num_crops (`int`): 1 (the middle) or 3.
        size (`dict`): What the frames are scaled to; `{"shortest_edge": 224}`.
        crop_size (`dict`, *optional*): Size of the crops; by default squares as large as the shortest edge.
        do_sample_frames (`bool`): If not, all frames given are the one clip.

    Returns:
        `pixel_values_videos` of shape `(B, num_clips * num_crops, frames_per_clip, 3, H, W)`, float32.

    Raises:
        ValueError: For what is no video, or a damaged one: the message names it.

    Example:
        >>> import numpy as np
        >>> from imagebind_hf import ImageBindVideoProcessor
        >>> frames = np.zeros((48, 120, 160, 3), dtype=np.uint8)
        >>> ImageBindVideoProcessor()(frames, fps=8, return_tensors="pt")["pixel_values_videos"].shape
        torch.Size([1, 15, 2, 3, 224, 224])
    """

    valid_kwargs = ImageBindVideoProcessorKwargs
    model_input_names = ["pixel_values_videos"]
    resample = PILImageResampling.BILINEAR
    image_mean = OPENAI_CLIP_MEAN
    image_std = OPENAI_CLIP_STD
    size = {"shortest_edge": 224}
    default_to_square = False
    do_resize = True
    do_rescale = True
    do_normalize = True
    do_convert_rgb = True
    do_sample_frames = True
    num_clips = 5
    clip_duration = 2.0
    frames_per_clip = 2
    num_crops = 3

    def sample_frames(
        self,
        metadata: VideoMetadata,
        num_clips: int | None = None,
        clip_duration: float | None = None,
        frames_per_clip: int | None = None,
        fps: float | None = None,
        num_frames: int | None = None,
        **kwargs: Any,
    ) -> np.ndarray:
        """Choose the frames of each clip, as published.

        A clip's frames are those from its start on (rounded up) and before its end; of them `frames_per_clip` are
        taken, evenly from first to last.

        Args:
            metadata ([`~transformers.video_utils.VideoMetadata`]): Tells `total_num_frames` and `fps`.
            num_clips, clip_duration, frames_per_clip (*optional*): Instead of the processor's own.
            fps (`float`, *optional*): Rate of a video whose metadata do not tell; else 24, with a warning.
            num_frames: Refused: elsewhere in transformers the frames of a whole video.
            **kwargs: Ignored.

        Returns:
            `np.ndarray` of frame numbers, of shape `(num_clips, frames_per_clip)`.

        Raises:
            ValueError: If there would be no clip or no frame, or `num_frames` is given.
        """
        if num_frames is not None:
            raise ValueError(
                f"num_frames={num_frames} would be frames of a whole video, which are chosen by clips here: expected "
                "frames_per_clip, num_clips and clip_duration."
            )
        num_clips = self.num_clips if num_clips is None else num_clips
        clip_duration = self.clip_duration if clip_duration is None else clip_duration
        frames_per_clip = self.frames_per_clip if frames_per_clip is None else frames_per_clip
        total, rate = metadata.total_num_frames, metadata.fps or fps
        if rate is None:
            logger.warning_once(f"No fps given: frames are taken to be at {DEFAULT_FPS:g} a second.")
            rate = DEFAULT_FPS
        if min(num_clips, frames_per_clip, total) < 1 or not 0 < clip_duration < math.inf or not 0 < rate < 1e9:
            raise ValueError(
                f"Expected clips and frames, got num_clips={num_clips}, clip_duration={clip_duration}, "
                f"frames_per_clip={frames_per_clip} for {total} frames at {rate} fps."
            )
        plan = []
        for start in clip_starts(total / rate, num_clips, clip_duration):
            first = min(math.ceil(rate * start), total - 1)
            last = max(min(math.ceil(rate * (start + clip_duration)), total), first + 1) - 1
            plan.append(first + torch.linspace(0, last - first, frames_per_clip).long().numpy())
        return np.stack(plan)

    def _decode_and_sample_videos(
        self,
        videos: Any,
        video_metadata: Any = None,
        do_sample_frames: bool | None = None,
        sample_indices_fn: Callable | None = None,
    ) -> tuple[list, list[VideoMetadata]]:
        """Read the frames that are needed; each video becomes `(clips, frames, …)`, whatever comes after."""
        videos = _videos(videos)
        metadata = _flatten(video_metadata) if video_metadata is not None else [{}] * len(videos)
        if len(metadata) != len(videos):
            raise ValueError(f"Got {len(metadata)} video_metadata for {len(videos)} videos.")

        def sample(pair: tuple[Any, Mapping]) -> tuple[Any, VideoMetadata]:
            video, given = pair
            if is_reference(video) or hasattr(video, "get_frames_at"):
                opened = open_video(video)
                num_frames, read = opened.num_frames, opened.read
                given = {**given, "fps": given.get("fps") or opened.fps, "video_backend": opened.backend}
            else:
                frames = _frames(video)
                num_frames, read = len(frames), frames.__getitem__
            found = VideoMetadata(**{**given, "total_num_frames": num_frames})
            plan = sample_indices_fn(metadata=found) if sample_indices_fn else np.arange(num_frames)[None]
            found.frames_indices = plan.flatten().tolist()
            needed, places = np.unique(plan, return_inverse=True)
            return read(needed.tolist())[places.reshape(plan.shape)], found

        pairs = for_each(sample, list(zip(videos, metadata, strict=True)))
        return [video for video, _ in pairs], [found for _, found in pairs]

    def _prepare_input_videos(
        self,
        videos: list,
        do_convert_rgb: bool | None = None,
        input_data_format: str | ChannelDimension | None = None,
        device: str | torch.device | None = None,
    ) -> list[torch.Tensor]:
        """Make tensors of shape `(clips, frames, 3, H, W)`."""

        def prepare(video: np.ndarray | torch.Tensor) -> torch.Tensor:
            clips = [[channels_first(frame, (1, 3, 4), input_data_format) for frame in clip] for clip in video]
            video = torch.stack([torch.stack([torch.as_tensor(frame) for frame in clip]) for clip in clips])
            if do_convert_rgb:
                video = video[:, :, :3] if video.shape[2] == 4 else video.expand(-1, -1, 3, -1, -1)
            return video if device is None else video.to(device)

        return for_each(prepare, videos)

    def _preprocess(
        self,
        videos: list[torch.Tensor],
        do_resize: bool,
        size: SizeDict,
        resample: Any,
        crop_size: SizeDict | None,
        do_rescale: bool,
        rescale_factor: float,
        do_normalize: bool,
        image_mean: float | list[float] | None,
        image_std: float | list[float] | None,
        num_crops: int,
        return_tensors: str | TensorType | None = None,
        **kwargs: Any,
    ) -> BatchFeature:
        """Scale, crop and normalise; see the class."""
        if num_crops not in (1, 3):
            raise ValueError(f"num_crops is {num_crops}, expected 1 or 3.")

        def prepare(video: torch.Tensor) -> torch.Tensor:
            video = to_eight_bits(video) if do_rescale else video
            crops = []
            for frames in video:
                # Published: sides are rounded down, and nothing is smoothed before it is scaled down.
                frames = frames.float() * (rescale_factor if do_rescale else 1.0)
                if do_resize:
                    interpolation = pil_torch_interpolation_mapping[PILImageResampling(resample)]
                    frames = tvF.resize(frames, _scaled(frames.shape[-2:], size), interpolation, antialias=False)
                if do_normalize:
                    frames = self.normalize(frames, image_mean, image_std)
                crops.extend(_crops(frames, size, crop_size, num_crops))
            return torch.stack(crops)

        views = for_each(prepare, videos)
        shapes = {tuple(video.shape) for video in views}
        if return_tensors is not None and len(shapes) > 1:
            raise ValueError(f"Videos of different shapes do not make a batch: {sorted(shapes)}.")
        return BatchFeature({"pixel_values_videos": views}, tensor_type=return_tensors)


def _flatten(metadata: Any) -> list:
    if isinstance(metadata, Mapping):
        return [metadata]
    return [item for entry in metadata for item in (_flatten(entry))]


def _videos(videos: Any) -> list:
    """Make a list of videos: whatever is one, alone or in a list."""
    if isinstance(videos, (np.ndarray, torch.Tensor)) and videos.ndim == 5:
        return list(videos)
    if is_list(videos) and len(videos) and not _is_frame(videos[0]):
        # transformers nests videos by the text that they go with.
        return [
            video
            for item in videos
            for video in (item if is_list(item) and len(item) and not _is_frame(item[0]) else [item])
        ]
    return list(videos) if is_list(videos) and not len(videos) else [videos]


def _is_frame(item: Any) -> bool:
    return isinstance(item, Image.Image) or (isinstance(item, (np.ndarray, torch.Tensor)) and item.ndim in (2, 3))


def _frames(video: Any) -> np.ndarray | torch.Tensor:
    """Stack the frames of a video."""
    if _is_frame(video):
        video = [video]
    if is_list(video):
        if not len(video) or not all(_is_frame(frame) for frame in video):
            raise ValueError("Expected a video as a list of images, or as a path, bytes or array.")
        video = [np.asarray(frame.convert("RGB")) if isinstance(frame, Image.Image) else frame for frame in video]
        video = [frame[..., None] if frame.ndim == 2 else frame for frame in video]
        if len({tuple(frame.shape) for frame in video}) > 1:
            raise ValueError(f"Frames differ in shape: {sorted({tuple(frame.shape) for frame in video})}.")
        video = torch.stack(list(video)) if isinstance(video[0], torch.Tensor) else np.stack(video)
    if not isinstance(video, (np.ndarray, torch.Tensor)) or video.ndim != 4:
        raise ValueError(f"Expected a video (path, URL, bytes, or frames of four axes), got {describe(video)}.")
    return video


def _scaled(shape: tuple[int, int], size: SizeDict) -> tuple[int, int]:
    height, width = shape
    side = size.shortest_edge
    if side is None:
        return size.height, size.width
    return (math.floor(height / width * side), side) if width < height else (side, math.floor(width / height * side))


def _crops(frames: torch.Tensor, size: SizeDict, crop_size: SizeDict | None, num_crops: int) -> list[torch.Tensor]:
    """Cut out the middle, or first, middle and last along the longer side."""
    height, width = frames.shape[-2:]
    if crop_size is not None:
        crop_height, crop_width = crop_size.height, crop_size.width
    else:
        crop_height, crop_width = (size.shortest_edge or size.height, size.shortest_edge or size.width)
    if height < crop_height or width < crop_width:
        raise ValueError(f"Crops of {crop_height}x{crop_width} do not fit into frames of {height}x{width}.")
    top, left = math.ceil((height - crop_height) / 2), math.ceil((width - crop_width) / 2)
    places = [(top, left)]
    if num_crops == 3 and height > width:
        places = [(0, left), (top, left), (height - crop_height, left)]
    elif num_crops == 3:
        places = [(top, 0), (top, left), (top, width - crop_width)]
    return [frames[..., top : top + crop_height, left : left + crop_width] for top, left in places]


__all__ = ["ImageBindVideoProcessor"]
