# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Pairs of an anchor (an image, a video or a text) and an item of another modality."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from datasets import Array2D, Array3D, Array4D, Array5D, Dataset, IterableDataset
from transformers.utils import logging

from ..models.imagebind.modalities import MODALITIES, model_argument
from .augmentation import Augmentation

logger = logging.get_logger(__name__)

# Columns that can be the anchor, and their modality. If a data set has several, the last one is used.
ANCHORS = {
    "text": "text",
    **{column: name for name in ("image", "video") for column in (name, MODALITIES[name].model_argument)},
    "image_embeds": "image",
}
# Column of integers: pairs of a batch with the same label match each other. It is not an input of the model.
LABELS = "pair_labels"
ARRAYS = {2: Array2D, 3: Array3D, 4: Array4D, 5: Array5D}


@dataclass
class Pairs:
    """Pairs of one kind: images (or videos) and another modality.

    By default, row i of `images` belongs to row i of `partners`, which may be the same data set. With `by_label`, an
    image pairs with any partner of the same label. An epoch then uses every row of the larger side of a label once,
    and draws rows of the smaller side at random.

    Args:
        modality: Modality of the partners.
        images: Data set with a column `image`, `video`, `pixel_values`, `pixel_values_videos` or `image_embeds`. If
            there are no images, `text` (the text-paired baseline of the paper). A stream (`IterableDataset`) must hold
            the partners too.
        partners: Data set with a column named after the modality, or after its model input. Defaults to `images`.
        by_label: Pair by the column `label`. If both sides are a `ClassLabel`, classes are matched by name. Rows with
            the class label -1 are skipped.
        label_targets: Requires `by_label`. All partners with the label of an image in the batch are targets of the
            image. By default, only the drawn partner is, and others of the same label are negatives.
        augment: Augmentation of every drawn pair.
        replication: Number of times that an epoch draws every pair. A fractional part repeats that part of the pairs
            once more. The paper replicates small data sets up to 50 times (appendix).
        views: Number of views of each image in `images`: the first view of all images, then the second view of all
            images, and so on. If `partners` is `images`, it holds as many views of the partners.

    Raises:
        ValueError: If a column is missing, if the sides differ in length, if they have no common label, or if
            `label_targets` is set without `by_label`.
    """

    modality: str
    images: Dataset | IterableDataset
    partners: Dataset | None = None
    by_label: bool = False
    label_targets: bool = False
    augment: Augmentation | None = None
    replication: float = 1.0
    views: int = 1
    _sources: tuple[Dataset, Dataset] = field(init=False, repr=False)
    _pools: list[tuple[np.ndarray, ...]] = field(init=False, repr=False)
    _labels: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.partners = self.images if self.partners is None else self.partners
        self.image_column = _find_column(self.images, [name for name in ANCHORS if name != self.modality])
        self.column = _find_column(self.partners, [self.modality, model_argument(self.modality)])
        self._sources = _select_column(self.images, self.image_column), _select_column(self.partners, self.column)
        self._pools = []
        where = f"Pairs of {self.modality}"
        if self.replication < 1:
            raise ValueError(f"{where}: Expected `replication` to be at least 1, but got {self.replication}.")
        if self.label_targets and not self.by_label:
            raise ValueError(f"{where}: `label_targets` requires `by_label`.")
        if self.is_stream:
            if self.partners is not self.images or self.by_label:
                raise ValueError(f"{where}: A stream must hold images and partners in the same rows.")
        elif self.by_label:
            self._pools = self._match_labels()
            # One label for each image of the first view. -1 if the label exists on one side only.
            self._labels = np.full(len(self.images) // self.views, -1)
            for number, (members, _) in enumerate(self._pools):
                self._labels[members] = number
        elif self.partners is not self.images and len(self.images) != len(self.partners) * self.views:
            raise ValueError(
                f"{where}: Got {len(self.images) // self.views} images and {len(self.partners)} partners. Both sides "
                "must have the same rows, unless they are paired by label."
            )

    @property
    def anchor(self) -> str:
        """Modality of the anchors: `image`, `video` or `text`."""
        return ANCHORS[self.image_column]

    @property
    def is_stream(self) -> bool:
        """Whether the rows are a stream of unknown length."""
        return isinstance(self.images, IterableDataset) or isinstance(self.partners, IterableDataset)

    def _match_labels(self) -> list[tuple[np.ndarray, ...]]:
        """Return the row numbers of images and partners for every label that exists on both sides."""
        sides = [np.asarray(side.with_format(None)["label"]) for side in (self.images, self.partners)]
        names = [getattr(side.features["label"], "names", None) for side in (self.images, self.partners)]
        sides[0] = sides[0][: len(sides[0]) // self.views]
        if self.partners is self.images:
            sides[1] = sides[0]
        # `datasets` marks rows without a class label with -1. In a plain integer column, -1 is a label.
        rows = [
            np.arange(len(side)) if classes is None else np.flatnonzero(side >= 0)
            for side, classes in zip(sides, names, strict=True)
        ]
        labels = [side[numbers] for side, numbers in zip(sides, rows, strict=True)]
        if all(names):
            # Two data sets may number the same classes differently.
            labels = [np.asarray(classes)[numbers] for classes, numbers in zip(names, labels, strict=True)]
        common = np.intersect1d(*labels)
        skipped = sorted(set(np.concatenate(labels).tolist()) - set(common.tolist()))
        unlabeled = sum(map(len, sides)) - sum(map(len, rows))
        if not len(common):
            raise ValueError(f"Pairs of {self.modality}: Images and partners have no common label. Got {skipped}.")
        if skipped or unlabeled:
            logger.warning(
                f"Pairs of {self.modality}: Skipped {unlabeled} rows without a label, and the labels {skipped}, which "
                "exist on one side only."
            )
        return [tuple(numbers[of == label] for numbers, of in zip(rows, labels, strict=True)) for label in common]

    @property
    def num_pairs(self) -> int:
        """Number of different pairs, before replication."""
        if self.by_label:
            return sum(max(map(len, pools)) for pools in self._pools)
        return len(self.images) // self.views

    def __len__(self) -> int:
        """Return the number of pairs in an epoch."""
        if self.is_stream:
            raise TypeError(f"Pairs of {self.modality}: A stream has no length.")
        return round(self.num_pairs * self.replication)

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        """Return the pairs of an epoch in random order, as row numbers of images and partners `(len(self), 2)`."""
        rounds = [self._draw_once(generator) for _ in range(math.ceil(self.replication))]
        rows = np.concatenate(rounds)[: len(self)]
        if self.views > 1:
            shift = len(self.images) // self.views * generator.integers(self.views, size=len(rows))
            rows[:, 0] += shift
            if self.partners is self.images:
                rows[:, 1] += shift
        return rows

    def _draw_once(self, generator: np.random.Generator) -> np.ndarray:
        if not self.by_label:
            return np.repeat(generator.permutation(self.num_pairs)[:, None], 2, axis=1)
        by_label = []
        for pools in self._pools:
            size = max(map(len, pools))
            by_label.append(np.stack([_repeat_permutations(pool, size, generator) for pool in pools], axis=1))
        return generator.permutation(np.concatenate(by_label))

    def fetch(self, rows: np.ndarray) -> dict[str, Any]:
        """Read and augment the rows `(B, 2)` as columns: `{image column: values, modality column: values}`."""
        images = self._sources[0][rows[:, 0].tolist()][self.image_column]
        partners = self._sources[1][rows[:, 1].tolist()][self.column]
        columns = self.augmented(images, partners)
        if self.label_targets:
            columns[LABELS] = self._labels[rows[:, 0] % len(self._labels)]
        return columns

    def augmented(self, images: Any, partners: Any) -> dict[str, Any]:
        """Augment a batch of pairs, and return it as columns."""
        if self.augment is not None:
            pairs = zip(images, partners, strict=True)
            images, partners = map(list, zip(*(self.augment(*pair) for pair in pairs), strict=True))
        return {self.image_column: images, self.column: partners}


def _select_column(dataset: Dataset | IterableDataset, column: str) -> Dataset | IterableDataset:
    """Select one column, so that no other is decoded, and read array columns as arrays instead of nested lists."""
    dataset = dataset.select_columns([column])
    if column == "image_embeds" or isinstance(dataset.features[column], tuple(ARRAYS.values())):
        dataset = dataset.with_format("numpy")
    return dataset


def _find_column(dataset: Dataset | IterableDataset, names: list[str]) -> str:
    found = [name for name in names if name in dataset.column_names]
    if not found:
        raise ValueError(f"Expected one of the columns {names}, but the data set has {dataset.column_names}.")
    return found[-1]


def _repeat_permutations(pool: np.ndarray, size: int, generator: np.random.Generator) -> np.ndarray:
    """Repeat random permutations of the pool up to a size. The numbers of uses of two rows differ by at most one."""
    rounds = [generator.permutation(pool) for _ in range(-(-size // len(pool)))]
    return np.concatenate(rounds)[:size]
