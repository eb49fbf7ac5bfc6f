# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset, Features
from datasets import Image as ImageFeature
from embedding_samples import one_by_one, save_checkpoint, save_touch_model, write_inputs
from PIL import Image
from typer.testing import CliRunner

from imagebind_hf import ImageBindDepthImageProcessor, ImageBindModel, ImageBindProcessor
from imagebind_hf.cli import app
from imagebind_hf.embedding import EmbeddingJob, dataset_items, find_items, load_embeddings
from imagebind_hf.embedding.worker import ItemEmbedder
from imagebind_hf.hub.checkpoints import load_model


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.mark.parametrize("file_format, part_size, workers", [("parquet", 4, 0), ("safetensors", 100, 2)])
def test_vectors_are_the_same_as_for_each_item_alone(checkpoint, inputs, tmp_path, file_format, part_size, workers):
    job = EmbeddingJob(
        find_items([inputs]), tmp_path, str(checkpoint), file_format, part_size, batch_size=3, num_workers=workers
    )
    result = job.run(progress=False)
    assert result.embedded == 12 and result.made == job.num_parts == -(-14 // part_size)
    assert sorted(Path(entry["id"]).name for entry in result.unreadable) == ["bad.png", "short.wav"]
    assert all("Cannot read" in entry["why"] for entry in result.unreadable)
    ids, modalities, vectors = load_embeddings(tmp_path)
    expected = one_by_one(checkpoint, inputs)
    assert ids == [item.id for item in find_items([inputs]) if item.id in expected], "in the order of the items"
    assert modalities == [item.modality for item in find_items([inputs]) if item.id in expected]
    torch.testing.assert_close(
        torch.from_numpy(vectors), torch.stack([expected[name] for name in ids]), atol=1e-5, rtol=0
    )


def test_images_and_audio_in_archives_and_columns_of_bytes(checkpoint, inputs, tmp_path):
    with tarfile.open(tmp_path / "shard.tar", "w") as archive:
        for name in ("0.png", "0.wav", "1.wav"):
            archive.add(inputs / name, arcname=name)
    Dataset.from_dict({"audio": [(inputs / "0.wav").read_bytes()]}).to_parquet(tmp_path / "clips.parquet")
    items = find_items([tmp_path / "shard.tar", tmp_path / "clips.parquet"])
    result = EmbeddingJob(items, tmp_path / "out", str(checkpoint)).run(progress=False)
    assert result.embedded == 4 and not result.unreadable
    ids, _, vectors = load_embeddings(tmp_path / "out")
    assert [name.rpartition("/")[2] for name in ids] == [
        "shard.tar#0.png",
        "shard.tar#0.wav",
        "shard.tar#1.wav",
        "clips.parquet#0#audio",
    ]
    expected = one_by_one(checkpoint, inputs)
    files = [expected[str(inputs / name)] for name in ("0.png", "0.wav", "1.wav", "0.wav")]
    torch.testing.assert_close(torch.from_numpy(vectors), torch.stack(files), atol=1e-5, rtol=0)


def test_an_extra_modality_is_a_column_of_values(tmp_path):
    model = save_touch_model(tmp_path / "model")
    values = np.random.default_rng(0).standard_normal((5, 1, 32, 32)).astype(np.float32)
    Dataset.from_dict({"touch_values": values.tolist()}).to_parquet(tmp_path / "rows.parquet")
    embed = ["embed", str(tmp_path / "rows.parquet"), "--model", str(tmp_path / "model")]
    result = CliRunner().invoke(app, [*embed, "--modality", "touch", "--output", str(tmp_path / "vectors")])
    assert result.exit_code == 0 and "5 vectors" in result.output, result.output
    ids, modalities, vectors = load_embeddings(tmp_path / "vectors")
    assert modalities == ["touch"] * 5 and ids[4].endswith("rows.parquet#4#touch")
    with torch.no_grad():
        expected = model(touch_values=torch.from_numpy(values))["touch_embeds"]
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    missing = CliRunner().invoke(app, [*embed, "--modality", "smell", "--output", str(tmp_path / "none")])
    assert (
        missing.exit_code == 1
        and "no column 'smell_values' or 'smell'. The columns are ['touch_values']" in missing.output
    )
    unknown = ["--modality", "smell", "--column", "touch_values", "--output", str(tmp_path / "none")]
    missing = CliRunner().invoke(app, [*embed, *unknown])
    assert missing.exit_code == 1 and "has no tower for ['smell']" in missing.output, missing.output


def test_an_extra_modality_with_a_part_of_the_processor(tmp_path):
    """Arrays and images in a column are preprocessed by the part that is saved with the processor."""
    model = save_touch_model(tmp_path / "model")
    part = ImageBindDepthImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    ImageBindProcessor(extra_processors={"touch": part}).save_pretrained(tmp_path / "model")
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(1, 5, (40, 50)).astype(np.float32) for _ in range(3)]
    millimeters = [Image.fromarray((1000 * array).astype(np.uint16)) for array in arrays]
    Dataset.from_dict({"touch": [array.tolist() for array in arrays]}).to_parquet(tmp_path / "arrays.parquet")
    images = Dataset.from_dict({"touch": millimeters}, features=Features({"touch": ImageFeature()}))
    images.to_parquet(tmp_path / "images.parquet")
    for inputs, items in (("arrays", arrays), ("images", millimeters), (None, millimeters)):
        found = (
            dataset_items(images, "images", {"touch": "touch"})
            if inputs is None
            else find_items([tmp_path / f"{inputs}.parquet"], "touch")
        )
        output = tmp_path / str(inputs)
        result = EmbeddingJob(found, output, str(tmp_path / "model")).run(progress=False)
        assert result.embedded == 3 and not result.unreadable, result.unreadable
        with torch.no_grad():
            expected = model(touch_values=part(items, return_tensors="pt")["pixel_values_depth"])["touch_embeds"]
        np.testing.assert_allclose(load_embeddings(output)[2], expected, atol=1e-5)


@pytest.mark.parametrize("workers", [0, 1])
def test_values_of_another_shape_are_unreadable(tmp_path, workers):
    model = save_touch_model(tmp_path / "model")
    values = [np.full((1, 32, 32), number, np.float32).tolist() for number in range(4)]
    values[1] = [[[1.0, 2.0]]]
    Dataset.from_dict({"touch_values": values}).to_parquet(tmp_path / "rows.parquet")
    items = find_items([tmp_path / "rows.parquet"], "touch")
    job = EmbeddingJob(items, tmp_path / "out", str(tmp_path / "model"), num_workers=workers)
    result = job.run(progress=False)
    assert result.embedded == 3 and len(result.unreadable) == 1
    assert result.unreadable[0]["id"].endswith("rows.parquet#1#touch")
    assert result.unreadable[0]["why"] == "Expected values of shape (1, 32, 32), but got (1, 1, 2)."
    with torch.no_grad():
        expected = model(touch_values=torch.tensor([values[row] for row in (0, 2, 3)]))["touch_embeds"]
    np.testing.assert_allclose(load_embeddings(tmp_path / "out")[2], expected, atol=1e-6)
    # They are also reported if they are alone in a batch, or all values have a wrong shape.
    for batch_size, wrong in ((1, values), (64, [values[1]] * 2)):
        Dataset.from_dict({"touch_values": wrong}).to_parquet(tmp_path / f"{batch_size}.parquet")
        items = find_items([tmp_path / f"{batch_size}.parquet"], "touch")
        output = tmp_path / f"out-{batch_size}"
        job = EmbeddingJob(items, output, str(tmp_path / "model"), batch_size=batch_size, num_workers=workers)
        result = job.run(progress=False)
        assert result.embedded == wrong.count(values[0]) + wrong.count(values[2]) + wrong.count(values[3])
        assert len(result.unreadable) == wrong.count(values[1])
        assert all("(1, 1, 1, 2)" in entry["why"] for entry in result.unreadable)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_item_that_the_processor_rejects_on_an_accelerator(checkpoint, inputs, tmp_path, monkeypatch, workers):
    """Preprocessing fails for one image of a batch: the others are embedded, and the image is reported."""
    monkeypatch.setattr(ItemEmbedder, "is_remote", True)
    original = ImageBindProcessor.prepare
    batches = []

    def prepare(self, modality, items, **kwargs):
        batches.append(len(items))
        if modality == "image" and any(max(item.shape[-2:]) > 100 * min(item.shape[-2:]) for item in items):
            raise RuntimeError("Item 0 of 1: too long")
        return original(self, modality, items, **kwargs)

    monkeypatch.setattr(ImageBindProcessor, "prepare", prepare)
    folder = shutil.copytree(inputs, tmp_path / "inputs")
    Image.new("RGB", (4000, 1)).save(folder / "2b.png")
    result = EmbeddingJob(find_items([folder]), tmp_path / "out", str(checkpoint), num_workers=workers).run(
        progress=False
    )
    why = {Path(entry["id"]).name: entry["why"] for entry in result.unreadable}
    assert result.embedded == 12 and sorted(why) == ["2b.png", "bad.png", "short.wav"] and why["2b.png"] == "too long"
    assert batches.count(6) == 1, "images are preprocessed together first"
    ids, _, vectors = load_embeddings(tmp_path / "out")
    expected = {Path(name).name: vector for name, vector in one_by_one(checkpoint, inputs).items()}
    torch.testing.assert_close(
        torch.from_numpy(vectors), torch.stack([expected[Path(name).name] for name in ids]), atol=1e-5, rtol=0
    )
    # If no image of a batch can be preprocessed, the job still ends.
    (tmp_path / "long").mkdir()
    shutil.copy(folder / "2b.png", tmp_path / "long")
    result = EmbeddingJob(find_items([tmp_path / "long"]), tmp_path / "none", str(checkpoint)).run(progress=False)
    assert result.embedded == 0 and [entry["why"] for entry in result.unreadable] == ["too long"]


def test_a_missing_package_on_an_accelerator_is_an_error(checkpoint, inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(ItemEmbedder, "is_remote", True)
    monkeypatch.setattr(ImageBindProcessor, "prepare", lambda *_, **__: (_ for _ in ()).throw(ImportError("no torch")))
    with pytest.raises(ImportError, match="no torch"):
        EmbeddingJob(find_items([inputs / "0.png"]), tmp_path, str(checkpoint)).run(progress=False)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_missing_decoder_is_an_error(checkpoint, inputs, fixtures, tmp_path, monkeypatch, workers):
    def missing():
        raise ImportError("Reading video files takes a decoder: `pip install av`.")

    clip = fixtures / "video" / "clip_1p5s_10fps_120x160.mp4"
    arguments = ["embed", str(clip), "--model", str(checkpoint), "--output", str(tmp_path), "--workers", str(workers)]
    with monkeypatch.context() as patch:
        patch.setattr("imagebind_hf.models.imagebind.video._decoder", missing)
        shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 1 and "Error: Reading video files takes a decoder" in shown.output, shown.output
    assert not list(tmp_path.glob("part-*"))
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 0 and "1 vectors in" in shown.output, shown.output


def test_only_the_towers_that_are_needed_are_loaded(checkpoint, inputs, tmp_path):
    from peft import LoraConfig, get_peft_model

    job = EmbeddingJob(find_items([inputs / "texts.txt"]), tmp_path / "out", str(checkpoint))
    assert list(job._embedder.model.config.tower_configs) == ["text"]
    # The tower of an adapter is loaded even if nothing of its modality is embedded.
    adapter = get_peft_model(
        ImageBindModel.from_pretrained(checkpoint), LoraConfig(target_modules="audio_model.*q_proj")
    )
    adapter.save_pretrained(tmp_path / "adapter")
    ImageBindProcessor.from_pretrained(checkpoint).save_pretrained(tmp_path / "adapter")
    loaded, _ = load_model(tmp_path / "adapter", ["text"])
    assert "audio" in loaded.config.tower_configs
    with pytest.raises(ValueError, match=r"has no tower for \['imu'\]. It has \['image', 'video', 'text', 'audio'\]"):
        load_model(tmp_path / "adapter", ["imu", "text"])
