# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from imagebind_hf.datasets import load_six_digits
from imagebind_hf.datasets.six_digits import CLASS_NAMES, MODALITIES, originals, plot_six_digits
from imagebind_hf.datasets.six_digits_signals import DIAL_TONES


def test_no_original_is_in_both_splits():
    train, test = originals("train"), originals("test")
    assert len(train[0]) + len(test[0]) == 1797
    rows = [{digits.tobytes() for digits in split[0]} for split in (train, test)]
    assert not rows[0] & rows[1]
    assert np.bincount(test[1]).min() >= 0.19 * np.bincount(np.concatenate([train[1], test[1]])).min()


@pytest.mark.parametrize("modality", MODALITIES)
def test_rows(modality):
    pairs = load_six_digits(modality, "test")
    again = load_six_digits(modality, "test")
    other = load_six_digits(modality, "test", seed=1)
    assert pairs.column_names == ["image", modality, "label"] and len(pairs) == len(originals("test")[0])
    assert pairs.features["label"].names == list(CLASS_NAMES)
    assert pairs[:]["label"] == originals("test")[1].tolist()
    as_array = np.asarray if modality != "audio" else lambda value: np.frombuffer(value["bytes"], np.uint8)
    for row in (0, 100):
        assert np.array_equal(as_array(pairs[row][modality]), as_array(again[row][modality]))
        assert np.array_equal(np.asarray(pairs[row]["image"]), np.asarray(again[row]["image"]))
        assert not np.array_equal(np.asarray(pairs[row]["image"]), np.asarray(other[row]["image"]))


def test_values_are_what_they_say():
    depth = np.stack([np.asarray(value) for value in load_six_digits("depth", "test")[:50]["depth"]])
    assert depth.dtype == np.uint16 and 300 < depth.min() and depth.max() < 1400  # millimetres
    thermal = load_six_digits("thermal", "test")[0]["thermal"]
    assert thermal.mode == "L" and thermal.size == (64, 64)
    imu = np.asarray(load_six_digits("imu", "test")[:50]["imu"])
    assert imu.shape == (50, 6, 2000)
    assert np.linalg.norm(imu[:, :3, :50], axis=1).mean() == pytest.approx(9.8, abs=0.1)  # at rest
    assert {text.split()[-1] for text in load_six_digits("text", "test")[:]["text"]} > set(CLASS_NAMES)


@pytest.mark.parametrize("row", range(10))
def test_a_dial_tone_has_its_two_frequencies(row):
    pair = load_six_digits("audio", "test")[row]
    wave, rate = soundfile.read(io.BytesIO(pair["audio"]["bytes"]))
    assert rate == 16_000 and len(wave) == 16_000
    power = np.abs(np.fft.rfft(wave)) ** 2  # a bin is 1 Hz wide
    low, high = 600 + power[600:1050].argmax(), 1050 + power[1050:1600].argmax()
    expected = DIAL_TONES[pair["label"]]
    assert abs(low - expected[0]) <= 3 and abs(high - expected[1]) <= 3


def test_repeats_are_new_drawings_of_the_same_originals():
    pairs = load_six_digits("depth", "test", repeats=2)
    labels = np.asarray(pairs[:]["label"])
    assert len(pairs) == 2 * len(originals("test")[0]) and (labels[::2] == labels[1::2]).all()
    first, second = (np.asarray(pairs[row]["image"]) for row in (0, 1))
    assert not np.array_equal(first, second)


def test_sheet(tmp_path):
    with Image.open(plot_six_digits(tmp_path / "sheet.png")) as sheet:
        assert sheet.width > 1000 and len(set(sheet.convert("L").resize((60, 40)).tobytes())) > 20


def test_bad_arguments():
    with pytest.raises(ValueError, match="Unknown modality 'smell'. Choose from"):
        load_six_digits("smell")
    with pytest.raises(ValueError, match="Unknown split 'validation'"):
        load_six_digits("text", "validation")
