# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The cache of embeddings: what it keeps, when it computes again, and where it resumes."""

import datasets
import numpy as np
import pytest
import torch
from datasets import Dataset, Features, Value
from peft import LoraConfig, get_peft_model

from conftest import make_config
from imagebind_hf import ImageBindModel
from imagebind_hf.evaluation import embed_cache
from imagebind_hf.evaluation.embed_cache import cached_map, tower_digest

FEATURES = Features({"label": Value("int64"), "square": Value("int64")})


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "cache"


class Squares:
    """A function that records the row numbers of its calls."""

    def __init__(self):
        self.calls: list[list[int]] = []

    def __call__(self, columns: dict, rows: list[int]) -> dict:
        self.calls.append(rows)
        return {"square": [value**2 for value in columns["value"]]}


def numbers(count: int = 10) -> Dataset:
    return Dataset.from_dict({"value": list(range(count)), "label": [value % 3 for value in range(count)]})


def test_rows_keep_their_order_and_further_columns(cache):
    function = Squares()
    result = cached_map(numbers(), function, FEATURES, ["a"], keep=["label"], batch_size=3, chunk_size=4)
    assert result.features == FEATURES
    assert result["square"][:] == [value**2 for value in range(10)] and result["label"][:] == numbers()["label"][:]
    assert function.calls == [[0, 1, 2], [3], [4, 5, 6], [7], [8, 9]]
    assert len(list((cache / "imagebind_hf").glob("embeddings-*.arrow"))) == 3


def test_everything_that_a_result_depends_on_is_in_the_key(monkeypatch):
    def calls(rows: Dataset, *key, **options) -> int:
        function = Squares()
        cached_map(rows, function, FEATURES, key, keep=["label"], **options)
        return len(function.calls)

    assert calls(numbers(), "a") == 1 and calls(numbers(), "a") == 0
    assert calls(numbers(), "a", batch_size=3) == 0, "the batch size does not change the result"
    assert calls(numbers(), "b") == 1
    assert calls(numbers(9), "a") == 1
    assert calls(numbers(), "a", chunk_size=5) == 2
    monkeypatch.setattr(embed_cache, "__version__", "0.0.0")
    assert calls(numbers(), "a") == 1, "another version of the package"


def test_an_interrupted_call_resumes_after_the_last_complete_chunk():
    function = Squares()

    def interrupted(columns: dict, rows: list[int]) -> dict:
        if rows[0] == 8:
            raise KeyboardInterrupt
        return function(columns, rows)

    for attempt in (interrupted, function):
        try:
            result = cached_map(numbers(), attempt, FEATURES, [], keep=["label"], batch_size=2, chunk_size=4)
        except KeyboardInterrupt:
            assert attempt is interrupted
    assert function.calls == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    assert result["square"][:] == [value**2 for value in range(10)]


def test_media_files_may_change(tmp_path):
    files = [tmp_path / f"{number}.bin" for number in range(4)]
    for file in files:
        file.write_bytes(b"1")

    def sizes() -> tuple[list[int], list[int]]:
        calls = []

        def function(columns: dict, rows: list[int]) -> dict:
            calls.extend(rows)
            return {"size": [len(open(path, "rb").read()) for path in columns["file"]]}

        rows = Dataset.from_dict({"file": list(map(str, files))})
        result = cached_map(rows, function, Features({"size": Value("int64")}), [], media="file", chunk_size=2)
        return result["size"][:], calls

    assert sizes() == ([1, 1, 1, 1], [0, 1, 2, 3]) and sizes()[1] == []
    files[3].write_bytes(b"12")
    assert sizes() == ([1, 1, 1, 2], [2, 3]), "the chunk of the file"


def test_short_tasks_print_nothing(capfd):
    cached_map(numbers(), Squares(), FEATURES, [], keep=["label"])
    assert capfd.readouterr() == ("", "")
    assert not datasets.are_progress_bars_disabled()


@torch.no_grad()
def test_the_digest_of_a_tower():
    torch.manual_seed(0)
    model = ImageBindModel(make_config(modalities=["vision", "text"]))
    first = {modality: tower_digest(model, modality) for modality in ("image", "video", "text")}
    assert first["image"] == first["video"] != first["text"]
    model.text_projection.weight[0, 0] += 1
    assert tower_digest(model, "image") == first["image"] and tower_digest(model, "text") != first["text"]
    model.config.normalize_clip_mean = True
    assert tower_digest(model, "image") != first["image"]
    before = tower_digest(model, "image")
    adapted = get_peft_model(model, LoraConfig(target_modules=["q_proj"], init_lora_weights=False))
    assert tower_digest(adapted, "image") != before, "adapters count"
    after = tower_digest(adapted, "image")
    next(value for name, value in adapted.named_parameters() if "vision_model" in name and "lora_B" in name).mul_(2)
    assert tower_digest(adapted, "image") != after


def test_formats_reach_the_function():
    rows = Dataset.from_dict({"value": np.eye(3, dtype=np.float32)}).with_format("torch")

    def function(columns: dict, numbers: list[int]) -> dict:
        assert isinstance(columns["value"], torch.Tensor)
        return {"sum": columns["value"].sum(dim=1).numpy()}

    assert cached_map(rows, function, Features({"sum": Value("float32")}), [])["sum"][:] == [1, 1, 1]
