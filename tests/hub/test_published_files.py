# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The files in `processors/` and `hub_cards/` are what the package writes, and can be loaded."""

import filecmp
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoImageProcessor,
    AutoProcessor,
    AutoTokenizer,
    AutoVideoProcessor,
)

import imagebind_hf
from imagebind_hf import ImageBindConfig

ROOT = Path(__file__).parents[2]
CHECKPOINTS = sorted(path.parent.name for path in ROOT.glob("hub_cards/*/config.json"))
FOLDERS = ("text", "vision", "video", "audio", "depth", "thermal", "imu")


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_processors_are_what_the_package_writes(tmp_path):
    spec = importlib.util.spec_from_file_location("build", ROOT / "processors" / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert [folder.name for folder in module.build(tmp_path)] == CHECKPOINTS
    for name in CHECKPOINTS:
        written, kept = tmp_path / name, ROOT / "processors" / name
        assert files(written) == files(kept)
        different = filecmp.cmpfiles(written, kept, files(kept), shallow=False)[1:]
        assert different == ([], []), "run `python processors/build.py`"


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_they_load(name):
    folder = ROOT / "processors" / name
    expected = {
        AutoTokenizer: imagebind_hf.ImageBindTokenizer,
        AutoImageProcessor: imagebind_hf.ImageBindImageProcessor,
        AutoVideoProcessor: imagebind_hf.ImageBindVideoProcessor,
        AutoFeatureExtractor: imagebind_hf.ImageBindFeatureExtractor,
        AutoProcessor: imagebind_hf.ImageBindProcessor,
    }
    for auto, own in expected.items():
        assert type(auto.from_pretrained(folder)) is own
    for subfolder in FOLDERS:
        assert len(AutoProcessor.from_pretrained(folder, subfolder=subfolder).get_attributes()) == 1


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_configuration_and_processor_fit(name):
    config = AutoConfig.from_pretrained(ROOT / "hub_cards" / name)
    assert type(config) is ImageBindConfig
    inputs = AutoProcessor.from_pretrained(ROOT / "processors" / name)(
        images=np.zeros((40, 50, 3), np.uint8),
        audio=np.ones(16_000),
        sampling_rate=16_000,
        imu=np.zeros((6, 100)),
        return_tensors="pt",
    )
    assert inputs["pixel_values"].shape[-1] == config.vision_config.image_size
    assert inputs["input_features"].shape[-2:] == (config.audio_config.num_mel_bins, config.audio_config.num_frames)
    assert inputs["imu_values"].shape[-1] == config.imu_config.num_samples


def test_huge_is_the_default():
    huge = ImageBindConfig.from_pretrained(ROOT / "hub_cards" / "imagebind-huge")
    assert huge.to_dict() == ImageBindConfig(architectures=huge.architectures, dtype=huge.dtype).to_dict()
