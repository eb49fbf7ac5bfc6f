# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from imagebind_hf.evaluation import combine_embeddings

ONE, TWO = torch.tensor([[2.0, 0.0], [0.0, 3.0]]), torch.tensor([[0.0, 5.0], [0.0, 1.0]])


def test_weighted_sums_of_unit_vectors():
    expected = torch.tensor([[2**-0.5, 2**-0.5], [0.0, 1.0]])
    torch.testing.assert_close(combine_embeddings({"image": ONE, "audio": TWO}), expected)
    fused = combine_embeddings({"image": ONE, "audio": TWO}, {"image": 0.95, "audio": 0.05})
    torch.testing.assert_close(fused[0], torch.nn.functional.normalize(torch.tensor([0.95, 0.05]), dim=0))
    taken = combine_embeddings({"image": ONE[:1], "audio": TWO[:1]}, {"image": 1.0, "audio": -1.0})
    torch.testing.assert_close(taken, torch.tensor([[2**-0.5, -(2**-0.5)]]))


def test_bad_input():
    with pytest.raises(ValueError, match=r"weights of \['text'\] and embeddings of \['image'\]"):
        combine_embeddings({"image": ONE}, {"text": 1.0})
    with pytest.raises(ValueError, match="differ in shape"):
        combine_embeddings({"image": ONE, "audio": TWO[:1]})
    with pytest.raises(ValueError, match="cancel out"):
        combine_embeddings({"image": ONE, "audio": ONE}, {"image": 1.0, "audio": -1.0})
    with pytest.raises(ValueError, match="Got weights"):
        combine_embeddings({})
