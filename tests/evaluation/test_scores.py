# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""What classification is scored by, beside scikit-learn and loops."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, top_k_accuracy_score

from imagebind_hf import ImageBindProcessor
from imagebind_hf.evaluation import class_embeddings
from imagebind_hf.evaluation.retrieval import retrieval_metrics
from imagebind_hf.evaluation.zero_shot import class_scores, mean_average_precision, top_k_hits


@given(rows=st.integers(1, 20), classes=st.integers(2, 7), k=st.integers(1, 9), seed=st.integers(0, 2**16))
@settings(max_examples=40, deadline=None)
def test_hits_beside_scikit_learn(rows, classes, k, seed):
    rng = np.random.default_rng(seed)
    scores, labels = rng.standard_normal((rows, classes)), rng.integers(0, classes, rows)
    hits = top_k_hits(torch.from_numpy(scores), torch.from_numpy(labels), k)
    # scikit-learn warns where k is of no meaning, and wants three classes at least for a matrix.
    if classes > 2 and k < classes:
        expected = top_k_accuracy_score(labels, scores, k=k, labels=np.arange(classes))
        assert hits.float().mean().item() == pytest.approx(expected)
    for row in range(rows):
        best = sorted(range(classes), key=lambda each: -scores[row, each])[:k]
        assert bool(hits[row]) == (labels[row] in best)


def test_a_model_that_maps_all_to_one_point_gains_nothing():
    labels = torch.tensor([0, 1, 2, 0])
    for k, expected in ((1, 0), (2, 0), (3, 4), (5, 4)):
        assert top_k_hits(torch.ones(4, 3), labels, k).sum() == expected


@given(rows=st.integers(2, 25), classes=st.integers(1, 6), seed=st.integers(0, 2**16))
@settings(max_examples=60, deadline=None)
def test_average_precision_beside_scikit_learn(rows, classes, seed):
    rng = np.random.default_rng(seed)
    # Few values, so that there are ties.
    scores = rng.integers(-2, 3, (rows, classes)).astype(np.float32)
    truth = rng.random((rows, classes)) < 0.4
    truth[0, 0] = True
    labels = [np.flatnonzero(row).tolist() for row in truth]
    samples = rng.integers(0, rows, (4, rows))
    results = mean_average_precision(
        torch.from_numpy(scores), labels, np.concatenate([np.arange(rows)[None], samples])
    )
    assert mean_average_precision(torch.from_numpy(scores), labels) == pytest.approx(results[:1])
    for result, drawn in zip(results, [np.arange(rows), *samples], strict=True):
        present = [each for each in range(classes) if truth[drawn, each].any()]
        expected = [average_precision_score(truth[drawn, each], scores[drawn, each]) for each in present]
        assert result == pytest.approx(np.mean(expected) if present else 0)


def test_groups_score_as_the_best_of_their_names(model):
    processor = ImageBindProcessor.from_config(model.config)
    embeds = torch.nn.functional.normalize(torch.randn(5, 16, generator=torch.Generator().manual_seed(0)), dim=-1)
    groups, templates = {"others": ["cafe", "foyer", "study"], "kitchen": ["a kitchen"]}, ["a {}", "the {}"]
    scores = class_scores(model, processor, embeds, ["office", "others", "kitchen"], templates, groups)

    def score(name: str) -> torch.Tensor:
        return embeds @ class_embeddings(model, processor, [name], templates)[0]

    torch.testing.assert_close(scores[:, 0], score("office"))
    for row in range(5):
        assert scores[row, 1].item() == pytest.approx(max(score(name)[row].item() for name in groups["others"]))
    torch.testing.assert_close(scores[:, 2], score("a kitchen"))
    for wrong, message in (({"other": ["cafe"]}, r"but got \['other'\]"), ({"office": []}, r"\['office'\] are empty")):
        with pytest.raises(ValueError, match=message):
            class_scores(model, processor, embeds, ["office"], templates, wrong)


def test_what_is_no_number_is_no_hit():
    nothing, labels = torch.full((3, 3), torch.nan), torch.tensor([0, 1, 2])
    with pytest.raises(ValueError, match="Expected finite scores"):
        top_k_hits(nothing, labels)
    with pytest.raises(ValueError, match="Expected finite scores"):
        mean_average_precision(nothing, [[0], [1], [2]])
    for sides in ((nothing, torch.eye(3)), (torch.eye(3), nothing)):
        with pytest.raises(ValueError, match="Expected finite embeddings"):
            retrieval_metrics(*sides)


def test_bad_labels():
    for labels in ([0, -1], [0, 3]):
        with pytest.raises(ValueError, match="labels from 0 to 2, but got"):
            top_k_hits(torch.eye(3)[:2], torch.tensor(labels))
    with pytest.raises(ValueError, match="at least one item with a class"):
        mean_average_precision(torch.eye(3), [[], [], []])
