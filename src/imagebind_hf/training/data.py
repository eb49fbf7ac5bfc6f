# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Pairs of an image and something else: how they are drawn, batched and turned into model inputs.

A batch holds one kind of pair; `sampler.py` decides which rows pair up.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from datasets import Array2D, Array3D, Array4D, Array5D, Dataset, Features, IterableDataset
from transformers import ProcessorMixin
from transformers.utils import logging

from ..models.imagebind.modalities import MODALITIES, model_argument, processor_argument
from .augmentation import Augmentation, seeded

logger = logging.get_logger(__name__)

# What stands on the side of the images.
ANCHOR_COLUMNS = ["text", "image", "video", "pixel_values", "pixel_values_videos", "image_embeds"]
# Says which pairs of a batch go together; no input of the model.
LABELS = "pair_labels"
ARRAYS = {2: Array2D, 3: Array3D, 4: Array4D, 5: Array5D}


@dataclass
class Pairs:
    """Pairs of one kind: images (or videos) and another modality.

    Either row i of `images` belongs to row i of `partners` (which may be the same data set), or, with `by_label`, any
    image to any partner of the same label: then an epoch goes once through the larger side of every label, and draws
    from the other anew every time.

    Args:
        modality: The partner's modality.
        images: Data set with a column `image`, `video`, `pixel_values`, `pixel_values_videos` or `image_embeds`; for
            what has no images, `text` (the paper's text-paired baseline). A stream (`IterableDataset`) holds the
            partners too.
        partners: Data set with a column named as the modality, or as its model input. `images` itself by default.
        by_label: Pair by the column `label`: by the names of the classes where both sides have them. Rows that lack a
            class label (-1) are left out.
        label_targets: Of pairs by label, an image's targets in a batch are all partners of its label, not only the one
            that it was drawn with; else the others of its label are negatives.
        augment: What is done with every pair that is drawn.
        replication: An epoch draws every pair so many times; of a fraction, a part of them once more. The paper
            replicates small data sets up to 50 times (appendix).
        views: `images` holds so many views of each image: first those of all images, then the next of all. So does
            `partners` where it is `images` itself.

    Raises:
        ValueError: If a column is missing, the sides differ in length, no label is on both, or `label_targets` are
            asked for where pairs are not by label.
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
        self.image_column = _column(self.images, [name for name in ANCHOR_COLUMNS if name != self.modality])
        self.column = _column(self.partners, [self.modality, model_argument(self.modality)])
        self._sources = _source(self.images, self.image_column), _source(self.partners, self.column)
        self._pools = []
        if self.replication < 1:
            raise ValueError(f"Pairs of {self.modality}: replication is {self.replication}, expected at least 1.")
        if self.label_targets and not self.by_label:
            raise ValueError(f"Pairs of {self.modality}: label_targets need pairs by_label.")
        if self.is_stream:
            if self.partners is not self.images or self.by_label:
                raise ValueError(f"Pairs of {self.modality}: a stream holds images and partners in the same rows.")
        elif self.by_label:
            self._pools = self._match_labels()
            # Of each image, before views; -1 for labels that are on one side only.
            self._labels = np.full(len(self.images) // self.views, -1)
            for number, (members, _) in enumerate(self._pools):
                self._labels[members] = number
        elif self.partners is not self.images and len(self.images) != len(self.partners) * self.views:
            raise ValueError(
                f"Pairs of {self.modality}: {len(self.images) // self.views} images, {len(self.partners)} partners. "
                "Rows must belong together, or pair them by label."
            )

    @property
    def is_stream(self) -> bool:
        """Whether rows come one after the other, and nobody knows how many."""
        return isinstance(self.images, IterableDataset) or isinstance(self.partners, IterableDataset)

    def _match_labels(self) -> list[tuple[np.ndarray, ...]]:
        """Return the rows of every label that is on both sides."""
        sides = [np.asarray(side.with_format(None)["label"]) for side in (self.images, self.partners)]
        names = [getattr(side.features["label"], "names", None) for side in (self.images, self.partners)]
        sides[0] = sides[0][: len(sides[0]) // self.views]
        if self.partners is self.images:
            sides[1] = sides[0]
        # Of class labels, datasets' convention for a row without one is -1.
        rows = [
            np.arange(len(side)) if of is None else np.flatnonzero(side >= 0)
            for side, of in zip(sides, names, strict=True)
        ]
        labels = [side[numbers] for side, numbers in zip(sides, rows, strict=True)]
        if all(names):
            # Numbers of two data sets need not mean the same.
            labels = [np.asarray(of)[numbers] for of, numbers in zip(names, labels, strict=True)]
        both = np.intersect1d(*labels)
        alone = sorted(set(np.concatenate(labels).tolist()) - set(both.tolist()))
        unlabelled = sum(map(len, sides)) - sum(map(len, rows))
        if not len(both):
            raise ValueError(f"Pairs of {self.modality}: no label is on both sides, only {alone}.")
        if alone or unlabelled:
            logger.warning(
                f"Pairs of {self.modality}: left out are labels that are on one side only ({alone}) and "
                f"{unlabelled} rows without a label."
            )
        return [tuple(numbers[of == label] for numbers, of in zip(rows, labels, strict=True)) for label in both]

    @property
    def num_pairs(self) -> int:
        """The number of different pairs, before replication."""
        if self.by_label:
            return sum(max(map(len, pools)) for pools in self._pools)
        return len(self.images) // self.views

    def __len__(self) -> int:
        """Return the number of pairs in an epoch."""
        if self.is_stream:
            raise TypeError(f"Pairs of {self.modality}: a stream has no length.")
        return round(self.num_pairs * self.replication)

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        """Return an epoch's pairs in random order: row numbers of images and partners, of shape `(len(self), 2)`."""
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
            by_label.append(np.stack([_stretch(pool, size, generator) for pool in pools], axis=1))
        return generator.permutation(np.concatenate(by_label))

    def fetch(self, rows: np.ndarray) -> dict[str, Any]:
        """Read rows (of shape `(B, 2)`) as columns: `{image column: values, modality column: values}`."""
        images = self._sources[0][rows[:, 0].tolist()][self.image_column]
        partners = self._sources[1][rows[:, 1].tolist()][self.column]
        columns = self.augmented(images, partners)
        if self.label_targets:
            columns[LABELS] = self._labels[rows[:, 0] % len(self._labels)]
        return columns

    def augmented(self, images: Any, partners: Any) -> dict[str, Any]:
        """Transform a batch of pairs, and return it as columns."""
        if self.augment is not None:
            pairs = zip(images, partners, strict=True)
            images, partners = map(list, zip(*(self.augment(*pair) for pair in pairs), strict=True))
        return {self.image_column: images, self.column: partners}


def _source(dataset: Dataset | IterableDataset, column: str) -> Dataset | IterableDataset:
    """Choose the one column: others would be read and decoded too, and arrays come as lists of lists."""
    dataset = dataset.select_columns([column])
    if column == "image_embeds" or isinstance(dataset.features[column], tuple(ARRAYS.values())):
        dataset = dataset.with_format("numpy")
    return dataset


def _column(dataset: Dataset | IterableDataset, names: list[str]) -> str:
    found = [name for name in names if name in dataset.column_names]
    if not found:
        raise ValueError(f"Expected one of the columns {names}, the data set has {dataset.column_names}.")
    return found[-1]


def _stretch(pool: np.ndarray, size: int, generator: np.random.Generator) -> np.ndarray:
    """Repeat random permutations of the pool up to a size: every row as often as any other, plus or minus one."""
    rounds = [generator.permutation(pool) for _ in range(-(-size // len(pool)))]
    return np.concatenate(rounds)[:size]


class PairDataset(torch.utils.data.Dataset):
    """Several kinds of pairs as one data set; an item's key is (kind, image row, partner row, the batch's seed)."""

    def __init__(self, pairs: Mapping[str, Pairs]):
        self.pairs = dict(pairs)
        self.kinds = list(self.pairs)

    def __len__(self) -> int:
        return sum(map(len, self.pairs.values()))

    def __getitems__(self, keys: Sequence[tuple[int, int, int, int]]) -> dict[str, Any]:
        """Read a batch of one kind, as columns, with the name of the `kind` and the `seed` of its augmentation."""
        rows = np.asarray(keys)
        kind, seed = self.kinds[rows[0, 0]], int(rows[0, 3])
        with seeded(seed):
            return {"kind": kind, "seed": seed, **self.pairs[kind].fetch(rows[:, 1:3])}


class PairCollator:
    """Turns the columns of a batch into model inputs: raw ones through the processor, ready ones as they are.

    Args:
        processor: The processor.
        pairs: The kinds of pairs whose partners' features are augmented; a batch names its `kind` and `seed`.
    """

    def __init__(self, processor: ProcessorMixin, pairs: Mapping[str, Pairs] | None = None):
        self.processor = processor
        self.transforms = {
            name: (model_argument(kind.modality), kind.augment.features)
            for name, kind in (pairs or {}).items()
            if kind.augment is not None and kind.augment.features is not None
        }

    def __call__(self, columns: dict[str, Any]) -> dict[str, torch.Tensor]:
        columns = dict(columns)
        kind, seed = columns.pop("kind", None), columns.pop("seed", None)
        inputs = {name: stack(values) for name, values in columns.items() if is_ready(name)}
        raw = {processor_argument(n): list(values) for n, values in columns.items() if not is_ready(n)}
        if raw:
            inputs |= self.processor(**raw, return_tensors="pt")
        if kind in self.transforms:
            name, transform = self.transforms[kind]
            # Another seed than that of the raw pairs, or the same numbers would be drawn again.
            with seeded(seed + 1):
                inputs[name] = torch.stack([transform(row) for row in inputs[name]])
        return inputs


def is_ready(column: str) -> bool:
    """Tell whether a column holds what the model reads, not what a processor does."""
    return (
        column in ("image_embeds", LABELS)
        or column.endswith("_values")
        or column in {row.model_argument for row in MODALITIES.values()}
    )


def stack(values: Any) -> torch.Tensor:
    """Make one tensor of many, or of an array; what was augmented comes as a list of tensors."""
    if isinstance(values, list) and isinstance(values[0], torch.Tensor):
        return torch.stack(values)
    return values if isinstance(values, torch.Tensor) else torch.as_tensor(np.asarray(values))


def model_input(processor: ProcessorMixin, modality: str, values: list) -> np.ndarray:
    """Run the processor over items of one modality; returns what the model reads, float32."""
    inputs = processor(**{processor_argument(modality): values}, return_tensors="np")
    return inputs[model_argument(modality)].astype(np.float32)


def preprocess(dataset: Dataset, processor: ProcessorMixin, modality: str, batch_size: int = 64) -> Dataset:
    """Run the processor over a column once, instead of every epoch; `datasets` caches the result on disk.

    Args:
        dataset: Data set with a column named as the modality.
        processor: The processor.
        modality: `image`, `video`, or a modality's name; texts are left to the collator, which pads by batch, and
            extra modalities, for which there is no processor, are ready as they come.
        batch_size: Rows processed together.

    Returns:
        The data set with the column replaced by the model's input, as float32 arrays.
    """
    if modality == "text" or modality not in MODALITIES:
        return dataset
    name = model_argument(modality)

    def process(rows: dict[str, list]) -> dict[str, np.ndarray]:
        return {name: model_input(processor, modality, rows[modality])}

    shape = process(dataset[:1])[name].shape[1:]
    features = Features({**dataset.features, name: ARRAYS[len(shape)](shape, "float32")})
    del features[modality]
    return dataset.map(
        process,
        batched=True,
        batch_size=batch_size,
        remove_columns=[modality],
        features=features,
        desc=f"Preprocessing {modality}",
    )
