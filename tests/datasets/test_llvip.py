# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import datasets
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imagebind_hf import ImageBindImageProcessor, ImageBindThermalImageProcessor
from imagebind_hf.datasets import READERS, load_llvip, load_source
from imagebind_hf.datasets.llvip import random_box
from imagebind_hf.training import Pairs
from imagebind_hf.training.recipe import SourceConfig

WIDTH, HEIGHT = 64, 48
BOX = "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"


@pytest.fixture
def llvip(tmp_path, monkeypatch):
    """Three pairs for training, of which one is cut short and one alone; two for tests, with boxes."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    root = tmp_path / "LLVIP"
    (root / "Annotations").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split, names in (("train", ["010001", "010002", "010003"]), ("test", ["190001", "190002"])):
        for side in ("visible", "infrared"):
            (root / side / split).mkdir(parents=True)
            for name in names:
                picture = rng.integers(0, 200, (HEIGHT, WIDTH, 3), dtype=np.uint8)
                # The pedestrian is the one bright thing.
                picture[10:40, 20:30] = 255
                Image.fromarray(picture).save(root / side / split / f"{name}.jpg", quality=100)
    damaged = root / "infrared/train/010002.jpg"
    damaged.write_bytes(damaged.read_bytes()[:500])
    (root / "visible/train/010003.jpg").unlink()
    boxes = BOX.format("person", 20, 10, 30, 40) + BOX.format("car", 0, 0, 9, 9) + BOX.format("person", 70, 0, 80, 9)
    (root / "Annotations/190001.xml").write_text(f"<annotation>{boxes}</annotation>")
    (root / "Annotations/190002.xml").write_text("<annotation><object>")
    return root


def read_report(path):
    return path.read_text().splitlines()


def test_pairs(llvip, tmp_path):
    rows = load_llvip(llvip, report=tmp_path / "report")
    assert rows["name"][:] == ["010001"] and rows.column_names == ["image", "thermal", "name"]
    lost, alone = sorted(read_report(tmp_path / "report"), key=lambda line: "is missing" in line)
    assert "train/010002.jpg" in lost and "Cannot read the image" in lost
    assert "infrared/train/010003.jpg" in alone and "visible/train/010003.jpg is missing" in alone
    assert len(load_llvip(llvip, check=False)) == 2
    pairs = Pairs("thermal", load_llvip(llvip, check=False))
    columns = pairs.fetch(np.array([[0, 0]]))
    assert ImageBindThermalImageProcessor()(columns["thermal"])["pixel_values_thermal"][0].shape == (1, 224, 224)
    assert ImageBindImageProcessor()(columns["image"])["pixel_values"][0].shape == (3, 224, 224)


def test_crops(llvip, tmp_path):
    rows = load_llvip(llvip, "test", crops=True, report=tmp_path / "report")
    assert rows.features["label"].names == ["person", "background"] and rows["label"][:] == [0, 1]
    for column in ("image", "thermal"):
        person, background = rows[column][:]
        assert person.size == background.size == (10, 30)
        assert np.asarray(person).mean() > 245 and np.asarray(background).mean() < 200
    assert rows[0]["thermal"].mode == "L" and rows[0]["image"].mode == "RGB"
    outside, broken = sorted(read_report(tmp_path / "report"), key=lambda line: "190002" in line)
    assert "(70, 0, 80, 9)" in outside and "is outside of the image" in outside
    assert "Cannot read the boxes" in broken
    again = load_llvip(llvip, "test", crops=True, seed=1)
    assert np.asarray(again[0]["thermal"]).tolist() == np.asarray(rows[0]["thermal"]).tolist()
    assert np.asarray(again[1]["thermal"]).tolist() != np.asarray(rows[1]["thermal"]).tolist()
    values = ImageBindThermalImageProcessor()(rows["thermal"][:], return_tensors="pt")["pixel_values_thermal"]
    assert values.shape == (2, 1, 224, 224) and values[0].mean() > values[1].mean()


def test_a_recipe_reads_it(llvip):
    source = SourceConfig("llvip", data_dir="LLVIP", split="test", options={"crops": True}, classes=["background"])
    rows = load_source(source, "thermal", llvip.parent)
    assert rows["label"][:] == [0] and rows.features["label"].names == ["background"]
    assert {"audioset", "ego4d", "sunrgbd"} < READERS.keys()


boxes = st.tuples(*[st.integers(-3, 12)] * 2, *[st.integers(1, 8)] * 2).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@given(
    size=st.tuples(st.integers(1, 10), st.integers(1, 9)),
    taken=st.lists(boxes, max_size=3),
    wanted=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    seed=st.integers(0, 99),
)
def test_random_boxes_touch_no_other(size, taken, wanted, seed):
    places = [
        (x, y, x + wanted[0], y + wanted[1])
        for x in range(size[0] - wanted[0] + 1)
        for y in range(size[1] - wanted[1] + 1)
        if all(x + wanted[0] <= b[0] or b[2] <= x or y + wanted[1] <= b[1] or b[3] <= y for b in taken)
    ]
    found = random_box(size, taken, wanted, np.random.default_rng(seed))
    assert found in places if places else found is None


def test_every_place_is_drawn_alike():
    rng = np.random.default_rng(0)
    drawn = [random_box((4, 3), [(0, 0, 2, 3)], (1, 2), rng) for _ in range(2000)]
    counts = {box: drawn.count(box) for box in set(drawn)}
    assert len(counts) == 4 and max(counts.values()) - min(counts.values()) < 150


@pytest.mark.parametrize(
    "folder, options, message",
    [
        (
            "LLVIP/visible",
            {},
            r"Expected visible/train, infrared/train in .*visible' contains 'test', 'train'",
        ),
        ("LLVIP", {"split": "val"}, r"Unknown split 'val'\. Choose from \['train', 'test'\]"),
        ("none", {}, "does not exist"),
    ],
)
def test_bad_arguments(llvip, folder, options, message):
    with pytest.raises(ValueError, match=message):
        load_llvip(llvip.parent / folder, **options)
