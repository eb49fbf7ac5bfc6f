# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import json
from functools import partial
from pathlib import Path

import datasets
import pytest
from datasets import Features, Value

from imagebind_hf.datasets.folders import Item, Problem, open_folder, read_items, walk

FEATURES = Features({"text": Value("string"), "times": Value("int64")})
calls: list[str] = []


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr("imagebind_hf.datasets.folders.logger.warning", lambda text: warnings.append(text))
    warnings.clear()
    calls.clear()


warnings: list[str] = []


def read(file: str, times: int = 1):
    calls.append(file)
    text = Path(file).read_text()
    if text == "bad":
        raise ValueError(f"Cannot read {file!r}.")
    for number in range(times):
        yield {"text": text, "times": number}
    if text == "half":
        yield Problem(Path(file).name, "only half of it")


def write(folder: Path, **texts: str) -> list[Item]:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text)
    return [Item(name, {"file": folder / name}) for name in texts]


def test_what_cannot_be_read_is_counted_and_listed(tmp_path):
    items = write(tmp_path / "in", a="one", b="bad", c="half", d="two")
    (tmp_path / "in" / "d").unlink()
    report = tmp_path / "left_out.jsonl"
    rows = read_items("Set", items, partial(read, times=2), FEATURES, [Problem("z", "lost")], report)
    assert rows[:] == {"text": ["one", "one", "half", "half"], "times": [0, 1, 0, 1]} and rows.features == FEATURES
    (warning,) = warnings
    assert "Set: 4 rows, 4 left out." in warning and "z: lost; d: " in warning and str(report) in warning
    listed = {entry["item"]: entry["why"] for entry in map(json.loads, report.read_text().splitlines())}
    assert listed.keys() == {"z", "d", "b", "c"} and listed["c"] == "only half of it"
    assert "Cannot read" in listed["b"] and "No such file" in listed["d"]


def test_files_are_read_once_and_problems_told_every_time(tmp_path):
    items = write(tmp_path / "in", a="one", b="bad")
    first = read_items("Set", items, read, FEATURES)
    again = read_items("Set", items, read, FEATURES)
    assert len(calls) == 2 and first[:] == again[:] and len(warnings) == 2 and "Set report=FILE" in warnings[1]
    write(tmp_path / "in", b="mended")
    assert read_items("Set", items, read, FEATURES)["text"][:] == ["one", "mended"] and len(calls) == 4
    assert len(read_items("Set", items, partial(read, times=2), FEATURES)) == 4 and len(warnings) == 2


def test_the_log_names_a_few_and_counts_the_rest(tmp_path):
    items = write(tmp_path / "in", a="one")
    read_items("Set", items, read, FEATURES, [Problem(f"p{number}", "gone.") for number in range(7)])
    assert "Left out: p0: gone; p1: gone; p2: gone; p3: gone; p4: gone; and 2 more." in warnings[0]


@pytest.mark.parametrize(
    "texts, message", [({"a": "bad"}, "Set: No rows are left.*a: Cannot read"), ({}, "There are no items to read")]
)
def test_nothing_left_is_an_error(tmp_path, texts, message):
    with pytest.raises(ValueError, match=message):
        read_items("Set", write(tmp_path / "in", **texts), read, FEATURES)


def test_folders(tmp_path):
    write(tmp_path / "in", **{"b.PNG": "", "a.png": "", "c.txt": ""})
    assert [path.name for path in walk(tmp_path, [".png"])] == ["a.png", "b.PNG"]
    assert open_folder(tmp_path, "in", None) == tmp_path / "in"
    with pytest.raises(ValueError, match=r"The folder .*in/none\' does not exist"):
        open_folder(tmp_path, "in/none")
