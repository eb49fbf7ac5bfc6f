# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from conftest import make_config
from imagebind_hf import ImageBindDepthImageProcessor, ImageBindProcessor
from imagebind_hf.datasets import load_sunrgbd
from imagebind_hf.training import Augmentation, PairCollator, Pairs
from imagebind_hf.training.data import preprocess

# Name, focal length, scene. The third's depth is cut short.
ITEMS = [
    ("kv1/NYUdata/NYU0001", 518.86, "home_office"),
    ("kv2/kinect2data/000002_a", 529.5, "idk"),
    ("realsense/lg/broken", 691.58, "lab"),
    ("xtion/sun3ddata/brown/one", 570.34, "lab"),
]
SIZE = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
BASELINES = {"kv1": 0.075, "kv2": 0.075, "realsense": 0.095, "xtion": 0.095}


def millimetres(number: int) -> np.ndarray:
    depth = np.random.default_rng(number).integers(500, 9000, (40, 56), dtype=np.uint16)
    depth[0, 0] = 0
    return depth


@pytest.fixture
def sunrgbd(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    root = tmp_path / "data"
    for number, (name, focal, scene) in enumerate(ITEMS):
        folder = root / "SUNRGBD" / name
        for part in ("image", "depth", "depth_bfx", "fullres"):
            (folder / part).mkdir(parents=True)
        depth = millimetres(number)
        Image.fromarray((depth % 255).astype(np.uint8)).convert("RGB").save(folder / "image/0001.jpg")
        Image.fromarray((depth << 3) | (depth >> 13)).save(folder / "depth_bfx/0001.png")
        Image.fromarray(np.zeros_like(depth)).save(folder / "depth/0001.png")
        (folder / "intrinsics.txt").write_text(f"{focal} 0 284.58 0 519.47 208.7 0 0 1 \n")
        (folder / "fullres/intrinsics.txt").write_text("1000 0 0")
        (folder / "scene.txt").write_text(scene)
    damaged = root / "SUNRGBD" / ITEMS[2][0] / "depth_bfx/0001.png"
    damaged.write_bytes(damaged.read_bytes()[:300])
    (root / "SUNRGBDtoolbox/traintestSUNRGBD").mkdir(parents=True)
    there = "/n/fs/sun3d/data/SUNRGBD/"
    lists = {
        "alltrain": np.array([there + ITEMS[0][0], there + ITEMS[2][0], there + "kv1/gone"], dtype=object),
        "alltest": np.array([there + ITEMS[1][0], "/n/fs/sun3d/data//SUNRGBD/" + ITEMS[3][0] + "/"], dtype=object),
    }
    savemat(root / "SUNRGBDtoolbox/traintestSUNRGBD/allsplit.mat", lists)
    return root


def test_columns_splits_and_what_is_left_out(sunrgbd, tmp_path):
    rows = load_sunrgbd(sunrgbd, "train", report=tmp_path / "report")
    assert rows["name"][:] == [ITEMS[0][0]] and rows["sensor"][:] == ["kv1"]
    gone, damaged = (tmp_path / "report").read_text().splitlines()
    assert "kv1/gone" in gone and "the item is missing" in gone
    assert ITEMS[2][0] in damaged and "Cannot read the image" in damaged
    rows = load_sunrgbd(sunrgbd, "test", split_file="SUNRGBDtoolbox/traintestSUNRGBD/allsplit.mat")
    assert rows["name"][:] == [ITEMS[1][0], ITEMS[3][0]]
    assert rows["focal"][:] == [529.5, 570.34] and rows["baseline"][:] == [0.075, 0.095]
    names = rows.features["label"].names
    assert names == ["home office", "idk", "lab"] and [names[label] for label in rows["label"][:]] == ["idk", "lab"]
    rows = load_sunrgbd(sunrgbd / "SUNRGBD", "all", evaluation_scenes=True)
    assert [rows.features["label"].names[label] for label in rows["label"][:]] == ["home office", "lab"]
    assert len(rows.features["label"].names) == 19


@pytest.mark.parametrize("number", [0, 1, 3])
def test_disparity_is_that_of_the_raw_file_and_its_own_camera(sunrgbd, number):
    rows = load_sunrgbd(sunrgbd, "all")
    raw = load_sunrgbd(sunrgbd, "all", depth="raw", check=False)
    row = {name: place for place, name in enumerate(rows["name"][:])}[ITEMS[number][0]]
    depth, file = rows[row]["depth"], raw[number]["depth"]
    assert depth.mode == "F" and file.mode.startswith("I;16")
    baseline = BASELINES[ITEMS[number][0].split("/")[0]]
    expected = [
        [0 if mm == 0 else baseline * ITEMS[number][1] / (8 * mm / 1000) for mm in line]
        for line in millimetres(number).tolist()
    ]
    np.testing.assert_allclose(np.asarray(depth), expected, rtol=1e-6)
    camera = {"focal_length": raw[number]["focal"], "baseline": raw[number]["sensor"]}
    processor = ImageBindDepthImageProcessor()
    direct = processor(file, bit_rotated=True, **camera, return_tensors="pt")["pixel_values_depth"]
    ours = ImageBindDepthImageProcessor(depth_unit="disparity")(depth, return_tensors="pt")["pixel_values_depth"]
    torch.testing.assert_close(ours, direct, atol=1e-5, rtol=0)


def test_other_units(sunrgbd):
    rows = load_sunrgbd(sunrgbd, "all", depth="mm")
    np.testing.assert_array_equal(np.asarray(rows[1]["depth"]), millimetres(1))
    rows = load_sunrgbd(sunrgbd, "all", depth="m")
    np.testing.assert_allclose(np.asarray(rows[1]["depth"]), millimetres(1) / 1000, rtol=1e-6)
    rows = load_sunrgbd(sunrgbd, "all", depth="mm", depth_folder="depth")
    assert len(rows) == 4 and not np.asarray(rows[2]["depth"]).any()
    halved = load_sunrgbd(sunrgbd, "all", depth_scale=1.0)[1]["depth"]
    np.testing.assert_allclose(np.asarray(halved).max(), 0.075 * 529.5 / (millimetres(1)[1:].min() / 1000), rtol=1e-3)


def test_pairs_with_joint_crops_go_through_the_processor(sunrgbd):
    processor = ImageBindProcessor.from_config(make_config(modalities=["vision", "depth"]))
    # As a recipe sets it.
    assert processor.depth_image_processor.depth_unit is None
    processor.depth_image_processor.depth_unit = "disparity"
    augment = Augmentation(joint=[{"RandomResizedCrop": {"size": 32}}, {"RandomHorizontalFlip": None}])
    pairs = Pairs("depth", load_sunrgbd(sunrgbd, "all"), augment=augment)
    inputs = PairCollator(processor)(pairs.fetch(np.array([[0, 0], [2, 2]])))
    assert inputs["pixel_values"].shape == (2, 3, 32, 32) and inputs["pixel_values_depth"].shape == (2, 1, 32, 32)
    ready = preprocess(load_sunrgbd(sunrgbd, "all"), processor, "depth")
    direct = ImageBindDepthImageProcessor(depth_unit="disparity", **SIZE)(load_sunrgbd(sunrgbd, "all")[0]["depth"])
    np.testing.assert_allclose(ready.with_format("numpy")[0]["pixel_values_depth"], direct["pixel_values_depth"][0])


@pytest.mark.parametrize(
    "folder, options, message",
    [
        ("SUNRGBDtoolbox", {}, r"Expected intrinsics\.txt in subfolders of kv1, .*traintestSUNRGBD"),
        ("SUNRGBD", {}, r"The split 'train' needs the list 'allsplit\.mat'.*or set split='all'"),
        (".", {"split": "val"}, r"Unknown split 'val'. Did you mean 'all'"),
        (".", {"split_file": "SUNRGBD/kv1/NYUdata/NYU0001/scene.txt"}, "Cannot read the list"),
        (".", {"depth": "cm"}, "Unknown depth 'cm'"),
        (".", {"depth_scale": 0}, "`depth_scale` to be positive, but got 0"),
    ],
)
def test_bad_arguments(sunrgbd, folder, options, message):
    with pytest.raises(ValueError, match=message):
        load_sunrgbd(sunrgbd / folder, **options)


def test_incomplete_items(sunrgbd, tmp_path):
    item = sunrgbd / "SUNRGBD" / ITEMS[0][0]
    (item / "intrinsics.txt").write_text("")
    (sunrgbd / "SUNRGBD" / ITEMS[1][0] / "image/0001.jpg").unlink()
    (sunrgbd / "SUNRGBD" / ITEMS[2][0] / "scene.txt").write_text(" ")
    assert len(load_sunrgbd(sunrgbd, "all", report=tmp_path / "report")) == 1
    lines = (tmp_path / "report").read_text().splitlines()
    expected = ["intrinsics.txt does not start", "expected one image in 'image', but got 0", "scene.txt is empty"]
    assert len(lines) == 3 and all(why in line for why, line in zip(expected, lines, strict=True))
