# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Video processor: evenly spaced clips, a few frames per clip, several crops."""

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
from .media import open_video
from .references import describe, for_each, is_list, is_reference

logger = logging.get_logger(__name__)

# The frame rate that transformers assumes for videos without one.
DEFAULT_FPS = 24.0


class ImageBindVideoProcessorKwargs(VideosKwargs, total=False):
    """Arguments of [`ImageBindVideoProcessor`]."""

    num_clips: int
    clip_duration: float | int
    frames_per_clip: int
    num_crops: int


class ImageBindVideoProcessor(BaseVideoProcessor):
    r"""Preprocesses videos as in the original implementation: 5 clips of 2 s, 2 frames per clip, 3 crops, 15 views.

    Frames are scaled to [0, 1], resized (shorter side to 224, bilinear, without antialiasing) and normalized as in
    CLIP. The crops are at the start, the center and the end of the longer side. Views are ordered by clip, then crop.

    A video is a path, URL, bytes, file object, `{"bytes": ..., "path": ...}` or torchcodec decoder, or frames: an
    array of shape `(T, H, W, C)` or `(T, C, H, W)` with 1, 3 or 4 channels, or a list of images, with values as for
    [`ImageBindImageProcessor`]. A list of videos or an array with five axes is a batch. Its videos may have different
    sizes and lengths. The rate of frames is `fps`, or for different rates `video_metadata=[{"fps": ...}, ...]`.

    Args:
        num_clips (`int`): Number of clips, evenly spaced from start to end. If the video is shorter than a clip, each
            clip is the whole video.
        clip_duration (`float`): Duration of a clip in seconds.
        frames_per_clip (`int`): Number of frames per clip, evenly spaced from its first to its last frame.
        num_crops (`int`): 1 (center) or 3.
        size (`dict`): Size to which frames are resized. Defaults to `{"shortest_edge": 224}`.
        crop_size (`dict`, *optional*): Size of the crops. Defaults to squares with the shortest edge of `size`.
        do_sample_frames (`bool`): Whether to sample clips and frames. If `False`, all frames are one clip.

    Returns:
        `pixel_values_videos` of shape `(B, num_clips * num_crops, frames_per_clip, 3, H, W)`, float32.

    Raises:
        ValueError: If an item is not a video or is corrupted. The message names the item.

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
        """Select the frames of each clip as in the original implementation.

        A clip consists of the frames from its start (rounded up) to before its end. `frames_per_clip` of them are
        selected, evenly spaced from first to last.

        Args:
            metadata ([`~transformers.video_utils.VideoMetadata`]): Has `total_num_frames` and `fps`.
            num_clips, clip_duration, frames_per_clip (*optional*): Override the settings of the processor.
            fps (`float`, *optional*): Frame rate if the metadata has none. Defaults to 24, with a warning.
            num_frames: Not supported. Elsewhere in transformers, it is the number of frames of a whole video.
            **kwargs: Ignored.

        Returns:
            `np.ndarray` of frame numbers, of shape `(num_clips, frames_per_clip)`.

        Raises:
            ValueError: If there are no clips or frames, or if `num_frames` is given.
        """
        if num_frames is not None:
            raise ValueError(
                f"Got num_frames={num_frames}, the number of frames of a whole video, but clips are sampled here. "
                "Expected frames_per_clip, num_clips and clip_duration."
            )
        num_clips = self.num_clips if num_clips is None else num_clips
        clip_duration = self.clip_duration if clip_duration is None else clip_duration
        frames_per_clip = self.frames_per_clip if frames_per_clip is None else frames_per_clip
        total, rate = metadata.total_num_frames, metadata.fps or fps
        if rate is None:
            logger.warning_once(f"No fps was given, {DEFAULT_FPS:g} frames per second are assumed.")
            rate = DEFAULT_FPS
        if min(num_clips, frames_per_clip, total) < 1 or not 0 < clip_duration < math.inf or not 0 < rate < 1e9:
            raise ValueError(
                f"Expected clips and frames, but got num_clips={num_clips}, clip_duration={clip_duration}, "
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
        """Read the selected frames of each video, of shape `(clips, frames, ...)`."""
        videos = _videos(videos)
        metadata = _flatten(video_metadata) if video_metadata is not None else [{}] * len(videos)
        if len(metadata) != len(videos):
            raise ValueError(
                f"Expected one video_metadata per video, but got {len(metadata)} for {len(videos)} videos."
            )

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
        """Convert videos to tensors of shape `(clips, frames, 3, H, W)`."""

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
        """Resize, normalize and crop. See the class for the arguments."""
        if num_crops not in (1, 3):
            raise ValueError(f"Expected num_crops to be 1 or 3, but got {num_crops}.")

        def prepare(video: torch.Tensor) -> torch.Tensor:
            video = to_eight_bits(video) if do_rescale else video
            crops = []
            for frames in video:
                # As in the original implementation: sides are rounded down, and there is no antialiasing.
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
            raise ValueError(f"Expected videos of the same shape for a batch, but got {sorted(shapes)}.")
        return BatchFeature({"pixel_values_videos": views}, tensor_type=return_tensors)


def _flatten(metadata: Any) -> list:
    if isinstance(metadata, Mapping):
        return [metadata]
    return [item for entry in metadata for item in (_flatten(entry))]


def _videos(videos: Any) -> list:
    """Return a list of videos from a single video, a batch or nested lists."""
    if isinstance(videos, (np.ndarray, torch.Tensor)) and videos.ndim == 5:
        return list(videos)
    if is_list(videos) and len(videos) and not _is_frame(videos[0]):
        # transformers nests videos by the text that they belong to.
        return [
            video
            for item in videos
            for video in (item if is_list(item) and len(item) and not _is_frame(item[0]) else [item])
        ]
    return list(videos) if is_list(videos) and not len(videos) else [videos]


def _is_frame(item: Any) -> bool:
    return isinstance(item, Image.Image) or (isinstance(item, (np.ndarray, torch.Tensor)) and item.ndim in (2, 3))


def _frames(video: Any) -> np.ndarray | torch.Tensor:
    """Stack the frames of a video to an array with four axes."""
    if _is_frame(video):
        video = [video]
    if is_list(video):
        if not len(video) or not all(_is_frame(frame) for frame in video):
            raise ValueError("Expected a video as a list of images, a path, bytes or an array.")
        video = [np.asarray(frame.convert("RGB")) if isinstance(frame, Image.Image) else frame for frame in video]
        video = [frame[..., None] if frame.ndim == 2 else frame for frame in video]
        if len({tuple(frame.shape) for frame in video}) > 1:
            raise ValueError(
                f"Expected frames of the same shape, but got {sorted({tuple(frame.shape) for frame in video})}."
            )
        video = torch.stack(list(video)) if isinstance(video[0], torch.Tensor) else np.stack(video)
    if not isinstance(video, (np.ndarray, torch.Tensor)) or video.ndim != 4:
        raise ValueError(f"Expected a video (path, URL, bytes, or frames with four axes), but got {describe(video)}.")
    return video


def _scaled(shape: tuple[int, int], size: SizeDict) -> tuple[int, int]:
    height, width = shape
    side = size.shortest_edge
    if side is None:
        return size.height, size.width
    return (math.floor(height / width * side), side) if width < height else (side, math.floor(width / height * side))


def _crops(frames: torch.Tensor, size: SizeDict, crop_size: SizeDict | None, num_crops: int) -> list[torch.Tensor]:
    """Crop the center, or the start, center and end of the longer side."""
    height, width = frames.shape[-2:]
    if crop_size is not None:
        crop_height, crop_width = crop_size.height, crop_size.width
    else:
        crop_height, crop_width = (size.shortest_edge or size.height, size.shortest_edge or size.width)
    if height < crop_height or width < crop_width:
        raise ValueError(
            f"Expected frames of at least {crop_height}x{crop_width} for the crops, but got {height}x{width}."
        )
    top, left = math.ceil((height - crop_height) / 2), math.ceil((width - crop_width) / 2)
    corners = [(top, left)]
    if num_crops == 3 and height > width:
        corners = [(0, left), (top, left), (height - crop_height, left)]
    elif num_crops == 3:
        corners = [(top, 0), (top, left), (top, width - crop_width)]
    return [frames[..., top : top + crop_height, left : left + crop_width] for top, left in corners]


__all__ = ["ImageBindVideoProcessor"]
