# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from datasets import Dataset

from imagebind_hf import ImageBindImuFeatureExtractor
from imagebind_hf.datasets import load_motion


@pytest.fixture
def file(tmp_path):
    accel, gyro = np.tile([0.0, 0.0, 1.0], (50, 1)), np.full((50, 3), 90.0)
    rows = {"accel": [accel] * 2, "turn": [gyro] * 2, "rate": [50.0, 100.0], "label": [3, 4]}
    Dataset.from_dict(rows).to_parquet(tmp_path / "rows.parquet")
    return str(tmp_path / "rows.parquet")


def test_units_and_rates(file):
    rows = load_motion(file, gyro="turn", accel_unit="g", gyro_unit="deg/s")
    assert rows.column_names == ["label", "imu"] and rows["label"][:] == [3, 4]
    values = ImageBindImuFeatureExtractor()(list(rows["imu"]), return_tensors="np")["imu_values"]
    assert values.shape == (2, 6, 2000)
    np.testing.assert_allclose(values[:, 2, 50], 9.80665, rtol=1e-6)
    np.testing.assert_allclose(values[:, 3:, 50], np.pi / 2, rtol=1e-6)
    # 50 samples are a second at 50 Hz and half a second at 100 Hz, at 200 Hz then.
    assert (values[:, 2] != 0).sum(axis=1).tolist() == [200, 100]
    assert load_motion(file, gyro="turn", sampling_rate=25)[0]["imu"]["sampling_rate"] == 25


def test_bad_files(file):
    with pytest.raises(ValueError, match=r"Expected the columns \['gyro'\], but the columns are"):
        load_motion(file)
    with pytest.raises(ValueError, match="Unknown unit 'mg'"):
        load_motion(file, gyro="turn", accel_unit="mg")
