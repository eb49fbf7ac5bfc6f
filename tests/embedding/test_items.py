# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import io
import tarfile

import numpy as np
import pytest
import soundfile
from datasets import Dataset, DatasetDict, Features, Value
from datasets import Image as ImageFeature
from PIL import Image

from imagebind_hf.embedding import find_items


def image(value: int = 0) -> Image.Image:
    return Image.new("RGB", (8, 8), (value, value, value))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    image().save(tmp_path / "in" / "b.png")
    image(9).save(tmp_path / "in" / "deep" / "a.JPG", format="JPEG")
    soundfile.write(tmp_path / "in" / "c.wav", np.zeros(800), 8000)
    (tmp_path / "in" / "lines.txt").write_text("a dog\n\na cat\n")
    (tmp_path / "in" / "imu.csv").write_text("x")
    (tmp_path / "in" / ".hidden.png").write_bytes(b"")
    (tmp_path / "in" / "notes.pdf").write_bytes(b"")
    return tmp_path / "in"


def names(items, root) -> list[tuple[str, str]]:
    return [(item.id.removeprefix(f"{root}/"), item.modality) for item in items]


def test_files_by_type(folder):
    found = names(find_items([folder]), folder)
    assert found == [
        ("b.png", "image"),
        ("c.wav", "audio"),
        ("lines.txt#0", "text"),
        ("lines.txt#2", "text"),
        ("deep/a.JPG", "image"),
    ]
    assert [item.load() for item in find_items([folder / "lines.txt"])] == ["a dog", "a cat"]


def test_a_requested_modality(folder):
    assert names(find_items([folder], "depth"), folder) == [("b.png", "depth"), ("deep/a.JPG", "depth")]
    assert names(find_items([folder], "imu"), folder) == [("imu.csv", "imu")]
    assert names(find_items([folder], "audio"), folder) == [("c.wav", "audio")]


def test_members_of_an_archive(folder, tmp_path):
    with tarfile.open(tmp_path / "shard.tar", "w") as archive:
        for name in ("b.png", "c.wav"):
            archive.add(folder / name, arcname=f"0001.{name.split('.')[1]}")
        text = b"a caption\n"
        info = tarfile.TarInfo("0001.txt")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    items = find_items([tmp_path / "shard.tar"])
    assert names(items, tmp_path) == [
        ("shard.tar#0001.png", "image"),
        ("shard.tar#0001.wav", "audio"),
        ("shard.tar#0001.txt", "text"),
    ]
    assert items[0].load() == (folder / "b.png").read_bytes() and items[2].load() == "a caption"


@pytest.mark.parametrize("on_disk", ["parquet", "folder"])
def test_rows_of_data_sets(tmp_path, on_disk):
    features = Features({"image": ImageFeature(), "text": Value("string"), "photo": ImageFeature()})
    rows = {"image": [image(1), image(2)], "text": ["one", "two"], "photo": [image(3)] * 2}
    dataset = Dataset.from_dict(rows, features=features)
    path = tmp_path / ("rows.parquet" if on_disk == "parquet" else "rows")
    dataset.to_parquet(path) if on_disk == "parquet" else dataset.save_to_disk(path)
    items = find_items([path])
    assert [(item.id.rpartition("/")[2], item.modality) for item in items[:2]] == [
        (f"{path.name}#0#image", "image"),
        (f"{path.name}#0#text", "text"),
    ]
    assert len(items) == 4 and items[3].load() == "two" and items[0].load()["bytes"]
    assert [item.id for item in find_items([path], "text")] == [items[1].id, items[3].id], (
        "the same items when requested alone"
    )
    photos = find_items([path], "depth", {"depth": "photo"})
    assert [item.id.rpartition("/")[2] for item in photos] == [f"{path.name}#{row}#depth" for row in (0, 1)]
    with pytest.raises(ValueError, match=r"there is no column \['photograph'\]. The columns are"):
        find_items([path], "image", {"image": "photograph"})
    with pytest.raises(ValueError, match="no column is named after a modality. The columns are"):
        find_items([path], "audio")


def test_saved_data_sets_in_folders(folder):
    dataset = Dataset.from_dict({"text": ["one", "two"]})
    dataset.save_to_disk(folder / "deep" / "rows")
    DatasetDict(train=dataset, test=dataset.select([0])).save_to_disk(folder / "splits")
    found = [name for name, modality in names(find_items([folder]), folder) if modality == "text"]
    expected = ["splits/test#0#text", "splits/train#0#text", "splits/train#1#text"]
    assert found == ["lines.txt#0", "lines.txt#2", "deep/rows#0#text", "deep/rows#1#text", *expected]
    assert names(find_items([folder / "splits"]), folder) == [(name, "text") for name in expected]


def test_lines_that_are_not_utf8_are_one_unreadable_item(folder):
    (folder / "latin.txt").write_bytes("caf\xe9\n".encode("latin-1"))
    items = {item.id: item for item in find_items([folder])}
    assert len(items) == 6
    with pytest.raises(ValueError, match="Cannot read the lines of '.*latin.txt' as UTF-8: .*byte 0xe9"):
        items[str(folder / "latin.txt")].load()


def test_columns_of_an_extra_modality(tmp_path):
    file = tmp_path / "rows.parquet"
    Dataset.from_dict({"touch": ["raw"], "touch_values": [[1.0, 2.0]], "text": ["a"]}).to_parquet(file)
    items = find_items([file], "touch")
    assert [(item.id, item.modality) for item in items] == [(f"{file}#0#touch", "touch")]
    assert items[0].load() == [1.0, 2.0], "values that the tower reads come first"
    Dataset.from_dict({"touch": ["raw"], "text": ["a"]}).to_parquet(tmp_path / "raw.parquet")
    assert [item.load() for item in find_items([tmp_path / "raw.parquet"], "touch")] == ["raw"]
    assert [item.load() for item in find_items([file], "touch", {"touch": "text"})] == ["a"]
    with pytest.raises(ValueError, match="no column 'smell_values' or 'smell'. The columns are .*built-in modalities"):
        find_items([file], "smell")


def test_bad_input(folder, tmp_path):
    with pytest.raises(ValueError, match="There is no file or folder '.*nowhere'"):
        find_items([tmp_path / "nowhere"])
    with pytest.raises(ValueError, match="no items of modality 'imag' in .* Did you mean 'image'"):
        find_items([folder], "imag")
    with pytest.raises(ValueError, match="Found no items of modality 'video' in"):
        find_items([folder], "video")
    with pytest.raises(
        ValueError, match=r"no items of modality 'smell' in .*Choose from \[.*'imu'.*columns of data sets"
    ):
        find_items([folder], "smell")
    with pytest.raises(ValueError, match="Found no items of a known type in"):
        find_items([folder / "notes.pdf"])
    assert find_items([folder], "video", allow_none=True) == []
    with pytest.raises(ValueError, match="no items of modality 'vidoe' in .* Did you mean 'video'"):
        find_items([folder], "vidoe", allow_none=True)
    (tmp_path / "bad.tar").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="Cannot read the archive"):
        find_items([tmp_path / "bad.tar"])
    with tarfile.open(tmp_path / "zipped.tar", "w:gz") as archive:
        archive.add(folder / "b.png")
    with pytest.raises(ValueError, match="Cannot read the archive '.*zipped.tar'.*Expected an uncompressed tar"):
        find_items([tmp_path / "zipped.tar"])
