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

from ..models.imagebind.modalities import model_argument
from ..models.imagebind.modeling_imagebind import ImageBindModel
from ..models.imagebind.sharding import modality_of
from .data import ARRAYS, PairCollator, Pairs, is_ready, model_input

# Images that are kept together: so many at most are embedded anew after an interruption.
CHUNK = 10_240


def cache_image_embeds(
    pairs: Pairs,
    model: ImageBindModel,
    processor: ProcessorMixin,
    views: int = 1,
    batch_size: int = 64,
    seed: int = 0,
) -> Pairs:
    """Replace images (or videos) by their embeddings.

    `datasets` keeps them on disk, by a fingerprint of images, weights, settings and seed: a second run reads them, and
    one that was interrupted goes on from the last part that was complete.

    Args:
        pairs: The pairs.
        model: The model, on the device that shall compute.
        processor: Its processor.
        views: So many differently augmented views of each image are embedded; every time that an image is drawn, one
            of them is, with the partner that was cropped with it. Without augmentation there is one.
        batch_size: Images at a time.
        seed: Seed of the augmentation.

    Returns:
        The pairs, with a column `image_embeds`, unit vectors of shape `(E,)`, instead of images. Exactly what training
        without a cache would see, where nothing is augmented.

    Raises:
        ValueError: If there is less than one view, pairs are a stream, or those that are augmented jointly lie in two
            data sets.
    """
    if views < 1:
        raise ValueError(f"Got {views} views, expected at least 1.")
    if pairs.is_stream:
        raise ValueError(f"Pairs of {pairs.modality}: the images of a stream cannot be embedded once for all epochs.")
    if pairs.image_column in ("image_embeds", "text"):
        return pairs
    augment, rest = (None, None) if pairs.augment is None else pairs.augment.split()
    views = views if augment is not None else 1
    images, column, partner = pairs.images, pairs.image_column, pairs.column
    # What is cropped with its image is kept with it.
    is_joint = augment is not None and augment.joint is not None
    if is_joint and pairs.partners is not images:
        raise ValueError("Images and partners that are augmented jointly must be in one data set to be cached.")
    features = Features({"image_embeds": List(Value("float32"), length=model.config.projection_dim)})
    if "label" in images.column_names:
        features["label"] = images.features["label"]
    if is_joint:
        _, example = augment(images[0][column], images[0][partner])
        shape = model_input(processor, pairs.modality, [example]).shape
        features[model_argument(pairs.modality)] = ARRAYS[len(shape) - 1](shape[1:], "float32")
    collate = PairCollator(processor)
    state = Hasher.hash([_digest(model), repr(processor), repr(augment), column, partner, seed, batch_size])

    def embed(columns: dict[str, list], rows: list[int], view: int, start: int) -> dict[str, Any]:
        # Of its own seed, so that a view is the same whatever was drawn before.
        with torch.random.fork_rng(), torch.inference_mode():
            torch.manual_seed(int(Hasher.hash([seed, view, start + rows[0]])[:15], 16))
            values = columns[column]
            result = {}
            if augment is not None:
                partners = columns[partner] if is_joint else values
                values, partners = map(list, zip(*map(augment, values, partners), strict=True))
                if is_joint:
                    result[model_argument(pairs.modality)] = model_input(processor, pairs.modality, partners)
            inputs = {name: value.to(model.device) for name, value in collate({column: values}).items()}
            outputs = model(**inputs)
            embeds = outputs.image_embeds if outputs.image_embeds is not None else outputs.video_embeds
            return {**result, "image_embeds": embeds.float().cpu().numpy()}

    was_training = model.training
    model.eval()
    try:
        parts = [
            _as_arrays(images, column)
            .select(range(start, min(start + CHUNK, len(images))))
            .map(
                embed,
                fn_kwargs={"view": view, "start": start},
                with_indices=True,
                batched=True,
                batch_size=batch_size,
                features=features,
                remove_columns=[name for name in images.column_names if name != "label"],
                new_fingerprint=Hasher.hash([images._fingerprint, state, view, start, CHUNK]),
                desc=f"Embedding images {start:,} to {min(start + CHUNK, len(images)):,}"
                + (f", view {view + 1} of {views}" if views > 1 else ""),
            )
            for view in range(views)
            for start in range(0, len(images), CHUNK)
        ]
    finally:
        model.train(was_training)
    embedded = concatenate_datasets(parts)
    partners = embedded if is_joint else pairs.partners
    return dataclasses.replace(pairs, images=embedded, partners=partners, augment=rest, views=views)


def _as_arrays(images: Dataset, column: str) -> Dataset:
    return images.with_format("numpy", columns=[column], output_all_columns=True) if is_ready(column) else images


def _digest(model: ImageBindModel) -> str:
    """Hash the weights of the vision tower and its projection."""
    digest = hashlib.sha256(repr(model.config.vision_config.to_dict()).encode())
    for name, tensor in model.state_dict().items():
        if modality_of(name) == "vision":
            digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
