# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from datasets import Dataset
from scipy import constants

from imagebind_hf.datasets.wand_strokes import load_wand_strokes, stroke_to_imu


def test_the_gyroscope_integrates_to_the_stroke():
    times = np.linspace(0, 2 * np.pi, 120)
    stroke = np.stack([0.4 * np.sin(times), 0.3 * (1 - np.cos(times))], axis=1)
    signal = stroke_to_imu(stroke)
    length = round(120 / 25 * 200)
    assert signal.shape == (6, 2000) and signal.dtype == np.float32 and not signal[:, length:].any()
    pitch, yaw = (np.cumsum(signal[axis, :length]) / 200 for axis in (3, 4))
    points = np.interp(np.arange(length) / 8, np.arange(120), stroke[:, 0])
    assert np.abs(yaw - (points - points[0])).max() < 0.05
    points = np.interp(np.arange(length) / 8, np.arange(120), stroke[:, 1])
    assert np.abs(pitch - (points - points[0])).max() < 0.05


def test_a_wand_at_rest_feels_gravity_alone():
    signal = stroke_to_imu(np.zeros((250, 2)))
    np.testing.assert_allclose(signal[1], constants.g, rtol=1e-6)
    assert np.abs(np.delete(signal, 1, axis=0)).max() < 1e-9


def test_load(tmp_path):
    rng = np.random.default_rng(0)
    strokes = [rng.standard_normal((n, 2)).cumsum(axis=0) / 50 for n in (40, 300)]
    Dataset.from_dict({"stroke": [s.tolist() for s in strokes], "label": [3, 7]}).to_parquet(tmp_path / "s.parquet")
    rows = load_wand_strokes(str(tmp_path / "s.parquet"), arm=0.3)
    assert rows[:]["label"] == [3, 7] and "stroke" not in rows.column_names
    np.testing.assert_allclose(rows[1]["imu"], stroke_to_imu(strokes[1], arm=0.3), atol=1e-5)


@pytest.mark.parametrize("stroke", [np.zeros((1, 2)), np.zeros((5, 3)), np.zeros(4), np.full((4, 2), np.nan)])
def test_bad_strokes(stroke):
    with pytest.raises(ValueError, match="Expected a finite stroke of shape"):
        stroke_to_imu(stroke)
