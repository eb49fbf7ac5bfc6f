# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import re
import sys
import warnings

import pytest
import torch
from transformers import AutoModel

from conftest import make_inputs
from imagebind_hf import ImageBindModel
from imagebind_hf.training.lora import add_lora, load_adapter
from imagebind_hf.training.parameters import depth_below_top
from training.test_trainer import CONFIG, make_pairs, make_trainer

PAIRS = {"imu": make_pairs("imu_values", (6, 200))}


@pytest.mark.parametrize(
    "name, depth",
    [
        ("imu_projection.weight", 0),
        ("text_logit_scale", 0),
        ("imu_model.post_layernorm.bias", 0),
        ("imu_model.encoder.layers.1.mlp.fc1.weight", 1),
        ("imu_model.encoder.layers.0.self_attn.bias_k", 2),
        ("vision_model.pre_layernorm.weight", 3),
        ("imu_model.embeddings.projection.weight", 3),
    ],
)
def test_depth_below_top(model, name, depth):
    layers = dict.fromkeys(model.config.tower_configs, 2)
    assert name in dict(model.named_parameters()) and depth_below_top(name, layers) == depth


def test_trained_layers_freezes_lower_layers(tmp_path):
    trainer = make_trainer(tmp_path, PAIRS, trained_layers=1)
    trained = {name for name, parameter in trainer.model.named_parameters() if parameter.requires_grad}
    assert {name.split(".")[0] for name in trained} == {"imu_projection", "imu_model"}
    assert {"imu_projection.weight", "imu_model.post_layernorm.weight"} <= trained
    assert {match[1] for name in trained if (match := re.search(r"layers\.(\d)", name))} == {"1"}
    assert not any("embedding" in name for name in trained)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    trainer.train()
    changed = {name for name, value in trainer.model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == trained


def test_layer_decay_sets_a_learning_rate_per_layer(tmp_path):
    trainer = make_trainer(tmp_path, PAIRS, layer_decay=0.5, learning_rate=0.08, weight_decay=0.1)
    optimizer = trainer.create_optimizer()
    names = {parameter: name for name, parameter in trainer.model.named_parameters()}
    rates = {
        names[p]: (group["lr"], group["weight_decay"]) for group in optimizer.param_groups for p in group["params"]
    }
    assert sorted(rates) == sorted(name for name, p in trainer.model.named_parameters() if p.requires_grad)
    assert rates["imu_projection.weight"] == (0.08, 0.1)
    assert rates["imu_model.encoder.layers.1.mlp.fc1.weight"] == (0.04, 0.1)
    assert rates["imu_model.encoder.layers.0.mlp.fc1.bias"] == (0.02, 0.0)
    assert rates["imu_model.embeddings.class_embedding"] == (0.01, 0.0)
    trainer.train()
    assert {group["initial_lr"] for group in optimizer.param_groups} == {0.08, 0.04, 0.02, 0.01}


def test_lora(tmp_path):
    pytest.importorskip("peft")
    arguments = {"lora": {"r": 2, "lora_alpha": 4}, "layer_decay": 0.5, "mini_batch_size": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        trainer = make_trainer(tmp_path / "run", PAIRS, **arguments)
    base = {name: value.clone() for name, value in trainer.model.get_base_model().state_dict().items()}
    trained = [name for name, parameter in trainer.model.named_parameters() if parameter.requires_grad]
    assert all("imu_model.encoder" in name and "lora_" in name for name in trained)
    assert len(trained) == 2 * 6 * 2, "two layers with six matrices, each with two factors"
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert losses[-1] < losses[0]
    for name, value in trainer.model.get_base_model().state_dict().items():
        assert "lora_" in name or torch.equal(value, base[name]), name
    inputs = {"imu_values": make_inputs()["imu_values"]}
    expected = trainer.model.eval()(**inputs).imu_embeds
    trainer.save_model()
    files = {file.name for file in (tmp_path / "run").iterdir()}
    assert "adapter_model.safetensors" in files and not any(name.startswith("model") for name in files)
    fresh = ImageBindModel(trainer.model.config)
    fresh.load_state_dict({name.replace(".base_layer", ""): v for name, v in base.items() if "lora_" not in name})
    adapted = load_adapter(fresh, tmp_path / "run").eval()
    torch.testing.assert_close(adapted(**inputs).imu_embeds, expected)
    merged = trainer.model.merge_and_unload()
    assert isinstance(merged, ImageBindModel)
    merged.save_pretrained(tmp_path / "merged")
    loaded = AutoModel.from_pretrained(tmp_path / "merged").eval()
    torch.testing.assert_close(loaded(**inputs).imu_embeds, expected, atol=1e-5, rtol=1e-5)


def test_lora_without_peft_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    model = ImageBindModel(CONFIG)
    for use in (lambda: add_lora(model, ["imu"], {}), lambda: load_adapter(model, tmp_path)):
        with pytest.raises(ImportError, match=r"pip install imagebind-hf\[train\]"):
            use()


def test_resumed_lora_run_gives_the_same_weights(tmp_path):
    pytest.importorskip("peft")
    arguments = {"lora": {"r": 2, "init_lora_weights": False}, "max_steps": 6}
    whole = make_trainer(tmp_path / "whole", PAIRS, **arguments)
    whole.train()
    make_trainer(tmp_path / "parts", PAIRS, save_strategy="steps", save_steps=3, **arguments).train()
    again = make_trainer(tmp_path / "parts", PAIRS, **arguments)
    again.train(resume_from_checkpoint=str(tmp_path / "parts" / "checkpoint-3"))
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"lora": {"rank": 4}}, "lora: .*rank"),
        ({"lora": {"target_modules": ["fc9"]}}, "lora: .*fc9"),
        ({"lora": 4}, "Expected `lora` to be a mapping .*, but got 4"),
        ({"lora": {}, "trained_layers": 1}, "`trained_layers` and `lora` exclude each other"),
        ({"trained_layers": -1}, "Expected `trained_layers` to be 0 or more, but got -1"),
        ({"layer_decay": 0.0}, "Expected `layer_decay` .*, but got 0.0"),
        ({"layer_decay": 1.5}, "Expected `layer_decay` .*, but got 1.5"),
    ],
)
def test_invalid_arguments(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        make_trainer(tmp_path, PAIRS, **arguments)
