# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Search: a store of embedded items on disk, queried with any mixture of modalities."""

from ..hub.checkpoints import ModelRecord, record_of
from .files import IndexResult, index_items, prune
from .hits import Hit
from .index import SearchIndex
from .page import write_page
from .query import Part, QueryEmbedder, load_embedder, mix

__all__ = [
    "Hit",
    "IndexResult",
    "ModelRecord",
    "Part",
    "QueryEmbedder",
    "SearchIndex",
    "index_items",
    "load_embedder",
    "mix",
    "prune",
    "record_of",
    "write_page",
]
