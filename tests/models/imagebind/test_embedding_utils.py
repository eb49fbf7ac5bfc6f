# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from imagebind_hf.models.imagebind.embedding_utils import combine_embeddings

ONE, TWO = torch.tensor([[2.0, 0.0], [0.0, 3.0]]), torch.tensor([[0.0, 5.0], [0.0, 1.0]])


def test_weighted_sums_of_unit_vectors():
    expected = torch.tensor([[2**-0.5, 2**-0.5], [0.0, 1.0]])
    torch.testing.assert_close(combine_embeddings({"image": ONE, "audio": TWO}), expected)
    fused = combine_embeddings({"image": ONE, "audio": TWO}, {"image": 0.95, "audio": 0.05})
    torch.testing.assert_close(fused[0], torch.nn.functional.normalize(torch.tensor([0.95, 0.05]), dim=0))
    difference = combine_embeddings({"image": ONE[:1], "audio": TWO[:1]}, {"image": 1.0, "audio": -1.0})
    torch.testing.assert_close(difference, torch.tensor([[2**-0.5, -(2**-0.5)]]))


def test_single_vectors_and_left_out_ones():
    torch.testing.assert_close(combine_embeddings({"image": ONE[0], "audio": TWO[0]}, {"audio": 2.0}), TWO[0] / 5)


def test_bad_input():
    with pytest.raises(ValueError, match=r"some of \['image'\], but got weights for \['text'\]"):
        combine_embeddings({"image": ONE}, {"text": 1.0})
    with pytest.raises(ValueError, match="of one shape"):
        combine_embeddings({"image": ONE, "audio": TWO[:1]})
    with pytest.raises(ValueError, match="cancel out"):
        combine_embeddings({"image": ONE, "audio": ONE}, {"image": 1.0, "audio": -1.0})
    with pytest.raises(ValueError, match="but got weights for"):
        combine_embeddings({})
