# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Feature extractors for audio (log-mel spectrograms) and IMU signals."""

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
import torch
import torchaudio
from transformers.feature_extraction_sequence_utils import SequenceFeatureExtractor
from transformers.feature_extraction_utils import BatchFeature
from transformers.utils import TensorType, logging

from .audio_utils import clip_bounds, log_mel_fbank
from .feature_extraction_imagebind_imu import ImageBindImuFeatureExtractor
from .media import load_audio
from .references import describe, is_list, is_reference

logger = logging.get_logger(__name__)

# An array with more channels probably has its axes in the wrong order.
MAX_CHANNELS = 8


def _to_float(item: Any, name: str) -> torch.Tensor:
    """Convert an array to a float tensor. Integers with 8, 16 or 32 bits are scaled to [-1, 1) by their type."""
    try:
        # `torch.tensor` copies: `torch.as_tensor` warns about NumPy arrays that are read-only.
        values = item.detach().cpu() if isinstance(item, torch.Tensor) else torch.tensor(np.asarray(item))
    except (TypeError, ValueError) as error:
        raise ValueError(f"Expected {name} as numbers, but got {describe(item)}.") from error
    if values.is_complex() or values.dtype == torch.bool:
        raise ValueError(f"Expected {name} as real numbers, but got {values.dtype}.")
    if values.is_floating_point():
        return values.float()
    if values.dtype == torch.uint8:  # as in WAV files, where 128 is silence
        return values.float() / 128 - 1
    if values.dtype not in (torch.int8, torch.int16, torch.int32):
        raise ValueError(
            f"Expected {name} as floats in [-1, 1] or as an array of integers with 8, 16 or 32 bits, "
            f"but got {values.dtype}, whose full scale is unknown."
        )
    return values.float() / -float(torch.iinfo(values.dtype).min)


class ImageBindFeatureExtractor(SequenceFeatureExtractor):
    r"""Preprocesses audio: log-mel spectrograms of clips of two seconds.

    Audio is resampled to 16 kHz, averaged over channels, and cut into `num_clips` clips that are evenly spaced from
    start to end (they overlap in short recordings). For each clip, the mean is subtracted, Kaldi's filter banks (25 ms
    windows every 10 ms) are computed, padded with zeros to `num_frames` and normalized, in the order of the original
    implementation. If the audio is shorter than a clip, each clip is the whole audio. Audio shorter than a window is
    padded to one window.

    Args:
        feature_size (`int`): Number of channels: 1.
        sampling_rate (`int`): Sampling rate in Hz to which audio is resampled.
        padding_value (`float`): Value of the padding before normalization.
        num_mel_bins (`int`): Number of mel bins.
        num_frames (`int`): Number of frames of a spectrogram.
        num_clips (`int`): Number of clips per item.
        clip_duration (`float`): Length of a clip in seconds.
        frame_length, frame_shift (`float`): Window length and shift of the filter banks in milliseconds.
        mean, std (`float`): Normalization, `(x - mean) / std`. The published values are those of AudioSet.
        **kwargs: As for [`~transformers.SequenceFeatureExtractor`].

    Example:
        >>> import numpy as np
        >>> from imagebind_hf import ImageBindFeatureExtractor
        >>> extractor = ImageBindFeatureExtractor()
        >>> second = np.sin(np.arange(16000) / 5)
        >>> extractor(second, sampling_rate=16000, return_tensors="pt")["input_features"].shape
        torch.Size([1, 3, 128, 204])
    """

    model_input_names = ["input_features"]

    def __init__(
        self,
        feature_size: int = 1,
        sampling_rate: int = 16_000,
        padding_value: float = 0.0,
        num_mel_bins: int = 128,
        num_frames: int = 204,
        num_clips: int = 3,
        clip_duration: float = 2.0,
        frame_length: float = 25.0,
        frame_shift: float = 10.0,
        mean: float = -4.268,
        std: float = 9.138,
        return_attention_mask: bool = False,
        **kwargs: Any,
    ):
        super().__init__(
            feature_size=feature_size,
            sampling_rate=sampling_rate,
            padding_value=padding_value,
            return_attention_mask=return_attention_mask,
            **kwargs,
        )
        self.num_mel_bins = num_mel_bins
        self.num_frames = num_frames
        self.num_clips = num_clips
        self.clip_duration = clip_duration
        self.frame_length = frame_length
        self.frame_shift = frame_shift
        self.mean = mean
        self.std = std

    def fetch_audio(self, audio: Any, sampling_rate: int | None = None) -> Any:
        """Return references unchanged: `__call__` reads them together with their sampling rates."""
        return audio

    def __call__(
        self,
        raw_speech: Any,
        sampling_rate: int | None = None,
        return_tensors: str | TensorType | None = None,
        num_clips: int | None = None,
        clip_duration: float | None = None,
        device: str | torch.device | None = None,
        **kwargs: Any,
    ) -> BatchFeature:
        """Preprocess one recording or a list of recordings.

        Args:
            raw_speech: A recording is an array or a list of floats of shape `(samples,)` (within a list also
                `(channels, samples)`), `{"array": ..., "sampling_rate": ...}`, a path, a URL, bytes, or
                `{"bytes": ..., "path": ...}`. As elsewhere in transformers, an array with two axes is a batch of mono
                recordings. Arrays of integers with 8 (also unsigned), 16 or 32 bits are scaled to [-1, 1).
            sampling_rate (`int`, *optional*): Sampling rate of plain arrays in Hz. Recordings with their own rate are
                resampled.
            return_tensors (`str`, *optional*): `"pt"` or `"np"`.
            num_clips, clip_duration (*optional*): Override the settings of the feature extractor.
            device (`str`, *optional*): Device for the computation. With `"pt"`, the result stays there.
            **kwargs: Ignored, for example padding and truncation.

        Returns:
            `input_features` of shape `(B, num_clips, num_mel_bins, num_frames)`, float32.

        Raises:
            ValueError: If a recording is empty, corrupted, not finite or of an unsupported type, or if the rate of
                plain arrays differs from the one of the feature extractor. The message names the item.
        """
        num_clips = self.num_clips if num_clips is None else num_clips
        clip_duration = self.clip_duration if clip_duration is None else clip_duration
        if num_clips < 1 or clip_duration <= 0:
            raise ValueError(f"Expected at least one clip with a duration, but got {num_clips} of {clip_duration} s.")
        device = torch.device("cpu" if device is None else device)
        clips = []
        for item in self._items(raw_speech):
            waveform = self._waveform(item, sampling_rate).to(device)
            bounds = clip_bounds(len(waveform), self.sampling_rate, num_clips, clip_duration)
            clips += [waveform[start:end] for start, end in bounds]
        features = self._spectrograms(clips).unflatten(0, (-1, num_clips))
        if return_tensors != "pt":
            features = features.cpu().numpy()
        return BatchFeature({"input_features": features}, tensor_type=return_tensors)

    @staticmethod
    def _items(raw_speech: Any) -> list:
        """Split a batch into recordings."""
        if isinstance(raw_speech, (np.ndarray, torch.Tensor)):
            return list(raw_speech) if raw_speech.ndim == 2 else [raw_speech]
        if is_list(raw_speech):
            if not len(raw_speech):
                raise ValueError("Got an empty list of recordings.")
            # Strings and bytes are references, although NumPy regards them as scalars.
            is_one = np.isscalar(raw_speech[0]) and not isinstance(raw_speech[0], (str, bytes))
            return [raw_speech] if is_one else list(raw_speech)
        return [raw_speech]

    def _waveform(self, item: Any, sampling_rate: int | None) -> torch.Tensor:
        """Convert a recording to mono audio at the rate of the feature extractor, padded to at least one window."""
        # `datasets` returns torchcodec's decoder, which has `get_all_samples`. Decoded audio may also have a path.
        is_decoded = isinstance(item, Mapping) and item.get("array") is not None
        if not is_decoded and (is_reference(item) or hasattr(item, "get_all_samples")):
            array, rate = load_audio(item)
        elif isinstance(item, Mapping):
            if "array" not in item or "sampling_rate" not in item:
                raise ValueError(f"Expected audio with the keys 'array' and 'sampling_rate', but got {sorted(item)}.")
            array, rate = item["array"], item["sampling_rate"]
        else:
            array, rate = item, sampling_rate
            if rate is None:
                logger.warning_once(
                    f"No sampling_rate was given, {self.sampling_rate} Hz is assumed. Pass `sampling_rate` to avoid "
                    "wrong results for audio with another rate."
                )
                rate = self.sampling_rate
            elif rate != self.sampling_rate:
                raise ValueError(
                    f"Expected arrays at {self.sampling_rate} Hz, but got {rate} Hz. Pass each one as "
                    "{'array': ..., 'sampling_rate': ...} to resample it."
                )
        waveform = _to_float(array, "audio")
        name = describe(item)
        if waveform.ndim not in (1, 2) or not waveform.numel():
            raise ValueError(
                f"Expected audio of shape (samples,) or (channels, samples), but got {tuple(waveform.shape)}."
            )
        if not torch.isfinite(waveform).all():
            raise ValueError(f"The audio ({name}) has values that are not finite.")
        if waveform.ndim == 2:
            waveform = waveform.t() if waveform.shape[0] > waveform.shape[1] else waveform
            if len(waveform) > MAX_CHANNELS:
                raise ValueError(
                    f"Expected at most {MAX_CHANNELS} channels, but the audio ({name}) has {len(waveform)}."
                )
            waveform = waveform.mean(dim=0)
        if not isinstance(rate, Real) or not rate > 0 or rate % 1:
            raise ValueError(f"Expected sampling_rate to be a positive integer in Hz, but got {rate!r}.")
        waveform = torchaudio.functional.resample(waveform, int(rate), self.sampling_rate)
        frame = int(self.sampling_rate * self.frame_length / 1000)
        return torch.nn.functional.pad(waveform, (0, max(0, frame - len(waveform))))

    def _spectrograms(self, clips: list[torch.Tensor]) -> torch.Tensor:
        """Compute normalized spectrograms `(clips, num_mel_bins, num_frames)`, batched by the length of the clips."""
        shape = (len(clips), self.num_mel_bins, self.num_frames)
        features = torch.full(shape, float(self.padding_value), device=clips[0].device)
        lengths: dict[int, list[int]] = {}
        for i, clip in enumerate(clips):
            lengths.setdefault(len(clip), []).append(i)
        for rows in lengths.values():
            waveforms = torch.stack([clips[i] for i in rows])
            waveforms = waveforms - waveforms.mean(dim=-1, keepdim=True)
            fbank = log_mel_fbank(
                waveforms, self.sampling_rate, self.num_mel_bins, self.frame_length, self.frame_shift
            ).transpose(1, 2)[..., : self.num_frames]
            features[rows, :, : fbank.shape[-1]] = fbank
        return (features - self.mean) / self.std


__all__ = ["ImageBindFeatureExtractor", "ImageBindImuFeatureExtractor"]
