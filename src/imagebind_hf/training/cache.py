# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Embeddings of a frozen image tower, computed once instead of in every epoch."""

import dataclasses
from typing import Any

import torch
from datasets import Dataset, Features, List, Value, concatenate_datasets
from datasets.fingerprint import Hasher
from transformers import ProcessorMixin

from ..evaluation.embed_cache import cached_map, tower_digest
from ..models.imagebind.modalities import model_argument
from ..models.imagebind.modeling_imagebind import ImageBindModel
from .data import PairCollator, array_feature, is_model_input, model_input
from .pairs import Pairs


def cache_image_embeds(
    pairs: Pairs,
    model: ImageBindModel,
    processor: ProcessorMixin,
    views: int = 1,
    batch_size: int = 64,
    seed: int = 0,
) -> Pairs:
    """Replace images (or videos) by their embeddings, which are kept on disk; see [`cached_map`].

    Args:
        pairs: The pairs.
        model: The model, on the device to use.
        processor: The processor of the model.
        views: Number of augmented views of each image to embed. Training draws one of them every time that it draws
            the image. Partners that are augmented jointly are stored with each view. Without augmentation of the
            images there is one view.
        batch_size: Number of images per forward pass.
        seed: Seed of the augmentation.

    Returns:
        The pairs with a column `image_embeds` of unit vectors `(projection_dim,)` instead of images. Without
        augmentation, training on them is the same as training on the images.

    Raises:
        ValueError: If `views` is less than 1, if the pairs are a stream, or if images and partners are augmented
            jointly but are not in one data set.
    """
    if views < 1:
        raise ValueError(f"Expected `views` to be at least 1, but got {views}.")
    if pairs.is_stream:
        raise ValueError(
            f"Pairs of {pairs.modality}: Cannot cache embeddings of a stream, which cannot be read before training."
        )
    if pairs.image_column in ("image_embeds", "text"):
        return pairs
    augment, rest = (None, None) if pairs.augment is None else pairs.augment.split()
    views = views if augment is not None else 1
    images, column, partner = pairs.images, pairs.image_column, pairs.column
    is_joint = augment is not None and augment.joint is not None
    if is_joint and pairs.partners is not images:
        raise ValueError(
            f"Pairs of {pairs.modality}: Cannot cache images that are augmented jointly with partners of another data "
            "set. Both must be in the same rows."
        )
    features = Features({"image_embeds": List(Value("float32"), length=model.config.projection_dim)})
    keep = [name for name in ("label",) if name in images.column_names]
    for name in keep:
        features[name] = images.features[name]
    if is_joint:
        _, example = augment(images[0][column], images[0][partner])
        shape = model_input(processor, pairs.modality, [example]).shape
        features[model_argument(pairs.modality)] = array_feature(shape[1:])
    collate = PairCollator(processor)

    def embed_view(view: int) -> Dataset:
        def embed(columns: dict[str, list], rows: list[int]) -> dict[str, Any]:
            # The seed depends on the rows and the view, so that a resumed run creates the same views.
            with torch.random.fork_rng(), torch.inference_mode():
                torch.manual_seed(int(Hasher.hash([seed, view, rows[0]])[:15], 16))
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

        description = f"Embedding {pairs.anchor}s" + (f", view {view + 1} of {views}" if views > 1 else "")
        return cached_map(
            _as_arrays(images, column),
            embed,
            features,
            # A batch has one seed, so augmented views depend on the batch size.
            [tower_digest(model, "image"), repr(processor), repr(augment), column, partner, seed, batch_size, view],
            media=None if is_model_input(column) else column,
            keep=keep,
            batch_size=batch_size,
            description=description,
        )

    was_training = model.training
    model.eval()
    try:
        embedded = concatenate_datasets([embed_view(view) for view in range(views)])
    finally:
        model.train(was_training)
    partners = embedded if is_joint else pairs.partners
    return dataclasses.replace(pairs, images=embedded, partners=partners, augment=rest, views=views)


def _as_arrays(images: Dataset, column: str) -> Dataset:
    """Read model inputs as arrays instead of nested lists."""
    if not is_model_input(column):
        return images
    return images.with_format("numpy", columns=[column], output_all_columns=True)
