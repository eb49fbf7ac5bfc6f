# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Reader of LLVIP: visible and infrared images of the same streets at night, with boxes of pedestrians."""

import io
import xml.etree.ElementTree as ElementTree
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import datasets
import numpy as np
from datasets import ClassLabel, Features, Value
from PIL import Image

from ..models.imagebind.media import load_image
from ..utils.names import nearest_name
from .folders import Item, Problem, open_folder, read_items, show, walk

CLASS_NAMES = ("person", "background")
_SIDES = ("visible", "infrared")
_EDGES = ("xmin", "ymin", "xmax", "ymax")
_SUFFIXES = (".jpg", ".jpeg", ".png")
_SPLITS = ("train", "test")

# Left, top, right, bottom, in pixels.
Box = tuple[int, int, int, int]


def load_llvip(
    data_dir: str | Path,
    split: str = "train",
    *,
    crops: bool = False,
    seed: int = 0,
    check: bool = True,
    report: str | Path | None = None,
    num_proc: int | None = None,
) -> datasets.Dataset:
    """Read LLVIP as pairs of visible and thermal images, or as crops for classification.

    Args:
        data_dir: The extracted folder, with `visible/train`, `infrared/train`, the same for `test` and, for crops,
            `Annotations` (Pascal VOC). Two images with the same name are a pair.
        split: `"train"` or `"test"`.
        crops: Whether to return crops: the box of every pedestrian, and for each a random box of the same size that
            overlaps no pedestrian. These are the two classes of the paper, whose random boxes are not published.
            Here, all positions are equally likely; they depend on `seed` and the name of the image.
        seed: Seed of the random boxes.
        check: Whether to read every image once. Crops are read in any case.
        report: File for the list of items that are left out, one JSON object per line.
        num_proc: Number of processes.

    Returns:
        Data set with the columns `image`, `thermal` and `name`; for crops also `label` (person, background).

    Raises:
        ValueError: If a subfolder is missing, the split is unknown, or no item can be read.

    Example:
        >>> pairs = load_llvip("LLVIP", "train")  # doctest: +SKIP
        >>> test = load_llvip("LLVIP", "test", crops=True)  # doctest: +SKIP
    """
    if split not in _SPLITS:
        raise ValueError(f"Unknown split {split!r}. {nearest_name(split, _SPLITS)}")
    root = open_folder(data_dir)
    needed = [f"visible/{split}", f"infrared/{split}", *(["Annotations"] if crops else [])]
    missing = [folder for folder in needed if not (root / folder).is_dir()]
    if missing:
        raise ValueError(f"Expected {', '.join(missing)} in the folder of LLVIP, but {show(root)}.")
    sides = {side: {path.name: path for path in walk(root / side / split, _SUFFIXES)} for side in _SIDES}
    problems = [
        Problem(f"{side}/{split}/{name}", f"{other}/{split}/{name} is missing")
        for side, other in (_SIDES, _SIDES[::-1])
        for name in sorted(sides[side].keys() - sides[other].keys())
    ]
    items = []
    for name in sorted(sides["visible"].keys() & sides["infrared"].keys()):
        facts = {"image": sides["visible"][name], "thermal": sides["infrared"][name]}
        if crops:
            facts["boxes"] = (root / "Annotations" / name).with_suffix(".xml")
        items.append(Item(f"{split}/{name}", facts))
    features = Features({"image": datasets.Image(), "thermal": datasets.Image(), "name": Value("string")})
    if crops:
        features["label"] = ClassLabel(names=list(CLASS_NAMES))
    read = partial(_read_crops, seed=seed) if crops else partial(_read_pair, check=check)
    return read_items("LLVIP", items, read, features, problems, report, num_proc)


def _read_pair(image: str, thermal: str, check: bool) -> Iterator[dict]:
    if check:
        load_image(image)
        load_image(thermal)
    yield {"image": {"path": image}, "thermal": {"path": thermal}, "name": Path(image).stem}


def _read_crops(image: str, thermal: str, boxes: str, seed: int) -> Iterator[dict | Problem]:
    name = Path(image).stem
    pictures = {"image": load_image(image).convert("RGB"), "thermal": load_image(thermal).convert("L")}
    sizes = {picture.size for picture in pictures.values()}
    if len(sizes) > 1:
        raise ValueError(f"Expected images of the same size, but got {' and '.join(map(str, sorted(sizes)))} pixels")
    (size,) = sizes
    people = read_boxes(boxes)
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    for person in people:
        found = clip_box(person, size)
        if found is None:
            yield Problem(f"{name}, box {person}", f"the box is outside of the image of {size[0]}x{size[1]} pixels")
            continue
        background = random_box(size, people, (found[2] - found[0], found[3] - found[1]), rng)
        if background is None:
            # Both boxes are left out, so that the classes stay balanced.
            yield Problem(f"{name}, box {person}", "there is no place for a box of its size without a pedestrian")
            continue
        for label, box in zip(CLASS_NAMES, (found, background), strict=True):
            crops = {side: {"bytes": _png(picture.crop(box))} for side, picture in pictures.items()}
            yield {**crops, "name": name, "label": label}


def read_boxes(path: str | Path, name: str = "person") -> list[Box]:
    """Read the boxes of one class from an annotation in the Pascal VOC format.

    Args:
        path: The XML file.
        name: The class.

    Returns:
        Boxes as (left, top, right, bottom), in pixels.

    Raises:
        ValueError: If the file cannot be read.
    """
    try:
        objects = [entry for entry in ElementTree.parse(path).iter("object") if entry.findtext("name") == name]
        return [tuple(round(float(entry.find("bndbox").findtext(edge))) for edge in _EDGES) for entry in objects]
    except (ElementTree.ParseError, AttributeError, TypeError, ValueError, OSError) as error:
        raise ValueError(f"Cannot read the boxes {str(path)!r}: {error}") from error


def clip_box(box: Box, size: tuple[int, int]) -> Box | None:
    """Clip a box to an image of a size (width, height). Return `None` if they do not overlap."""
    left, top, right, bottom = max(box[0], 0), max(box[1], 0), min(box[2], size[0]), min(box[3], size[1])
    return (left, top, right, bottom) if left < right and top < bottom else None


def random_box(
    size: tuple[int, int], taken: list[Box], wanted: tuple[int, int], rng: np.random.Generator
) -> Box | None:
    """Draw a random box that overlaps none of the given boxes. All such positions are equally likely.

    Args:
        size: Width and height of the image.
        taken: The given boxes.
        wanted: Width and height of the random box.
        rng: Random generator.

    Returns:
        The box, or `None` if there is no such position.
    """
    width, height = wanted
    free = np.ones((max(size[1] - height + 1, 0), max(size[0] - width + 1, 0)), dtype=bool)
    for left, top, right, bottom in taken:
        # Top left corners from which the box would overlap this one.
        free[max(top - height + 1, 0) : max(bottom, 0), max(left - width + 1, 0) : max(right, 0)] = False
    places = np.flatnonzero(free)
    if not len(places):
        return None
    top, left = map(int, np.unravel_index(rng.choice(places), free.shape))
    return left, top, left + width, top + height


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, format="PNG")
    return file.getvalue()
