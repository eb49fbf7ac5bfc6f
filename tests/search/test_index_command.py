# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, Features, Value
from datasets import Image as ImageFeature
from PIL import Image
from search_samples import ids, run, save_model, vectors_of, write_inputs

from imagebind_hf.embedding import dataset_items, find_items
from imagebind_hf.embedding.worker import ItemEmbedder
from imagebind_hf.search import SearchIndex, index_items, prune, record_of

pytest.importorskip("lancedb")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"), modalities=["vision", "text", "audio", "imu"])


@pytest.fixture
def inputs(tmp_path) -> Path:
    return write_inputs(tmp_path / "inputs")


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
    assert "1 items removed that do" in run("index", "--store", store, "--prune").output
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
