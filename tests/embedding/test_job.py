# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from embedding_samples import save_checkpoint, write_inputs
from typer.testing import CliRunner

from imagebind_hf import ImageBindModel, ImageBindProcessor
from imagebind_hf.cli import app
from imagebind_hf.embedding import EmbeddingJob, dataset_items, find_items, load_embeddings
from imagebind_hf.embedding.worker import ItemEmbedder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    return write_inputs(tmp_path_factory.mktemp("inputs"))


def test_only_missing_parts_are_made(checkpoint, inputs, tmp_path):
    items = find_items([inputs])
    EmbeddingJob(items, tmp_path, str(checkpoint), part_size=3).run(progress=False)
    before = load_embeddings(tmp_path)
    (tmp_path / "part-00001.parquet").unlink()
    job = EmbeddingJob(items, tmp_path, str(checkpoint), part_size=3)
    unreadable = [int(file.name[5:10]) for file in tmp_path.glob("*.unreadable.jsonl")]
    assert job.due_parts() == sorted({1, *unreadable})
    result = job.run(progress=False)
    assert result.made == len(job.due_parts()) + 1 == len({1, *unreadable}) and len(result.unreadable) == 2
    after = load_embeddings(tmp_path)
    assert after[0] == before[0] and np.array_equal(after[2], before[2])
    assert EmbeddingJob(items[:3], tmp_path / "few", str(checkpoint)).run(progress=False).made == 1
    assert EmbeddingJob(items[:3], tmp_path / "few", str(checkpoint)).run(progress=False).made == 0


@pytest.mark.parametrize("file_format", ["parquet", "safetensors"])
def test_unreadable_items_are_tried_again(checkpoint, inputs, tmp_path, monkeypatch, file_format):
    folder = shutil.copytree(inputs, tmp_path / "inputs")
    items, embedded = find_items([folder]), []

    def run():
        embedded.clear()
        return EmbeddingJob(items, tmp_path / "out", str(checkpoint), file_format, part_size=9).run(progress=False)

    original = ItemEmbedder.__call__
    monkeypatch.setattr(
        ItemEmbedder,
        "__call__",
        lambda self, items: (embedded.extend(Path(item.id).name for item in items), original(self, items))[1],
    )
    assert run().embedded == 12
    before = [path.read_bytes() for path in sorted((tmp_path / "out").glob(f"*.{file_format}"))]
    assert run().embedded == 12 and sorted(embedded) == ["bad.png", "short.wav"]
    assert before == [path.read_bytes() for path in sorted((tmp_path / "out").glob(f"*.{file_format}"))]
    shutil.copy(folder / "0.png", folder / "bad.png")
    # The process is killed after it has written the part, and before the list.
    with monkeypatch.context() as patch:
        patch.setattr(EmbeddingJob, "_write_unreadable", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run()
    shutil.copy(folder / "0.wav", folder / "short.wav")
    result = run()
    assert result.embedded == 14 and not result.unreadable and "bad.png" not in embedded
    assert run().made == 0 and not embedded
    ids, _, vectors = load_embeddings(tmp_path / "out")
    assert ids == [item.id for item in items]
    of = dict(zip((Path(name).name for name in ids), vectors, strict=True))
    np.testing.assert_allclose(of["bad.png"], of["0.png"], atol=1e-6)
    np.testing.assert_allclose(of["short.wav"], of["0.wav"], atol=1e-6)


def test_another_job_is_refused(checkpoint, inputs, tmp_path):
    items = find_items([inputs])
    EmbeddingJob(items, tmp_path / "a", str(checkpoint), part_size=3)
    with pytest.raises(ValueError, match="contains another job .part_size: 3 in the folder, 4 now"):
        EmbeddingJob(items, tmp_path / "a", str(checkpoint), part_size=4)
    with pytest.raises(ValueError, match="another job .items: 14 in the folder, 13 now; digest"):
        EmbeddingJob(items[1:], tmp_path / "a", str(checkpoint), part_size=3)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "part-00000.parquet").write_bytes(b"")
    with pytest.raises(ValueError, match="contains parts but no job.json"):
        EmbeddingJob(items, tmp_path / "b", str(checkpoint))
    with pytest.raises(ValueError, match="28 items have only 14 different ids"):
        EmbeddingJob(items * 2, tmp_path / "c", str(checkpoint))
    with pytest.raises(ValueError, match="to be 'parquet' or 'safetensors', but got 'csv'"):
        EmbeddingJob(items, tmp_path / "c", str(checkpoint), "csv")
    with pytest.raises(ValueError, match=r"has no tower for \['depth'\]. It has \['image', "):
        EmbeddingJob(find_items([inputs], "depth"), tmp_path / "d", str(checkpoint)).run(progress=False)
    with pytest.raises(ValueError, match="contains no parts"):
        load_embeddings(tmp_path / "d")


def test_other_columns_and_texts_are_another_job(checkpoint, tmp_path):
    rows = {"title": ["a dog", "a cat"], "caption": ["rain", "the sea"]}
    file, lines = tmp_path / "rows.parquet", tmp_path / "lines.txt"
    Dataset.from_dict(rows).to_parquet(file)
    lines.write_text("a dog\na cat\n")

    def job(inputs: Path, column: str | None = None) -> EmbeddingJob:
        items = find_items([inputs], "text", None if column is None else {"text": column})
        return EmbeddingJob(items, tmp_path / inputs.stem, str(checkpoint))

    def job_in_memory(column: str, dataset: Dataset) -> EmbeddingJob:
        return EmbeddingJob(dataset_items(dataset, "rows", {"text": column}), tmp_path / "memory", str(checkpoint))

    job(file, "title")
    job(lines)
    job_in_memory("title", Dataset.from_dict(rows))
    # A copy of the files is the same job.
    os.utime(file, (1, 1))
    job(file, "title")
    os.utime(lines, (1, 1))
    job(lines)
    job_in_memory("title", Dataset.from_dict(rows))
    with pytest.raises(ValueError, match="another job .digest of the items"):
        job(file, "caption")
    Dataset.from_dict({**rows, "title": ["a dog that barks", "a cat"]}).to_parquet(file)
    lines.write_text("a dog\na cow\n")
    for inputs, column in ((file, "title"), (lines, None)):
        with pytest.raises(ValueError, match="another job .digest of the items"):
            job(inputs, column)
    for column, dataset in (("caption", rows), ("title", {"title": ["a dog", "a cow"]})):
        with pytest.raises(ValueError, match="another job .digest of the items"):
            job_in_memory(column, Dataset.from_dict(dataset))


def test_a_model_with_other_weights_is_another_job(checkpoint, inputs, tmp_path):
    from peft import LoraConfig, get_peft_model

    items, model = find_items([inputs / "texts.txt"]), tmp_path / "model"
    shutil.copytree(checkpoint, model)
    EmbeddingJob(items, tmp_path / "out", str(model))
    # A copy of the model in another folder is the same model.
    EmbeddingJob(items, tmp_path / "out", str(checkpoint))
    adapter = get_peft_model(
        ImageBindModel.from_pretrained(model), LoraConfig(target_modules=["q_proj"], init_lora_weights=False)
    )
    adapter.save_pretrained(tmp_path / "adapter")
    ImageBindProcessor.from_pretrained(model).save_pretrained(tmp_path / "adapter")
    job = EmbeddingJob(items, tmp_path / "adapted", str(tmp_path / "adapter"))
    assert job.run(progress=False).embedded == 5
    adapted = adapter.base_model.model.eval()
    prompts = ImageBindProcessor.from_pretrained(model)(text=[item.source for item in items], return_tensors="pt")
    with torch.no_grad():
        expected = adapted.get_text_features(**prompts).pooler_output
    torch.testing.assert_close(torch.from_numpy(load_embeddings(tmp_path / "adapted")[2]), expected, atol=1e-6, rtol=0)
    loaded = ImageBindModel.from_pretrained(model)
    with torch.no_grad():
        next(loaded.parameters()).add_(1)
    loaded.save_pretrained(model)
    for output, name in (("out", "model"), ("adapted", "adapter")):
        with pytest.raises(
            ValueError, match="another job .fingerprint of the model: '.*' in the folder, '.*' now.. Choose"
        ):
            EmbeddingJob(items, tmp_path / output, str(tmp_path / name))


def test_the_command(checkpoint, inputs, tmp_path):
    arguments = ["embed", str(inputs), "--model", str(checkpoint), "--output", str(tmp_path / "out")]
    shown = CliRunner().invoke(app, [*arguments, "--part-size", "5"])
    assert shown.exit_code == 0, shown.output
    assert "12 vectors in" in shown.output and "2 items could not be read" in shown.output
    assert len(load_embeddings(tmp_path / "out")[0]) == 12
    shown = CliRunner().invoke(
        app, [*arguments[:1], str(inputs / "bad.png"), *arguments[2:-1], str(tmp_path / "none")]
    )
    assert shown.exit_code == 1 and "0 vectors in" in shown.output, shown.output
    assert load_embeddings(tmp_path / "none")[2].shape == (0, 16)
    for wrong, code, message in (
        (["--engine", "spark"], 2, "'spark' is not one of"),
        (["--column", "photo"], 2, "needs --modality"),
        (["--part-size", "6"], 1, "contains another job"),
    ):
        shown = CliRunner().invoke(app, [*arguments, *wrong])
        assert shown.exit_code == code and message in shown.output, shown.output
