# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Feature extractor for IMU signals."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from transformers.feature_extraction_utils import BatchFeature, FeatureExtractionMixin
from transformers.utils import TensorType

from .media import load_imu
from .references import describe, is_list, is_reference

STANDARD_GRAVITY = 9.80665  # m/s², by definition


class ImageBindImuFeatureExtractor(FeatureExtractionMixin):
    r"""Preprocesses IMU signals: accelerometer x, y, z and gyroscope x, y, z at 200 Hz, 2,000 samples.

    Sampling rate, length, channel order and the absence of a normalization are those of imu2clip for Ego4D, by the
    same team. The authors of ImageBind have not confirmed them, so they are arguments.

    Args:
        sampling_rate (`int`): Sampling rate in Hz to which signals are resampled.
        num_samples (`int`): Number of samples. Longer signals are truncated, shorter ones are padded with zeros at the
            end.
        channels (`list[str]`): Channel order of the model.

    Example:
        Two seconds of a phone at rest, gravity in g, at 50 Hz:

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
        """Preprocess one signal or a list of signals.

        Args:
            imu: A signal is an array of shape `(6, T)` or `(T, 6)`, a dictionary, or a CSV file of Ego4D (path, URL,
                bytes) with the columns `accl_x`, ..., `gyro_z` and `canonical_timestamp_ms`. A dictionary has `accel`
                and `gyro`, each of shape `(3, T)` or `(T, 3)`, and optionally `sampling_rate` in Hz or `timestamps` in
                seconds, of shape `(T,)`. An array with three axes is a batch.
            sampling_rate (`float`, *optional*): Sampling rate in Hz of signals without their own. Defaults to the
                rate of the feature extractor.
            return_tensors (`str`, *optional*): `"pt"` or `"np"`.
            accel_unit (`str`): `"m/s^2"` or `"g"`.
            gyro_unit (`str`): `"rad/s"` or `"deg/s"`.
            channels (`list[str]`, *optional*): Channel order of arrays, if it differs from the one of the model.
            **kwargs: Ignored.

        Returns:
            `imu_values` of shape `(B, 6, num_samples)`, float32. NaN (no reading) becomes 0.

        Raises:
            ValueError: If a unit is unknown, if a shape is wrong, or if values are infinite.
        """
        scales = {"m/s^2": 1.0, "g": STANDARD_GRAVITY}, {"rad/s": 1.0, "deg/s": np.pi / 180}
        for unit, known in zip((accel_unit, gyro_unit), scales, strict=True):
            if unit not in known:
                raise ValueError(f"Expected the unit to be one of {list(known)}, but got {unit!r}.")
        order = self.channels if channels is None else list(channels)
        if sorted(order) != sorted(self.channels):
            raise ValueError(f"Expected channels to be a permutation of {self.channels}, but got {order}.")
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
                raise ValueError(f"The signal ({describe(item)}) has infinite values.")
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
            # Nested lists of numbers are one signal (two levels) or a batch (three levels).
            first = imu[0]
            deep = isinstance(first, (Mapping, np.ndarray, torch.Tensor)) and np.ndim(first) != 1
            deep = deep or is_reference(first) or (isinstance(first, (list, tuple)) and np.ndim(first) == 2)
            return list(imu) if deep else [imu]
        return [imu]

    def _from_dict(self, item: Mapping) -> torch.Tensor:
        if "accel" not in item or "gyro" not in item:
            raise ValueError(f"Expected a signal with the keys 'accel' and 'gyro', but got {sorted(item)}.")
        parts = {name: _channels_first(item[name], 3) for name in ("accel", "gyro")}
        if parts["accel"].shape != parts["gyro"].shape:
            shapes = {name: tuple(part.shape) for name, part in parts.items()}
            raise ValueError(f"Expected accel and gyro with the same length, but got {shapes}.")
        axes = {f"{name}_{axis}": part[i] for name, part in parts.items() for i, axis in enumerate("xyz")}
        return torch.stack([axes[name] for name in self.channels])

    def _fit(self, values: torch.Tensor, rate: float | None, times: Any = None) -> torch.Tensor:
        """Resample to the rate of the feature extractor, and truncate or pad to its length.

        Linear interpolation is accurate enough: the jitter of sensor clocks has a larger effect.
        """
        length = values.shape[1]
        if times is not None:
            times = np.asarray(times, dtype=np.float64)
            if times.shape != (length,) or not np.isfinite(times).all() or (np.diff(times) < 0).any():
                raise ValueError(
                    f"Expected {length} finite timestamps in ascending order, but got an array of shape {times.shape}."
                )
            wanted = times[0] + np.arange(self.num_samples) / self.sampling_rate
            # The tolerance of half a sample keeps the last sample in spite of rounding errors.
            positions = np.interp(wanted[wanted <= times[-1] + 0.5 / self.sampling_rate], times, np.arange(length))
        elif rate is not None and rate != self.sampling_rate:
            if not rate > 0:
                raise ValueError(f"Expected a positive sampling rate in Hz, but got {rate!r}.")
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
    """Convert a signal to float32 of shape `(channels, T)` with T at least 1."""
    values = item.detach().cpu() if isinstance(item, torch.Tensor) else item
    try:
        values = torch.tensor(np.asarray(values, dtype=np.float32))
    except (TypeError, ValueError) as error:
        raise ValueError(f"Expected a signal as numbers, but got {describe(item)}.") from error
    if values.ndim == 2 and values.shape[0] != channels and values.shape[1] == channels:
        values = values.t()
    if values.ndim != 2 or values.shape[0] != channels or values.shape[1] < 1:
        shape = tuple(values.shape)
        raise ValueError(f"Expected a signal of shape ({channels}, T) or (T, {channels}), but got {shape}.")
    return values


__all__ = ["STANDARD_GRAVITY", "ImageBindImuFeatureExtractor"]
