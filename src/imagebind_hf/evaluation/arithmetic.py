# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Embedding arithmetic; see [`~imagebind_hf.models.imagebind.embedding_utils.combine_embeddings`]."""

from ..models.imagebind.embedding_utils import combine_embeddings

__all__ = ["combine_embeddings"]
