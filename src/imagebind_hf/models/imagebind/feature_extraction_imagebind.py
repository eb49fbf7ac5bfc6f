# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Feature extractors for sounds (log-mel spectrograms) and for IMU signals."""

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
import torch
import torchaudio
from transformers.feature_extraction_sequence_utils import SequenceFeatureExtractor
from transformers.feature_extraction_utils import BatchFeature, FeatureExtractionMixin
from transformers.utils import TensorType, logging

from .audio_utils import clip_bounds, log_mel_fbank
from .media import describe, is_list, is_reference, load_audio, load_imu

logger = logging.get_logger(__name__)

# More channels than this are taken for a mistake in the order of axes.
MAX_CHANNELS = 8
STANDARD_GRAVITY = 9.80665  # m/s², by definition


def _to_float(item: Any, name: str) -> torch.Tensor:
    """Return an array as a float tensor; integers of 8, 16 and 32 bits are scaled to [-1, 1) by their type."""
    try:
        # `torch.tensor` copies: `torch.as_tensor` warns about NumPy arrays that are read-only.
        values = item.detach().cpu() if isinstance(item, torch.Tensor) else torch.tensor(np.asarray(item))
    except (TypeError, ValueError) as error:
        raise ValueError(f"Expected {name} as numbers, got {describe(item)}.") from error
    if values.is_complex() or values.dtype == torch.bool:
        raise ValueError(f"Expected {name} as real numbers, got {values.dtype}.")
    if values.is_floating_point():
        return values.float()
    if values.dtype == torch.uint8:  # as in WAV files, where 128 is silence
        return values.float() / 128 - 1
    if values.dtype not in (torch.int8, torch.int16, torch.int32):
        raise ValueError(
            f"Expected {name} as floats in [-1, 1], or integers in an array of 8, 16 or 32 bits, got {values.dtype}, "
            "whose full scale is not known."
        )
    return values.float() / -float(torch.iinfo(values.dtype).min)


class ImageBindFeatureExtractor(SequenceFeatureExtractor):
    r"""Prepares sounds: clips of two seconds, each as a log-mel spectrogram.

    A sound is brought to 16 kHz and one channel, and cut into `num_clips` clips, spread evenly from start to end
    (they overlap if it is short). Of each the mean is taken away; its filter banks (Kaldi's, 25 ms every 10 ms) are
    padded with zeros to `num_frames`, then normalised, in this order as published. A sound shorter than a clip is all
    of every clip, padded; one shorter than a frame is padded to a frame first.

    Args:
        feature_size (`int`): Channels; 1.
        sampling_rate (`int`): Rate that sounds are brought to, in Hz.
        padding_value (`float`): Value of the padding, before normalisation.
        num_mel_bins (`int`): Mel bins.
        num_frames (`int`): Frames of a spectrogram.
        num_clips (`int`): Clips of a sound.
        clip_duration (`float`): Length of a clip in seconds.
        frame_length, frame_shift (`float`): Of the filter banks, in milliseconds.
        mean, std (`float`): Normalisation, `(x - mean) / std`; published: AudioSet's.
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
        """Leave references as they are: `__call__` reads them, and knows their own rates then."""
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
        """Prepare one sound or a list of them.

        Args:
            raw_speech: A sound is an array or list of floats of shape `(samples,)` (or `(channels, samples)` within a
                list; channels are averaged), `{"array": …, "sampling_rate": …}`, a path, bytes, or
                `{"bytes": …, "path": …}`. A bare array of two axes is a batch of mono sounds, as everywhere in
                transformers. Arrays of integers of 8 (unsigned too), 16 or 32 bits are scaled to [-1, 1).
            sampling_rate (`int`, *optional*): Rate of bare arrays. What carries its own rate is resampled.
            return_tensors (`str`, *optional*): `"pt"` or `"np"`.
            num_clips, clip_duration (*optional*): Instead of the extractor's own.
            device (`str`, *optional*): Where to compute; with `"pt"` also where the result stays.
            **kwargs: Ignored: padding and truncation have no meaning here.

        Returns:
            `input_features` of shape `(B, num_clips, num_mel_bins, num_frames)`, float32.

        Raises:
            ValueError: If there is nothing, a sound is empty, not finite or not a sound (it is named), its numbers are
                other integers, or the rate of bare arrays is not the extractor's.
        """
        num_clips = self.num_clips if num_clips is None else num_clips
        clip_duration = self.clip_duration if clip_duration is None else clip_duration
        if num_clips < 1 or clip_duration <= 0:
            raise ValueError(f"Expected at least one clip of some length, got {num_clips} of {clip_duration} s.")
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
        """Split a batch into its sounds."""
        if isinstance(raw_speech, (np.ndarray, torch.Tensor)):
            return list(raw_speech) if raw_speech.ndim == 2 else [raw_speech]
        if is_list(raw_speech):
            if not len(raw_speech):
                raise ValueError("Got an empty list of sounds.")
            # Texts and bytes, which name a sound each, are scalars to NumPy too.
            is_one = np.isscalar(raw_speech[0]) and not isinstance(raw_speech[0], (str, bytes))
            return [raw_speech] if is_one else list(raw_speech)
        return [raw_speech]

    def _waveform(self, item: Any, sampling_rate: int | None) -> torch.Tensor:
        """Bring one sound to one channel at the extractor's rate: float32 of shape `(samples,)`, at least a frame."""
        # What has `get_all_samples` is torchcodec's decoder, as which `datasets` gives audio columns. A decoded sound
        # may name the file that it is from.
        is_decoded = isinstance(item, Mapping) and item.get("array") is not None
        if not is_decoded and (is_reference(item) or hasattr(item, "get_all_samples")):
            array, rate = load_audio(item)
        elif isinstance(item, Mapping):
            if "array" not in item or "sampling_rate" not in item:
                raise ValueError(f"Expected a sound with the keys 'array' and 'sampling_rate', got {sorted(item)}.")
            array, rate = item["array"], item["sampling_rate"]
        else:
            array, rate = item, sampling_rate
            if rate is None:
                logger.warning_once(
                    f"No sampling_rate given: arrays are taken to be at {self.sampling_rate} Hz. Pass it, so that a "
                    "wrong rate is an error and not a wrong result."
                )
                rate = self.sampling_rate
            elif rate != self.sampling_rate:
                raise ValueError(
                    f"The extractor works at {self.sampling_rate} Hz, the arrays are at {rate} Hz. Pass each as "
                    "{'array': …, 'sampling_rate': …}, and it is resampled."
                )
        waveform = _to_float(array, "a sound")
        name = describe(item)
        if waveform.ndim not in (1, 2) or not waveform.numel():
            raise ValueError(
                f"Expected a sound of shape (samples,) or (channels, samples), got {tuple(waveform.shape)}."
            )
        if not torch.isfinite(waveform).all():
            raise ValueError(f"The sound, {name}, has values that are not finite.")
        if waveform.ndim == 2:
            waveform = waveform.t() if waveform.shape[0] > waveform.shape[1] else waveform
            if len(waveform) > MAX_CHANNELS:
                raise ValueError(f"The sound, {name}, has {len(waveform)} channels, expected at most {MAX_CHANNELS}.")
            waveform = waveform.mean(dim=0)
        if not isinstance(rate, Real) or not rate > 0 or rate % 1:
            raise ValueError(f"Expected a whole sampling rate in Hz, got {rate!r}.")
        waveform = torchaudio.functional.resample(waveform, int(rate), self.sampling_rate)
        frame = int(self.sampling_rate * self.frame_length / 1000)
        return torch.nn.functional.pad(waveform, (0, max(0, frame - len(waveform))))

    def _spectrograms(self, clips: list[torch.Tensor]) -> torch.Tensor:
        """Compute normalised spectrograms `(clips, num_mel_bins, num_frames)`; clips of one length go together."""
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


class ImageBindImuFeatureExtractor(FeatureExtractionMixin):
    r"""Prepares IMU signals: accelerometer x, y, z and gyroscope x, y, z at 200 Hz, cut or padded to 2,000 samples.

    Rate, length, order and the missing normalisation are those of the same team's imu2clip for Ego4D; the authors of
    ImageBind have not confirmed them for theirs, so each is an argument.

    Args:
        sampling_rate (`int`): Rate that signals are brought to, in Hz.
        num_samples (`int`): Length: longer signals are cut, shorter ones padded with zeros, at the end.
        channels (`list[str]`): The model's order of channels.

    Example:
        Two seconds of a phone at rest: gravity, given in g at 50 Hz.

        >>> import numpy as np
        >>> from imagebind_hf import ImageBindImuFeatureExtractor
        >>> rest = {"accel": np.tile([0.0, 0.0, 1.0], (100, 1)), "gyro": np.zeros((100, 3)), "sampling_rate": 50}
        >>> values = ImageBindImuFeatureExtractor()(rest, accel_unit="g", return_tensors="pt")["imu_values"]
        >>> tuple(values.shape), round(values[0, 2, 200].item(), 3), values[0, 2, 400].item()
        ((1, 6, 2000), 9.807, 0.0)
    """

    model_input_names = ["imu_values"]

    def __init__(
        self,
        sampling_rate: int = 200,
        num_samples: int = 2000,
        channels: tuple[str, ...] | list[str] = ("accel_x", "accel_y", "accel_z", "gyro_x", "gyro_y", "gyro_z"),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.sampling_rate = sampling_rate
        self.num_samples = num_samples
        self.channels = list(channels)

    def __call__(
        self,
        imu: Any,
        sampling_rate: float | None = None,
        return_tensors: str | TensorType | None = None,
        accel_unit: str = "m/s^2",
        gyro_unit: str = "rad/s",
        channels: tuple[str, ...] | list[str] | None = None,
        **kwargs: Any,
    ) -> BatchFeature:
        """Prepare one signal or a list of them.

        Args:
            imu: A signal is an array of shape `(6, T)` or `(T, 6)`; or a dict with `accel` and `gyro` (each `(3, T)`
                or `(T, 3)`) and, if need be, `sampling_rate` or `timestamps` in seconds, `(T,)`; or a CSV file as
                Ego4D has them (path, bytes), with the columns `accl_x`, …, `gyro_z` and `canonical_timestamp_ms`. A
                bare array of three axes is a batch.
            sampling_rate (`float`, *optional*): Rate of what does not carry its own; the extractor's by default.
            return_tensors (`str`, *optional*): `"pt"` or `"np"`.
            accel_unit (`str`): `"m/s^2"` or `"g"`.
            gyro_unit (`str`): `"rad/s"` or `"deg/s"`.
            channels (`list[str]`, *optional*): Order of the channels in arrays, where it is not the model's.
            **kwargs: Ignored.

        Returns:
            `imu_values` of shape `(B, 6, num_samples)`, float32. NaN (no reading) becomes 0.

        Raises:
            ValueError: For an unknown unit, a wrong shape, nothing at all, or infinite values.
        """
        scales = {"m/s^2": 1.0, "g": STANDARD_GRAVITY}, {"rad/s": 1.0, "deg/s": np.pi / 180}
        for unit, known in zip((accel_unit, gyro_unit), scales, strict=True):
            if unit not in known:
                raise ValueError(f"Unknown unit {unit!r}, expected one of {list(known)}.")
        order = self.channels if channels is None else list(channels)
        if sorted(order) != sorted(self.channels):
            raise ValueError(f"channels are {order}, expected an order of {self.channels}.")
        rows = [order.index(name) for name in self.channels]
        units = [scales[0][accel_unit] if name.startswith("accel") else scales[1][gyro_unit] for name in self.channels]
        signals = []
        for item in self._items(imu):
            rate, times = sampling_rate, None
            if is_reference(item):
                item = load_imu(item)
            if isinstance(item, Mapping):
                values, rate = self._from_dict(item), item.get("sampling_rate", sampling_rate)
                times = item.get("timestamps")
            else:
                values = _channels_first(item, len(self.channels))[rows]
            if torch.isinf(values).any():
                raise ValueError(f"The signal, {describe(item)}, has infinite values.")
            values = torch.nan_to_num(values) * torch.tensor(units, dtype=torch.float32)[:, None]
            signals.append(self._fit(values, rate, times))
        values = torch.stack(signals)
        if return_tensors != "pt":
            values = values.numpy()
        return BatchFeature({"imu_values": values}, tensor_type=return_tensors)

    @staticmethod
    def _items(imu: Any) -> list:
        if isinstance(imu, (np.ndarray, torch.Tensor)):
            return list(imu) if imu.ndim == 3 else [imu]
        if is_list(imu):
            if not len(imu):
                raise ValueError("Got an empty list of signals.")
            # Nested lists of numbers are one signal (two levels) or a batch (three).
            first = imu[0]
            deep = isinstance(first, (Mapping, np.ndarray, torch.Tensor)) and np.ndim(first) != 1
            deep = deep or is_reference(first) or (isinstance(first, (list, tuple)) and np.ndim(first) == 2)
            return list(imu) if deep else [imu]
        return [imu]

    def _from_dict(self, item: Mapping) -> torch.Tensor:
        if "accel" not in item or "gyro" not in item:
            raise ValueError(f"Expected a signal with the keys 'accel' and 'gyro', got {sorted(item)}.")
        parts = {name: _channels_first(item[name], 3) for name in ("accel", "gyro")}
        if parts["accel"].shape != parts["gyro"].shape:
            shapes = {name: tuple(part.shape) for name, part in parts.items()}
            raise ValueError(f"Accelerometer and gyroscope differ in length: {shapes}.")
        axes = {f"{name}_{axis}": part[i] for name, part in parts.items() for i, axis in enumerate("xyz")}
        return torch.stack([axes[name] for name in self.channels])

    def _fit(self, values: torch.Tensor, rate: float | None, times: Any = None) -> torch.Tensor:
        """Resample to the extractor's rate, and cut or pad to its length.

        Resampling is linear: sensors' clocks jitter more than the signal bends.
        """
        length = values.shape[1]
        if times is not None:
            times = np.asarray(times, dtype=np.float64)
            if times.shape != (length,) or not np.isfinite(times).all() or (np.diff(times) < 0).any():
                raise ValueError(f"Expected {length} timestamps that do not fall, got {times.shape}.")
            wanted = times[0] + np.arange(self.num_samples) / self.sampling_rate
            # Half a sample more, so that the last one survives rounding.
            positions = np.interp(wanted[wanted <= times[-1] + 0.5 / self.sampling_rate], times, np.arange(length))
        elif rate is not None and rate != self.sampling_rate:
            if not rate > 0:
                raise ValueError(f"Expected a sampling rate in Hz, got {rate!r}.")
            kept = min(max(round(length * self.sampling_rate / rate), 1), self.num_samples)
            positions = np.arange(kept) * rate / self.sampling_rate
        else:
            positions = np.arange(min(length, self.num_samples))
        positions = torch.from_numpy(positions.astype(np.float64)).clamp(max=length - 1)
        left = positions.floor().long()
        right = (left + 1).clamp(max=length - 1)
        values = torch.lerp(values[:, left], values[:, right], (positions - left).float())
        return torch.nn.functional.pad(values, (0, self.num_samples - values.shape[1]))


def _channels_first(item: Any, channels: int) -> torch.Tensor:
    """Return a signal as float32 of shape `(channels, T)`, T at least 1."""
    values = item.detach().cpu() if isinstance(item, torch.Tensor) else item
    try:
        values = torch.tensor(np.asarray(values, dtype=np.float32))
    except (TypeError, ValueError) as error:
        raise ValueError(f"Expected a signal as numbers, got {describe(item)}.") from error
    if values.ndim == 2 and values.shape[0] != channels and values.shape[1] == channels:
        values = values.t()
    if values.ndim != 2 or values.shape[0] != channels or values.shape[1] < 1:
        shape = tuple(values.shape)
        raise ValueError(f"Expected a signal of shape ({channels}, T) or (T, {channels}), got {shape}.")
    return values


__all__ = ["ImageBindFeatureExtractor", "ImageBindImuFeatureExtractor"]
