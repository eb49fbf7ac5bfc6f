# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""LLVIP: street scenes at night, pictures of light and of heat from the same place, with boxes around pedestrians."""

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
    """Read LLVIP as pairs of images and thermal pictures, or as crops for classification.

    Args:
        data_dir: The unpacked folder: `visible/train`, `infrared/train`, the same for `test`, and, for crops,
            `Annotations` (Pascal VOC). Pictures of one name belong together.
        split: `"train"` or `"test"`.
        crops: Cut out every pedestrian's box, and for each a box of the same size at random where it touches no
            pedestrian: the paper's two classes. Which boxes it drew is not published; these are drawn evenly from all
            places that there are, by `seed` and the picture's name.
        seed: Seed of the random boxes.
        check: Read every picture once. Crops are read in any case.
        report: File for the list of what is left out, a line of JSON each.
        num_proc: Processes that read.

    Returns:
        Data set with the columns `image` and `thermal`; of crops `label` (person, background) too, and `name`.

    Raises:
        ValueError: If the folder is not LLVIP's, the split is unknown, or nothing can be read.

    Example:
        >>> pairs = load_llvip("LLVIP", "train")  # doctest: +SKIP
        >>> test = load_llvip("LLVIP", "test", crops=True)  # doctest: +SKIP
    """
    if split not in _SPLITS:
        raise ValueError(f"Unknown split {split!r}: choose from {list(_SPLITS)}.")
    root = open_folder(data_dir)
    needed = [f"visible/{split}", f"infrared/{split}", *(["Annotations"] if crops else [])]
    missing = [folder for folder in needed if not (root / folder).is_dir()]
    if missing:
        raise ValueError(f"Not LLVIP's folder: no {', '.join(missing)}; {show(root)}.")
    sides = {side: {path.name: path for path in walk(root / side / split, _SUFFIXES)} for side in _SIDES}
    problems = [
        Problem(f"{side}/{split}/{name}", f"there is no {other}/{split}/{name}")
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
        raise ValueError(f"The pictures are of {' and '.join(map(str, sorted(sizes)))} pixels.")
    (size,) = sizes
    people = read_boxes(boxes)
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    for person in people:
        found = clip_box(person, size)
        if found is None:
            yield Problem(f"{name}, box {person}", f"it holds no pixel of a picture of {size[0]}x{size[1]}")
            continue
        background = random_box(size, people, (found[2] - found[0], found[3] - found[1]), rng)
        if background is None:
            # Its person goes with it: the classes stay of one size.
            yield Problem(f"{name}, box {person}", "there is no room for a box of its size without a pedestrian")
            continue
        for label, box in zip(CLASS_NAMES, (found, background), strict=True):
            crops = {side: {"bytes": _png(picture.crop(box))} for side, picture in pictures.items()}
            yield {**crops, "name": name, "label": label}


def read_boxes(path: str | Path, name: str = "person") -> list[Box]:
    """Read the boxes of one class from an annotation in Pascal VOC's format.

    Args:
        path: The XML file.
        name: The class.

    Returns:
        Boxes as (left, top, right, bottom), in pixels.

    Raises:
        ValueError: If it is no such file.
    """
    try:
        objects = [entry for entry in ElementTree.parse(path).iter("object") if entry.findtext("name") == name]
        return [tuple(round(float(entry.find("bndbox").findtext(edge))) for edge in _EDGES) for entry in objects]
    except (ElementTree.ParseError, AttributeError, TypeError, ValueError, OSError) as error:
        raise ValueError(f"Cannot read the boxes {str(path)!r}: {error}") from error


def clip_box(box: Box, size: tuple[int, int]) -> Box | None:
    """Cut off what is outside of a picture of a size (width, height); None if nothing is left."""
    left, top, right, bottom = max(box[0], 0), max(box[1], 0), min(box[2], size[0]), min(box[3], size[1])
    return (left, top, right, bottom) if left < right and top < bottom else None


def random_box(
    size: tuple[int, int], taken: list[Box], wanted: tuple[int, int], rng: np.random.Generator
) -> Box | None:
    """Draw a box that overlaps none of others, any such place as likely as the next.

    Args:
        size: Width and height of the picture.
        taken: The other boxes.
        wanted: Width and height of the box.
        rng: Source of randomness.

    Returns:
        The box, or None if there is no place for it.
    """
    width, height = wanted
    free = np.ones((max(size[1] - height + 1, 0), max(size[0] - width + 1, 0)), dtype=bool)
    for left, top, right, bottom in taken:
        # Corners from which a box would reach into the other one.
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
