# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Embedding of whole data sets."""

from collections.abc import Sequence

import torch
from datasets import Dataset
from tqdm.auto import tqdm
from transformers import BatchFeature, ProcessorMixin

from ..modeling_imagebind import ImageBindModel, input_name
from ..processing_imagebind import processor_argument


@torch.inference_mode()
def embed_dataset(
    model: ImageBindModel,
    processor: ProcessorMixin,
    dataset: Dataset,
    modality: str,
    batch_size: int = 64,
    progress: bool = True,
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

    Returns:
        `torch.Tensor` of shape `(rows, E)` on the CPU, in float32.

    Raises:
        ValueError: If the data set has no such column, or no rows.
    """
    column = modality if modality in dataset.column_names else input_name(modality)
    if column not in dataset.column_names:
        raise ValueError(f"The data set has no column {modality!r} or {column!r}: {dataset.column_names}.")
    if not len(dataset):
        raise ValueError("The data set is empty.")
    dataset = dataset.select_columns([column])
    if column != modality:
        dataset = dataset.with_format("torch")
    embeds = []
    for start in tqdm(range(0, len(dataset), batch_size), desc=f"Embedding {modality}", disable=not progress):
        values = dataset[start : start + batch_size][column]
        if column == modality:
            inputs = processor(**{processor_argument(modality): list(values)}, return_tensors="pt")
        else:
            inputs = BatchFeature({column: values})
        output = model(**inputs.to(model.device, model.dtype))
        embeds.append(output[f"{modality}_embeds"].float().cpu())
    return torch.cat(embeds)


def embed_texts(
    model: ImageBindModel, processor: ProcessorMixin, texts: Sequence[str], batch_size: int = 64
) -> torch.Tensor:
    """Embed texts; returns a `torch.Tensor` of shape `(len(texts), E)` on the CPU, in float32."""
    dataset = Dataset.from_dict({"text": list(texts)})
    return embed_dataset(model, processor, dataset, "text", batch_size, progress=False)
