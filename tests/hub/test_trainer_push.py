# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Trainers push to a local Hub server."""

import json

import numpy as np
import pytest
import torch
from datasets import Dataset
from huggingface_hub import ModelCard
from PIL import Image
from transformers import AutoModel, AutoProcessor

from conftest import make_config
from hub_server import Fault
from imagebind_hf import ImageBindModel, ImageBindProcessor, ImageBindTrainer, ImageBindTrainingArguments
from imagebind_hf.hub import push_folder
from imagebind_hf.training.validation import ValidationSet

NAME = "org/mine"


def rows(number: int = 8) -> Dataset:
    generator = np.random.default_rng(0)
    return Dataset.from_dict(
        {
            "image": [Image.fromarray(generator.integers(0, 255, (32, 32, 3), dtype=np.uint8)) for _ in range(number)],
            "imu": [generator.normal(size=(6, 200)).tolist() for _ in range(number)],
            "label": [i % 2 for i in range(number)],
        }
    ).class_encode_column("label")


def make_trainer(folder, model=None, evaluate=False, **arguments) -> ImageBindTrainer:
    torch.manual_seed(0)
    model = ImageBindModel(make_config(modalities=["vision", "imu", "text"])) if model is None else model
    settings = {"per_device_train_batch_size": 4, "max_steps": 4, "report_to": "none", "logging_steps": 1}
    validation = {"held_out": ValidationSet(rows(), "imu", ["{}"])} if evaluate else None
    return ImageBindTrainer(
        model,
        ImageBindTrainingArguments(str(folder), **{**settings, **arguments}),
        {"imu": rows()},
        processing_class=ImageBindProcessor.from_config(model.config),
        eval_dataset=validation,
    )


def test_push_after_training(hub, tmp_path):
    trainer = make_trainer(tmp_path / "mine", evaluate=True, hub_private_repo=True)
    trainer.train()
    trainer.evaluate()
    trainer.push_to_hub(tags="sensors")
    repository = hub.repositories[NAME]
    assert repository.private and [message for _, message in repository.messages] == [
        "initial commit",
        "End of training",
    ]
    files = hub.files(NAME)
    assert not [name for name in files if name.endswith((".bin", ".pt", ".pth", ".pkl"))], "no pickles"
    facts = json.loads(files["training.json"])
    stage = facts["stages"][0]
    assert stage["trained_modalities"] == ["imu"] and stage["steps"] == 4 and stage["batch_size"] == 4
    assert stage["pairs"] == {"imu": {"modality": "imu", "anchor": "image", "rows": 8}} and stage["seconds"] > 0
    card = ModelCard(files["README.md"].decode())
    assert "sensors" in card.data.tags and card.data.model_name == NAME
    measured = {result.metric_name: result.metric_value for result in card.data.eval_results}
    assert 0 <= measured["held_out_accuracy"] <= 1
    assert "| training | imu | image–imu: 8 | 4 | 4 | 5e-05 |" in card.text
    assert str(tmp_path) not in card.content + files["training.json"].decode(), "local paths are not published"
    loaded, state = AutoModel.from_pretrained(NAME).state_dict(), trainer.model.state_dict()
    assert all(loaded[name].equal(value) for name, value in state.items())
    assert "imu_feature_extractor" in AutoProcessor.from_pretrained(NAME).get_attributes()


def test_push_during_training(hub, tmp_path):
    trainer = make_trainer(
        tmp_path / "mine", push_to_hub=True, save_steps=2, save_total_limit=1, hub_always_push=True, hub_model_id=NAME
    )
    trainer.train()
    trainer.push_to_hub()
    messages = [message for _, message in hub.repositories[NAME].messages]
    assert messages[:3] == ["initial commit", "Training in progress, step 2", "Training in progress, step 4"]
    first = hub.repositories[NAME].commits
    files = list(first.values())[1]
    assert "model-imu.safetensors" in files and "processor_config.json" in files and "README.md" in files
    assert not [name for name in files if name.endswith((".bin", ".pt", ".pth")) or name.startswith("_")]
    assert not list((tmp_path / "mine" / "_pushing").iterdir())


def test_hub_strategy_checkpoint_pushes_the_optimizer_state(hub, tmp_path):
    trainer = make_trainer(
        tmp_path / "mine", push_to_hub=True, save_steps=4, hub_strategy="checkpoint", hub_model_id=NAME
    )
    trainer.train()
    trainer._finish_current_push()
    files = hub.files(NAME)
    assert "last-checkpoint/optimizer.pt" in files and "optimizer.pt" not in files


def test_repository_with_weights_is_an_error_before_training(hub, checkpoint, tmp_path):
    push_folder(checkpoint, NAME)
    with pytest.raises(ValueError, match="org/mine already has weights. Set `hub_overwrite=True`"):
        make_trainer(tmp_path / "mine", push_to_hub=True, hub_model_id=NAME)
    trainer = make_trainer(tmp_path / "mine", hub_model_id=NAME)
    trainer.train()
    with pytest.raises(ValueError, match="already has weights"):
        trainer.push_to_hub()
    trainer.args.hub_overwrite = True
    trainer.push_to_hub()
    assert "model-audio.safetensors" not in hub.files(NAME), "weights of the old model are deleted"


def test_push_of_a_lora_adapter(hub, checkpoint, tmp_path):
    push_folder(checkpoint, "org/base")
    base = AutoModel.from_pretrained("org/base")
    trainer = make_trainer(tmp_path / "mine", base, lora={"r": 2, "init_lora_weights": False})
    trainer.train()
    trainer.push_to_hub()
    files = hub.files(NAME)
    assert not [name for name in files if name.startswith("model")]
    assert json.loads(files["adapter_config.json"])["base_model_name_or_path"] == "org/base"
    card = ModelCard(files["README.md"].decode())
    assert card.data.base_model == "org/base" and card.data.base_model_relation == "adapter"
    assert card.data.library_name == "peft" and "A LoRA adapter" in card.text
    inputs = {"imu_values": torch.ones(1, 6, 200)}
    trained = trainer.model.eval()(**inputs).imu_embeds
    torch.testing.assert_close(AutoModel.from_pretrained(NAME).eval()(**inputs).imu_embeds, trained)
    assert not torch.allclose(AutoModel.from_pretrained("org/base").eval()(**inputs).imu_embeds, trained, atol=1e-3)


def test_card_keeps_the_license_of_the_base(hub, checkpoint, tmp_path):
    (checkpoint / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n# base\n")
    push_folder(checkpoint, "org/base")
    trainer = make_trainer(tmp_path / "mine", AutoModel.from_pretrained("org/base"))
    trainer.train()
    trainer.push_to_hub()
    card = ModelCard(hub.files(NAME)["README.md"].decode())
    assert card.data.license == "cc-by-nc-4.0" and card.data.base_model == "org/base"
    assert "non-commercial use only" in card.text and "CC-BY-NC-SA" in card.text


def test_failed_push_does_not_stop_training(hub, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    hub.faults.append(Fault("POST", "/commit/", status=403))
    trainer = make_trainer(tmp_path / "mine", push_to_hub=True, save_steps=2, hub_always_push=True, hub_model_id=NAME)
    trainer.train()
    assert trainer.state.global_step == 4
    trainer.push_to_hub()
    assert "model-imu.safetensors" in hub.files(NAME)
