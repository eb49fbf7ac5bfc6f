# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Parquet files of users: `write_rows`, and the code of docs/datasets.md that makes the files of the recipes."""

import os
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import PIL.Image
import pytest
from datasets import ClassLabel, Dataset, Image

from docs_runner import find_blocks
from docs_sources import save_audio, save_image, write_sources
from imagebind_hf.datasets import write_rows
from imagebind_hf.datasets.sources import load_source
from imagebind_hf.evaluation.loading import load_probe, load_test_set
from imagebind_hf.training.recipe import load_recipe

PAGE = Path(__file__).parents[2] / "docs" / "datasets.md"


def test_media_become_part_of_the_file(tmp_path, capfd):
    save_image(tmp_path / "a.png")
    save_audio(tmp_path / "a.wav")
    depth = np.arange(600, dtype=np.uint16).reshape(20, 30)
    PIL.Image.fromarray(depth).save(tmp_path / "depth.png")
    row = {"image": tmp_path / "a.png", "audio": str(tmp_path / "a.wav"), "label": "dog", "take": 3}
    other = {**row, "image": (tmp_path / "a.png").read_bytes(), "label": "cat"}
    image, sound = PIL.Image.open(tmp_path / "a.png").copy(), (tmp_path / "a.wav").read_bytes()
    depths = {"depth": tmp_path / "depth.png", "accel": np.ones((4, 3), np.float32)}
    write_rows([{**row, **depths}, {**other, **depths}], tmp_path / "rows.parquet")
    assert capfd.readouterr() == ("", "")
    for file in ("a.png", "a.wav", "depth.png"):
        (tmp_path / file).unlink()
    rows = Dataset.from_parquet(str(tmp_path / "rows.parquet"))
    assert isinstance(rows.features["image"], Image) and rows.features["label"] == ClassLabel(names=["cat", "dog"])
    for number, label in enumerate((1, 0)):
        assert np.array_equal(rows[number]["image"], image) and np.array_equal(rows[number]["depth"], depth)
        assert rows[number]["audio"]["bytes"] == sound
        assert rows[number]["label"] == label and rows[number]["take"] == 3
        assert rows[number]["accel"] == [[1.0, 1.0, 1.0]] * 4


def test_no_rows(tmp_path):
    with pytest.raises(ValueError, match="Expected rows for .*rows.parquet"):
        write_rows([], tmp_path / "rows.parquet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The parquet files that the page makes from its sources."""
    folder = tmp_path_factory.mktemp("recipes")
    write_sources(folder / "sources")
    text = PAGE.read_text(encoding="utf-8")
    first, last = (text[: text.index(heading)].count("\n") for heading in ("## Files of the recipes", "## Readers"))
    blocks = [block.code for block in find_blocks(PAGE) if block.language == "python" and first < block.line < last]
    assert len(blocks) == 6
    environment = {**os.environ, "HF_HOME": str(folder / "cache")}
    subprocess.run([sys.executable, "-c", "\n".join(blocks)], cwd=folder, env=environment, check=True)
    return folder


@pytest.mark.parametrize("name", ["digits", "speaker", "letters", "sounds", "thermal", "activities"])
def test_the_files_of_the_page_are_those_of_the_recipe(folder, monkeypatch, name):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", folder / "cache")
    data = folder / ("data-thermal" if name == "thermal" else "data")
    recipe = load_recipe(name)
    for stage in recipe.stages:
        for key, pairs in stage.pairs.items():
            modality = pairs.modality or key
            sides = {"image": pairs.images, modality: pairs.partners}
            for column, source in sides.items():
                if source is not None:
                    rows = load_source(source, column, data)
                    assert column in rows.column_names and rows[0][column] is not None
                    if source.classes:
                        names = rows.features["label"].names
                        absent = recipe.evaluation["classes_without_audio"].source.classes if name == "sounds" else {}
                        expected = set(names) - set(absent.values() if column == "audio" else ())
                        assert {names[label] for label in rows.unique("label")} == expected
    for key, config in recipe.evaluation.items():
        assert len(load_test_set(config, key, data))
    for key, config in recipe.few_shot.items():
        assert all(map(len, load_probe(config, key, data)))
