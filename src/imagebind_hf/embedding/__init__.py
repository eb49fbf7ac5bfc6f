# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Embed files, folders, archives and data sets of any size into files on disk."""

from .items import Item, Unreadable, dataset_items, find_items, list_files
from .job import EmbeddingJob, JobResult, load_embeddings

__all__ = [
    "EmbeddingJob",
    "Item",
    "JobResult",
    "Unreadable",
    "dataset_items",
    "find_items",
    "list_files",
    "load_embeddings",
]
