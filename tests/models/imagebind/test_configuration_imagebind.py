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
from imagebind_hf.models.imagebind.configuration_imagebind import TOWER_CONFIGS
from imagebind_hf.models.imagebind.modalities import MODALITIES, TOWERS


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


def test_configurations_follow_the_table_of_modalities():
    assert tuple(TOWER_CONFIGS) == TOWERS and {row.tower for row in MODALITIES.values()} == set(TOWERS)
    for name, config_class in TOWER_CONFIGS.items():
        assert config_class.base_config_key == f"{name}_config"


def test_names_of_inputs_select_towers(tmp_path):
    config = ImageBindConfig(modalities=["video", "image", "audio"])
    assert config.modalities == ["vision", "audio"] and list(config.tower_configs) == ["vision", "audio"]
    config.save_pretrained(tmp_path)
    assert AutoConfig.from_pretrained(tmp_path).modalities == ["vision", "audio"]


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: ImageBindAudioConfig(num_attention_heads=7), r"hidden_size \(768\) must be a multiple .* \(7\)"),
        (lambda: ImageBindImuConfig(window_size=7), r"num_samples \(2000\) must be a multiple of window_size \(7\)"),
        (lambda: ImageBindVisionConfig(image_size=8), "a patch of 14 .* does not fit into an input of 8x8"),
        (lambda: ImageBindDepthConfig(drop_path_rate=1.5), r"drop_path_rate must be in \[0, 1\), but got 1.5"),
        (lambda: ImageBindTextConfig(add_bias_kv=True), "expected add_bias_kv=False, because .* causal"),
        (
            lambda: ImageBindConfig(modalities=["smell"]),
            r"Unknown modality 'smell'. Choose from \['text', 'vision', .*'image'",
        ),
        (lambda: ImageBindConfig(modalities=["audoi"]), "Unknown modality 'audoi'. Did you mean 'audio'?"),
        (lambda: ImageBindConfig(modalities=[]), "expected modalities from .*, but got an empty list"),
        *(
            (lambda name=name: ImageBindConfig(extra_modalities={name: ImageBindAudioConfig()}), message)
            for name, message in (
                ("audio", "'audio', which is a built-in one"),
                ("video", "'video', which is a built-in one"),
                ("images", "'images', which is a built-in one"),
                ("pixel", "`pixel_values` is a built-in input"),
                ("two words", "Python identifier"),
                ("_touch", "Python identifier"),
                ("touch_model", "does not end in _model"),
            )
        ),
        (
            lambda: ImageBindConfig(extra_modalities={"touch": {}}),
            "expected `model_type` to be one of .*, but got None",
        ),
        (lambda: ImageBindAudioConfig(hidden_size="wide"), "hidden_size"),
    ],
)
def test_bad_values(make, message):
    with pytest.raises(Exception, match=message):
        make()


def test_names_of_inputs_select_towers_after_creation():
    config = ImageBindConfig()
    config.modalities = ["image", "audio"]
    assert list(config.tower_configs) == ["vision", "audio"]
    assert config.to_dict()["modalities"] == ["vision", "audio"]
