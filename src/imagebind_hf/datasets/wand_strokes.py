# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Strokes drawn in the air with a wand, converted to IMU readings."""

import datasets
import numpy as np

from ..utils.extras import needs_extra
from ..utils.progress import quiet_datasets


def stroke_to_imu(
    stroke: np.ndarray,
    stroke_rate: float = 25.0,
    sampling_rate: float = 200.0,
    num_samples: int = 2000,
    arm: float = 0.5,
    smoothing: float = 1.5,
) -> np.ndarray:
    """Convert a stroke to the readings of an IMU at the tip of the wand.

    The x and y coordinates of a stroke are the integrals of the wand's gyroscope: the yaw and pitch angles, here with
    one radian per unit. The first derivative is the angular velocity. The second derivative times the length of the
    arm is the tangential acceleration, to which gravity is added according to the pitch.

    Args:
        stroke: Array of shape `(points, 2)`.
        stroke_rate: Points per second. The data set does not specify it; with 25, a digit takes about four seconds.
        sampling_rate: Sampling rate of the result in Hz; 200 Hz in ImageBind.
        num_samples: Length of the result. Shorter signals are padded with zeros, longer ones truncated.
        arm: Distance from the shoulder to the tip in meters; an assumption.
        smoothing: Standard deviation, in points, of the Gaussian that smooths the coordinates, which are multiples of
            1/128 in the data.

    Returns:
        Array of shape `(6, num_samples)`, float32: accelerometer x, y, z in m/s², gyroscope x, y, z in rad/s.

    Raises:
        ValueError: If the stroke has another shape, fewer than two points, or values that are not finite.
    """
    with needs_extra("train"):
        from scipy import constants
        from scipy.ndimage import gaussian_filter1d

    stroke = np.asarray(stroke, dtype=np.float64)
    if stroke.ndim != 2 or stroke.shape[1] != 2 or len(stroke) < 2 or not np.isfinite(stroke).all():
        raise ValueError(f"Expected a finite stroke of shape (points >= 2, 2), but got the shape {stroke.shape}.")
    smooth = gaussian_filter1d(stroke, smoothing, axis=0, mode="nearest")
    length = min(round(len(stroke) / stroke_rate * sampling_rate), num_samples)
    times = np.arange(length) * stroke_rate / sampling_rate
    yaw, pitch = (np.interp(times, np.arange(len(smooth)), axis) for axis in smooth.T)
    # Linear interpolation has corners, whose derivatives are spikes. A second Gaussian, one point wide, rounds them.
    yaw, pitch = (gaussian_filter1d(angle, sampling_rate / stroke_rate, mode="nearest") for angle in (yaw, pitch))
    yaw_rate, pitch_rate = np.gradient(yaw, 1 / sampling_rate), np.gradient(pitch, 1 / sampling_rate)
    acceleration = [
        arm * np.gradient(yaw_rate, 1 / sampling_rate),
        arm * np.gradient(pitch_rate, 1 / sampling_rate) + constants.g * np.cos(pitch),
        constants.g * np.sin(pitch),
    ]
    gyroscope = [pitch_rate, yaw_rate, np.zeros(length)]
    signal = np.zeros((6, num_samples), dtype=np.float32)
    signal[:, :length] = np.stack([*acceleration, *gyroscope])
    return signal


def load_wand_strokes(data_files: str | list[str], split: str = "train", **options: float) -> datasets.Dataset:
    """Read strokes into a column `imu`.

    Args:
        data_files: Parquet file or files with a column `stroke`, lists of x and y coordinates.
        split: Not used, because the files are one split.
        **options: Arguments of [`stroke_to_imu`].

    Returns:
        Data set with the column `imu` of shape `(6, 2000)`. Other columns than `stroke` are kept.
    """
    strokes = datasets.load_dataset("parquet", data_files=data_files, split="train")
    features = datasets.Features({**strokes.features, "imu": datasets.Array2D((6, 2000), "float32")})
    del features["stroke"]
    with quiet_datasets():
        rows = strokes.map(
            lambda row: {"imu": stroke_to_imu(np.asarray(row["stroke"]), **options)},
            remove_columns=["stroke"],
            features=features,
        )
    return rows.with_format("numpy", columns=["imu"], output_all_columns=True)
