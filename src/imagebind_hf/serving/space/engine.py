# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The computations of the app: embeddings, similarities, zero-shot classification, and search in a small index."""

import filecmp
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from scipy.special import softmax
from transformers import pipeline

from ...embedding import Item
from ...embedding.worker import ItemEmbedder
from ...hub.checkpoints import load_model
from ...models.imagebind.modalities import MODALITIES
from ...pipelines import ImageBindZeroShotPipeline
from .index import read_index

BATCH_SIZE = 16
# Sets of items whose embeddings are kept, so that a matrix can be redrawn without the model.
CACHED_SETS = 64


class Engine:
    """A checkpoint and the embeddings of an index.

    Args:
        model: Folder or Hub id of the checkpoint.
        index: Folder to search; see [`read_index`].
    """

    def __init__(self, model: str, index: str | Path):
        self.name = model
        self.model, self.processor = load_model(model)
        extra = [name for name, part in self.processor.extra_processors.items() if part is not None]
        self.modalities = [name for name in (*MODALITIES, *extra) if name in self.model.inputs]
        parts = {"model": self.model, "processor": self.processor, "device": self.model.device}
        self._embedding_pipeline = pipeline("multimodal-embedding", **parts)
        self._classify = {
            name: ImageBindZeroShotPipeline(task=f"zero-shot-{name}-classification", **parts)
            for name in (self.modalities if "text" in self.modalities else ())
        }
        self._cached = lru_cache(maxsize=CACHED_SETS)(self._compute)
        self.items, self.vectors, self.unreadable = self._embed_index(read_index(index, self.modalities))

    def embed(self, modality: str, values: Sequence[str]) -> np.ndarray:
        """Embed texts or files of one modality.

        Returns:
            Unit vectors, float32 of shape `(len(values), projection_dim)`.

        Raises:
            ValueError: If an item cannot be read.
        """
        return self._cached(modality, tuple(values))

    def compare(
        self, rows: tuple[str, Sequence[str]], columns: tuple[str, Sequence[str]], shares: bool = False
    ) -> tuple[np.ndarray, str]:
        """Compare two sets of items.

        Args:
            rows, columns: Modality and items.
            shares: Return the softmax of each row instead of cosine similarities. The logits are the cosine
                similarities times the logit scale of text if it is one of the two modalities, else the larger logit
                scale of the two.

        Returns:
            Values of shape `(rows, columns)`, and a description of them.

        Raises:
            ValueError: If an item cannot be read.
        """
        cosines = self.embed(*rows) @ self.embed(*columns).T
        if not shares:
            return cosines, "Cosine similarity"
        names = (rows[0], columns[0])
        with torch.no_grad():
            scale = max(self.model.logit_scale(name).item() for name in (["text"] if "text" in names else names))
        return softmax(scale * cosines, axis=1), f"Softmax of each row (cosine similarity × {scale:.3g})"

    def classify(self, modality: str, value: str, labels: Sequence[str], template: str) -> dict[str, float]:
        """Return the probability of each label, with prompts made from the template.

        Raises:
            ValueError: If the item cannot be read, or the template has no `{}`.
        """
        answers = self._classify[modality](value, candidate_labels=list(labels), hypothesis_template=template)
        return {answer["label"]: answer["score"] for answer in answers}

    def search(self, modality: str, value: str, wanted: str, count: int) -> list[tuple[Item, float]]:
        """Return the nearest items of a modality in the index with their cosine similarities, best first.

        An item of the index that is identical to the query is left out.
        """
        rows = np.array(
            [
                row
                for row, item in enumerate(self.items)
                if item.modality == wanted and not (modality == wanted and _is_same(modality, value, item.source))
            ],
            dtype=int,
        )
        cosines = self.vectors[rows] @ self.embed(modality, [value])[0]
        best = np.argsort(-cosines, kind="stable")[:count]
        return [(self.items[rows[place]], float(cosines[place])) for place in best]

    def examples(self, modality: str, count: int) -> list[str]:
        """Return the first texts or files of a modality in the index, in the order of their names."""
        return [item.source for item in self.items if item.modality == modality][:count]

    def _compute(self, modality: str, values: tuple[str, ...]) -> np.ndarray:
        items = [{modality: value} for value in values]
        vectors = self._embedding_pipeline(items, batch_size=BATCH_SIZE, return_tensors=True)
        return np.stack([vector[modality].cpu().numpy() for vector in vectors])

    def _embed_index(self, items: list[Item]) -> tuple[list[Item], np.ndarray, list[str]]:
        vectors = np.zeros((len(items), self.model.config.projection_dim), np.float32)
        kept, unreadable = [], []
        for rows, embeds, errors in ItemEmbedder(self.model, self.processor, BATCH_SIZE)(items):
            vectors[rows] = embeds
            kept += rows
            unreadable += [why for _, why in errors]
        kept.sort()
        return [items[row] for row in kept], vectors[kept], unreadable


def _is_same(modality: str, value: str, other: str) -> bool:
    if modality == "text":
        return value.strip() == other.strip()
    # An upload is a copy, so paths do not tell.
    return filecmp.cmp(value, other, shallow=False)
