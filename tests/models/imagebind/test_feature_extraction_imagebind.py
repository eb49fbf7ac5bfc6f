# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.torch import load_file

from conftest import FIXTURES
from imagebind_hf import ImageBindFeatureExtractor, ImageBindImuFeatureExtractor
from imagebind_hf.models.imagebind.audio_utils import clip_bounds

AUDIO = sorted((FIXTURES / "audio").glob("*.wav"))
EXTRACTOR = ImageBindFeatureExtractor()
IMU = ImageBindImuFeatureExtractor()


def tone(seconds: float, rate: int = 16_000) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def encode(waveform: np.ndarray, rate: int, kind: str = "WAV") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, waveform, rate, format=kind)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def published():
    return load_file(FIXTURES / "audio_features.safetensors")


@pytest.mark.parametrize("path", AUDIO, ids=lambda path: path.stem)
def test_parity(path, published):
    theirs = published[path.stem].reshape(3, 128, 204)
    difference = (EXTRACTOR(str(path), return_tensors="pt")["input_features"][0] - theirs).abs()
    # In silent bins, whose logarithm is steep, another CPU's FFT shows: up to 1e-4 seen.
    assert difference[0].mean() <= 1e-5 and difference[0].max() <= 2e-3, "the first clip, on which nothing leaked yet"
    assert difference.mean() <= 1e-4
    # The original implementation subtracts the mean of a clip from the waveform in place, which changes overlapping
    # clips. The effect is largest in silent bins.
    assert difference.max() <= 1e-2


@pytest.mark.parametrize("path", AUDIO, ids=lambda path: path.stem)
def test_parity_with_subtraction_in_place(path, published):
    """With the in-place subtraction of the original implementation, all clips agree."""
    waveform = EXTRACTOR._waveform(str(path), None).clone()
    clips = []
    for start, end in clip_bounds(len(waveform), 16_000, 3, 2.0):
        waveform[start:end] -= waveform[start:end].mean()
        clips.append(waveform[start:end].clone())
    theirs = published[path.stem].reshape(3, 128, 204)
    assert (EXTRACTOR._spectrograms(clips) - theirs).abs().max() <= 2e-3


def test_formats_of_audio(tmp_path):
    # Noise, so that no mel bin is silent and 16 bits have the precision of 32.
    waveform = np.random.default_rng(0).uniform(-0.5, 0.5, 24_000).astype(np.float32)
    (tmp_path / "tone.flac").write_bytes(encode(waveform, 16_000, "FLAC"))
    expected = EXTRACTOR(waveform, sampling_rate=16_000, return_tensors="pt")["input_features"]
    assert expected.shape == (1, 3, 128, 204) and expected.dtype == torch.float32
    forms = [
        waveform.tolist(),
        torch.from_numpy(waveform),
        [waveform],
        {"array": waveform, "sampling_rate": 16_000},
        [np.stack([waveform, waveform])],
        [np.stack([waveform, waveform], axis=1)],
        waveform.astype(np.float64),
    ]
    for form in forms:
        assert torch.equal(EXTRACTOR(form, sampling_rate=16_000, return_tensors="pt")["input_features"], expected)
    files = [str(tmp_path / "tone.flac"), tmp_path / "tone.flac", (tmp_path / "tone.flac").read_bytes()]
    files += [{"bytes": files[2], "path": None}, {"bytes": None, "path": files[0]}]
    for form in [*files, *([each] for each in files)]:
        features = EXTRACTOR(form, return_tensors="pt")["input_features"]
        torch.testing.assert_close(features, expected, atol=0.05, rtol=0)  # 16 bits
    integers = (waveform * 32768).astype(np.int16)
    # Decoded audio may also have a path.
    for form in (integers, {"array": integers, "sampling_rate": 16_000, "path": "tone.flac"}):
        features = EXTRACTOR(form, sampling_rate=16_000, return_tensors="pt")["input_features"]
        torch.testing.assert_close(features, expected, atol=0.05, rtol=0)


@pytest.mark.parametrize("dtype, offset", [(np.uint8, 128), (np.int8, 0), (np.int16, 0), (np.int32, 0)])
def test_integers_are_scaled_by_their_type(dtype, offset):
    steps = np.random.default_rng(0).integers(-128, 128, 24_000)
    expected = EXTRACTOR(steps / 128, sampling_rate=16_000, return_tensors="pt")["input_features"]
    scale = 2 ** (8 * np.dtype(dtype).itemsize - 8)
    integers = (steps * scale + offset).astype(dtype)
    for form in (integers, [integers], {"array": integers, "sampling_rate": 16_000}):
        features = EXTRACTOR(form, sampling_rate=16_000, return_tensors="pt")["input_features"]
        torch.testing.assert_close(features, expected, atol=1e-5, rtol=0)


def test_whole_rates_may_be_floats():
    waveform = tone(1.0, 44_100)
    expected = EXTRACTOR({"array": waveform, "sampling_rate": 44_100}, return_tensors="pt")["input_features"]
    for rate in (44_100.0, np.float32(44_100), np.int64(44_100)):
        features = EXTRACTOR({"array": waveform, "sampling_rate": rate}, return_tensors="pt")["input_features"]
        assert torch.equal(features, expected)
    assert EXTRACTOR(tone(1.0), sampling_rate=16_000.0)["input_features"].shape == (1, 3, 128, 204)


def test_torchcodec_decoder():
    """The decoder that `datasets` returns for an audio column. Only this method is used."""
    waveform = tone(1.0, 8_000)
    samples = SimpleNamespace(data=torch.from_numpy(waveform)[None], sample_rate=8_000)
    features = EXTRACTOR(SimpleNamespace(get_all_samples=lambda: samples), return_tensors="pt")["input_features"]
    expected = EXTRACTOR({"array": waveform, "sampling_rate": 8_000}, return_tensors="pt")["input_features"]
    assert torch.equal(features, expected)


def test_batches_of_mixed_lengths_are_each_alone():
    recordings = [tone(seconds) for seconds in (0.01, 0.5, 2.0, 7.3)]
    batch = EXTRACTOR(recordings, sampling_rate=16_000, return_tensors="pt")["input_features"]
    assert batch.shape == (4, 3, 128, 204)
    for recording, features in zip(recordings, batch, strict=True):
        alone = EXTRACTOR(recording, sampling_rate=16_000, return_tensors="pt")["input_features"][0]
        torch.testing.assert_close(features, alone, atol=1e-5, rtol=1e-5)


def test_resampling_and_channels():
    slow = {"array": tone(3, 8_000), "sampling_rate": 8_000}
    fast = {"array": tone(3, 48_000), "sampling_rate": 48_000}
    one, two = EXTRACTOR([slow, fast], return_tensors="pt")["input_features"]
    middle = slice(20, 60)  # mel bins well below 4 kHz
    assert (one[:, middle] - two[:, middle]).abs().median() < 0.05
    left, right = tone(1), np.zeros(16_000, dtype=np.float32)
    both = EXTRACTOR([np.stack([left, right])], sampling_rate=16_000, return_tensors="pt")["input_features"]
    half = EXTRACTOR(left / 2, sampling_rate=16_000, return_tensors="pt")["input_features"]
    torch.testing.assert_close(both[0], half[0], atol=1e-4, rtol=1e-4)


def test_options_and_saving(tmp_path):
    extractor = ImageBindFeatureExtractor(num_mel_bins=32, num_frames=50, num_clips=2, clip_duration=0.5)
    extractor.save_pretrained(tmp_path)
    loaded = ImageBindFeatureExtractor.from_pretrained(tmp_path)
    assert loaded.to_dict() == extractor.to_dict()
    waveform = tone(1)
    assert loaded(waveform, sampling_rate=16_000, return_tensors="np")["input_features"].shape == (1, 2, 32, 50)
    features = EXTRACTOR(waveform, sampling_rate=16_000, num_clips=5, clip_duration=1.0, return_tensors="pt")
    assert features["input_features"].shape == (1, 5, 128, 204)


@given(
    values=hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int16]), st.integers(1, 40_000), elements=st.integers(-100, 100)
    ),
    rate=st.sampled_from([8_000, 11_025, 16_000, 44_100]),
)
@settings(max_examples=25, deadline=None)
def test_any_finite_audio(values, rate):
    features = EXTRACTOR({"array": values, "sampling_rate": rate}, return_tensors="pt")["input_features"]
    assert features.shape == (1, 3, 128, 204) and torch.isfinite(features).all()


@pytest.mark.parametrize(
    "audio, rate, message",
    [
        ([], 16_000, "empty list of recordings"),
        (np.zeros(0), 16_000, r"got \(0,\)"),
        (np.array([1.0, np.nan]), 16_000, "not finite"),
        (np.array([1.0, np.inf]), 16_000, "not finite"),
        (np.zeros(10, dtype=complex), 16_000, "real numbers"),
        (np.zeros((2, 2, 2)), 16_000, r"got \(2, 2, 2\)"),
        ([np.zeros((20, 900))], 16_000, "at most 8 channels, but .* has 20"),
        (np.zeros(100), 8_000, "Expected arrays at 16000 Hz, but got 8000 Hz"),
        ({"array": np.zeros(100)}, None, "keys 'array' and 'sampling_rate'"),
        (
            {"array": np.zeros(100), "sampling_rate": 0},
            None,
            "sampling_rate to be a positive integer in Hz, but got 0",
        ),
        ({"array": np.zeros(100), "sampling_rate": 44_100.5}, None, "positive integer in Hz, but got 44100.5"),
        ({"array": np.zeros(100), "sampling_rate": float("nan")}, None, "positive integer in Hz, but got nan"),
        ({"array": np.zeros(100), "sampling_rate": "8000"}, None, "positive integer in Hz, but got '8000'"),
        (np.zeros(100, dtype=np.int64), 16_000, "array of integers with 8, 16 or 32 bits, but got torch.int64"),
        ([0, 120, -3000], 16_000, "array of integers with 8, 16 or 32 bits, but got torch.int64"),
        (np.zeros(100, dtype=np.uint16), 16_000, "but got torch.uint16"),
        ("no/such/file.wav", None, "no/such/file.wav"),
        (b"", None, "bytes"),
        (b"not audio at all", None, "bytes"),
        ([None], 16_000, "Expected audio as"),
    ],
)
def test_bad_audio(audio, rate, message):
    with pytest.raises(ValueError, match=message):
        EXTRACTOR(audio, sampling_rate=rate)


def test_missing_rate_warns(monkeypatch):
    import imagebind_hf.models.imagebind.feature_extraction_imagebind as module

    said = []
    monkeypatch.setattr(module.logger, "warning_once", said.append)
    EXTRACTOR(tone(1))
    assert len(said) == 1 and "No sampling_rate was given" in said[0]


def test_imu_forms():
    signal = np.random.default_rng(0).standard_normal((6, 300)).astype(np.float32)
    expected = IMU(signal, return_tensors="pt")["imu_values"]
    assert expected.shape == (1, 6, 2000)
    assert torch.equal(expected[0, :, :300], torch.from_numpy(signal)) and not expected[0, :, 300:].any()
    parts = {"accel": signal[:3].T, "gyro": signal[3:], "sampling_rate": 200}
    swapped = signal[[3, 4, 5, 0, 1, 2]]
    order = ["gyro_x", "gyro_y", "gyro_z", "accel_x", "accel_y", "accel_z"]
    for values in (
        IMU(signal.T, return_tensors="pt"),
        IMU(signal.tolist(), return_tensors="pt"),
        IMU(torch.from_numpy(signal)[None], return_tensors="pt"),
        IMU(parts, return_tensors="pt"),
        IMU(swapped, channels=order, return_tensors="pt"),
    ):
        assert torch.equal(values["imu_values"], expected)
    assert IMU([signal, signal[:, :50], np.zeros((6, 5000))])["imu_values"].shape == (3, 6, 2000)


def test_imu_units_rate_and_gaps():
    ones = {"accel": np.ones((3, 100)), "gyro": np.ones((3, 100)), "sampling_rate": 100}
    values = IMU(ones, accel_unit="g", gyro_unit="deg/s", return_tensors="pt")["imu_values"][0]
    torch.testing.assert_close(values[:3, :200], torch.full((3, 200), 9.80665))
    torch.testing.assert_close(values[3:, :200], torch.full((3, 200), np.pi / 180))
    assert not values[:, 200:].any()
    ramp = np.tile(np.arange(10.0), (6, 1))
    doubled = IMU(ramp, sampling_rate=100, return_tensors="pt")["imu_values"][0, 0]
    torch.testing.assert_close(doubled[:19], torch.arange(19) / 2)
    gaps = np.full((6, 10), np.nan)
    assert not IMU(gaps, return_tensors="pt")["imu_values"].any()


@given(
    hnp.arrays(np.float32, st.tuples(st.just(6), st.integers(1, 3000)), elements=st.floats(-1e3, 1e3, width=32)),
    st.floats(1, 1000),
)
@settings(max_examples=25, deadline=None)
def test_any_finite_signal(signal, rate):
    values = IMU(signal, sampling_rate=rate, return_tensors="pt")["imu_values"]
    assert values.shape == (1, 6, 2000) and torch.isfinite(values).all()
    assert values.abs().max() <= np.abs(signal).max() * (1 + 1e-5)


@pytest.mark.parametrize(
    "signal, options, message",
    [
        ([], {}, "empty list of signals"),
        (np.zeros((5, 100)), {}, r"shape \(6, T\) or \(T, 6\), but got \(5, 100\)"),
        (np.zeros((6, 0)), {}, r"got \(6, 0\)"),
        (np.full((6, 10), np.inf), {}, "infinite values"),
        ({"accel": np.zeros((3, 5))}, {}, "keys 'accel' and 'gyro'"),
        ({"accel": np.zeros((3, 5)), "gyro": np.zeros((3, 6))}, {}, "accel and gyro with the same length"),
        (np.zeros((6, 10)), {"accel_unit": "ft/s^2"}, "Expected the unit to be one of .*, but got 'ft/s\\^2'"),
        (np.zeros((6, 10)), {"sampling_rate": -5}, "positive sampling rate in Hz, but got -5"),
        (np.zeros((6, 10)), {"channels": ["a"] * 6}, "Expected channels to be a permutation of"),
        ("signal.csv", {}, "There is no file .signal.csv."),
        ([["a", "b"]], {}, "a signal as numbers"),
    ],
)
def test_bad_signals(signal, options, message):
    with pytest.raises(ValueError, match=message):
        IMU(signal, **options)


def write_csv(path: Path, times: np.ndarray, values: np.ndarray, broken: bool = False) -> Path:
    """Write a file as in Ego4D: gyroscope first, another name for the accelerometer."""
    lines = ["component_idx,component_timestamp_ms,canonical_timestamp_ms,gyro_x,gyro_y,gyro_z,accl_x,accl_y,accl_z"]
    for time, row in zip(times, values.T, strict=True):
        lines.append(",".join(["0", f"{time}", f"{time}", *(f"{value:.6f}" for value in (*row[3:], *row[:3]))]))
    if broken:
        lines[3:3] = ["0,,,,,,,,", "0,abc,abc,1,1,1,1,1,1"]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_imu_csv(tmp_path):
    rng = np.random.default_rng(0)
    times = 1000 + np.cumsum(rng.uniform(4, 6, 3000))  # about 200 Hz with jitter
    signal = np.stack([np.sin(times / 700 + k) + k for k in range(6)])
    file = write_csv(tmp_path / "imu.csv", times, signal, broken=True)
    expected = np.stack([np.sin((times[0] + np.arange(2000) * 5) / 700 + k) + k for k in range(6)])
    for item in (file, str(file), file.read_bytes(), {"path": str(file), "bytes": None}):
        values = ImageBindImuFeatureExtractor()(item, return_tensors="np")["imu_values"]
        assert values.shape == (1, 6, 2000)
        np.testing.assert_allclose(values[0], expected, atol=1e-3)
        both = ImageBindImuFeatureExtractor()([item, item], return_tensors="np")["imu_values"]
        np.testing.assert_array_equal(both, np.concatenate([values, values]))


def test_imu_timestamps():
    values = {"accel": np.tile(np.arange(11.0), (3, 1)), "gyro": np.zeros((3, 11)), "timestamps": np.arange(11) / 100}
    features = ImageBindImuFeatureExtractor()(values, return_tensors="np")["imu_values"][0, 0]
    np.testing.assert_allclose(features[:21], np.arange(21) / 2, atol=1e-5)
    assert not features[21:].any()
    for times in (np.arange(10), np.arange(11)[::-1], np.full(11, np.nan)):
        with pytest.raises(ValueError, match="Expected 11 finite timestamps in ascending order"):
            ImageBindImuFeatureExtractor()({**values, "timestamps": times})


@pytest.mark.parametrize(
    "text, message",
    [
        ("", r"expected the columns \['accel_x'"),
        (
            "canonical_timestamp_ms,accl_x,accl_y,accl_z,gyro_x,gyro_y\n1,1,1,1,1,1\n",
            r"expected the columns \['gyro_z'\], but got",
        ),
        (
            "accl_x,accl_y,accl_z,gyro_x,gyro_y,gyro_z\n1,1,1,1,1,1\n",
            r"expected the columns \['canonical_timestamp_ms'\], but got",
        ),
        ("canonical_timestamp_ms,accl_x,accl_y,accl_z,gyro_x,gyro_y,gyro_z\n", "has no rows with a timestamp"),
        ("\x00\x01\x02", "expected the columns|Cannot read"),
    ],
)
def test_bad_imu_csv(tmp_path, text, message):
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        ImageBindImuFeatureExtractor()(tmp_path / "bad.csv")
    assert "bad.csv" in str(error.value)
    with pytest.raises(ValueError, match="There is no file"):
        ImageBindImuFeatureExtractor()(tmp_path / "none.csv")


def test_columns_of_a_dataset():
    rng = np.random.default_rng(0)
    rows = Dataset.from_dict({"audio": rng.uniform(-1, 1, (2, 4000)).tolist(), "imu": rng.normal(size=(2, 6, 50))})
    for extractor, column in ((ImageBindFeatureExtractor(), "audio"), (IMU, "imu")):
        name = extractor.model_input_names[0]
        values = extractor(rows[column], return_tensors="np")[name]
        np.testing.assert_array_equal(values, extractor(rows[column][:], return_tensors="np")[name])
        assert len(values) == 2
