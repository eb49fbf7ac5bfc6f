# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import soundfile
from datasets import Audio, ClassLabel, Dataset, IterableDataset
from PIL import Image

from imagebind_hf.datasets.six_digits import originals
from imagebind_hf.datasets.sources import SourceConfig, load_source, select_classes


@pytest.fixture
def folder(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(800), 8000)
    rows = {"sound": [str(tmp_path / "a.wav")] * 4, "speaker": ["ann", "bob", "ann", "eve"], "label": [0, 1, 2, 3]}
    Dataset.from_dict(rows).cast_column("sound", Audio()).to_parquet(tmp_path / "rows.parquet")
    return tmp_path


def test_files_columns_and_exclusion(folder):
    source = SourceConfig(data_files="rows.parquet", column="sound", exclude={"speaker": ["ann"]})
    rows = load_source(source, "audio", folder)
    assert rows[:]["label"] == [1, 3] and set(rows.column_names) == {"audio", "speaker", "label"}
    assert set(rows[0]["audio"]) == {"bytes", "path"}, "left for the processor to decode"


def test_included_rows_and_a_label_of_another_name(folder):
    source = SourceConfig(
        data_files="rows.parquet", column="sound", include={"speaker": ["ann", "eve"]}, label="speaker"
    )
    rows = load_source(source, "audio", folder)
    assert rows[:]["label"] == ["ann", "ann", "eve"] and set(rows.column_names) == {"audio", "label"}


@pytest.mark.parametrize("streaming", [False, True])
def test_classes_are_chosen_ordered_and_renamed(folder, streaming):
    classes = {"eve": "a woman", "bob": "a man", "ann": "a woman"}
    source = SourceConfig(
        data_files="rows.parquet", column="sound", label="speaker", classes=classes, streaming=streaming
    )
    rows = load_source(source, "audio", folder)
    assert rows.features["label"].names == ["a woman", "a man"]
    assert [row["label"] for row in rows] == [0, 1, 0, 0]
    assert isinstance(rows, IterableDataset) == streaming


def test_classes_of_class_labels(folder):
    rows = Dataset.from_dict({"label": [0, 1, 2, 1]}).cast_column("label", ClassLabel(names=["cat", "dog", "cow"]))
    kept = select_classes(rows, ["cow", "dog"])
    assert kept["label"][:] == [1, 0, 1] and kept.features["label"].names == ["cow", "dog"]
    with pytest.raises(ValueError, match="Unknown class 'cot'. Did you mean 'c[oa][tw]'"):
        select_classes(rows, ["cot"])
    with pytest.raises(ValueError, match="Expected a column 'label'"):
        select_classes(rows.rename_column("label", "kind"), ["cat"])


def test_classes_of_names(folder, caplog):
    rows = Dataset.from_dict({"label": ["cat", "dog", None, "dog"]})
    with pytest.raises(ValueError, match=r"No rows have the class 'dgo'\. Did you mean 'dog'\?"):
        select_classes(rows, ["dgo", "cat"])
    kept = select_classes(rows, ["lion", "dog", "cat"])
    assert kept["label"][:] == [2, 1, 1] and kept.features["label"].names == ["lion", "dog", "cat"]
    assert "No rows have the classes ['lion']." in caplog.text
    numbers = Dataset.from_dict({"label": [3, 1, 2, 1]})
    assert select_classes(numbers, {1: "one", 3: "three"})["label"][:] == [1, 0, 0]


def test_folders(folder):
    for name in ("a", "b"):
        (folder / "tree" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(folder / "tree" / name / "black.png")
    rows = load_source(SourceConfig("imagefolder", data_dir="tree"), "image", folder)
    assert len(rows) == 2 and rows.features["label"].names == ["a", "b"]


def test_readers_are_found_by_name():
    rows = load_source(SourceConfig("six_digits", split="test", options={"modality": "thermal"}), "thermal")
    assert len(rows) == len(originals("test")[0]) and rows.column_names == ["image", "thermal", "label"]


@pytest.mark.parametrize(
    "source, message",
    [
        (
            SourceConfig(data_files=["rows.parquet", "none.parquet"]),
            r"Files not found: .*none\.parquet.*with --data",
        ),
        (SourceConfig("imagefolder", data_dir="forest"), "Folder not found: .*forest.*--data"),
        (SourceConfig("six_digits", streaming=True), "'six_digits' does not support `streaming`"),
        (SourceConfig(data_files="rows.parquet"), "Expected a column 'audio', but the columns are"),
        (
            SourceConfig(data_files="rows.parquet", column="sound", exclude={"age": [1]}),
            "column 'age' to exclude rows by",
        ),
        (
            SourceConfig(data_files="rows.parquet", column="sound", exclude={"speaker": ["ann", "bob", "eve"]}),
            "No rows are left",
        ),
    ],
)
def test_bad_sources(folder, source, message):
    with pytest.raises(ValueError, match=message):
        load_source(source, "audio", folder)
