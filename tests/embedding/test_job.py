# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from datasets import Dataset, Features
from datasets import Image as ImageFeature
from PIL import Image
from typer.testing import CliRunner

from conftest import make_config
from imagebind_hf import ImageBindDepthImageProcessor, ImageBindModel, ImageBindProcessor
from imagebind_hf.cli import app
from imagebind_hf.embedding import EmbeddingJob, dataset_items, find_items, load_embeddings
from imagebind_hf.embedding.worker import ItemEmbedder
from imagebind_hf.hub.checkpoints import load_model

TEXTS = ["a dog", "a very long sentence about a cat that sits on a mat and looks at a dog", "rain", "the sea", "one"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    config = make_config(modalities=["vision", "text", "audio"])
    ImageBindModel(config).save_pretrained(folder)
    ImageBindProcessor.from_config(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    """Fourteen items, two of which cannot be read."""
    folder, rng = tmp_path_factory.mktemp("inputs"), np.random.default_rng(0)
    for number in range(5):
        Image.fromarray(rng.integers(0, 255, (40, 30 + number, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    for number in range(2):
        soundfile.write(folder / f"{number}.wav", rng.uniform(-0.5, 0.5, 8000 * (1 + number)), 8000)
    (folder / "texts.txt").write_text("\n".join(TEXTS))
    (folder / "bad.png").write_bytes(b"not an image")
    (folder / "short.wav").write_bytes((folder / "0.wav").read_bytes()[:500])
    return folder


def one_by_one(checkpoint: Path, inputs: Path) -> dict[str, torch.Tensor]:
    model, processor = (
        ImageBindModel.from_pretrained(checkpoint).eval(),
        ImageBindProcessor.from_pretrained(checkpoint),
    )
    arguments = {"image": "images", "audio": "audio", "text": "text"}
    vectors = {}
    for item in find_items([inputs]):
        if item.id.endswith(("bad.png", "short.wav")):
            continue
        with torch.no_grad():
            outputs = model(**processor(**{arguments[item.modality]: [item.load()]}, return_tensors="pt"))
        vectors[item.id] = outputs[f"{item.modality}_embeds"][0]
    return vectors


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


def save_touch_model(folder: Path) -> ImageBindModel:
    torch.manual_seed(0)
    touch = {"model_type": "imagebind_depth_model", **make_config().depth_config.to_dict()}
    config = make_config(modalities=["text", "touch"], extra_modalities={"touch": touch})
    model = ImageBindModel(config).eval()
    model.save_pretrained(folder)
    ImageBindProcessor.from_config(config).save_pretrained(folder)
    return model


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


def test_one_process_writes_to_a_folder(checkpoint, inputs, tmp_path):
    items = find_items([inputs / "texts.txt"])
    job = EmbeddingJob(items, tmp_path / "out", str(checkpoint))
    script = f"""
import sys
from imagebind_hf.utils.locks import one_writer
with one_writer({str(tmp_path / "out")!r}, "writer-0"):
    print("locked", flush=True)
    sys.stdin.readline()
"""
    other = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(ValueError, match="Another process is writing to '.*out'. Wait until it has finished, or"):
            job.run(progress=False)
        assert not list((tmp_path / "out").glob("part-*"))
        # Another process of the same job takes its own share.
        assert job.run(1, 2, progress=False).made == 0
        # The operating system releases the lock of a process that is killed.
        other.kill()
        other.wait()
        assert job.run(progress=False).embedded == 5
    finally:
        other.kill()
        other.communicate()


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


def test_processes_divide_the_parts(checkpoint, inputs, tmp_path):
    items = find_items([inputs])
    made = [
        EmbeddingJob(items, tmp_path, str(checkpoint), part_size=3).run(rank, 2, progress=False).made
        for rank in (0, 1)
    ]
    assert made == [3, 2] and len(load_embeddings(tmp_path)[0]) == 12


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
    with pytest.raises(ValueError, match=r"has no tower for \['depth'\]; it has \['image', "):
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
    with pytest.raises(ValueError, match=r"has no tower for \['imu'\]; it has \['image', 'video', 'text', 'audio'\]"):
        load_model(tmp_path / "adapter", ["imu", "text"])


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
    for wrong, message in (
        (["--engine", "spark"], "--engine is 'spark'"),
        (["--column", "photo"], "--column needs --modality"),
        (["--part-size", "6"], "contains another job"),
    ):
        shown = CliRunner().invoke(app, [*arguments, *wrong])
        assert shown.exit_code == 1 and message in shown.output


@pytest.mark.slow
def test_killed_at_any_moment(checkpoint, tmp_path):
    """No row is lost or duplicated, however often the process is killed."""
    (tmp_path / "numbers.txt").write_text("\n".join(f"number {number}" for number in range(400)))
    output = tmp_path / "out"
    command = [sys.executable, "-m", "imagebind_hf.cli", "embed", str(tmp_path / "numbers.txt")]
    command += ["--model", str(checkpoint), "--output", str(output), "--part-size", "1", "--batch-size", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    wait, kills = random.Random(0), 0
    for _ in range(4):
        present = len(list(output.glob("part-*")))
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        while process.poll() is None and len(list(output.glob("part-*"))) < present + 2:
            time.sleep(0.01)
        time.sleep(wait.uniform(0, 0.1))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills >= 2 and 0 < len(list(output.glob("part-*"))) < 400
    finished = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert finished.returncode == 0 and "400 vectors" in finished.stdout, finished.stderr
    ids, _, vectors = load_embeddings(output)
    assert ids == [f"{tmp_path / 'numbers.txt'}#{number}" for number in range(400)]
    expected = torch.stack(list(one_by_one(checkpoint, tmp_path / "numbers.txt").values()))
    torch.testing.assert_close(torch.from_numpy(vectors), expected, atol=1e-5, rtol=0)


@pytest.mark.slow
def test_accelerate_launch(checkpoint, inputs, tmp_path):
    config = resources.files("imagebind_hf.training") / "accelerate" / "cpu_two_processes.yaml"
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(config)]
    command += ["-m", "imagebind_hf.cli", "embed", str(inputs), "--model", str(checkpoint)]
    command += ["--output", str(tmp_path), "--part-size", "3"]
    shown = subprocess.run(
        command, capture_output=True, text=True, timeout=900, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert shown.returncode == 0 and shown.stdout.count("12 vectors") == 1, shown.stderr[-2000:]
    assert len(load_embeddings(tmp_path)[0]) == 12 and json.loads((tmp_path / "job.json").read_text())["items"] == 14


@pytest.mark.slow
def test_ray_makes_the_part_of_a_dead_actor_again(checkpoint, inputs, tmp_path):
    pytest.importorskip("ray")
    script = tmp_path / "job.py"
    script.write_text(
        f"""
import os, sys
from pathlib import Path
import imagebind_hf.embedding.ray as engine
from imagebind_hf.embedding import EmbeddingJob, find_items

died = Path({str(tmp_path / "died")!r})

class Mortal(engine._PartMaker):
    def __call__(self, batch):
        if int(batch["part"][0]) == 2 and not died.exists():
            died.touch()
            os.kill(os.getpid(), 9)
        return super().__call__(batch)

engine._PartMaker = Mortal
job = EmbeddingJob(find_items([{str(inputs)!r}]), {str(tmp_path / "out")!r}, {str(checkpoint)!r}, part_size=3)
result = engine.run_with_ray(job, num_actors=2)
assert result.embedded == 12 and result.made == 5, result
result = engine.run_with_ray(job, num_actors=2)
assert result.embedded == 12 and result.made == len(job.due_parts()) < 5, result
"""
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=900, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "died").exists() and len(load_embeddings(tmp_path / "out")[0]) == 12
