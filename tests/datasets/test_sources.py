# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import soundfile
from datasets import Audio, Dataset

from imagebind_hf.datasets.six_digits import originals
from imagebind_hf.datasets.sources import load_source
from imagebind_hf.training.recipe import SourceConfig


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


def test_readers_are_found_by_name():
    rows = load_source(SourceConfig("six_digits", split="test", options={"modality": "thermal"}), "thermal")
    assert len(rows) == len(originals("test")[0]) and rows.column_names == ["image", "thermal", "label"]


@pytest.mark.parametrize(
    "source, message",
    [
        (
            SourceConfig(data_files=["rows.parquet", "none.parquet"]),
            r"No such files: .*none\.parquet.*say where: --data",
        ),
        (SourceConfig(data_files="rows.parquet"), "no column 'audio', the data set has"),
        (SourceConfig(data_files="rows.parquet", column="sound", exclude={"age": [1]}), "no column 'age' to exclude"),
        (
            SourceConfig(data_files="rows.parquet", column="sound", exclude={"speaker": ["ann", "bob", "eve"]}),
            "no rows",
        ),
    ],
)
def test_bad_sources(folder, source, message):
    with pytest.raises(ValueError, match=message):
        load_source(source, "audio", folder)
