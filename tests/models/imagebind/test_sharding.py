# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Which files saving keeps, and which it removes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from conftest import make_config, make_inputs
from imagebind_hf import ImageBindModel

INDEX = "model.safetensors.index.json"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def small() -> ImageBindModel:
    return ImageBindModel(make_config(modalities=["text", "imu"]))


def test_saving_again_removes_its_own_weights_and_no_others(small, tmp_path):
    small.save_pretrained(tmp_path)
    small.save_pretrained(tmp_path, variant="fp16")
    others = {"model.fp16.safetensors", "model_ema.safetensors", "model-teacher.safetensors"}
    stale = {"model.safetensors", "model-00001-of-00002.safetensors"}
    for name in (others | stale) - names(tmp_path):
        (tmp_path / name).write_bytes(b"")
    part = ImageBindModel(make_config(modalities=["imu"]))
    part.save_pretrained(tmp_path)
    assert names(tmp_path) == {"config.json", INDEX, "model-imu.safetensors", *others}
    loaded = ImageBindModel.from_pretrained(tmp_path)
    inputs = {"imu_values": make_inputs()["imu_values"]}
    torch.testing.assert_close(loaded.eval()(**inputs).imu_embeds, part.eval()(**inputs).imu_embeds)


@pytest.mark.parametrize(
    "index",
    [
        "{",
        "[]",
        '{"weight_map": []}',
        json.dumps({"weight_map": {"a": "../mine.safetensors", "b": "mine.txt", "c": 3}}),
    ],
)
def test_an_index_cannot_remove_other_files(small, tmp_path, index):
    folder = tmp_path / "model"
    folder.mkdir()
    for file in (tmp_path / "mine.safetensors", folder / "mine.txt"):
        file.write_text("mine")
    (folder / INDEX).write_text(index)
    small.save_pretrained(folder)
    assert (tmp_path / "mine.safetensors").is_file() and (folder / "mine.txt").is_file()
    assert set(json.loads((folder / INDEX).read_text())["weight_map"]) == set(small.state_dict())


KILLED = """
import os, signal
from imagebind_hf import ImageBindConfig, ImageBindModel
from imagebind_hf.models.imagebind import sharding

tower = {{"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}}
sharding.publish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
ImageBindModel(ImageBindConfig(imu_config=tower, modalities=["imu"])).save_pretrained({folder!r})
"""


def test_staging_folders_of_killed_processes_are_removed(small, tmp_path):
    process = subprocess.run([sys.executable, "-c", KILLED.format(folder=str(tmp_path))], capture_output=True)
    assert process.returncode == -signal.SIGKILL
    (left,) = tmp_path.glob(".saving-*")
    assert (left / "model-imu.safetensors").is_file()
    small.save_pretrained(tmp_path)
    assert left.is_dir(), "another process may be writing it"
    hours_ago = time.time() - 2 * 3600
    os.utime(left, (hours_ago, hours_ago))
    small.save_pretrained(tmp_path)
    assert left.is_dir(), "a file in it was written recently"
    for file in left.iterdir():
        os.utime(file, (hours_ago, hours_ago))
    small.save_pretrained(tmp_path)
    assert names(tmp_path) == {"config.json", INDEX, "model-text.safetensors", "model-imu.safetensors"}
