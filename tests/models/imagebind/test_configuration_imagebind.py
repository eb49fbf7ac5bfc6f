# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import pytest
from transformers import AutoConfig

from imagebind_hf import (
    ImageBindAudioConfig,
    ImageBindConfig,
    ImageBindDepthConfig,
    ImageBindImuConfig,
    ImageBindTextConfig,
    ImageBindVisionConfig,
)


def test_defaults_are_imagebind_huge():
    config = ImageBindConfig()
    shapes = {
        name: (c.hidden_size, c.num_hidden_layers, c.num_attention_heads) for name, c in config.tower_configs.items()
    }
    assert shapes == {
        "text": (1024, 24, 16),
        "vision": (1280, 32, 16),
        "audio": (768, 12, 12),
        "depth": (384, 12, 8),
        "thermal": (768, 12, 12),
        "imu": (512, 6, 8),
    }
    assert config.audio_config.grid_size == (12, 19) and config.vision_config.grid_size == (16, 16)
    assert config.vision_config.intermediate_size == 5120


def test_round_trip(tmp_path):
    config = ImageBindConfig(
        audio_config={"num_hidden_layers": 3},
        modalities=["vision", "audio"],
        extra_modalities={"touch": ImageBindImuConfig(num_channels=3)},
    )
    config.save_pretrained(tmp_path)
    loaded = AutoConfig.from_pretrained(tmp_path)
    assert type(loaded) is ImageBindConfig and loaded.to_json_string() == config.to_json_string()
    assert type(loaded.extra_modalities["touch"]) is ImageBindImuConfig
    assert loaded.extra_modalities["touch"].num_channels == 3
    assert list(loaded.tower_configs) == ["vision", "audio"]
    assert ImageBindAudioConfig.from_pretrained(tmp_path).num_hidden_layers == 3


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: ImageBindAudioConfig(num_attention_heads=7), r"hidden_size \(768\) must be a multiple .* \(7\)"),
        (lambda: ImageBindImuConfig(window_size=7), r"num_samples \(2000\) must be a multiple of window_size \(7\)"),
        (lambda: ImageBindVisionConfig(image_size=8), "a patch of 14 .* does not fit into an input of 8x8"),
        (lambda: ImageBindDepthConfig(drop_path_rate=1.5), r"drop_path_rate must lie in \[0, 1\), got 1.5"),
        (lambda: ImageBindTextConfig(add_bias_kv=True), "add_bias_kv does not go with the causal"),
        (lambda: ImageBindConfig(modalities=["sound"]), r"Unknown modalities \['sound'\]"),
        (lambda: ImageBindConfig(modalities=[]), "modalities is empty"),
        (lambda: ImageBindConfig(extra_modalities={"audio": ImageBindAudioConfig()}), "may not redefine"),
        (lambda: ImageBindConfig(extra_modalities={"touch": {}}), "model_type is None, expected one of"),
        (lambda: ImageBindAudioConfig(hidden_size="wide"), "hidden_size"),
    ],
)
def test_bad_values(make, message):
    with pytest.raises(Exception, match=message):
        make()
