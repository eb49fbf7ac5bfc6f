# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imagebind_hf.evaluation import retrieval_by_class


@given(seed=st.integers(0, 1000), queries=st.integers(1, 12), gallery=st.integers(1, 12))
def test_beside_a_naive_loop(seed, queries, gallery):
    generator = torch.Generator().manual_seed(seed)
    q, g = torch.randn(queries, 4, generator=generator), torch.randn(gallery, 4, generator=generator)
    q_labels = torch.randint(0, 3, (queries,), generator=generator)
    g_labels = torch.randint(0, 3, (gallery,), generator=generator)
    hits, by_chance = 0, 0.0
    for i in range(queries):
        similarities = [float(q[i].double() @ g[j].double()) for j in range(gallery)]
        hits += int(g_labels[similarities.index(max(similarities))] == q_labels[i])
        by_chance += sum(int(label == q_labels[i]) for label in g_labels) / gallery
    result = retrieval_by_class(q, g, q_labels, g_labels)
    assert result["recall@1"] == pytest.approx(hits / queries)
    assert result["chance"] == pytest.approx(by_chance / queries)
