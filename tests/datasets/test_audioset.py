# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import json
import shutil

import datasets
import numpy as np
import pytest
import soundfile
from PIL import Image

from conftest import make_config
from imagebind_hf import ImageBindProcessor
from imagebind_hf.datasets import load_audioset
from imagebind_hf.datasets.audioset import clip_names
from imagebind_hf.training import PairCollator, Pairs
from imagebind_hf.training.data import preprocess

HEAD = (
    "# Segments csv created Sun Mar  5 10:54:31 2017\n"
    "# num_ytids=4, num_segs=4, num_unique_labels=3, num_positive_labels=5\n"
    "# YTID, start_seconds, end_seconds, positive_labels\n"
)
TRAIN = '--4gqARaEJE, 0.000, 10.000, "/m/068hy,/m/07q6cd_"\n--PJHxphWEs, 30.000, 40.000, "/m/09x0r"\n'
BROKEN = '-0DdlOuIFUI, 50.000, 60.000, "/m/09x0r"\n-0Gj8-vB1q4, 30.000, 40.000, "/m/09x0r"\n'
ODD = '-0NOTALABEL, 1.000, 11.000, "/m/none"\n-0NOTATIMES, x, 11.000, "/m/09x0r"\n'
NAMES = 'index,mid,display_name\n0,/m/09x0r,"Speech"\n1,/m/068hy,"Domestic animals, pets"\n2,/m/07q6cd_,"Squeak"\n'


@pytest.fixture
def audioset(tmp_path, monkeypatch, fixtures):
    """Lists, and clips: two good ones, one cut short, one missing; frames of the good ones."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    root = tmp_path / "audioset"
    for folder in ("csv", "clips", "frames/--PJHxphWEs_30"):
        (root / folder).mkdir(parents=True)
    (root / "csv/balanced_train_segments.csv").write_text(HEAD + TRAIN + BROKEN + ODD)
    (root / "csv/unbalanced_train_segments.csv").write_text(HEAD + 'zzzzzzzzzzz, 5.000, 15.000, "/m/068hy"\n')
    (root / "csv/eval_segments.csv").write_text(HEAD + TRAIN)
    (root / "csv/class_labels_indices.csv").write_text(NAMES)
    for name in ("--4gqARaEJE.wav", "Y--PJHxphWEs.flac", "-0DdlOuIFUI_50_60.wav", "zzzzzzzzzzz_5000.wav"):
        soundfile.write(root / "clips" / name, np.sin(np.arange(16000) / 9), 16000)
    damaged = root / "clips/-0DdlOuIFUI_50_60.wav"
    damaged.write_bytes(damaged.read_bytes()[:9000])
    for name in ("--4gqARaEJE", "-0DdlOuIFUI_50_60"):
        shutil.copy(fixtures / "video/clip_1p5s_10fps_120x160.mp4", root / f"clips/{name}.mp4")
    Image.new("RGB", (40, 30)).save(root / "frames/--4gqARaEJE.jpg")
    for number in range(3):
        Image.new("RGB", (40, 30), (100 * number, 0, 0)).save(root / f"frames/--PJHxphWEs_30/{number}.jpg")
    return root


def test_sounds_alone(audioset, tmp_path):
    rows = load_audioset(audioset, "balanced_train", anchor=None, report=tmp_path / "report")
    assert rows.column_names == ["audio", "labels", "video_id", "start", "end"]
    assert rows["video_id"][:] == ["--4gqARaEJE", "--PJHxphWEs"] and rows["start"][:] == [0, 30]
    assert rows.features["labels"].feature.names == ["Speech", "Domestic animals, pets", "Squeak"]
    assert rows["labels"][:] == [[1, 2], [0]]
    assert rows.features["audio"].decode is False and rows[1]["audio"]["path"].endswith("Y--PJHxphWEs.flac")
    entries = map(json.loads, (tmp_path / "report").read_text().splitlines())
    lost = {entry["item"]: entry["why"] for entry in entries}
    assert lost.keys() == {"-0DdlOuIFUI", "-0Gj8-vB1q4", "-0NOTALABEL", "-0NOTATIMES"}
    assert "truncated" in lost["-0DdlOuIFUI"] and "its audio file is missing" in lost["-0Gj8-vB1q4"]
    assert "['/m/none'] are not in" in lost["-0NOTALABEL"] and "times in seconds" in lost["-0NOTATIMES"]
    assert len(load_audioset(audioset, "balanced_train", anchor=None, check=False)) == 3


def test_splits(audioset, caplog):
    assert load_audioset(audioset, anchor=None)["video_id"][:] == ["--4gqARaEJE", "--PJHxphWEs", "zzzzzzzzzzz"]
    assert len(load_audioset(audioset, "unbalanced_train", anchor=None)) == 1
    assert len(load_audioset(audioset, "test", anchor=None)) == 2
    assert len(load_audioset(audioset, segments="csv/eval_segments.csv", anchor=None)) == 2
    (audioset / "csv/balanced_train_segments.csv").unlink()
    rows = load_audioset(audioset, anchor=None)
    assert rows["video_id"][:] == ["zzzzzzzzzzz"] and rows["labels"][:] == [[1]]


def test_videos(audioset):
    rows = load_audioset(audioset, "test")
    assert rows.column_names[:2] == ["audio", "video"] and rows["video_id"][:] == ["--4gqARaEJE"]
    processor = ImageBindProcessor.from_config(make_config(modalities=["vision", "audio"]))
    columns = Pairs("audio", rows).fetch(np.array([[0, 0], [0, 0]]))
    inputs = PairCollator(processor)(columns)
    assert inputs["pixel_values_videos"].shape == (2, 15, 2, 3, 32, 32)
    assert inputs["input_features"].shape == (2, 3, 32, 44)
    shutil.rmtree(audioset / "clips")
    with pytest.raises(ValueError, match="AudioSet: No rows are left.*--4gqARaEJE: its audio file is missing"):
        load_audioset(audioset, "test")


def test_frames(audioset):
    rows = load_audioset(audioset, "balanced_train", frame_dir="frames")
    assert rows["video_id"][:] == ["--4gqARaEJE", "--PJHxphWEs"]
    assert 80 < np.asarray(rows[1]["image"])[..., 0].mean() < 120, "the middle one of three"
    processor = ImageBindProcessor.from_config(make_config(modalities=["vision", "audio"]))
    ready = preprocess(rows, processor, "audio")
    inputs = PairCollator(processor)(Pairs("audio", ready).fetch(np.array([[0, 0], [1, 1]])))
    assert inputs["input_features"].shape == (2, 3, 32, 44) and inputs["pixel_values"].shape == (2, 3, 32, 32)
    (audioset / "sounds").mkdir()
    (audioset / "clips/--4gqARaEJE.wav").rename(audioset / "sounds/--4gqARaEJE.wav")
    rows = load_audioset(audioset, "test", audio_dir="sounds", clip_dir="clips")
    assert "sounds" in rows[0]["audio"]["path"] and "clips" in rows[0]["video"]["path"]


@pytest.mark.parametrize(
    "name",
    "{0} Y{0} {0}_30 {0}_30_40 Y{0}_30.0 {0}_30.000_40.000 {0}_30000 {0}_30000_40000 {0}_30-40 {0}_000030".split(),
)
def test_names_of_clips(name):
    names = clip_names("--PJHxphWEs", 30.0, 40.0)
    assert name.format("--PJHxphWEs") in names
    assert names.index("--PJHxphWEs_30_40") < names.index("--PJHxphWEs_30") < names.index("--PJHxphWEs")
    assert "--PJHxphWEs_31" not in names


@pytest.mark.parametrize(
    "folder, options, message",
    [
        (
            "clips",
            {},
            r"balanced_train_segments\.csv or unbalanced_train_segments\.csv in .*clips' contains ",
        ),
        (".", {"split": "val"}, "Unknown split 'val'"),
        (".", {"segments": "csv/none.csv"}, "Expected csv/none.csv"),
        (".", {"anchor": "text"}, "Unknown anchor 'text'"),
        (".", {"anchor": "image"}, "Expected `frame_dir`"),
        (".", {"clip_dir": "none"}, "does not exist"),
    ],
)
def test_bad_arguments(audioset, folder, options, message):
    with pytest.raises(ValueError, match=message):
        load_audioset(audioset / folder, **options)


def test_without_names(audioset):
    (audioset / "csv/class_labels_indices.csv").unlink()
    with pytest.raises(ValueError, match=r"Expected class_labels_indices\.csv in the folder"):
        load_audioset(audioset)
