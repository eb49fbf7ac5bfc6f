# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Embedding of a column of a data set, in memory or with a cache on disk."""

from collections.abc import Callable, Sequence
from typing import Any

import datasets
import numpy as np
import torch
from datasets import Dataset, Features, List, Value
from torch import nn
from transformers import BatchFeature

from ..models.imagebind.modalities import model_argument
from ..models.imagebind.modeling_imagebind import ImageBindModel
from ..models.imagebind.processing_imagebind import ImageBindProcessor
from ..utils.names import nearest_name
from ..utils.progress import progress_bar
from ..utils.transforms import Transforms, build_transforms
from .embed_cache import cached_map, tower_digest


def embed_dataset(
    model: ImageBindModel,
    processor: ImageBindProcessor,
    dataset: Dataset,
    modality: str,
    batch_size: int = 64,
    progress: bool = True,
    views: Sequence[Transforms] = (),
) -> torch.Tensor:
    """Embed a column of a data set.

    Args:
        model: The model, in evaluation mode.
        processor: The processor of the model.
        dataset: Data set with a column named after the modality, which the processor preprocesses, or after the
            model's argument for it (`pixel_values`, …, `<name>_values` for an extra modality), which holds
            preprocessed values.
        modality: `image`, `video`, `text`, `audio`, `depth`, `thermal`, `imu`, or an extra modality of the model.
        batch_size: Number of items per forward pass.
        progress: Whether to show a progress bar.
        views: Test-time augmentation: the embedding of an item is the mean over these views. Each view is a list of
            deterministic transforms of the preprocessed item that keep its shape, given as `{name: arguments}` with a
            transform of torchvision or torchaudio, for example `[{"RandomHorizontalFlip": {"p": 1}}]`. An empty list
            is the unchanged item.

    Returns:
        `torch.Tensor` of shape `(num_rows, projection_dim)` on the CPU, in float32.

    Raises:
        ValueError: If the model has no tower for the modality, the column is missing, the data set is empty, an item
            cannot be read, or a view is not valid.
    """
    dataset, column = _select_column(model, dataset, modality)
    embed = _embedding_function(model, processor, modality, column, views)
    with progress_bar(None, f"Embedding {modality}", len(dataset), disable=not progress) as bar:
        embeds = []
        for start in range(0, len(dataset), batch_size):
            embeds.append(embed(dataset[start : start + batch_size][column]))
            bar.update(len(embeds[-1]))
    return torch.cat(embeds)


def embed_dataset_cached(
    model: ImageBindModel,
    processor: ImageBindProcessor,
    dataset: Dataset,
    modality: str,
    batch_size: int = 64,
    views: Sequence[Transforms] = (),
    progress: bool = True,
) -> tuple[torch.Tensor, dict[int, str]]:
    """Embed a column of a data set and keep the embeddings on disk; see [`cached_map`].

    Items that cannot be read do not raise an error. A later call tries them again.

    Args:
        model, processor, dataset, modality, batch_size, views, progress: As for [`embed_dataset`].

    Returns:
        The embeddings, `torch.Tensor` of shape `(num_rows, projection_dim)` on the CPU, in float32, NaN for items that
        cannot be read; and the reasons for these, by row number.

    Raises:
        ValueError: As for [`embed_dataset`], but if an item cannot be read, only if no item can be read.
        OSError: If the disk is full.
    """
    dataset, column = _select_column(model, dataset, modality)
    size = model.config.projection_dim
    embed = _embedding_function(model, processor, modality, column, views)

    def process(columns: dict[str, Any], rows: list[int]) -> dict[str, Any]:
        values = columns[column]
        try:
            return {"embeds": embed(values).numpy(), "error": [""] * len(values)}
        except ValueError:
            # One by one, to find out which items cannot be read.
            pairs = [_try_one(embed, value, size) for value in values]
            return {"embeds": np.stack([vector for vector, _ in pairs]), "error": [error for _, error in pairs]}

    rows = cached_map(
        dataset,
        process,
        Features({"embeds": List(Value("float32"), length=size), "error": Value("string")}),
        [tower_digest(model, modality), repr(processor), modality, column, list(views)],
        media=column if column == modality and modality != "text" else None,
        batch_size=batch_size,
        description=f"Embedding {modality}",
        progress=progress,
    )
    embeds = np.array(rows.with_format("numpy")["embeds"][:])
    unreadable = {}
    for row in [row for row, error in enumerate(rows["error"][:]) if error]:
        # The error may come from the cache; meanwhile, the file may have been replaced or a decoder installed.
        embeds[row], error = _try_one(embed, dataset[row : row + 1][column][0], size)
        if error:
            unreadable[row] = error
    if len(unreadable) == len(dataset):
        raise ValueError(
            f"Cannot read any of the {len(dataset)} items of {modality}. The first error: {unreadable[0]}"
        )
    return torch.from_numpy(embeds), unreadable


def embed_texts(
    model: ImageBindModel,
    processor: ImageBindProcessor,
    texts: Sequence[str],
    batch_size: int = 64,
    cached: bool = False,
) -> torch.Tensor:
    """Embed texts.

    Args:
        model: The model, in evaluation mode.
        processor: The processor of the model.
        texts: The texts.
        batch_size: Number of texts per forward pass.
        cached: Whether to keep the embeddings on disk, as [`embed_dataset_cached`] does.

    Returns:
        `torch.Tensor` of shape `(num_texts, projection_dim)` on the CPU, in float32.
    """
    # Batches of texts of similar length need little padding.
    order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
    dataset = Dataset.from_dict({"text": [texts[number] for number in order]})
    if cached:
        embeds, _ = embed_dataset_cached(model, processor, dataset, "text", batch_size)
    else:
        embeds = embed_dataset(model, processor, dataset, "text", batch_size)
    return embeds[torch.tensor(order).argsort()]


def _select_column(model: ImageBindModel, dataset: Dataset, modality: str) -> tuple[Dataset, str]:
    """Select the column to embed: media without decoding, preprocessed values as tensors."""
    if modality not in model.inputs:
        raise ValueError(f"The model has no tower for {modality!r}. {nearest_name(modality, model.inputs)}")
    column = modality if modality in dataset.column_names else model_argument(modality)
    if column not in dataset.column_names:
        raise ValueError(f"Expected a column {modality!r} or {column!r}, but the columns are {dataset.column_names}.")
    if not len(dataset):
        raise ValueError("The data set is empty.")
    dataset = dataset.select_columns([column])
    feature = dataset.features[column]
    if isinstance(feature, (datasets.Audio, datasets.Image, datasets.Video)):
        # The processor decodes them.
        dataset = dataset.cast_column(column, type(feature)(decode=False))
    return (dataset if column == modality else dataset.with_format("torch")), column


def _embedding_function(
    model: ImageBindModel, processor: ImageBindProcessor, modality: str, column: str, views: Sequence[Transforms]
) -> Callable[[Any], torch.Tensor]:
    """Return a function that embeds a batch of values of the column."""
    chains = [build_transforms(view) or nn.Identity() for view in views]
    row = model.inputs[modality]

    @torch.inference_mode()
    def embed(values: Any) -> torch.Tensor:
        if column == modality:
            inputs = processor.prepare(modality, list(values), return_tensors="pt")
        else:
            inputs = BatchFeature({column: values})
        if chains:
            # The model averages over an axis of clips after the batch axis. Items may have this axis already.
            clips = inputs[row.model_argument]
            clips = clips.unsqueeze(1) if clips.ndim == row.ndim else clips
            transformed = [chain(clips) for chain in chains]
            shapes = [tuple(getattr(view, "shape", ())) for view in transformed]
            if set(shapes) != {tuple(clips.shape)}:
                raise ValueError(
                    f"Expected views of {modality} to keep the shape {tuple(clips.shape)}, but got {shapes}."
                )
            inputs[row.model_argument] = torch.cat(transformed, dim=1)
        output = model(**inputs.to(model.device, model.dtype))
        return output[f"{modality}_embeds"].float().cpu()

    return embed


def _try_one(embed: Callable[[Any], torch.Tensor], value: Any, size: int) -> tuple[np.ndarray, str]:
    """Embed one value. Return its embedding and no error, or NaN and the error."""
    try:
        return embed([value])[0].numpy(), ""
    except ValueError as error:
        return np.full(size, np.nan, np.float32), str(error)
