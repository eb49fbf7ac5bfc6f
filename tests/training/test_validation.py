# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset
from transformers import AutoModel

from imagebind_hf.training import ImageBindTrainer, ValidationSet
from training.test_trainer import make_pairs, make_trainer

NAMES = ["one", "two", "three", "four"]


def held_out(rows: int = 13) -> Dataset:
    dataset = make_pairs("imu_values", (6, 200), rows).with_format(None)
    dataset = dataset.add_column("label", (np.arange(rows) % 4).tolist()).cast_column("label", ClassLabel(names=NAMES))
    return dataset.with_format("torch", columns=["pixel_values", "imu_values"], output_all_columns=True)


def with_validation(folder, **arguments) -> ImageBindTrainer:
    validation = {"imu": ValidationSet(held_out(), "imu", ["a {}", "{}"], against="image")}
    return make_trainer(folder, {"imu": make_pairs("imu_values", (6, 200))}, eval_dataset=validation, **arguments)


def test_metrics_equal_a_naive_loop(tmp_path):
    trainer = with_validation(tmp_path, per_device_eval_batch_size=5)
    metrics = trainer.evaluate()
    model, processor, rows = trainer.model.eval(), trainer.processing_class, held_out()[:]
    with torch.no_grad():
        outputs = model(pixel_values=rows["pixel_values"], imu_values=rows["imu_values"])
        prompts = torch.stack(
            [
                torch.nn.functional.normalize(
                    model(**processor(text=[f"a {name}", name], return_tensors="pt")).text_embeds.mean(0), dim=0
                )
                for name in NAMES
            ]
        )
    hits = [
        int((prompts @ embed).argmax()) == label
        for embed, label in zip(outputs.imu_embeds, rows["label"], strict=True)
    ]
    assert metrics["eval_imu_accuracy"] == metrics["eval_mean_accuracy"] == pytest.approx(np.mean(hits))
    cosines = outputs.imu_embeds @ outputs.image_embeds.t()
    for direction, table in (("to", cosines), ("from", cosines.t())):
        first = [int(row.argmax()) == number for number, row in enumerate(table)]
        assert metrics[f"eval_imu_{direction}_image_recall@1"] == pytest.approx(np.mean(first))
    assert trainer.state.log_history[-1]["eval_imu_accuracy"] == metrics["eval_imu_accuracy"]


def test_best_checkpoint_is_kept(tmp_path):
    trainer = with_validation(
        tmp_path,
        eval_strategy="steps",
        save_strategy="steps",
        eval_steps=2,
        save_steps=2,
        max_steps=8,
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="imu_from_image_recall@1",
        greater_is_better=True,
    )
    trainer.train()
    measured = {
        entry["step"]: entry["eval_imu_from_image_recall@1"]
        for entry in trainer.state.log_history
        if "eval_imu_from_image_recall@1" in entry
    }
    assert set(measured) == {2, 4, 6, 8}
    best = tmp_path / f"checkpoint-{max(measured, key=lambda step: (measured[step], -step))}"
    assert trainer.state.best_model_checkpoint == str(best) and best.is_dir()
    for name, value in AutoModel.from_pretrained(best).state_dict().items():
        assert torch.equal(value, trainer.model.state_dict()[name]), name


def test_invalid_sets(tmp_path):
    rows = held_out()
    with pytest.raises(ValueError, match="Expected a column 'audio'"):
        ValidationSet(rows, "audio", ["{}"])
    with pytest.raises(ValueError, match="Expected a column 'depth'"):
        ValidationSet(rows, "imu", against="depth")
    with pytest.raises(ValueError, match="Validation of 'imu' requires `templates` or `against`"):
        ValidationSet(rows, "imu")
    with pytest.raises(ValueError, match="requires a ClassLabel column 'label'"):
        ValidationSet(rows.remove_columns("label"), "imu", ["{}"])
    with pytest.raises(ValueError, match="Evaluation requires `eval_dataset`"):
        make_trainer(tmp_path).evaluate()
