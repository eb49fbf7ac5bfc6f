# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import AutoModel, AutoProcessor

from conftest import make_config
from imagebind_hf import ImageBindModel, ImageBindProcessor, ImageBindTrainer, ImageBindTrainingArguments
from imagebind_hf.training import InfoNCELoss, Pairs

CONFIG = make_config(modalities=["text", "vision", "imu", "depth"])
# Releases of transformers before this argument call it `gradient_checkpointing`.
FIELDS = {entry.name for entry in dataclasses.fields(ImageBindTrainingArguments)}
CHECKPOINTING = "activation_checkpointing" if "activation_checkpointing" in FIELDS else "gradient_checkpointing"


def make_pairs(modality: str, shape: tuple[int, ...], rows: int = 32) -> Dataset:
    """Return model inputs of four classes, with a pattern for each class in images and partners."""
    rng = np.random.default_rng(0)
    labels = np.arange(rows) % 4
    patterns = {size: np.random.default_rng(1).standard_normal((4, *size)) for size in ((3, 32, 32), shape)}
    columns = {"pixel_values": (3, 32, 32), modality: shape}
    data = {
        name: (patterns[size][labels] + 0.1 * rng.standard_normal((rows, *size))).astype(np.float32)
        for name, size in columns.items()
    }
    return Dataset.from_dict(data).with_format("torch")


def make_trainer(folder, pairs=None, loss=None, eval_dataset=None, **arguments) -> ImageBindTrainer:
    torch.manual_seed(0)
    args = ImageBindTrainingArguments(
        output_dir=str(folder),
        use_cpu=True,
        disable_tqdm=True,
        **{
            "report_to": "none",
            "per_device_train_batch_size": 8,
            "num_train_epochs": 2,
            "learning_rate": 1e-3,
            "save_strategy": "no",
            "logging_steps": 1,
            **arguments,
        },
    )
    pairs = pairs or {
        "imu": make_pairs("imu_values", (6, 200)),
        "depth": make_pairs("pixel_values_depth", (1, 32, 32)),
    }
    processor = ImageBindProcessor.from_config(CONFIG)
    return ImageBindTrainer(
        ImageBindModel(CONFIG), args, pairs, processing_class=processor, loss=loss, eval_dataset=eval_dataset
    )


def test_training_changes_only_the_trained_towers(tmp_path):
    trainer = make_trainer(tmp_path, num_train_epochs=8)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert np.mean(losses[-8:]) < 0.8 * np.mean(losses[:8])
    for name, value in trainer.model.state_dict().items():
        frozen = name.startswith(("text", "vision"))
        if frozen:
            assert torch.equal(value, before[name]), name
    assert not torch.equal(trainer.model.imu_projection.weight, before["imu_projection.weight"])
    assert not torch.equal(trainer.model.depth_projection.weight, before["depth_projection.weight"])
    optimised = {id(p) for group in trainer.optimizer.param_groups for p in group["params"]}
    assert not any(id(p) in optimised for p in trainer.model.vision_model.parameters())
    trainer.save_model()
    loaded = AutoModel.from_pretrained(tmp_path)
    assert torch.equal(loaded.imu_projection.weight, trainer.model.imu_projection.weight)
    parts = ["depth_image_processor", "image_processor", "imu_feature_extractor", "tokenizer", "video_processor"]
    assert sorted(AutoProcessor.from_pretrained(tmp_path).get_attributes()) == parts


def test_trained_modalities_accept_image_and_video(tmp_path):
    for names in (["image", "imu"], ["vision", "video", "imu"]):
        trainer = make_trainer(tmp_path, trained_modalities=names)
        assert trainer.trained == ["vision", "imu"]
        trained = {name.split("_")[0] for name, value in trainer.model.named_parameters() if value.requires_grad}
        assert trained == {"vision", "imu"}
    with pytest.raises(ValueError, match="requires a frozen vision tower"):
        make_trainer(tmp_path, trained_modalities=["image", "imu"], cache_frozen_embeddings=1)


def test_loss_equals_the_loss_of_the_model(tmp_path):
    trainer = make_trainer(tmp_path)
    batch = next(iter(trainer.get_train_dataloader()))
    model = trainer.model.eval()
    torch.testing.assert_close(trainer.compute_loss(model, batch), model(**batch, return_loss=True).loss)


def test_raw_columns_are_preprocessed(tmp_path):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (40, 48, 3), dtype=np.uint8) for _ in range(8)]
    pairs = Dataset.from_dict({"image": images, "text": [f"number {i}" for i in range(8)]})
    trainer = make_trainer(tmp_path, {"text": pairs.with_format("numpy")}, trained_modalities=["text"])
    batch = next(iter(trainer.get_train_dataloader()))
    assert batch["pixel_values"].shape == (8, 3, 32, 32) and batch["input_ids"].shape[0] == 8
    trainer.train()


def test_no_weight_decay_for_norms_biases_embeddings_and_scales(tmp_path):
    trainer = make_trainer(tmp_path, trained_modalities=["imu", "text"])
    names = set(trainer.get_decay_parameter_names(trainer.model))
    assert "imu_model.encoder.layers.0.mlp.fc1.weight" in names and "imu_projection.weight" in names
    excluded = ("bias", "norm", "_embedding", "logit_scale")
    assert not [name for name in names if any(word in name for word in excluded)]


@pytest.mark.parametrize("cache", [0, 1])
def test_resumed_run_gives_the_same_losses_and_weights(tmp_path, cache):
    whole = make_trainer(tmp_path / "whole", cache_frozen_embeddings=cache)
    whole.train()
    arguments = {"max_steps": 16, "cache_frozen_embeddings": cache}
    parts = make_trainer(tmp_path / "parts", save_strategy="steps", save_steps=5, **arguments)
    parts.train()
    again = make_trainer(tmp_path / "parts", **arguments)
    again.train(resume_from_checkpoint=str(tmp_path / "parts" / "checkpoint-5"))
    losses = [[entry["loss"] for entry in trainer.state.log_history if "loss" in entry] for trainer in (whole, again)]
    assert losses[0] == losses[1] and len(losses[0]) == 16
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name


class NaNAfterAWhile(InfoNCELoss):
    calls = 0

    def forward(self, image_embeds, embeds, logit_scale):
        self.calls += 1
        return super().forward(image_embeds, embeds, logit_scale) * (float("nan") if self.calls > 5 else 1)


def test_nan_loss_stops_the_run(tmp_path):
    trainer = make_trainer(tmp_path, loss=NaNAfterAWhile(), save_strategy="steps", save_steps=1)
    with pytest.raises(FloatingPointError, match="The loss is nan at step 6, with .*learning rate"):
        trainer.train()
    weights = AutoModel.from_pretrained(tmp_path / "checkpoint-5").state_dict().values()
    assert all(value.isfinite().all() for value in weights) and not (tmp_path / "checkpoint-6").exists()


def test_tensorboard_logs_the_losses(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    trainer = make_trainer(tmp_path / "run", report_to="tensorboard", num_train_epochs=1)
    trainer.train()
    (folder,) = {file.parent for file in tmp_path.rglob("events.out.tfevents.*")}
    events = accumulator.EventAccumulator(str(folder)).Reload()
    expected = [(entry["step"], entry["loss"]) for entry in trainer.state.log_history if "loss" in entry]
    logged = [(event.step, event.value) for event in events.Scalars("train/loss")]
    assert len(logged) == len(expected) and np.allclose(logged, expected)


@pytest.mark.parametrize("size", [None, 3])
def test_label_targets_reach_the_loss(tmp_path, size):
    rows = make_pairs("imu_values", (6, 200)).add_column("label", [0, 1, 2, 3] * 8)
    pairs = {"imu": Pairs("imu", rows, rows, by_label=True, label_targets=True)}
    trainer = make_trainer(tmp_path, pairs, mini_batch_size=size)
    batch = next(iter(trainer.get_train_dataloader()))
    model = trainer.model.train()
    loss = trainer.compute_loss(model, batch)
    labels = batch.pop("pair_labels")
    assert labels.shape == (8,) and set(labels.tolist()) <= {0, 1, 2, 3}
    # This IMU tower has neither dropout nor drop path.
    outputs = model(**batch)
    expected = InfoNCELoss()(outputs.image_embeds, outputs.imu_embeds, model.logit_scale("imu"), labels)
    torch.testing.assert_close(loss.detach(), expected.detach())
    trainer.train()


def test_mini_batches_train_like_the_whole_batch(tmp_path):
    whole, parts = (make_trainer(tmp_path / str(size), mini_batch_size=size) for size in (None, 3))
    for trainer in (whole, parts):
        trainer.train()
    losses = [[entry["loss"] for entry in trainer.state.log_history if "loss" in entry] for trainer in (whole, parts)]
    np.testing.assert_allclose(*losses, rtol=1e-4)
    for name, value in whole.model.state_dict().items():
        torch.testing.assert_close(parts.model.state_dict()[name], value, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(
    "pairs, arguments, message",
    [
        ({}, {}, "Expected `train_dataset` to have at least one kind of pairs"),
        (
            {"audio": make_pairs("input_features", (32, 44))},
            {},
            r"no tower 'audio'\. Choose from \['text', 'vision', 'depth', 'imu'\]",
        ),
        ({"text": Dataset.from_dict({"image": [0] * 8, "text": ["a"] * 8})}, {}, r"No tower is trained.*\['text'\]"),
        ({"imu": make_pairs("imu_values", (6, 200))}, {"trained_modalities": ["imu", "smell"]}, "no tower 'smell'"),
        ({"imu": make_pairs("imu_values", (6, 200))}, {"trained_modalities": ["imo"]}, "Did you mean 'imu'"),
        ({"imu": make_pairs("imu_values", (6, 200))}, {"per_device_train_batch_size": 1}, "at least 2 pairs"),
        (
            {"imu": make_pairs("imu_values", (6, 200))},
            {"pair_sampling": "random"},
            "Expected `pair_sampling` to be .*, but got 'random'",
        ),
        (
            {"imu": make_pairs("imu_values", (6, 200))},
            {"mini_batch_size": 0},
            "Expected `mini_batch_size` to be at least 1, but got 0",
        ),
    ],
)
def test_invalid_arguments(tmp_path, pairs, arguments, message):
    with pytest.raises(ValueError, match=message):
        if not pairs:
            args = ImageBindTrainingArguments(output_dir=str(tmp_path), report_to="none")
            ImageBindTrainer(ImageBindModel(CONFIG), args, pairs, ImageBindProcessor.from_config(CONFIG))
        else:
            make_trainer(tmp_path, pairs, **arguments)


def test_training_without_a_text_tower(tmp_path):
    torch.manual_seed(0)
    config = make_config(modalities=["vision", "imu"])
    args = ImageBindTrainingArguments(
        str(tmp_path), use_cpu=True, report_to="none", per_device_train_batch_size=8, max_steps=2, save_steps=2
    )
    processor = ImageBindProcessor.from_config(config)
    pairs = {"imu": make_pairs("imu_values", (6, 200))}
    trainer = ImageBindTrainer(ImageBindModel(config), args, pairs, processing_class=processor)
    trainer.train()
    assert trainer.state.global_step == 2 and trainer.processing_class is processor
    parts = ["image_processor", "imu_feature_extractor", "video_processor"]
    assert sorted(AutoProcessor.from_pretrained(tmp_path / "checkpoint-2").get_attributes()) == parts


@pytest.mark.parametrize("what", ["loss", "weights"])
def test_no_checkpoint_with_non_finite_loss_or_weights(tmp_path, what, monkeypatch):
    loss = NaNAfterAWhile() if what == "loss" else None
    trainer = make_trainer(
        tmp_path, loss=loss, save_strategy="steps", save_steps=1, save_total_limit=1, logging_steps=20
    )
    if what == "weights":
        step = trainer.training_step

        def infinite_gradients(model, *args):
            value = step(model, *args)
            if trainer.state.global_step == 5:
                model.imu_projection.weight.grad = torch.full_like(model.imu_projection.weight, torch.inf)
            return value

        monkeypatch.setattr(trainer, "training_step", infinite_gradients)
    with pytest.raises(FloatingPointError, match="not finite at step 6.*learning_rate"):
        trainer.train()
    assert [path.name for path in tmp_path.glob("checkpoint-*")] == ["checkpoint-5"]
    weights = AutoModel.from_pretrained(tmp_path / "checkpoint-5").state_dict().values()
    assert all(value.isfinite().all() for value in weights)


def test_nan_loss_is_an_error_without_logging(tmp_path):
    with pytest.raises(FloatingPointError, match="The loss is nan"):
        make_trainer(tmp_path, loss=NaNAfterAWhile(), logging_steps=500).train()


def test_ddp_finds_unused_parameters_with_checkpointing(tmp_path):
    def arguments(**values):
        return ImageBindTrainingArguments(str(tmp_path), **{CHECKPOINTING: True}, **values)

    assert arguments().ddp_find_unused_parameters is True
    assert arguments(ddp_find_unused_parameters=False).ddp_find_unused_parameters is False


@pytest.mark.parametrize("is_stream", [False, True])
def test_auto_find_batch_size_reduces_the_batch(tmp_path, is_stream):
    rows = make_pairs("imu_values", (6, 200))
    rows = rows.with_format("numpy").to_iterable_dataset() if is_stream else rows
    trainer = make_trainer(tmp_path, {"imu": rows}, auto_find_batch_size=True, max_steps=5)
    compute, sizes = trainer.compute_loss, []

    def out_of_memory(model, inputs, **kwargs):
        sizes.append(len(inputs["imu_values"]))
        if sizes[-1] > 4:
            raise RuntimeError("CUDA out of memory. Tried to allocate")
        return compute(model, inputs, **kwargs)

    trainer.compute_loss = out_of_memory
    trainer.train()
    assert sizes == [8, *sorted({*sizes} - {8, 4}, reverse=True), *[4] * 5] and trainer.state.global_step == 5
    assert trainer.stage_facts()["batch_size"] == 4


def test_data_seed_replaces_the_seed(tmp_path):
    def images(**arguments):
        return next(iter(make_trainer(tmp_path, **arguments).get_train_dataloader()))["pixel_values"]

    assert images(data_seed=7).equal(images(seed=7)) and not images(data_seed=7).equal(images())
    rows = make_pairs("imu_values", (6, 200)).with_format("numpy").to_iterable_dataset()
    assert make_trainer(tmp_path, {"imu": rows}, max_steps=1, data_seed=7).train_dataset.seed == 7


class LossWithParameters(InfoNCELoss):
    def __init__(self):
        super().__init__()
        self.bias = torch.nn.Parameter(torch.zeros(()))


def test_loss_with_trainable_parameters_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"LossWithParameters has trainable parameters \['bias'\]"):
        make_trainer(tmp_path, loss=LossWithParameters())
    loss = LossWithParameters()
    loss.requires_grad_(False)
    make_trainer(tmp_path, loss=loss)


TWO = """
import sys, json
sys.path.insert(0, sys.argv[1])
import torch
from training.test_trainer import make_trainer
processes = int(sys.argv[3])
trainer = make_trainer(sys.argv[2], per_device_train_batch_size=8 // processes, max_grad_norm=0.0, logging_steps=4)
trainer.train()
if trainer.is_world_process_zero():
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    weight = trainer.accelerator.unwrap_model(trainer.model).imu_projection.weight
    print(json.dumps({"losses": losses, "weight": weight.flatten()[:8].tolist()}))
"""


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path):
    """`accelerate launch` with two CPU processes gives the losses and weights of one process."""
    (tmp_path / "two.py").write_text(TWO)
    tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    results = []
    for processes in (1, 2):
        launch = ["accelerate.commands.launch", "--num_processes", str(processes), "--num_machines", "1"]
        launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "--num_cpu_threads_per_process", "1"]
        launch += ["--multi_gpu"] if processes > 1 else []
        arguments = [str(tmp_path / "two.py"), tests, str(tmp_path / f"out{processes}"), str(processes)]
        process = subprocess.run(
            [sys.executable, "-m", *launch, *arguments], capture_output=True, text=True, timeout=900
        )
        assert process.returncode == 0, process.stderr[-3000:]
        results.append(json.loads(process.stdout.strip().splitlines()[-1]))
    one, two = results
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-4)
    np.testing.assert_allclose(two["weight"], one["weight"], atol=1e-4)


TWO_KINDS = """
import os
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from imagebind_hf.training import InfoNCELoss
from training.test_trainer import CHECKPOINTING, make_trainer

settings = {"per_device_train_batch_size": 4, "max_steps": 4, CHECKPOINTING: True}
trainer = make_trainer(sys.argv[2], **settings)
trainer.train()
# One file for each process, because the output of two processes can be interleaved.
log = Path(sys.argv[2]).with_name(f"log-{trainer.args.process_index}.txt")
log.write_text(f"trained {trainer.state.global_step}")

class NaNInOne(InfoNCELoss):
    calls = 0
    def forward(self, *args):
        self.calls += 1
        is_bad = self.calls == 3 and trainer.args.process_index == 1
        return super().forward(*args) * (float("nan") if is_bad else 1)

saving = {"save_strategy": "steps", "save_steps": 1, "save_total_limit": 1, "logging_steps": 10}
trainer = make_trainer(sys.argv[2], loss=NaNInOne(False), **settings, **saving)
try:
    trainer.train()
except FloatingPointError as error:
    log.write_text(f"{log.read_text()}, {error}")
# A gloo thread that frees a tensor during the shutdown of the interpreter would abort the process.
os._exit(0)
"""


@pytest.mark.slow
def test_two_processes_with_activation_checkpointing_stop_together(tmp_path):
    """DDP trains several kinds of pairs with activation checkpointing. A NaN loss in one process stops both."""
    (tmp_path / "two.py").write_text(TWO_KINDS)
    tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", "2", "--num_machines", "1"]
    launch += [
        "--mixed_precision",
        "no",
        "--dynamo_backend",
        "no",
        "--num_cpu_threads_per_process",
        "1",
        "--multi_gpu",
    ]
    process = subprocess.run(
        [*launch, str(tmp_path / "two.py"), tests, str(tmp_path / "out")], capture_output=True, text=True, timeout=900
    )
    assert process.returncode == 0, process.stderr[-3000:]
    logs = [file.read_text() for file in sorted(tmp_path.glob("log-*.txt"))]
    expected = "trained 4, The loss or the weights are not finite at step 3"
    assert len(logs) == 2 and all(expected in log for log in logs), logs
    assert [path.name for path in (tmp_path / "out").glob("checkpoint-*")] == ["checkpoint-2"]
