# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Reader of SUN RGB-D: indoor scenes recorded with four kinds of depth cameras."""

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import datasets
import numpy as np
from datasets import ClassLabel, Features, Value
from PIL import Image

from ..models.imagebind.image_processing_imagebind_planes import SENSOR_BASELINES
from ..models.imagebind.media import load_image
from ..utils.extras import needs_extra
from ..utils.names import nearest_name
from .folders import Item, Problem, open_folder, read_items, show, walk

# The scenes of the official benchmark: those with more than 80 images.
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

    The cameras have different focal lengths and baselines, but a run has one depth processor. By default, the reader
    therefore computes the disparity with the camera of each map; the processor accepts it with
    `depth_unit="disparity"`. The result is kept on disk (compressed TIFF, float32).

    Args:
        data_dir: Folder that contains, at any level, the folders `kv1`, `kv2`, `realsense` and `xtion` with the
            folders of the items, which have `image`, `depth_bfx`, `intrinsics.txt` and `scene.txt`.
        split: `"train"` or `"test"` of the official split, or `"all"`.
        split_file: The official split, `allsplit.mat` of the toolbox, relative to `data_dir`. By default, the reader
            searches `data_dir` for it.
        depth: Values of the column `depth`:

            - `"disparity"`: see [`to_disparity`]; float32, 0 where there is no reading;
            - `"m"`: meters, float32;
            - `"mm"`: millimeters, 16 bits, with the rotation by three bits undone;
            - `"raw"`: the file, for `bit_rotated=True` and the columns `focal` and `baseline`.
        depth_folder: `"depth_bfx"` (with filled holes) or `"depth"`.
        depth_scale: As for [`ImageBindDepthImageProcessor`], which explains it. The constants of the original
            implementation seem to be computed from depths that are eight times too large. This is derived, not
            confirmed.
        evaluation_scenes: Whether to keep only the 19 scenes of the official benchmark.
        check: Whether to read every image once. Depth maps are read in any case, unless they are raw.
        report: File for the list of items that are left out, one JSON object per line.
        num_proc: Number of processes.

    Returns:
        Data set with the columns `image`, `depth`, `label` (the scene, with spaces instead of underscores), `focal` in
        pixels, `baseline` in meters, `sensor` and `name`. The baselines are 0.075 for kv1 and kv2, and 0.095 for
        realsense and xtion, as an author of ImageBind wrote in a public thread.

    Raises:
        ValueError: If a file or folder is missing, an argument is unknown, or no item can be read.

    Example:
        >>> pairs = load_sunrgbd("data", "train", split_file="SUNRGBDtoolbox/traintestSUNRGBD/allsplit.mat")
        ... # doctest: +SKIP
    """
    if depth not in DEPTHS:
        raise ValueError(f"Unknown depth {depth!r}. {nearest_name(depth, DEPTHS)}")
    if not 0 < depth_scale < np.inf:
        raise ValueError(f"Expected `depth_scale` to be positive, but got {depth_scale}.")
    root = open_folder(data_dir)
    folders = {}
    for path in walk(root, ["intrinsics.txt", "scene.txt"]):
        # Some items have a subfolder with the uncropped images and another intrinsics.txt.
        if (key := _key(path.parent)) and path.parent.name != "fullres":
            folders[key] = path.parent
    if not folders:
        raise ValueError(f"Expected intrinsics.txt in subfolders of {', '.join(SENSOR_BASELINES)}, but {show(root)}.")
    wanted = dict.fromkeys(folders if split == "all" else _read_split(root, split, split_file))
    problems = [Problem(key, "the item is missing") for key in wanted if key not in folders]
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
    """Return the part of a path from the folder of the sensor on, which identifies an item, or `None`."""
    parts = [part for part in str(path).replace("\\", "/").split("/") if part]
    sensors = [place for place, part in enumerate(parts) if part in SENSOR_BASELINES]
    return "/".join(parts[sensors[-1] :]) if sensors else None


def _read_split(root: Path, split: str, split_file: str | None) -> list[str]:
    """Read the items of a split. The list contains paths of the machine on which it was made."""
    with needs_extra("train"):
        from scipy.io import loadmat

    if split not in _SPLITS:
        raise ValueError(f"Unknown split {split!r}. {nearest_name(split, [*_SPLITS, 'all'])}")
    if split_file is not None:
        path = root / split_file
    else:
        path = next(walk(root, [_SPLIT_FILE]), root / _SPLIT_FILE)
    if not path.is_file():
        raise ValueError(
            f"The split {split!r} needs the list {_SPLIT_FILE!r} of SUNRGBDtoolbox, but {str(path)!r} does not exist. "
            "Set `split_file`, or set split='all'."
        )
    try:
        paths = loadmat(path, simplify_cells=True)[_SPLITS[split]]
        return [key for path in np.atleast_1d(paths) if (key := _key(str(path)))]
    # scipy raises various errors for damaged files.
    except Exception as error:
        raise ValueError(f"Cannot read the list {str(path)!r}: {error!r}") from error


def _item(key: str, folder: Path, depth_folder: str) -> Item:
    """Find the files and the facts of an item."""
    pictures = {}
    for column, name, suffixes in (("image", "image", (".jpg", ".jpeg", ".png")), ("depth", depth_folder, (".png",))):
        files = list(walk(folder / name, suffixes))
        if len(files) != 1:
            raise ValueError(f"expected one image in {name!r}, but got {len(files)}")
        pictures[column] = files[0]
    scene = (folder / "scene.txt").read_text(encoding="utf-8").strip().replace("_", " ")
    if not scene:
        raise ValueError("scene.txt is empty")
    words = (folder / "intrinsics.txt").read_text(encoding="utf-8").split()
    try:
        focal = float(words[0])
    except (IndexError, ValueError) as error:
        raise ValueError("intrinsics.txt does not start with a number") from error
    if not 0 < focal < np.inf:
        raise ValueError(f"expected intrinsics.txt to start with a positive number, but got {focal}")
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
        path: The 16-bit PNG file.

    Returns:
        Array of shape `(H, W)`, uint16, in millimeters; 0 where there is no reading.

    Raises:
        ValueError: If the file is not a 16-bit image.
    """
    picture = load_image(path)
    if not picture.mode.startswith("I"):
        raise ValueError(f"Expected a 16-bit depth map in {str(path)!r}, but got an image of mode {picture.mode!r}.")
    values = np.asarray(picture).astype(np.uint16)
    return (values >> 3) | (values << 13)


def to_disparity(metres: np.ndarray, focal: float, baseline: float, depth_scale: float = 8.0) -> np.ndarray:
    """Convert depth to disparity, which [`ImageBindDepthImageProcessor`] accepts with `depth_unit="disparity"`.

    Args:
        metres: Depth in meters; 0 where there is no reading.
        focal: Focal length in pixels.
        baseline: Baseline in meters.
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
