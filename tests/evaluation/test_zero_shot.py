# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from datasets import Dataset
from sklearn.metrics import accuracy_score
from torch.nn.functional import normalize

from conftest import make_config
from imagebind_hf import ImageBindProcessor
from imagebind_hf.evaluation import class_embeddings, embed_dataset, embed_texts, zero_shot_accuracy


@pytest.fixture
def processor() -> ImageBindProcessor:
    return ImageBindProcessor.from_config(make_config())


def test_embeddings_do_not_depend_on_the_batch_size(model, processor):
    signals = np.random.default_rng(0).standard_normal((7, 6, 200)).astype(np.float32)
    dataset = Dataset.from_dict({"imu": list(signals)})
    whole = embed_dataset(model, processor, dataset, "imu", progress=False)
    assert whole.shape == (7, 16) and whole.dtype == torch.float32
    torch.testing.assert_close(whole.norm(dim=1), torch.ones(7))
    for size in (1, 3):
        torch.testing.assert_close(embed_dataset(model, processor, dataset, "imu", size, progress=False), whole)
    expected = model(**processor(imu=list(signals), return_tensors="pt")).imu_embeds
    torch.testing.assert_close(whole, expected.detach())
    ready = Dataset.from_dict({"imu_values": processor(imu=list(signals), return_tensors="np")["imu_values"]})
    torch.testing.assert_close(embed_dataset(model, processor, ready, "imu", 4, progress=False), whole)


def test_class_embeddings_are_means_of_prompts(model, processor):
    names, templates = ["cat", "dog"], ["a {}", "the {} there", "{}"]
    classes = class_embeddings(model, processor, names, templates)
    for name, embedding in zip(names, classes, strict=True):
        prompts = embed_texts(model, processor, [template.format(name) for template in templates])
        torch.testing.assert_close(embedding, normalize(prompts.mean(dim=0), dim=0))


def test_texts_are_batched_by_length_and_stay_in_order(model, processor):
    texts = ["a dog that barks at the sea", "cat", "two birds", "rain", "a long sentence of rain and of wind", "x"]
    expected = torch.cat([model(**processor(text=[text], return_tensors="pt")).text_embeds for text in texts])
    widths = []
    model.text_model.register_forward_pre_hook(lambda _, values: widths.append(values[0].shape[1]))
    for cached in (False, True):
        torch.testing.assert_close(embed_texts(model, processor, texts, 2, cached), expected.detach())
    assert widths[:3] == sorted(widths[:3]) and widths[0] < widths[2]


def test_accuracy_beside_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    embeds, classes = torch.randn(50, 8, generator=generator), torch.randn(5, 8, generator=generator)
    labels = torch.randint(0, 5, (50,), generator=generator)
    nearest = [max(range(5), key=lambda c: float(row @ classes[c])) for row in embeds]
    assert zero_shot_accuracy(embeds, classes, labels) == pytest.approx(accuracy_score(labels, nearest))


def test_bad_input(model, processor):
    dataset = Dataset.from_dict({"sound": [1]})
    with pytest.raises(ValueError, match=r"column 'imu' or 'imu_values', but the columns are \['sound'\]"):
        embed_dataset(model, processor, dataset, "imu")
    with pytest.raises(ValueError, match="The data set is empty"):
        embed_dataset(model, processor, Dataset.from_dict({"imu": []}), "imu")
    for names, templates in (([], ["{}"]), (["cat"], []), (["cat"], ["a photo"])):
        with pytest.raises(ValueError, match="Expected class names, and templates with '{}'"):
            class_embeddings(model, processor, names, templates)
