# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""SUN RGB-D: rooms seen by four kinds of depth cameras."""

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import datasets
import numpy as np
from datasets import ClassLabel, Features, Value
from PIL import Image

from ..models.imagebind.image_processing_imagebind import SENSOR_BASELINES
from ..models.imagebind.media import load_image
from ..utils.extras import needs_extra
from .folders import Item, Problem, open_folder, read_items, show, walk

# The scenes of the data set's own benchmark, those with more than 80 pictures.
EVALUATION_SCENES = (
    "bathroom",
    "bedroom",
    "classroom",
    "computer room",
    "conference room",
    "corridor",
    "dining area",
    "dining room",
    "discussion area",
    "furniture store",
    "home office",
    "kitchen",
    "lab",
    "lecture theatre",
    "library",
    "living room",
    "office",
    "rest space",
    "study space",
)
DEPTHS = ("disparity", "m", "mm", "raw")
_SPLITS = {"train": "alltrain", "test": "alltest"}
_SPLIT_FILE = "allsplit.mat"


def load_sunrgbd(
    data_dir: str | Path,
    split: str = "train",
    *,
    split_file: str | None = None,
    depth: str = "disparity",
    depth_folder: str = "depth_bfx",
    depth_scale: float = 8.0,
    evaluation_scenes: bool = False,
    check: bool = True,
    report: str | Path | None = None,
    num_proc: int | None = None,
) -> datasets.Dataset:
    """Read SUN RGB-D as pairs of images and depth maps.

    Cameras differ in focal length and baseline, and a run has one depth processor. So by default the disparity is
    computed here, from each map's own camera; the processor takes it with `depth_unit="disparity"`. That is done once
    and kept on disk (TIFF, float32, packed): in a transform on the fly, a column would lose its camera when columns
    are renamed or selected.

    Args:
        data_dir: The unpacked folder, or one above: somewhere in it are `kv1`, `kv2`, `realsense`, `xtion`, and below
            these the folders of the items, with `image`, `depth_bfx`, `intrinsics.txt` and `scene.txt`.
        split: `"train"` or `"test"`, by the data set's own list; or `"all"`.
        split_file: The list, `allsplit.mat` of the toolbox, relative to `data_dir`; by default it is looked for there.
        depth: What the column `depth` holds:

            - `"disparity"`: see [`to_disparity`]; float32, 0 where there is no reading;
            - `"m"`: metres, float32;
            - `"mm"`: millimetres, 16 bits, no longer rotated by three bits;
            - `"raw"`: the file as it is, for `bit_rotated=True` and the columns `focal` and `baseline`.
        depth_folder: `"depth_bfx"`, whose holes are filled, or `"depth"`.
        depth_scale: As in [`ImageBindDepthImageProcessor`], where it says why: the published constants seem to come
            from depths eight times too large. Derived, not confirmed.
        evaluation_scenes: Keep the 19 scenes of the benchmark only.
        check: Read every picture once. Depth is read in any case, unless it is raw.
        report: File for the list of what is left out, a line of JSON each.
        num_proc: Processes that read.

    Returns:
        Data set with the columns `image`, `depth`, `label` (the scene, with spaces for underscores), `focal` in
        pixels, `baseline` in metres (by sensor: .075 for kv1 and kv2, .095 for realsense and xtion, from an author of
        the published model in a public thread), `sensor` and `name`.

    Raises:
        ValueError: If the folder is not SUN RGB-D's, the split has no list, an argument is unknown, or nothing can be
            read.

    Example:
        >>> pairs = load_sunrgbd("data", "train", split_file="SUNRGBDtoolbox/traintestSUNRGBD/allsplit.mat")
        ... # doctest: +SKIP
    """
    if depth not in DEPTHS:
        raise ValueError(f"Unknown depth {depth!r}: choose from {list(DEPTHS)}.")
    if not 0 < depth_scale < np.inf:
        raise ValueError(f"depth_scale is {depth_scale}, expected a positive number.")
    root = open_folder(data_dir)
    folders = {}
    for path in walk(root, ["intrinsics.txt", "scene.txt"]):
        # Some items hold a folder with the uncropped pictures and an intrinsics.txt of its own.
        if (key := _key(path.parent)) and path.parent.name != "fullres":
            folders[key] = path.parent
    if not folders:
        raise ValueError(
            f"Not SUN RGB-D's folder: no intrinsics.txt below a folder {', '.join(SENSOR_BASELINES)}; {show(root)}."
        )
    wanted = dict.fromkeys(folders if split == "all" else _read_split(root, split, split_file))
    problems = [Problem(key, "there is no such item") for key in wanted if key not in folders]
    items, scenes = [], set()
    for key, folder in folders.items():
        try:
            item = _item(key, folder, depth_folder)
        except (ValueError, OSError) as error:
            problems += [Problem(key, str(error))] if key in wanted else []
            continue
        scenes.add(item.facts["label"])
        items += [item] if key in wanted else []
    names = list(EVALUATION_SCENES) if evaluation_scenes else sorted(scenes)
    items = [item for item in items if item.facts["label"] in names]
    features = Features(
        {
            "image": datasets.Image(),
            "depth": datasets.Image(),
            "label": ClassLabel(names=names),
            "focal": Value("float64"),
            "baseline": Value("float64"),
            "sensor": Value("string"),
            "name": Value("string"),
        }
    )
    read = partial(_read, unit=depth, depth_scale=depth_scale, check=check)
    return read_items("SUN RGB-D", items, read, features, problems, report, num_proc)


def _key(path: str | Path) -> str | None:
    """Return the part of a path from the sensor's folder on, by which items are known; None if there is none."""
    parts = [part for part in str(path).replace("\\", "/").split("/") if part]
    sensors = [place for place, part in enumerate(parts) if part in SENSOR_BASELINES]
    return "/".join(parts[sensors[-1] :]) if sensors else None


def _read_split(root: Path, split: str, split_file: str | None) -> list[str]:
    """Read which items are in a split; their paths are those of the machine that the list was made on."""
    with needs_extra("train"):
        from scipy.io import loadmat

    if split not in _SPLITS:
        raise ValueError(f"Unknown split {split!r}: choose from {[*_SPLITS, 'all']}.")
    if split_file is not None:
        path = root / split_file
    else:
        path = next(walk(root, [_SPLIT_FILE]), root / _SPLIT_FILE)
    if not path.is_file():
        raise ValueError(
            f"The split {split!r} takes the list {_SPLIT_FILE!r} of SUNRGBDtoolbox; there is no {str(path)!r}. Say "
            "where it is (split_file), or take all (split='all')."
        )
    try:
        paths = loadmat(path, simplify_cells=True)[_SPLITS[split]]
        return [key for path in np.atleast_1d(paths) if (key := _key(str(path)))]
    # scipy raises errors of many kinds for what is no such file.
    except Exception as error:
        raise ValueError(f"Cannot read the list {str(path)!r}: {error!r}") from error


def _item(key: str, folder: Path, depth_folder: str) -> Item:
    """Find what belongs to an item."""
    pictures = {}
    for column, name, suffixes in (("image", "image", (".jpg", ".jpeg", ".png")), ("depth", depth_folder, (".png",))):
        files = list(walk(folder / name, suffixes))
        if len(files) != 1:
            raise ValueError(f"expected one picture in {name!r}, there are {len(files)}")
        pictures[column] = files[0]
    scene = (folder / "scene.txt").read_text(encoding="utf-8").strip().replace("_", " ")
    if not scene:
        raise ValueError("scene.txt is empty")
    words = (folder / "intrinsics.txt").read_text(encoding="utf-8").split()
    try:
        focal = float(words[0])
    except (IndexError, ValueError) as error:
        raise ValueError("intrinsics.txt does not begin with a number") from error
    if not 0 < focal < np.inf:
        raise ValueError(f"intrinsics.txt begins with {focal}, expected a positive number")
    return Item(key, {**pictures, "label": scene, "focal": focal, "name": key})


def _read(
    image: str, depth: str, label: str, focal: float, name: str, unit: str, depth_scale: float, check: bool
) -> Iterator[dict]:
    sensor = name.split("/")[0]
    baseline = SENSOR_BASELINES[sensor]
    if check:
        load_image(image)
    if unit == "raw":
        if check:
            read_millimetres(depth)
        plane = {"path": depth}
    else:
        millimetres = read_millimetres(depth)
        if unit == "mm":
            plane = {"bytes": _encode(millimetres, "PNG")}
        else:
            metres = millimetres.astype(np.float64) / 1000
            values = metres if unit == "m" else to_disparity(metres, focal, baseline, depth_scale)
            plane = {"bytes": _encode(values.astype(np.float32), "TIFF", compression="tiff_adobe_deflate")}
    yield {
        "image": {"path": image},
        "depth": plane,
        "label": label,
        "focal": focal,
        "baseline": baseline,
        "sensor": sensor,
        "name": name,
    }


def read_millimetres(path: str | Path) -> np.ndarray:
    """Read a depth map of SUN RGB-D and undo its rotation by three bits.

    Args:
        path: The PNG file of 16 bits.

    Returns:
        uint16 array of shape `(H, W)`; 0 is no reading.

    Raises:
        ValueError: If it is no such picture.
    """
    picture = load_image(path)
    if not picture.mode.startswith("I"):
        raise ValueError(f"Cannot read the depth {str(path)!r}: expected 16 bits, its mode is {picture.mode!r}.")
    values = np.asarray(picture).astype(np.uint16)
    return (values >> 3) | (values << 13)


def to_disparity(metres: np.ndarray, focal: float, baseline: float, depth_scale: float = 8.0) -> np.ndarray:
    """Turn depth into disparity, as [`ImageBindDepthImageProcessor`] takes it.

    Args:
        metres: Depth; 0 is no reading.
        focal: Focal length in pixels.
        baseline: Baseline in metres.
        depth_scale: See [`load_sunrgbd`].

    Returns:
        `baseline * focal / (depth_scale * metres)`, 0 where there is no reading.
    """
    with np.errstate(divide="ignore"):
        return np.where(metres > 0, baseline * focal / (depth_scale * metres), 0)


def _encode(values: np.ndarray, kind: str, **options: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, format=kind, **options)
    return file.getvalue()
