# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Evaluation: zero-shot classification, retrieval, linear probes, ImageBind score."""

from ..models.imagebind.embedding_utils import combine_embeddings
from .bootstrap import bootstrap_interval
from .config import Benchmark, load_benchmark
from .embed import embed_dataset, embed_texts
from .imagebind_score import imagebind_score
from .linear_probe import few_shot_accuracy
from .measure import Measurement
from .report import format_results, model_index
from .retrieval import retrieval_by_class, retrieval_metrics
from .zero_shot import class_embeddings, zero_shot_accuracy

__all__ = [
    "Benchmark",
    "Measurement",
    "bootstrap_interval",
    "class_embeddings",
    "combine_embeddings",
    "embed_dataset",
    "embed_texts",
    "few_shot_accuracy",
    "format_results",
    "imagebind_score",
    "load_benchmark",
    "model_index",
    "retrieval_by_class",
    "retrieval_metrics",
    "zero_shot_accuracy",
]
