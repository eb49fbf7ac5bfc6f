# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from conftest import make_config, make_inputs
from imagebind_hf import ImageBindModel
from imagebind_hf.models.imagebind.modeling_imagebind import contrastive_loss
from imagebind_hf.training.gradcache import cached_loss, embeddings

TOWER = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
IMU = {**TOWER, "num_samples": 200, "drop_path_rate": 0.5, "head_dropout": 0.5}


def loss(embeds, scales):
    return sum(contrastive_loss(embeds["image"], embeds[name], scales[name]) for name in embeds if name != "image")


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    inputs = make_inputs(7)
    return {name: inputs[name] for name in ("pixel_values", "input_ids", "imu_values")}


@pytest.fixture
def model() -> ImageBindModel:
    """A model with drop path, dropout, and the learned logit scale of text."""
    torch.manual_seed(0)
    return ImageBindModel(make_config(imu_config=IMU)).train()


def gradients(model: ImageBindModel) -> dict[str, torch.Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("size", [2, 3, 7, 50])
@pytest.mark.parametrize("frozen", [[], ["vision"], ["vision", "text"]])
def test_loss_and_gradients_equal_those_of_the_whole_batch(model, batch, size, frozen):
    model.freeze(frozen)
    torch.manual_seed(1)
    outputs = [
        model(**{name: value[start : start + size] for name, value in batch.items()}, return_logit_scales=True)
        for start in range(0, 7, size)
    ]
    embeds = {name: torch.cat([embeddings(output)[name] for output in outputs]) for name in embeddings(outputs[0])}
    expected = loss(embeds, outputs[0].logit_scales)
    expected.backward()
    plain = gradients(model)

    model.zero_grad()
    torch.manual_seed(1)
    frozen_inputs = ["pixel_values"] * ("vision" in frozen) + ["input_ids"] * ("text" in frozen)
    value = cached_loss(model, batch, size, loss, frozen_inputs)
    state = torch.get_rng_state()
    (value / 2).backward()
    assert torch.equal(torch.get_rng_state(), state), "the second pass restores the random state"
    torch.testing.assert_close(value.detach(), expected.detach())
    cached = gradients(model)
    assert cached.keys() == plain.keys()
    assert ("text_logit_scale" in cached) == ("text" not in frozen)
    for name, gradient in plain.items():
        torch.testing.assert_close(2 * cached[name], gradient, atol=1e-6, rtol=1e-5)


def test_forward_passes_are_mini_batches(model, batch, monkeypatch):
    sizes, forward = [], ImageBindModel.forward

    def spy(self, **inputs):
        sizes.append((torch.is_grad_enabled(), sorted(inputs), len(inputs["imu_values"])))
        return forward(self, **inputs)

    monkeypatch.setattr(ImageBindModel, "forward", spy)
    model.freeze(["vision", "text"])
    cached_loss(model, batch, 4, loss, ["pixel_values", "input_ids"]).backward()
    all_inputs = ["imu_values", "input_ids", "pixel_values", "return_logit_scales"]
    first = [(False, all_inputs, 4), (False, all_inputs, 3)]
    assert sizes == first + [(True, ["imu_values", "return_logit_scales"], size) for size in (4, 3)]
