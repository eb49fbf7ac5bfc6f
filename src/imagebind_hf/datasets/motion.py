# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""IMU recordings in parquet files."""

import datasets
import numpy as np
from datasets import Features, List, Value

from ..models.imagebind.feature_extraction_imagebind_imu import STANDARD_GRAVITY
from ..utils.names import nearest_name
from ..utils.progress import quiet_datasets


def load_motion(
    data_files: str | list[str],
    split: str = "train",
    accel: str = "accel",
    gyro: str = "gyro",
    sampling_rate: str | float = "rate",
    accel_unit: str = "m/s^2",
    gyro_unit: str = "rad/s",
) -> datasets.Dataset:
    """Read recordings of an accelerometer and a gyroscope into a column `imu` for the IMU feature extractor.

    Args:
        data_files: Parquet file or files with one recording per row.
        split: Not used, because the files are one split.
        accel, gyro: Columns of the two sensors, lists of shape `(T, 3)`.
        sampling_rate: Column of the sampling rate in Hz, or the sampling rate of all recordings.
        accel_unit: `"m/s^2"` or `"g"`.
        gyro_unit: `"rad/s"` or `"deg/s"`.

    Returns:
        Data set with the column `imu`, a dictionary with `accel` in m/s², `gyro` in rad/s, both of shape `(T, 3)`, and
        `sampling_rate`. Other columns are kept.

    Raises:
        ValueError: If a column is missing or a unit is unknown.
    """
    rows = datasets.load_dataset("parquet", data_files=data_files, split="train")
    columns = [accel, gyro, *([sampling_rate] if isinstance(sampling_rate, str) else [])]
    missing = [column for column in columns if column not in rows.column_names]
    if missing:
        raise ValueError(f"Expected the columns {missing}, but the columns are {rows.column_names}.")
    scales = {"m/s^2": 1.0, "g": STANDARD_GRAVITY}, {"rad/s": 1.0, "deg/s": np.pi / 180}
    for unit, known in zip((accel_unit, gyro_unit), scales, strict=True):
        if unit not in known:
            raise ValueError(f"Unknown unit {unit!r}. {nearest_name(unit, known)}")

    def convert(row: dict) -> dict:
        rate = float(row[sampling_rate] if isinstance(sampling_rate, str) else sampling_rate)
        signal = {
            "accel": np.asarray(row[accel], dtype=np.float32) * scales[0][accel_unit],
            "gyro": np.asarray(row[gyro], dtype=np.float32) * scales[1][gyro_unit],
        }
        return {"imu": {**signal, "sampling_rate": rate}}

    axes = List(List(Value("float32")))
    kept = {name: feature for name, feature in rows.features.items() if name not in columns}
    features = Features({**kept, "imu": {"accel": axes, "gyro": axes, "sampling_rate": Value("float32")}})
    with quiet_datasets():
        return rows.map(convert, remove_columns=columns, features=features)
