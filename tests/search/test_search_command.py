# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from datasets import Dataset, Features, Value
from datasets import Image as ImageFeature
from PIL import Image
from typer.testing import CliRunner

from conftest import make_config
from imagebind_hf import ImageBindModel, ImageBindProcessor
from imagebind_hf.cli import app
from imagebind_hf.embedding import dataset_items, find_items
from imagebind_hf.embedding.worker import ItemEmbedder
from imagebind_hf.search import SearchIndex, index_items, mix, prune, record_of

pytest.importorskip("lancedb")


def save_model(folder: Path, seed: int = 0, **kwargs) -> Path:
    torch.manual_seed(seed)
    config = make_config(**kwargs)
    ImageBindModel(config).save_pretrained(folder)
    ImageBindProcessor.from_config(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"), modalities=["vision", "text", "audio", "imu"])


@pytest.fixture
def inputs(tmp_path) -> Path:
    """Eight items, two of which cannot be read."""
    folder, rng = tmp_path / "inputs", np.random.default_rng(0)
    folder.mkdir()
    for name in ("a", "b", "it's"):
        Image.fromarray(rng.integers(0, 255, (40, 30, 3), dtype=np.uint8)).save(folder / f"{name}.png")
    soundfile.write(folder / "sound.wav", rng.uniform(-0.5, 0.5, 8000), 8000)
    (folder / "texts.txt").write_text("a dog\nthe sea\n")
    (folder / "bad.png").write_bytes(b"no picture")
    (folder / "short.wav").write_bytes((folder / "sound.wav").read_bytes()[:500])
    return folder


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def ids(store: Path) -> list[str]:
    return sorted(row["id"].rpartition("/")[2] for row in SearchIndex.open(store).rows(["id"]))


def ranking(output: str) -> list[tuple[str, float, str]]:
    found = re.findall(r" \d+ +(-?\d\.\d+)  (\w+) +(.*)", output)
    return [(name.rpartition("/")[2].partition("  ")[0], float(score), kind) for score, kind, name in found]


def vectors_of(checkpoint: Path, items) -> dict[str, np.ndarray]:
    """Each alone, without the store."""
    model = ImageBindModel.from_pretrained(checkpoint).eval()
    processor = ImageBindProcessor.from_pretrained(checkpoint)
    arguments = {"image": "images", "audio": "audio", "text": "text"}
    found = {}
    for name, modality, value in items:
        with torch.no_grad():
            outputs = model(**processor(**{arguments[modality]: [value]}, return_tensors="pt"))
        found[name] = outputs[f"{modality}_embeds"][0].numpy()
    return found


def test_index_and_search(checkpoint, inputs, tmp_path, monkeypatch):
    store = tmp_path / "store"
    shown = run("index", inputs, "--store", store, "--model", checkpoint)
    assert shown.exit_code == 0, shown.output
    assert "6 items added, 0 replaced, 0 unchanged, 2 could not be read" in shown.output
    assert re.search("bad.png: .*Cannot read the image", shown.output)
    assert f"6 items in {store}: 1 audio, 3 image, 2 text" in shown.output
    listed = [json.loads(line) for line in (store / "unreadable.jsonl").read_text().splitlines()]
    assert [Path(entry["id"]).name for entry in listed] == ["bad.png", "short.wav"]

    items = [(f"{name}.png", "image", str(inputs / f"{name}.png")) for name in ("a", "b", "it's")]
    items += [("sound.wav", "audio", str(inputs / "sound.wav"))]
    items += [("texts.txt#0", "text", "a dog"), ("texts.txt#1", "text", "the sea")]
    expected = vectors_of(checkpoint, items)
    question = vectors_of(checkpoint, [("plus", "text", "rain"), ("minus", "text", "a cat")]) | expected
    parts = [question["plus"], question["a.png"], question["sound.wav"], question["minus"]]
    vector = mix(parts, [1, 1, 0.5, -0.3])
    options = ["--text", "rain", "--image", inputs / "a.png", "--audio", inputs / "sound.wav", "--minus-text", "a cat"]
    options += ["--weight", "audio=0.5", "--weight", "minus-text=0.3"]
    # The model is that of the store, and ids are the same from wherever one calls.
    shown = run("search", "--store", store, *options)
    assert shown.exit_code == 0, shown.output
    scores = {name: float(vector @ each) for name, each in expected.items()}
    found = ranking(shown.output)
    assert [name for name, _, _ in found] == sorted(scores, key=lambda name: -scores[name])
    for name, score, _ in found:
        assert score == pytest.approx(scores[name], abs=2e-3)
    assert "texts.txt#0  a dog" in shown.output

    shown = run("search", "--store", store, *options, "--only", "image", "-k", "2", "--exact")
    assert [kind for _, _, kind in ranking(shown.output)] == ["image"] * 2
    # Two pictures, and the same through Python.
    shown = run("search", "--store", store, "--image", inputs / "a.png", "--image", inputs / "b.png", "-k", "1")
    index = SearchIndex.open(store)
    assert index.query({"text": "a dog"}, k=1, only="text")[0].text == "a dog"
    hits = index.query([("image", str(inputs / f"{name}.png")) for name in "ab"], k=1)
    assert index.query({"text": "the sea"}, k=1, only="text")[0].score == pytest.approx(1, abs=1e-4)
    assert ranking(shown.output)[0][0] == Path(hits[0].id).name
    assert hits[0].score == pytest.approx(ranking(shown.output)[0][1], abs=1e-3)

    monkeypatch.chdir(tmp_path)
    shown = run("index", "inputs", "--store", store)
    assert "0 items added, 0 replaced, 6 unchanged, 2 could not be read" in shown.output


def test_only_what_has_changed_is_embedded(checkpoint, inputs, tmp_path, monkeypatch):
    store = tmp_path / "store"
    # With processes beside, and an input that is named twice.
    shown = run("index", inputs, inputs / "a.png", "--store", store, "--model", checkpoint, "--workers", 2)
    assert shown.exit_code == 0 and "6 items added" in shown.output, shown.output
    embedded = []
    original = ItemEmbedder.__call__
    monkeypatch.setattr(
        ItemEmbedder,
        "__call__",
        lambda self, items: (embedded.extend(Path(item.id).name for item in items), original(self, items))[1],
    )
    (inputs / "bad.png").unlink()
    (inputs / "short.wav").unlink()
    shown = run("index", inputs, "--store", store)
    assert "0 items added, 0 replaced, 6 unchanged, 0 could not" in shown.output and not embedded
    assert (store / "unreadable.jsonl").read_text() == ""

    before = {row["id"]: row["vector"] for row in SearchIndex.open(store).rows(["id", "vector"])}
    Image.new("RGB", (50, 50), "red").save(inputs / "a.png")
    (inputs / "texts.txt").write_text("a dog\nthe moon\na third\n")
    # Of the same size, at another time; and one that cannot be read any more.
    os.utime(inputs / "b.png", (1, 1))
    (inputs / "sound.wav").write_bytes(b"no sound")
    shown = run("index", inputs, "--store", store)
    assert "1 items added, 3 replaced, 2 unchanged, 1 could not be read" in shown.output
    assert sorted(embedded) == ["a.png", "b.png", "sound.wav", "texts.txt#1", "texts.txt#2"]
    after = {row["id"]: row["vector"] for row in SearchIndex.open(store).rows(["id", "vector"])}
    assert ids(store) == ["a.png", "b.png", "it's.png", "texts.txt#0", "texts.txt#1", "texts.txt#2"]
    changed = {Path(name).name for name in after if before.get(name) != after[name]}
    assert changed == {"a.png", "texts.txt#1", "texts.txt#2"}


def test_another_column_replaces(checkpoint, tmp_path):
    store, file = tmp_path / "store", tmp_path / "rows.parquet"
    Dataset.from_dict({"title": ["a dog", "a cat"], "caption": ["rain", "the sea"]}).to_parquet(file)
    options = ["--store", store, "--model", checkpoint, "--modality", "text", "--column"]
    assert "2 items added" in run("index", file, *options, "title").output
    assert "0 items added, 0 replaced, 2 unchanged" in run("index", file, *options, "title").output
    assert "0 items added, 2 replaced, 0 unchanged" in run("index", file, *options, "caption").output
    assert sorted(row["text"] for row in SearchIndex.open(store).rows(["text"])) == ["rain", "the sea"]


def test_remove_and_prune(checkpoint, inputs, tmp_path, monkeypatch):
    store = tmp_path / "store"
    run("index", inputs, "--store", store, "--model", checkpoint)
    assert "1 items removed" in run("index", "--store", store, "--remove", inputs / "it's.png").output
    monkeypatch.chdir(inputs)
    assert "2 items removed" in run("index", "--store", store, "--remove", "texts.txt").output
    assert ids(store) == ["a.png", "b.png", "sound.wav"]
    shown = run("index", "--store", store, "--remove", "texts.txt")
    assert shown.exit_code == 1 and "no item, file or folder ['texts.txt']" in shown.output

    run("index", inputs, "--store", store)
    (inputs / "a.png").unlink()
    (inputs / "texts.txt").write_text("a dog\n")
    assert "0 items removed that are" not in run("index", "--store", store, "--prune").output
    assert ids(store) == ["b.png", "it's.png", "sound.wav", "texts.txt#0", "texts.txt#1"], "who asks files, not lines"
    assert "1 items removed that are" in run("index", inputs, "--store", store, "--prune").output
    assert ids(store) == ["b.png", "it's.png", "sound.wav", "texts.txt#0"]
    # Lines that were not UTF-8 before, and none at all now; pictures are not pruned where none are looked for.
    (inputs / "texts.txt").write_bytes("caf\xe9".encode("latin-1"))
    shown = run("index", inputs / "texts.txt", "--store", store)
    assert "1 could not be read" in shown.output and "as UTF-8" in shown.output
    (inputs / "texts.txt").write_text("")
    shown = run("index", inputs / "texts.txt", "--store", store)
    assert shown.exit_code == 1 and "Found nothing" in shown.output
    shown = run("index", inputs, "--modality", "audio", "--store", store, "--prune")
    assert "0 items removed that are" in shown.output, shown.output
    for named in (inputs / "texts.txt", inputs):
        shown = run("index", named, "--store", store, "--prune")
        assert f"{int(named != inputs)} items removed that are" in shown.output, shown.output
    assert ids(store) == ["b.png", "it's.png", "sound.wav"]
    monkeypatch.chdir(tmp_path / "store")
    assert "3 items removed" in run("index", "--store", store, "--remove", "../inputs").output


def test_prune_of_one_modality_leaves_others(checkpoint, tmp_path):
    rows = {"image": [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")], "text": ["one", "two"]}
    features = Features({"image": ImageFeature(), "text": Value("string")})
    Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "rows.parquet")
    store = tmp_path / "store"
    assert run("index", tmp_path / "rows.parquet", "--store", store, "--model", checkpoint).exit_code == 0
    assert ids(store) == ["rows.parquet#0#image", "rows.parquet#0#text", "rows.parquet#1#image", "rows.parquet#1#text"]
    index, items = SearchIndex.open(store), find_items([tmp_path / "rows.parquet"])
    texts = [item for item in items if item.modality == "text"]
    shown = run("index", tmp_path / "rows.parquet", "--store", store, "--modality", "image")
    assert "0 items added, 0 replaced, 2 unchanged" in shown.output and len(index) == 4, "one column is not another"
    assert prune(index, texts, "text") == 0
    assert prune(index, texts[:1], "text") == 1 and len(index) == 3


def test_a_data_set_in_memory(checkpoint, tmp_path):
    rows = {"image": [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")], "caption": ["red", "blue"]}
    dataset = Dataset.from_dict(rows, features=Features({"image": ImageFeature(), "caption": Value("string")}))
    items = dataset_items(dataset, "colours", {"image": "image", "text": "caption"})
    assert [item.id for item in items[:2]] == ["colours#0#image", "colours#0#text"]
    index = SearchIndex.create(tmp_path / "store", record_of(checkpoint))
    load = lambda modalities: ItemEmbedder.from_pretrained(str(checkpoint), modalities)  # noqa: E731
    assert index_items(index, items, load, progress=False).added == 4
    texts = {row["id"]: row["text"] for row in index.rows(["id", "text"])}
    assert texts["colours#1#text"] == "blue" and texts["colours#1#image"] is None
    hit = index.query({"image": rows["image"][1]}, k=1)[0]
    assert hit.id == "colours#1#image" and hit.score == pytest.approx(1, abs=1e-4) and hit.thumbnail
    again = dataset_items(dataset, "colours", {"image": "image", "text": "caption"})
    assert index_items(index, again, load, progress=False).unchanged == 4
    other = dataset_items(dataset.select([1, 0]), "colours", {"text": "caption"})
    assert [item.id for item in other] == ["colours#0#text", "colours#1#text"]
    assert index_items(index, other, load, progress=False).replaced == 2 and prune(index) == 0 and len(index) == 4
    with pytest.raises(ValueError, match="colours: no column named as a modality, there are .'caption'."):
        dataset_items(dataset.select_columns(["caption"]), "colours")
    with pytest.raises(ValueError, match="colours: the data set is empty"):
        dataset_items(dataset.select([]), "colours")


def test_the_page(checkpoint, inputs, tmp_path):
    (inputs / "a.png").rename(inputs / "<script>.png")
    (inputs / "texts.txt").write_text('<b>bold</b> & "quoted"\n')
    store, page = tmp_path / "store", tmp_path / "page.html"
    run("index", inputs, "--store", store, "--model", checkpoint)
    asked = tmp_path / "<i>asked.png"
    shutil.copy(inputs / "b.png", asked)
    shutil.rmtree(inputs)
    options = ["--image", asked, "--minus-text", "</div>", "--weight", "minus-text=0.25", "--html", page]
    shown = run("search", "--store", store, *options)
    assert shown.exit_code == 0 and f"Wrote {page}" in shown.output, shown.output
    text = page.read_text()
    assert "<script" not in text and "<b>bold" not in text and "<i>asked" not in text
    assert "&lt;script&gt;.png" in text and "&lt;b&gt;bold&lt;/b&gt; &amp; &quot;quoted&quot;" in text
    assert "&lt;i&gt;asked.png" in text and "“&lt;/div&gt;”" in text and "0.25 × text" in text
    # Three pictures and a sound that were found, the picture that was asked; nothing from elsewhere.
    assert text.count('src="data:image/jpeg;base64,') == 5 and str(tmp_path) not in text
    assert not re.search(r"(src|href)=\"(?!data:)|url\(|@import", text)


def test_the_model_of_a_store(checkpoint, inputs, tmp_path):
    store, moved = tmp_path / "store", tmp_path / "moved"
    shutil.copytree(checkpoint, tmp_path / "model")
    assert run("index", inputs, "--store", store, "--model", tmp_path / "model").exit_code == 0
    (tmp_path / "model").rename(moved)
    shown = run("search", "--store", store, "--text", "a")
    assert shown.exit_code == 1 and f"The model is not in '{tmp_path / 'model'}' any more" in shown.output
    shown = run("index", inputs, "--store", store)
    assert shown.exit_code == 1 and "say where it is now, with --model" in shown.output
    assert run("search", "--store", store, "--text", "a", "--model", moved).exit_code == 0
    other = save_model(tmp_path / "other", 1, modalities=["vision", "text", "audio", "imu"])
    for arguments in (["search", "--text", "a"], ["index", inputs]):
        shown = run(*arguments, "--store", store, "--model", other)
        assert shown.exit_code == 1 and "holds vectors of" in shown.output and "other" in shown.output
    # Trained further, in its place.
    shutil.copytree(other, tmp_path / "model")
    shown = run("search", "--store", store, "--text", "a")
    assert shown.exit_code == 1 and "holds vectors of" in shown.output
    with pytest.raises(ValueError, match="holds vectors of"):
        SearchIndex.open(store).query({"text": "a"})


def test_bad_input(checkpoint, inputs, tmp_path):
    store = tmp_path / "store"
    for arguments, message in (
        (["index", "--store", store], "There is nothing to do"),
        (["index", inputs, "--store", store], "say --model"),
        (["index", "--store", store, "--prune"], "There is no store in"),
        (["index", inputs / "none", "--store", store, "--model", checkpoint], "There is no file or folder"),
        (["index", inputs, "--store", store, "--model", checkpoint, "--modality", "imag"], "Did you mean 'image'"),
        (["index", inputs, "--store", store, "--model", checkpoint, "--modality", "depth"], "has no tower for"),
        (["index", inputs, "--store", store, "--model", checkpoint, "--column", "x"], "--column needs --modality"),
        (["search", "--store", store, "--text", "a"], "There is no store in"),
    ):
        shown = run(*arguments)
        assert shown.exit_code == 1 and message in shown.output, shown.output
        assert not store.exists()
    assert run("index", inputs, "--store", store, "--model", checkpoint).exit_code == 0
    for options, message in (
        ([], "There is nothing to search for"),
        (["--text", "a", "--only", "depth"], "has no items of ['depth']"),
        (["--text", "a", "--minus-text", "a"], "cancel out"),
        (["--text", "a", "--weight", "audio=1"], "--weight audio=1: the question has ['text']"),
        (["--text", "a", "--weight", "text=much"], "--weight is 'text=much', expected"),
        (["--image", "none.png"], "The image of the question: "),
        (["--depth", inputs / "a.png"], "has no tower for ['depth']"),
        (["--text", "a", "-k", "0"], "k is 0"),
        (["--text", "a", "--html", tmp_path / "none" / "page.html"], "There is no folder"),
    ):
        shown = run("search", "--store", store, *options)
        assert shown.exit_code == 1 and message in shown.output, shown.output
    # A page that cannot be written does not cost the answer.
    shown = run("search", "--store", store, "--text", "a dog", "--html", tmp_path)
    assert shown.exit_code == 1 and "texts.txt#0  a dog" in shown.output and "Error" in shown.output
    index = SearchIndex.open(store)
    with pytest.raises(ValueError, match="Got weights of .'audio'., the question has .'text'."):
        index.query({"text": "a"}, {"audio": 1})
    with pytest.raises(ValueError, match="Weights stand beside a mapping"):
        index.query([("text", "a")], {"text": 1})


@pytest.mark.slow
def test_killed_at_any_moment(checkpoint, tmp_path):
    """However often it is killed: no row is lost, none is there twice."""
    texts, store = tmp_path / "numbers.txt", tmp_path / "store"
    texts.write_text("\n".join(f"number {number}" for number in range(120)))
    command = [sys.executable, "-m", "imagebind_hf.cli", "index", str(texts), "--store", str(store)]
    command += ["--model", str(checkpoint), "--part-size", "2", "--batch-size", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def commits() -> int:
        return len(list(store.glob("text.lance/_versions/*.manifest")))

    wait, kills = random.Random(0), 0
    for _ in range(3):
        present = commits()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        while process.poll() is None and commits() < present + 3:
            time.sleep(0.01)
        time.sleep(wait.uniform(0, 0.1))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    rows = [row["id"] for row in SearchIndex.open(store).rows(["id"])]
    assert kills >= 2 and 0 < len(rows) < 120 and len(set(rows)) == len(rows)
    finished = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert finished.returncode == 0, finished.stderr
    assert f"{120 - len(rows)} items added, 0 replaced, {len(rows)} unchanged" in finished.stdout
    rows = {row["id"]: row["vector"] for row in SearchIndex.open(store).rows(["id", "vector"])}
    assert len(SearchIndex.open(store)) == 120 and set(rows) == {f"{texts}#{number}" for number in range(120)}
    expected = vectors_of(checkpoint, [(f"{texts}#{number}", "text", f"number {number}") for number in range(120)])
    for name, vector in expected.items():
        np.testing.assert_allclose(rows[name], vector, atol=1e-5)
