# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Embedding of whole data sets."""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from datasets import Dataset, Features, List, Value, concatenate_datasets
from datasets.fingerprint import Hasher
from torch import nn
from tqdm.auto import tqdm
from transformers import BatchFeature, ProcessorMixin

from ..models.imagebind.modalities import model_argument, processor_argument
from ..models.imagebind.modeling_imagebind import ImageBindModel
from ..models.imagebind.sharding import modality_of
from ..utils.transforms import Transforms, build_transforms

# Rows that are kept together: so many at most are embedded anew after an interruption.
CHUNK = 2_048


def embed_dataset(
    model: ImageBindModel,
    processor: ProcessorMixin,
    dataset: Dataset,
    modality: str,
    batch_size: int = 64,
    progress: bool = True,
    views: Sequence[Transforms] = (),
) -> torch.Tensor:
    """Embed a column of a data set.

    Args:
        model: The model, in evaluation mode.
        processor: Its processor.
        dataset: Data set with a column named as the modality, or as the model's input for it (`pixel_values`, …,
            `<name>_values` for an extra modality), which then holds what the model reads.
        modality: `image`, `video`, `text`, `audio`, `depth`, `thermal`, `imu` or an extra one.
        batch_size: Rows at a time.
        progress: Show a progress bar.
        views: Embed an item as the mean of so many views. Each is a list of transforms of the model's input
            (torchvision's or torchaudio's, as `{name: arguments}`) that do the same every time and keep the
            shape, such as `[{"RandomHorizontalFlip": {"p": 1}}]`, or `[]` for the item as it is.

    Returns:
        `torch.Tensor` of shape `(rows, E)` on the CPU, in float32.

    Raises:
        ValueError: If the data set has no such column, or no rows, an item cannot be read, a transform is unknown, or
            changes the shape.
    """
    dataset, column = _column(dataset, modality)
    embed = _embedder(model, processor, modality, column, views)
    embeds = []
    for start in tqdm(range(0, len(dataset), batch_size), desc=f"Embedding {modality}", disable=not progress):
        embeds.append(embed(dataset[start : start + batch_size][column]))
    return torch.cat(embeds)


def embed_dataset_cached(
    model: ImageBindModel,
    processor: ProcessorMixin,
    dataset: Dataset,
    modality: str,
    batch_size: int = 64,
    views: Sequence[Transforms] = (),
) -> tuple[torch.Tensor, dict[int, str]]:
    """Embed a column of a data set, and let `datasets` keep the result on disk.

    It is found again by the fingerprint of the data, size and time of the files that they name, the tower's weights
    and the processor's settings; a run that was interrupted goes on from the last part that was complete. What could
    not be read is tried again every time.

    Args:
        model, processor, dataset, modality, batch_size, views: As for [`embed_dataset`].

    Returns:
        `torch.Tensor` of shape `(rows, E)`, NaN where an item could not be read; and for those why, by row.

    Raises:
        ValueError: If the data set has no such column, no rows, or none that can be read, or a transform is unknown.
        OSError: If the disk is full.
    """
    dataset, column = _column(dataset, modality)
    size = model.config.projection_dim
    embed = _embedder(model, processor, modality, column, views)

    def process(rows: dict[str, Any]) -> dict[str, Any]:
        values = rows[column]
        try:
            return {"embeds": embed(values).numpy(), "why": [""] * len(values)}
        except ValueError:
            # One of them: each alone tells which.
            pairs = [_try(embed, value, size) for value in values]
            return {"embeds": np.stack([vector for vector, _ in pairs]), "why": [why for _, why in pairs]}

    key = [dataset._fingerprint, _digest(model, modality), repr(processor), modality, column, list(views)]
    files = _files(dataset, modality, column)
    parts = []
    for start in range(0, len(dataset), CHUNK):
        fingerprint = Hasher.hash([*key, start, CHUNK, *map(_stamp, files[start : start + CHUNK])])
        file = None
        if not dataset.cache_files:
            # What is made of rows in memory, datasets would keep there.
            file = Path(datasets.config.HF_DATASETS_CACHE) / "imagebind_hf" / f"embeddings-{fingerprint}.arrow"
            file.parent.mkdir(parents=True, exist_ok=True)
        part = dataset.select(range(start, min(start + CHUNK, len(dataset)))).map(
            process,
            batched=True,
            batch_size=batch_size,
            remove_columns=dataset.column_names,
            features=Features({"embeds": List(Value("float32"), length=size), "why": Value("string")}),
            cache_file_name=file and str(file),
            new_fingerprint=fingerprint,
            desc=f"Embedding {modality}",
        )
        parts.append(part)
    mapped = concatenate_datasets(parts)
    embeds = np.array(mapped.with_format("numpy")["embeds"][:])
    unreadable = {}
    for row in [row for row, why in enumerate(mapped["why"][:]) if why]:
        # Kept from an earlier run, perhaps: by now a file may be whole, or a decoder there.
        embeds[row], why = _try(embed, dataset[row : row + 1][column][0], size)
        if why:
            unreadable[row] = why
    if len(unreadable) == len(dataset):
        raise ValueError(f"None of {len(dataset)} items of {modality} can be read; the first: {unreadable[0]}")
    return torch.from_numpy(embeds), unreadable


def embed_texts(
    model: ImageBindModel,
    processor: ProcessorMixin,
    texts: Sequence[str],
    batch_size: int = 64,
    cached: bool = False,
) -> torch.Tensor:
    """Embed texts; returns a `torch.Tensor` of shape `(len(texts), E)` on the CPU, in float32.

    With `cached` they are kept on disk, as by [`embed_dataset_cached`].
    """
    # Those of like length together, so that little is padded.
    order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
    dataset = Dataset.from_dict({"text": [texts[number] for number in order]})
    if cached:
        embeds, _ = embed_dataset_cached(model, processor, dataset, "text", batch_size)
    else:
        embeds = embed_dataset(model, processor, dataset, "text", batch_size, progress=False)
    return embeds[torch.tensor(order).argsort()]


def _column(dataset: Dataset, modality: str) -> tuple[Dataset, str]:
    """Choose the one column: media as they are stored, for the processor to decode, ready inputs as tensors."""
    column = modality if modality in dataset.column_names else model_argument(modality)
    if column not in dataset.column_names:
        raise ValueError(f"The data set has no column {modality!r} or {column!r}: {dataset.column_names}.")
    if not len(dataset):
        raise ValueError("The data set is empty.")
    dataset = dataset.select_columns([column])
    feature = dataset.features[column]
    if isinstance(feature, (datasets.Audio, datasets.Image, datasets.Video)):
        dataset = dataset.cast_column(column, type(feature)(decode=False))
    return (dataset if column == modality else dataset.with_format("torch")), column


def _files(dataset: Dataset, modality: str, column: str) -> list[str | None]:
    """Return the files that items lie in, by their paths alone: no bytes are read. Empty where there are none."""
    if modality == "text" or column != modality:
        return []
    # A format may still name the columns as they were.
    dataset = dataset.with_format(None).flatten()
    name = column if column in dataset.column_names else f"{column}.path"
    feature = dataset.features.get(name)
    return dataset[name][:] if isinstance(feature, Value) and feature.dtype in ("string", "large_string") else []


def _stamp(file: str | None) -> tuple[int, int] | None:
    """Return size and time of a file; `None` where there is none: what lies in bytes, behind an URL, or is missing."""
    try:
        status = os.stat(file or "")
    # A path may be too long, or hold what no path does.
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns


def _embedder(
    model: ImageBindModel, processor: ProcessorMixin, modality: str, column: str, views: Sequence[Transforms]
) -> Callable[[Any], torch.Tensor]:
    """Return what embeds values of the column."""
    chains = [build_transforms(view) or nn.Identity() for view in views]

    @torch.inference_mode()
    def embed(values: Any) -> torch.Tensor:
        if column == modality:
            inputs = processor(**{processor_argument(modality): list(values)}, return_tensors="pt")
        else:
            inputs = BatchFeature({column: values})
        if chains:
            name, ndim = model.inputs[modality].model_argument, model.inputs[modality].ndim
            # To the model, views are clips; an item may have some already.
            clips = inputs[name].unsqueeze(1) if inputs[name].ndim == ndim else inputs[name]
            made = [chain(clips) for chain in chains]
            shapes = [tuple(getattr(view, "shape", ())) for view in made]
            if set(shapes) != {tuple(clips.shape)}:
                raise ValueError(f"Views of {modality} have the shapes {shapes}, expected {tuple(clips.shape)} each.")
            inputs[name] = torch.cat(made, dim=1)
        output = model(**inputs.to(model.device, model.dtype))
        return output[f"{modality}_embeds"].float().cpu()

    return embed


def _try(embed: Callable[[Any], torch.Tensor], value: Any, size: int) -> tuple[np.ndarray, str]:
    try:
        return embed([value])[0].numpy(), ""
    except ValueError as error:
        return np.full(size, np.nan, np.float32), str(error)


def _digest(model: ImageBindModel, modality: str) -> str:
    """Hash the weights of a modality's tower and projection."""
    tower = model.inputs[modality].tower
    digest = hashlib.sha256(repr(model.config.tower_configs[tower].to_dict()).encode())
    digest.update(f"{model.dtype} {model.config.normalize_clip_mean}".encode())
    for name, tensor in model.state_dict().items():
        if modality_of(name) == tower:
            digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
