# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import json
import shutil

import datasets
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from conftest import make_config
from imagebind_hf import ImageBindImuFeatureExtractor, ImageBindProcessor
from imagebind_hf.datasets import load_ego4d
from imagebind_hf.datasets.ego4d import clean_narration, narration_window
from imagebind_hf.models.imagebind.video import open_video
from imagebind_hf.training import PairCollator, Pairs
from imagebind_hf.training.data import preprocess

RATE = 200
HEAD = "component_idx,component_timestamp_ms,canonical_timestamp_ms,gyro_x,gyro_y,gyro_z,accl_x,accl_y,accl_z"
# Scenarios, benchmark's split and, if it is not true, whether there is motion.
VIDEOS = {
    "whole": (["Cooking"], "train", True),
    "damaged": (["Cooking", "Cleaning"], "train", True),
    "lost": (["Farmer"], "train", True),
    "still": (["Farmer"], "train", False),
    "other": ([], "val", True),
}


def write_imu(path, gap=(4.0, 5.0)):
    """Six seconds; the accelerometer's x is the time; a second without readings, and one line without a time."""
    lines = [f"0,0,,{','.join('0' * 6)}"]
    for time in np.arange(6 * RATE) / RATE:
        if not gap[0] <= time < gap[1]:
            lines.append(f"0,{time * 1e3},{time * 1e3},0.1,0.2,0.3,{time},9.8,0.5")
    path.write_text("\n".join([HEAD, *lines]))


@pytest.fixture
def ego4d(tmp_path, monkeypatch, fixtures):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    root = tmp_path / "ego4d"
    for folder in ("annotations", "imu", "full_scale"):
        (root / "v2" / folder).mkdir(parents=True)
    videos = [
        {"video_uid": uid, "duration_sec": 6.0, "scenarios": s, "split_em": split, "split_av": None, "has_imu": imu}
        for uid, (s, split, imu) in VIDEOS.items()
    ]
    (root / "ego4d.json").write_text(json.dumps({"version": "v2", "videos": videos}))
    for uid in VIDEOS:
        write_imu(root / f"v2/imu/{uid}.csv")
        shutil.copy(fixtures / "video/clip_6s_8fps_160x120.mp4", root / f"v2/full_scale/{uid}.mp4")
    (root / "v2/imu/damaged.csv").write_text("component_idx,gyro_x\n0,1")
    (root / "v2/full_scale/lost.mp4").unlink()
    told = [(1.5, "#C C picks a #unsure"), (0.25, "#O A man X laughs."), (4.5, "#C C sits"), (7.0, "#C C leaves")]
    lines = [{"timestamp_sec": time, "narration_text": text, "annotation_uid": "x"} for time, text in told]
    one, two = {"narrations": lines[:2], "summaries": []}, {"narrations": lines[2:]}
    entry = {"narration_pass_1": one, "narration_pass_2": two, "status": "complete"}
    (root / "v2/annotations/narration.json").write_text(json.dumps(dict.fromkeys(VIDEOS, entry)))
    return root


def load(root, split="train", **options):
    return load_ego4d(root, split, **{"half_window": 0.5, **options})


def test_windows(ego4d, tmp_path):
    rows = load(ego4d, report=tmp_path / "report")
    assert rows.column_names == ["imu", "image", "text", "video_uid", "start", "end", "time"]
    assert rows["text"][:] == ["A man X laughs", "picks a something"] and rows["time"][:] == [0.25, 1.5]
    assert rows["start"][:] == [0.0, 1.0] and rows["end"][:] == [1.0, 2.0]
    imu = rows[1]["imu"]
    assert np.shape(imu["accel"]) == np.shape(imu["gyro"]) == (RATE, 3) and np.shape(imu["timestamps"]) == (RATE,)
    np.testing.assert_allclose(np.asarray(imu["accel"])[:, 0], 1 + np.arange(RATE) / RATE, atol=1e-5)
    np.testing.assert_allclose(imu["timestamps"], np.arange(RATE) / RATE, atol=1e-5)
    frame = open_video(str(ego4d / "v2/full_scale/whole.mp4")).read([12])[0].transpose(1, 2, 0)
    assert np.abs(np.asarray(rows[1]["image"]).astype(int) - frame).mean() < 3, "at 1.5 s of 8 frames a second"
    entries = map(json.loads, (tmp_path / "report").read_text().splitlines())
    lost = {entry["item"]: entry["why"] for entry in entries}
    assert lost.keys() == {"lost", "damaged", "whole at 4.5 s", "whole at 7.0 s"}
    assert lost["lost"] == "missing: video" and "columns" in lost["damaged"]
    assert lost["whole at 4.5 s"] == "readings cover only 0% of the window from 4 s to 5 s"
    assert lost["whole at 7.0 s"] == "Expected a time within the recording of 6.0 s, but got 7.0 s."


def test_options(ego4d):
    rows = load(ego4d, num_frames=0, label="only", clean=False, wearer_only=True, min_coverage=0.0)
    assert rows.column_names == ["imu", "text", "label", "video_uid", "start", "end", "time"]
    assert rows["text"][:] == ["#C C picks a #unsure"] * 2 and sorted(rows["video_uid"][:]) == ["lost", "whole"]
    assert rows.features["label"].names == ["Cleaning", "Cooking", "Farmer"]
    with pytest.raises(ValueError, match="other: it has 0 scenarios"):
        load(ego4d, "val", label="first")
    assert set(load(ego4d, "all", num_frames=0)["video_uid"][:]) == {"whole", "lost", "other"}
    (ego4d / "splits.json").write_text(json.dumps({"mine": ["other", "gone"]}))
    assert load(ego4d, "mine", split_file="splits.json", frame_size=60)[0]["image"].size == (80, 60)
    (ego4d / "v1/full_scale").mkdir(parents=True)
    (ego4d / "v1/full_scale/whole.mp4").write_bytes(b"older")
    assert len(load(ego4d)) == 2
    (ego4d / "v2/video_540ss").mkdir()
    (ego4d / "v2/video_540ss/whole.mp4").write_bytes(b"smaller, and broken")
    with pytest.raises(ValueError, match=r"Cannot read the video .*video_540ss/whole\.mp4"):
        load(ego4d)
    assert len(load(ego4d, video_dir="v2/full_scale")) == 2
    (ego4d / "v2/imu").rename(ego4d / "motion")
    (ego4d / "v2/video_540ss/whole.mp4").unlink()
    assert len(load(ego4d, imu_dir="motion")) == 2


def test_pairs_go_through_the_processor(ego4d):
    processor = ImageBindProcessor.from_config(make_config(modalities=["vision", "imu"]))
    rows = load(ego4d)
    inputs = PairCollator(processor)(Pairs("imu", rows).fetch(np.array([[0, 0], [1, 1]])))
    assert inputs["pixel_values"].shape == (2, 3, 32, 32) and inputs["imu_values"].shape == (2, 6, 200)
    np.testing.assert_allclose(inputs["imu_values"][1, 0], 1 + np.arange(200) / RATE, atol=1e-5)
    np.testing.assert_allclose(inputs["imu_values"][1, 3:].mean(dim=1), [0.1, 0.2, 0.3], atol=1e-6)
    assert preprocess(rows, processor, "imu")[0]["imu_values"] is not None
    # The extractor reads the file itself alike.
    file = ImageBindImuFeatureExtractor(num_samples=200)(str(ego4d / "v2/imu/whole.csv"), return_tensors="pt")
    np.testing.assert_allclose(inputs["imu_values"][0], file["imu_values"][0], atol=1e-5)


def test_several_frames_are_a_video(ego4d):
    processor = ImageBindProcessor.from_config(make_config(modalities=["vision", "imu"]))
    processor.video_processor.do_sample_frames, processor.video_processor.num_crops = False, 1
    rows = load(ego4d, num_frames=2)
    assert len(rows[0]["video"]) == 2 and isinstance(rows[0]["video"][0], Image.Image)
    inputs = PairCollator(processor)(Pairs("imu", rows).fetch(np.array([[0, 0], [1, 1]])))
    assert inputs["pixel_values_videos"].shape == (2, 1, 2, 3, 32, 32)
    assert not np.allclose(inputs["pixel_values_videos"][0, 0, 0], inputs["pixel_values_videos"][0, 0, 1])


times = st.floats(-1, 100, allow_nan=False)


@given(time=times, duration=st.floats(0.5, 100), half=st.floats(0.1, 20))
def test_window_rules(time, duration, half):
    if time > duration:
        with pytest.raises(ValueError, match="Expected a time within the recording"):
            narration_window(time, duration, half)
        return
    start, end = narration_window(time, duration, half)
    tolerance = 1e-9 * (duration + half)
    assert 0 <= start < end <= duration + tolerance
    assert end - start == pytest.approx(min(2 * half, duration))
    assert start - tolerance <= max(time, 0) <= end + tolerance
    if duration >= 2 * half:
        if time <= 2 * half:
            assert (start, end) == (0, 2 * half)
        elif time >= duration - 2 * half + tolerance:
            assert end == duration
        elif time < duration - 2 * half - tolerance:
            assert (start + end) / 2 == pytest.approx(time)


@pytest.mark.parametrize(
    "text, clean",
    [
        ("#C C walks around", "walks around"),
        ("#c c looks at #unsure.", "looks at something"),
        ("#C looks at C", "looks at C"),
        ("#O A man X moves the phone #Unsure", "A man X moves the phone something"),
        ("#O#C", ""),
    ],
)
def test_narrations(text, clean):
    assert clean_narration(text) == clean


@pytest.mark.parametrize(
    "folder, options, message",
    [
        (
            "v2/imu",
            {},
            r"Expected ego4d\.json in the folder of Ego4D or in v1, .*imu' contains 'damaged\.csv'",
        ),
        (".", {"split": "dev"}, r"Unknown split 'dev'\. Choose from \['train', 'val', 'test', 'all'\]"),
        (".", {"split_by": "split_x"}, r"Unknown key 'split_x' .*Choose from \['split_av', 'split_em'\]"),
        (".", {"split_file": "none.json"}, "Expected none.json"),
        (".", {"narrations": "v2/imu/whole.csv"}, "Cannot read .*whole.csv"),
        (".", {"imu_dir": "none"}, "Expected none in the folder of Ego4D"),
        (".", {"label": "all"}, "Unknown label 'all'"),
        (".", {"half_window": 0}, "Expected half_window > 0"),
        (".", {"min_coverage": 2}, r"min_coverage in \[0, 1\], but got 0.5, 1, 2"),
    ],
)
def test_bad_arguments(ego4d, folder, options, message):
    with pytest.raises(ValueError, match=message):
        load(ego4d / folder, **options)
