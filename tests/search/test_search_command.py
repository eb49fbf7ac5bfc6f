# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset
from search_samples import ranking, run, save_model, vectors_of, write_inputs

from conftest import make_config
from imagebind_hf.search import Part, SearchIndex, mix, write_page
from imagebind_hf.search.command import run_index, run_search

pytest.importorskip("lancedb")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"), modalities=["vision", "text", "audio", "imu"])


@pytest.fixture
def inputs(tmp_path) -> Path:
    return write_inputs(tmp_path / "inputs")


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
    assert shown.exit_code == 1 and f"The model folder '{tmp_path / 'model'}' no longer exists" in shown.output
    shown = run("index", inputs, "--store", store)
    assert shown.exit_code == 1 and "new location with --model" in shown.output
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
