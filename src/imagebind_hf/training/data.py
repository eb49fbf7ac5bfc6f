# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Batches of pairs: how rows are read and converted to model inputs.

A batch holds one kind of pair. `sampler.py` decides which rows form a batch.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from datasets import Dataset, Features, List, Value
from datasets.fingerprint import Hasher
from transformers import ProcessorMixin

from .. import __version__
from ..models.imagebind.modalities import MODALITIES, model_argument
from ..utils.progress import progress_bar, quiet_datasets
from .augmentation import seeded
from .pairs import ARRAYS, LABELS, Pairs


class PairDataset(torch.utils.data.Dataset):
    """Several kinds of pairs as one data set, read in whole batches.

    The key of an item is `(kind, image row, partner row, seed of the batch)`.
    """

    def __init__(self, pairs: Mapping[str, Pairs]):
        self.pairs = dict(pairs)
        self.kinds = list(self.pairs)

    def __len__(self) -> int:
        return sum(map(len, self.pairs.values()))

    def __getitems__(self, keys: Sequence[tuple[int, int, int, int]]) -> dict[str, Any]:
        """Read a batch of one kind as columns, with its `kind` (a name) and the `seed` of its augmentation."""
        rows = np.asarray(keys)
        kind, seed = self.kinds[rows[0, 0]], int(rows[0, 3])
        with seeded(seed):
            return {"kind": kind, "seed": seed, **self.pairs[kind].fetch(rows[:, 1:3])}


class PairCollator:
    """Converts the columns of a batch to model inputs.

    Columns named after a modality go through the processor. Columns named after a model input are stacked.

    Args:
        processor: The processor.
        pairs: The kinds of pairs, by name. If a batch has a `kind` and a `seed`, the `features` transforms of that
            kind are applied to its partners.
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
        inputs: dict[str, torch.Tensor] = {}
        for name, values in columns.items():
            if is_model_input(name):
                inputs[name] = stack(values)
            else:
                inputs |= self.processor.prepare(name, list(values), return_tensors="pt")
        if kind in self.transforms:
            name, transform = self.transforms[kind]
            # With the seed of the raw pairs, the same random numbers would be drawn again.
            with seeded(seed + 1):
                inputs[name] = torch.stack([transform(row) for row in inputs[name]])
        return inputs


def is_model_input(column: str) -> bool:
    """Return whether a column holds inputs of the model, instead of raw items for the processor."""
    return (
        column in ("image_embeds", LABELS)
        or column.endswith("_values")
        or column in {row.model_argument for row in MODALITIES.values()}
    )


def stack(values: Any) -> torch.Tensor:
    """Convert a batch to one tensor. Augmented values are a list of tensors, others an array or nested lists."""
    if isinstance(values, list) and isinstance(values[0], torch.Tensor):
        return torch.stack(values)
    return values if isinstance(values, torch.Tensor) else torch.as_tensor(np.asarray(values))


def model_input(processor: ProcessorMixin, modality: str, values: Iterable) -> np.ndarray:
    """Preprocess items of one modality, and return the model's input in float32."""
    inputs = processor.prepare(modality, list(values), return_tensors="np")
    return inputs[model_argument(modality)].astype(np.float32)


def array_feature(shape: Sequence[int]) -> Any:
    """Return the `datasets` feature of float32 arrays of a shape."""
    if len(shape) == 1:
        return List(Value("float32"), length=shape[0])
    return ARRAYS[len(shape)](tuple(shape), "float32")


def preprocess(dataset: Dataset, processor: ProcessorMixin, modality: str, batch_size: int = 64) -> Dataset:
    """Run the processor over a column once, instead of in every epoch. `datasets` caches the result on disk.

    Args:
        dataset: Data set with a column named after the modality. Without it, the data set is returned unchanged.
        processor: The processor.
        modality: `image`, `video`, or the name of another modality. Texts are returned unchanged, because the
            collator pads them by batch.
        batch_size: Number of rows that are processed together.

    Returns:
        The data set with the model's input, as float32 arrays, instead of the column.
    """
    if modality == "text" or modality not in dataset.column_names:
        return dataset
    name = model_argument(modality)

    shape = model_input(processor, modality, dataset[:1][modality]).shape[1:]
    features = Features({**dataset.features, name: array_feature(shape)})
    del features[modality]
    # Explicit, because `datasets` cannot compute a stable fingerprint of a function that refers to a progress bar.
    fingerprint = Hasher.hash([dataset._fingerprint, __version__, repr(processor), modality])
    with quiet_datasets(), progress_bar(None, f"Preprocessing {modality}", len(dataset)) as bar:

        def process(rows: dict[str, list]) -> dict[str, np.ndarray]:
            values = model_input(processor, modality, rows[modality])
            bar.update(len(values))
            return {name: values}

        return dataset.map(
            process,
            batched=True,
            batch_size=batch_size,
            remove_columns=[modality],
            features=features,
            new_fingerprint=fingerprint,
        )
