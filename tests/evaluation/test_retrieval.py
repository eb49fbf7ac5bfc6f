# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from imagebind_hf.evaluation import retrieval_by_class
from imagebind_hf.evaluation.retrieval import retrieval_metrics, target_ranks


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
    assert 0 <= result["interval"][0] <= result["recall@1"] <= result["interval"][1] <= 1


@given(queries=st.integers(1, 12), gallery=st.integers(1, 15), block=st.integers(1, 13), seed=st.integers(0, 2**16))
@settings(max_examples=60, deadline=None)
def test_ranks_are_those_of_a_naive_sort(queries, gallery, block, seed):
    rng = np.random.default_rng(seed)
    # Few values, so that there are ties.
    left, right = (torch.from_numpy(rng.integers(-1, 2, (rows, 2))).float() for rows in (queries, gallery))
    targets = [rng.choice(gallery, rng.integers(1, gallery + 1), replace=False).tolist() for _ in range(queries)]
    ranks = target_ranks(left, right, targets, block_size=block)
    for query, answers, rank in zip(left, targets, ranks.tolist(), strict=True):
        scores = [float(query @ item) for item in right]
        best = max(scores[answer] for answer in answers)
        assert rank == 1 + sum(score >= best for item, score in enumerate(scores) if item not in answers)
    metrics = retrieval_metrics(left, right, targets, ks=(1, 3))
    assert metrics["recall@3"] == pytest.approx(np.mean(ranks.numpy() <= 3))
    assert metrics["median_rank"] == pytest.approx(np.median(ranks.numpy()))


def test_rows_belong_together_by_default():
    embeds = torch.eye(4)
    assert retrieval_metrics(embeds, embeds) == {"recall@1": 1, "recall@5": 1, "recall@10": 1, "median_rank": 1}
    assert retrieval_metrics(embeds, torch.ones(4, 4))["recall@1"] == 0, "all alike is no answer"


def test_bad_targets():
    embeds = torch.eye(3)
    with pytest.raises(ValueError, match="3 queries and 2 gallery items"):
        target_ranks(embeds, embeds[:2])
    with pytest.raises(ValueError, match="targets for 3 queries, but got 1"):
        target_ranks(embeds, embeds, [[0]])
    for wrong in ([], [3], [-1]):
        with pytest.raises(ValueError, match="rows 0 to 2 of the gallery"):
            target_ranks(embeds, embeds, [[0], [1], wrong])
