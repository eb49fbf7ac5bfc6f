# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Strokes that a wand drew in the air, as the motion signal of the wand that drew them."""

import datasets
import numpy as np

from ..utils.extras import needs_extra


def stroke_to_imu(
    stroke: np.ndarray,
    stroke_rate: float = 25.0,
    sampling_rate: float = 200.0,
    num_samples: int = 2000,
    arm: float = 0.5,
    smoothing: float = 1.5,
) -> np.ndarray:
    """Turn a path in the plane into the readings of an IMU at the tip of a wand that draws it.

    A stroke's x and y are what a wand's gyroscope integrates to: the angles of yaw and pitch, here one radian a unit.
    So their first derivative is the angular velocity, the second, times the arm, the tangential acceleration; gravity
    is seen under the pitch.

    Args:
        stroke: Array of shape `(points, 2)`.
        stroke_rate: Points a second. The data do not say; with 25 a digit takes about four seconds.
        sampling_rate: Samples a second of the result (ImageBind's IMU: 200 Hz).
        num_samples: Length of the result; a shorter signal is padded with zeros, a longer one cut.
        arm: Distance from the shoulder to the tip in metres; an assumption.
        smoothing: Standard deviation, in points, of the Gaussian that takes out the steps of the data's 1/128 grid.

    Returns:
        float32 array of shape `(6, num_samples)`: accelerometer x, y, z in m/s², gyroscope x, y, z in rad/s.

    Raises:
        ValueError: If the stroke has another shape, fewer than two points, or is not finite.
    """
    with needs_extra("train"):
        from scipy import constants
        from scipy.ndimage import gaussian_filter1d

    stroke = np.asarray(stroke, dtype=np.float64)
    if stroke.ndim != 2 or stroke.shape[1] != 2 or len(stroke) < 2 or not np.isfinite(stroke).all():
        raise ValueError(f"Expected a finite stroke of shape (points >= 2, 2), got an array of shape {stroke.shape}.")
    smooth = gaussian_filter1d(stroke, smoothing, axis=0, mode="nearest")
    length = min(round(len(stroke) / stroke_rate * sampling_rate), num_samples)
    times = np.arange(length) * stroke_rate / sampling_rate
    yaw, pitch = (np.interp(times, np.arange(len(smooth)), axis) for axis in smooth.T)
    # Interpolated points have corners; a second Gaussian, as wide as a point, rounds them before the derivatives.
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
    """Read strokes (parquet: `stroke`, a list of x, y; `label`) as a data set with a column `imu`.

    Args:
        data_files: The parquet file or files.
        split: Unused: a file is a split.
        **options: Arguments of [`stroke_to_imu`].
    """
    strokes = datasets.load_dataset("parquet", data_files=data_files, split="train")
    features = datasets.Features({**strokes.features, "imu": datasets.Array2D((6, 2000), "float32")})
    del features["stroke"]
    return strokes.map(
        lambda row: {"imu": stroke_to_imu(np.asarray(row["stroke"]), **options)},
        remove_columns=["stroke"],
        features=features,
        desc="Strokes to motion",
    ).with_format("numpy", columns=["imu"], output_all_columns=True)
