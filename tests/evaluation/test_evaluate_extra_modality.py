# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""An extra modality is evaluated like a built-in one: zero-shot classification, retrieval, linear probes."""

import datasets
import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, List, Value

from conftest import make_config
from imagebind_hf import ImageBindModel, ImageBindProcessor
from imagebind_hf.datasets.sources import SourceConfig
from imagebind_hf.evaluation import Measurement, embed_dataset
from imagebind_hf.evaluation.config import EvaluationConfig, FewShotConfig

TOUCH = {
    "model_type": "imagebind_imu_model",
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_channels": 2,
    "num_samples": 64,
    "window_size": 16,
}
NAMES = ["soft", "hard"]
SIGNAL = List(List(Value("float32")))


@pytest.fixture
def model(tmp_path, monkeypatch) -> ImageBindModel:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    torch.manual_seed(0)
    return ImageBindModel(make_config(modalities=["text", "touch"], extra_modalities={"touch": TOUCH})).eval()


def rows(count: int = 12) -> dict:
    rng = np.random.default_rng(0)
    labels = [number % 2 for number in range(count)]
    # The classes differ in their mean, so that a linear probe can distinguish them.
    signals = [(rng.standard_normal((2, 64)) + 6 * label).astype(np.float32).tolist() for label in labels]
    return {"label": labels, "text": [f"a {NAMES[label]} thing" for label in labels], "signal": signals}


@torch.no_grad()
@pytest.mark.parametrize("column", ["touch", "touch_values", "pressure"])
def test_an_extra_modality(model, tmp_path, column):
    values = rows()
    values[column] = values.pop("signal")
    features = Features({"label": ClassLabel(names=NAMES), "text": Value("string"), column: SIGNAL})
    dataset = Dataset.from_dict(values, features=features)
    dataset.to_parquet(tmp_path / "rows.parquet")
    source = SourceConfig(data_files=str(tmp_path / "rows.parquet"), column=None if column == "touch" else column)
    processor = ImageBindProcessor.from_config(model.config)
    expected = model(touch_values=torch.tensor(values[column])).touch_embeds
    if column != "pressure":
        torch.testing.assert_close(embed_dataset(model, processor, dataset, "touch", 5), expected)
    config = EvaluationConfig(source, ["a {} thing"], against="text")
    probe = FewShotConfig(source, source, shots=[2], seeds=2)
    measurement = Measurement({"touch": config}, {"touch": probe})
    assert set(measurement.modalities) == {"touch", "text"}
    results = measurement.run(model, processor, batch_size=5)
    ids = processor.prepare("text", [f"a {name} thing" for name in NAMES], return_tensors="pt")
    hits = (expected @ model(**ids).text_embeds.t()).argmax(dim=1).numpy() == np.array(values["label"])
    assert results["zero_shot"]["touch"]["accuracy"] == pytest.approx(hits.mean())
    assert set(results["retrieval"]) == {"touch: touch to text", "touch: text to touch"}
    assert results["few_shot"]["touch"]["2"]["mean"] > 0.8


def test_items_of_the_wrong_shape_and_unknown_modalities(model):
    processor = ImageBindProcessor.from_config(model.config)
    wrong = Dataset.from_dict({"touch": [np.zeros((5, 64)).tolist()]})
    # The tower has two channels.
    with pytest.raises((ValueError, RuntimeError)):
        embed_dataset(model, processor, wrong, "touch")
    with pytest.raises(ValueError, match="no tower for 'tuoch'. Did you mean 'touch'?"):
        embed_dataset(model, processor, Dataset.from_dict({"tuoch": [1]}), "tuoch")
