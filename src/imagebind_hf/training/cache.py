# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Embeddings of a frozen image tower, computed once instead of in every epoch."""

import dataclasses
import hashlib
from typing import Any

import torch
from datasets import Dataset, Features, List, Value, concatenate_datasets
from datasets.fingerprint import Hasher
from transformers import ProcessorMixin

from ..modeling_imagebind import INPUTS, ImageBindModel
from ..sharding import modality_of
from .data import PROCESSOR_ARGUMENTS, Pairs


def cache_image_embeds(
    pairs: Pairs,
    model: ImageBindModel,
    processor: ProcessorMixin,
    views: int = 1,
    batch_size: int = 64,
    seed: int = 0,
) -> Pairs:
    """Replace images (or videos) by their embeddings.

    `datasets` keeps them on disk, by a fingerprint of images, weights, settings and seed: a second run reads them.

    Args:
        pairs: The pairs.
        model: The model, on the device that shall compute.
        processor: Its processor.
        views: So many differently augmented views of each image are embedded; every time that an image is drawn, one
            of them is. Without augmentation there is one.
        batch_size: Images at a time.
        seed: Seed of the augmentation.

    Returns:
        The pairs, with a column `image_embeds`, unit vectors of shape `(E,)`, instead of images. Exactly what training
        without a cache would see, where nothing is augmented.

    Raises:
        ValueError: If there are less than one view.
    """
    if views < 1:
        raise ValueError(f"Got {views} views, expected at least 1.")
    if pairs.image_column == "image_embeds":
        return pairs
    views = views if pairs.augment is not None else 1
    images, column = pairs.images, pairs.image_column
    features = Features({"image_embeds": List(Value("float32"), length=model.config.projection_dim)})
    if "label" in images.column_names:
        features["label"] = images.features["label"]
    state = Hasher.hash([_digest(model), repr(processor), repr(pairs.augment), column, seed])

    def embed(columns: dict[str, list], rows: list[int], view: int) -> dict[str, Any]:
        # Of its own seed, so that a view is the same whatever was drawn before.
        with torch.random.fork_rng(), torch.inference_mode():
            torch.manual_seed(int(Hasher.hash([seed, view, rows[0]])[:15], 16))
            values = columns[column]
            if pairs.augment is not None:
                values = [pairs.augment(value) for value in values]
            return {"image_embeds": _embed(values, column, model, processor)}

    parts = [
        _as_arrays(images, column).map(
            embed,
            fn_kwargs={"view": view},
            with_indices=True,
            batched=True,
            batch_size=batch_size,
            features=features,
            remove_columns=[name for name in images.column_names if name != "label"],
            new_fingerprint=Hasher.hash([images._fingerprint, state, view]),
            desc=f"Embedding images{f', view {view + 1} of {views}' if views > 1 else ''}",
        )
        for view in range(views)
    ]
    partners = pairs.partners
    return dataclasses.replace(pairs, images=concatenate_datasets(parts), partners=partners, augment=None, views=views)


def _as_arrays(images: Dataset, column: str) -> Dataset:
    ready = {spec.name for spec in INPUTS.values()}
    return images.with_format("numpy", columns=[column]) if column in ready else images


def _embed(values: Any, column: str, model: ImageBindModel, processor: ProcessorMixin) -> Any:
    if column in PROCESSOR_ARGUMENTS:
        inputs = processor(**{PROCESSOR_ARGUMENTS[column]: values}, return_tensors="pt")
    else:
        inputs = {column: torch.as_tensor(values)}
    inputs = {name: value.to(model.device) for name, value in inputs.items()}
    was_training = model.training
    try:
        outputs = model.eval()(**inputs)
    finally:
        model.train(was_training)
    embeds = outputs.image_embeds if outputs.image_embeds is not None else outputs.video_embeds
    return embeds.float().cpu().numpy()


def _digest(model: ImageBindModel) -> str:
    """Hash the weights of the vision tower and its projection."""
    digest = hashlib.sha256(repr(model.config.vision_config.to_dict()).encode())
    for name, tensor in model.state_dict().items():
        if modality_of(name) == "vision":
            digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
