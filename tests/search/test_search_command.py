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
from imagebind_hf.search import Part, SearchIndex, index_items, mix, prune, record_of, write_page
from imagebind_hf.search.command import run_index, run_search

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
    (folder / "bad.png").write_bytes(b"not an image")
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
    """Embed items one by one, without the store."""
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
    query = vectors_of(checkpoint, [("plus", "text", "rain"), ("minus", "text", "a cat")]) | expected
    parts = [query["plus"], query["a.png"], query["sound.wav"], query["minus"]]
    vector = mix(parts, [1, 1, 0.5, -0.3])
    options = ["--text", "rain", "--image", inputs / "a.png", "--audio", inputs / "sound.wav", "--minus-text", "a cat"]
    options += ["--weight", "audio=0.5", "--weight", "minus-text=0.3"]
    # The store knows its model, and its ids do not depend on the current folder.
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
    # Two images, on the command line and in Python.
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
    # With worker processes, and an input that is given twice.
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
    # The same content with another time, and a file that has become unreadable.
    os.utime(inputs / "b.png", (1, 1))
    (inputs / "sound.wav").write_bytes(b"not audio")
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
    assert shown.exit_code == 1 and "has no item, file or folder ['texts.txt']" in shown.output

    run("index", inputs, "--store", store)
    (inputs / "a.png").unlink()
    (inputs / "texts.txt").write_text("a dog\n")
    assert "0 items removed that do" in run("index", "--store", store, "--prune").output
    assert ids(store) == ["b.png", "it's.png", "sound.wav", "texts.txt#0", "texts.txt#1"], (
        "without inputs, files are checked, not their lines"
    )
    assert "1 items removed that do" in run("index", inputs, "--store", store, "--prune").output
    assert ids(store) == ["b.png", "it's.png", "sound.wav", "texts.txt#0"]
    # A file that was not UTF-8, and is empty now. Images are not pruned if only audio is indexed.
    (inputs / "texts.txt").write_bytes("caf\xe9".encode("latin-1"))
    shown = run("index", inputs / "texts.txt", "--store", store)
    assert "1 could not be read" in shown.output and "as UTF-8" in shown.output
    (inputs / "texts.txt").write_text("")
    shown = run("index", inputs / "texts.txt", "--store", store)
    assert shown.exit_code == 1 and "Found no items" in shown.output
    shown = run("index", inputs, "--modality", "audio", "--store", store, "--prune")
    assert "0 items removed that do" in shown.output, shown.output
    for named in (inputs / "texts.txt", inputs):
        shown = run("index", named, "--store", store, "--prune")
        assert f"{int(named != inputs)} items removed that do" in shown.output, shown.output
    assert ids(store) == ["b.png", "it's.png", "sound.wav"]
    monkeypatch.chdir(tmp_path / "store")
    assert "3 items removed" in run("index", "--store", store, "--remove", "../inputs").output


def test_prune_of_one_modality_leaves_others(checkpoint, tmp_path):
    rows = {"image": [Image.new("RGB", (8, 8), color) for color in ("red", "blue")], "text": ["one", "two"]}
    features = Features({"image": ImageFeature(), "text": Value("string")})
    Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "rows.parquet")
    store = tmp_path / "store"
    assert run("index", tmp_path / "rows.parquet", "--store", store, "--model", checkpoint).exit_code == 0
    assert ids(store) == ["rows.parquet#0#image", "rows.parquet#0#text", "rows.parquet#1#image", "rows.parquet#1#text"]
    index, items = SearchIndex.open(store), find_items([tmp_path / "rows.parquet"])
    texts = [item for item in items if item.modality == "text"]
    shown = run("index", tmp_path / "rows.parquet", "--store", store, "--modality", "image")
    assert "0 items added, 0 replaced, 2 unchanged" in shown.output and len(index) == 4, "the other column stays"
    assert prune(index, texts, "text") == 0
    assert prune(index, texts[:1], "text") == 1 and len(index) == 3


def test_a_data_set_in_memory(checkpoint, tmp_path):
    rows = {"image": [Image.new("RGB", (9, 9), color) for color in ("red", "blue")], "caption": ["red", "blue"]}
    dataset = Dataset.from_dict(rows, features=Features({"image": ImageFeature(), "caption": Value("string")}))
    items = dataset_items(dataset, "colors", {"image": "image", "text": "caption"})
    assert [item.id for item in items[:2]] == ["colors#0#image", "colors#0#text"]
    index = SearchIndex.create(tmp_path / "store", record_of(checkpoint))
    load = lambda modalities: ItemEmbedder.from_pretrained(str(checkpoint), modalities)  # noqa: E731
    assert index_items(index, items, load, progress=False).added == 4
    texts = {row["id"]: row["text"] for row in index.rows(["id", "text"])}
    assert texts["colors#1#text"] == "blue" and texts["colors#1#image"] is None
    hit = index.query({"image": rows["image"][1]}, k=1)[0]
    assert hit.id == "colors#1#image" and hit.score == pytest.approx(1, abs=1e-4) and hit.thumbnail
    again = dataset_items(dataset, "colors", {"image": "image", "text": "caption"})
    assert index_items(index, again, load, progress=False).unchanged == 4
    other = dataset_items(dataset.select([1, 0]), "colors", {"text": "caption"})
    assert [item.id for item in other] == ["colors#0#text", "colors#1#text"]
    assert index_items(index, other, load, progress=False).replaced == 2 and prune(index) == 0 and len(index) == 4
    with pytest.raises(ValueError, match="colors: no column is named after a modality. The columns are .'caption'."):
        dataset_items(dataset.select_columns(["caption"]), "colors")
    with pytest.raises(ValueError, match="colors: the data set is empty"):
        dataset_items(dataset.select([]), "colors")


def test_the_page(checkpoint, inputs, tmp_path):
    (inputs / "a.png").rename(inputs / "<script>.png")
    (inputs / "texts.txt").write_text('<b>bold</b> & "quoted"\n')
    store, page = tmp_path / "store", tmp_path / "page.html"
    run("index", inputs, "--store", store, "--model", checkpoint)
    query = tmp_path / "<i>query.png"
    shutil.copy(inputs / "b.png", query)
    shutil.rmtree(inputs)
    options = ["--image", query, "--minus-text", "</div>", "--weight", "minus-text=0.25", "--html", page]
    shown = run("search", "--store", store, *options)
    assert shown.exit_code == 0 and f"Wrote {page}" in shown.output, shown.output
    text = page.read_text()
    assert "<script" not in text and "<b>bold" not in text and "<i>query" not in text
    assert "&lt;script&gt;.png" in text and "&lt;b&gt;bold&lt;/b&gt; &amp; &quot;quoted&quot;" in text
    assert "&lt;i&gt;query.png" in text and "“&lt;/div&gt;”" in text and "0.25 × text" in text
    # Thumbnails of three images and an audio clip, and that of the query. Nothing is loaded from elsewhere.
    assert text.count('src="data:image/jpeg;base64,') == 5 and str(tmp_path) not in text
    assert not re.search(r"(src|href)=\"(?!data:)|url\(|@import", text)


def test_the_model_of_a_store(checkpoint, inputs, tmp_path):
    store, moved = tmp_path / "store", tmp_path / "moved"
    shutil.copytree(checkpoint, tmp_path / "model")
    assert run("index", inputs, "--store", store, "--model", tmp_path / "model").exit_code == 0
    (tmp_path / "model").rename(moved)
    shown = run("search", "--store", store, "--text", "a")
    assert shown.exit_code == 1 and str(tmp_path / "model") in shown.output
    shown = run("index", inputs, "--store", store)
    assert shown.exit_code == 1 and "--model" in shown.output
    assert run("search", "--store", store, "--text", "a", "--model", moved).exit_code == 0
    other = save_model(tmp_path / "other", 1, modalities=["vision", "text", "audio", "imu"])
    for arguments in (["search", "--text", "a"], ["index", inputs]):
        shown = run(*arguments, "--store", store, "--model", other)
        assert shown.exit_code == 1 and "holds vectors of" in shown.output and "other" in shown.output
    # Other weights in the folder of the model.
    shutil.copytree(other, tmp_path / "model")
    shown = run("search", "--store", store, "--text", "a")
    assert shown.exit_code == 1 and "holds vectors of" in shown.output
    with pytest.raises(ValueError, match="holds vectors of"):
        SearchIndex.open(store).query({"text": "a"})


def test_bad_input(checkpoint, inputs, tmp_path):
    store = tmp_path / "store"
    for arguments, code, message in (
        (["index", "--store", store], 2, "--remove, --prune or --approximate"),
        (["index", inputs, "--store", store], 1, "name its model with --model"),
        (["index", "--store", store, "--prune"], 1, "There is no store in"),
        (["index", inputs / "none", "--store", store, "--model", checkpoint], 2, "does not exist"),
        (["index", inputs, "--store", store, "--model", checkpoint, "--modality", "imag"], 1, "Did you mean 'image'"),
        (["index", inputs, "--store", store, "--model", checkpoint, "--modality", "depth"], 1, "no tower for"),
        (["index", inputs, "--store", store, "--model", checkpoint, "--column", "x"], 2, "needs --modality"),
        (["index", inputs, "--store", store, "--model", checkpoint, "--remove", "x"], 1, "nothing to remove"),
        (["search", "--store", store, "--text", "a"], 2, "does not exist"),
        (["search", "--store", inputs, "--text", "a"], 1, "There is no store in"),
    ):
        shown = run(*arguments)
        assert shown.exit_code == code and message in shown.output, shown.output
        assert not store.exists()
    for arguments, message in (
        ({}, "Expected files or folders, --remove, --prune or --approximate"),
        ({"inputs": [inputs], "column": "x"}, "--column needs --modality"),
        ({"inputs": [inputs / "none"], "model": str(checkpoint)}, "There is no file or folder"),
    ):
        with pytest.raises(ValueError, match=message):
            run_index(store, **arguments)
        assert not store.exists()
    assert run("index", inputs, "--store", store, "--model", checkpoint).exit_code == 0
    for options, code, message in (
        ([], 2, "at least one query option"),
        (["--text", "a", "--only", "depth"], 1, "has no items of ['depth']"),
        (["--text", "a", "--minus-text", "a"], 1, "cancel out"),
        (["--text", "a", "--weight", "audio=1"], 1, "--weight audio=1 belongs to no part of the query, which has"),
        (["--text", "a", "--weight", "text=much"], 1, "--weight to be like audio=0.5, but got 'text=much'"),
        (["--image", "none.png"], 1, "Cannot read the query's image: "),
        (["--depth", inputs / "a.png"], 1, "no tower for"),
        (["--text", "a", "--html", tmp_path / "none" / "page.html"], 2, "file in an existing folder"),
        (["--text", "a", "--embed-media"], 2, "--html"),
    ):
        shown = run("search", "--store", store, *options)
        assert shown.exit_code == code and message in shown.output, shown.output
    for arguments, message in (
        ({"parts": []}, "query is empty"),
        ({"k": 0}, "`k` to be at least 1, but got 0"),
        ({"html": tmp_path / "none" / "page.html"}, "--html to be a file in an existing folder"),
        ({"embed_media": True}, "--embed-media needs --html"),
    ):
        with pytest.raises(ValueError, match=message):
            run_search(store, **{"parts": [("text", "a", 1.0)], **arguments})
    # A page that cannot be written does not cost the results.
    (tmp_path / "page").mkdir()
    result = run_search(store, [("text", "a dog", 1.0)], html=tmp_path / "page")
    assert any("texts.txt#0  a dog" in line for line in result.lines())
    with pytest.raises(OSError, match="page"):
        result.write_page()
    index = SearchIndex.open(store)
    with pytest.raises(ValueError, match="Got weights for .'audio'., but the query has .'text'."):
        index.query({"text": "a"}, {"audio": 1})
    with pytest.raises(ValueError, match="`weights` only with a mapping"):
        index.query([("text", "a")], {"text": 1})


def test_results_as_data(checkpoint, inputs, tmp_path):
    store = tmp_path / "store"
    shown = run("index", inputs, "--store", store, "--model", checkpoint, "--json")
    assert shown.exit_code == 0, shown.output
    summary = json.loads(shown.stdout)
    unreadable = summary.pop("unreadable")
    assert summary == {
        "store": str(store),
        "removed": 0,
        "added": 6,
        "replaced": 0,
        "unchanged": 0,
        "pruned": 0,
        "items": 6,
        "counts": {"audio": 1, "image": 3, "text": 2},
    }
    assert [Path(entry["id"]).name for entry in unreadable] == ["bad.png", "short.wav"] and unreadable[0]["why"]
    options = ["--text", "the sea", "--minus-text", "a dog", "--weight", "minus-text=0.5", "-k", "3"]
    shown = run("search", "--store", store, *options, "--json", "--html", tmp_path / "page.html")
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert found["items"] == 6 and found["exact"] is True and (tmp_path / "page.html").is_file()
    assert found["query"] == [
        {"modality": "text", "item": "the sea", "weight": 1.0},
        {"modality": "text", "item": "a dog", "weight": -0.5},
    ]
    result = run_search(store, [("text", "the sea", 1.0), ("text", "a dog", -0.5)], k=3)
    assert [hit["id"] for hit in found["hits"]] == [hit.id for hit in result.hits] and len(result.hits) == 3
    first = found["hits"][0]
    assert first["rank"] == 1 and first["score"] == pytest.approx(result.hits[0].score, abs=1e-5)
    assert set(first) == {"rank", "id", "score", "modality", "path", "text"}
    assert ranking("\n".join(result.lines()))[0][0] == Path(first["id"]).name


def test_nothing_but_unreadable_files(checkpoint, inputs, tmp_path):
    store = tmp_path / "store"
    for name in range(12):
        (inputs / f"bad{name}.png").write_bytes(b"not an image")
    bad = sorted(inputs.glob("bad*.png"))
    shown = run("index", *bad, "--store", store, "--model", checkpoint)
    assert shown.exit_code == 1 and "0 items added, 0 replaced, 0 unchanged, 13 could not be read" in shown.output
    assert "and 3 more\n" in shown.output and f"no store was made in {store}" in shown.output
    assert not store.exists()
    # Other files of the folder stay.
    store.mkdir()
    (store / "notes").write_text("")
    shown = run("index", *bad, "--store", store, "--model", checkpoint, "--approximate", "--json")
    assert shown.exit_code == 1 and len(json.loads(shown.stdout)["unreadable"]) == 13
    assert [file.name for file in store.iterdir()] == ["notes"]
    # An existing store stays, and lists all of them.
    assert run("index", inputs / "a.png", "--store", store, "--model", checkpoint).exit_code == 0
    shown = run("index", *bad, "--store", store)
    assert shown.exit_code == 1 and f"and 3 more (see {store / 'unreadable.jsonl'})" in shown.output
    assert f"1 items in {store}: 1 image" in shown.output and ids(store) == ["a.png"]
    # If some items of the inputs can be read, the command succeeds.
    assert run("index", *bad, inputs / "a.png", "--store", store).exit_code == 0


def test_an_error_leaves_no_empty_store(checkpoint, inputs, tmp_path, monkeypatch):
    def fail(self, items):
        raise ImportError("no decoder")

    monkeypatch.setattr(ItemEmbedder, "__call__", fail)
    shown = run("index", inputs, "--store", tmp_path / "store", "--model", checkpoint)
    assert shown.exit_code == 1 and "no decoder" in shown.output and not (tmp_path / "store").exists()


def test_one_process_indexes(checkpoint, inputs, tmp_path):
    store = tmp_path / "store"
    assert run("index", inputs / "a.png", "--store", store, "--model", checkpoint).exit_code == 0
    script = f"""
import sys
from imagebind_hf.search import SearchIndex
with SearchIndex.open({str(store)!r}).writing():
    print("writing", flush=True)
    sys.stdin.readline()
"""
    other = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "writing\n"
        for arguments in ([inputs], ["--prune"], ["--remove", inputs / "a.png"]):
            shown = run("index", *arguments, "--store", store)
            assert shown.exit_code == 1 and f"Another process is writing to '{store}'" in shown.output, shown.output
        assert run("search", "--store", store, "--text", "a dog").exit_code == 0
        assert ids(store) == ["a.png"]
    finally:
        other.kill()
        other.communicate()
    assert run("index", inputs, "--store", store).exit_code == 0 and len(ids(store)) == 6


def test_an_extra_modality(tmp_path):
    touch = {"model_type": "imagebind_depth_model", **make_config().depth_config.to_dict()}
    model = save_model(tmp_path / "model", modalities=["text", "touch"], extra_modalities={"touch": touch})
    values = np.random.default_rng(0).standard_normal((4, 1, 32, 32)).astype(np.float32)
    rows = {"touch_values": [*values[:3].tolist(), [[[1.0]]]], "text": ["one", "two", "three", "four"]}
    Dataset.from_dict(rows).to_parquet(tmp_path / "rows.parquet")
    store, file = tmp_path / "store", tmp_path / "rows.parquet"
    shown = run("index", file, "--store", store, "--model", model, "--modality", "touch")
    assert shown.exit_code == 0 and "3 items added, 0 replaced, 0 unchanged, 1 could not be read" in shown.output
    assert "Expected values of shape (1, 32, 32), but got (1, 1, 1)." in shown.output
    assert "4 items added" in run("index", file, "--store", store, "--modality", "text").output
    assert (
        "0 items added, 0 replaced, 3 unchanged, 1 could"
        in run("index", file, "--store", store, "--modality", "touch").output
    )
    index = SearchIndex.open(store)
    assert index.counts() == {"text": 4, "touch": 3}
    hit = index.query({"touch": values[1]}, k=1)[0]
    assert hit.id == f"{file}#1#touch" and hit.score == pytest.approx(1, abs=1e-5) and hit.thumbnail
    hits = index.query([("touch", values[1].tolist(), 1.0), ("text", "one", -0.5)], only="touch")
    assert len(hits) == 3
    page = write_page(tmp_path / "page.html", hits, [Part("touch", values[1])]).read_text()
    assert page.count("data:image/jpeg") == 4 and "+ touch" in page
    shown = run("search", "--store", store, "--text", "one", "--only", "touch")
    assert shown.exit_code == 0 and [kind for _, _, kind in ranking(shown.output)] == ["touch"] * 3
    shown = run("index", file, "--store", store, "--modality", "touch", "--remove", file)
    assert shown.exit_code == 0 and "7 items removed" in shown.output and "3 items added" in shown.output
    with pytest.raises(ValueError, match="Cannot read the query's touch: "):
        index.query({"touch": "not a number"})


@pytest.mark.slow
def test_killed_at_any_moment(checkpoint, tmp_path):
    """No row is lost or duplicated, however often the process is killed."""
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
