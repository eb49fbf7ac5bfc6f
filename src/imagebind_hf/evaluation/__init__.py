# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Evaluation: zero-shot classification and retrieval in the shared space."""

from .embed import embed_dataset, embed_texts
from .retrieval import retrieval_by_class
from .zero_shot import class_embeddings, zero_shot_accuracy

__all__ = ["class_embeddings", "embed_dataset", "embed_texts", "retrieval_by_class", "zero_shot_accuracy"]
