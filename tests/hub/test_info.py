# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints are described without loading their weights."""

import json

import pytest
import torch
from safetensors.torch import load_file

from conftest import make_config
from imagebind_hf import ImageBindModel
from imagebind_hf.hub import push_folder
from imagebind_hf.hub.info import model_info

NAME = "org/my-model"
CARD = "---\nlicense: cc-by-nc-4.0\nbase_model: org/base\n---\n# A model\n"


@pytest.fixture
def described(checkpoint):
    (checkpoint / "README.md").write_text(CARD)
    (checkpoint / "training.json").write_text(json.dumps({"hardware": "one CPU"}))
    return checkpoint


def test_a_folder(described):
    info = model_info(described)
    json.dumps(info)
    model = ImageBindModel.from_pretrained(described)
    assert info["model"] == str(described) and info["revision"] is None and info["model_type"] == "imagebind"
    assert info["modalities"] == list(model.inputs)
    # Fixed logit scales are stored, too.
    assert info["parameters"] == sum(tensor.numel() for tensor in model.state_dict().values())
    assert info["projection_dim"] == 16 and info["dtype"] == "F32"
    assert info["bytes"] == 4 * info["parameters"]
    assert list(info["towers"]) == list(model.config.tower_configs)
    for name, tower in info["towers"].items():
        tensors = load_file(described / f"model-{name}.safetensors").values()
        assert tower["parameters"] == sum(tensor.numel() for tensor in tensors)
        assert tower["files"] == [f"model-{name}.safetensors"]
        assert (tower["hidden_size"], tower["layers"]) == (
            model.config.tower_configs[name].hidden_size,
            model.config.tower_configs[name].num_hidden_layers,
        )
    assert (info["license"], info["base_model"]) == ("cc-by-nc-4.0", "org/base")
    assert info["training"] == {"hardware": "one CPU"}


def test_the_same_from_the_hub_with_headers_only(hub, described):
    push_folder(described, NAME)
    size = sum(path.stat().st_size for path in described.glob("*.safetensors"))
    first = hub.repositories[NAME].refs["main"]
    hub.forget()
    info = model_info(NAME)
    assert sum(hub.served(".safetensors").values()) < size / 4, "weights were downloaded"
    assert info == {**model_info(described), "model": NAME, "revision": first}
    smaller = described.parent / "smaller"
    ImageBindModel.from_pretrained(described, modalities=["imu"]).save_pretrained(smaller)
    push_folder(smaller, NAME, overwrite=True)
    assert model_info(NAME)["modalities"] == ["imu"]
    assert model_info(NAME, revision=first)["towers"] == info["towers"]


def test_one_file_without_card_in_another_type(tmp_path):
    model = ImageBindModel(make_config(modalities=["imu", "text"])).to(torch.bfloat16)
    super(ImageBindModel, model).save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").is_file()
    info = model_info(tmp_path)
    assert info["towers"]["imu"]["files"] == info["towers"]["text"]["files"] == ["model.safetensors"]
    stored = sum(tensor.numel() for tensor in model.state_dict().values())
    assert (info["parameters"], info["bytes"]) == (stored, 2 * stored)
    assert info["dtype"] == "BF16"
    assert info["license"] is info["base_model"] is info["training"] is None


def test_an_extra_modality(tmp_path):
    extra = {"tactile": make_config(modalities=["imu"]).imu_config}
    model = ImageBindModel(make_config(modalities=["text", "tactile"], extra_modalities=extra))
    model.save_pretrained(tmp_path)
    info = model_info(tmp_path)
    assert info["modalities"] == ["text", "tactile"] and list(info["towers"]) == ["text", "tactile"]
    assert info["towers"]["tactile"]["parameters"] > 0


def test_what_is_not_a_checkpoint(hub, checkpoint, tmp_path):
    with pytest.raises(ValueError, match="an ImageBind checkpoint, but .* has no config.json"):
        model_info(tmp_path)
    with pytest.raises(OSError, match="org/nothing"):
        model_info("org/nothing")
    for path in checkpoint.glob("*.safetensors*"):
        path.unlink()
    with pytest.raises(ValueError, match="Expected safetensors weights in"):
        model_info(checkpoint)
    (checkpoint / "config.json").write_text('{"model_type": "clip"}')
    with pytest.raises(ValueError, match="has the model type 'clip'"):
        model_info(checkpoint)
    (checkpoint / "config.json").write_text("{")
    with pytest.raises(ValueError, match="config.json is not valid JSON"):
        model_info(checkpoint)
