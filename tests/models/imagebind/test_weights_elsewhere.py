# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Models whose weights are offloaded, quantized or adapted give the results of the plain model."""

import pytest
import torch
from accelerate import cpu_offload
from peft import LoraConfig, get_peft_model
from torchao.quantization import Int8WeightOnlyConfig
from transformers import TorchAoConfig

from conftest import make_inputs
from imagebind_hf import ImageBindModel

INPUTS = make_inputs()
SCALED = ("text", "vision", "audio", "depth", "thermal", "imu")


@pytest.fixture
def saved(model, tmp_path):
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("where", ["disk", "cpu"])
@torch.no_grad()
def test_offloaded_weights_give_the_same_results(model, saved, tmp_path, where):
    if where == "disk":
        offloaded = ImageBindModel.from_pretrained(saved, device_map={"": "disk"}, offload_folder=tmp_path / "disk")
    else:
        offloaded = ImageBindModel.from_pretrained(saved)
        cpu_offload(offloaded)
    expected, output = model(**INPUTS, return_loss=True), offloaded.eval()(**INPUTS, return_loss=True)
    assert expected.keys() == output.keys()
    for name, value in expected.items():
        assert torch.equal(output[name], value), name
    for tower in SCALED:
        assert torch.equal(offloaded.logit_scale(tower), model.logit_scale(tower)), tower


@torch.no_grad()
def test_an_adapter_of_the_patch_projection_works_before_it_is_merged(model):
    expected = model(**INPUTS)
    # Not initialized as the identity, so that the adapter has an effect.
    config = LoraConfig(target_modules=["embeddings.projection"], r=2, init_lora_weights=False)
    adapted = get_peft_model(model, config).eval()
    output = adapted(**INPUTS)
    merged = adapted.merge_and_unload()(**INPUTS)
    for name in ("image_embeds", "video_embeds", "audio_embeds", "depth_embeds", "thermal_embeds", "imu_embeds"):
        assert (output[name] - expected[name]).abs().max() > 1e-2, name
        torch.testing.assert_close(output[name], merged[name], atol=1e-5, rtol=0)


def test_freeze_leaves_the_base_of_an_adapter_frozen(model):
    adapted = get_peft_model(model, LoraConfig(target_modules=["q_proj"], r=2))
    before = {name for name, parameter in adapted.named_parameters() if parameter.requires_grad}
    model.freeze(["vision"])
    after = {name for name, parameter in adapted.named_parameters() if parameter.requires_grad}
    assert after == {name for name in before if ".vision_model." not in name} and after < before
    model.freeze([])
    assert {name for name, parameter in adapted.named_parameters() if parameter.requires_grad} == before


@torch.no_grad()
def test_quantized_weights_give_nearly_the_same_results(model, saved, tmp_path):
    config = TorchAoConfig(Int8WeightOnlyConfig())
    quantized = ImageBindModel.from_pretrained(saved, quantization_config=config, dtype=torch.float32).eval()
    expected, output = model(**INPUTS), quantized(**INPUTS)
    for name, value in expected.items():
        if name.endswith("_embeds"):
            torch.testing.assert_close(output[name], value, atol=2e-2, rtol=0)
    cached = quantized(image_embeds=expected.image_embeds, input_ids=INPUTS["input_ids"])
    assert torch.equal(cached.image_embeds, expected.image_embeds)
    for tower in SCALED:
        torch.testing.assert_close(quantized.logit_scale(tower), model.logit_scale(tower), atol=1e-3, rtol=0)
    quantized.freeze(["vision"])
    # The weights are written once, not once for each modality.
    quantized.save_pretrained(tmp_path / "quantized")
    size = sum(file.stat().st_size for file in (tmp_path / "quantized").glob("*.safetensors"))
    assert size < sum(file.stat().st_size for file in saved.glob("*.safetensors"))


@torch.no_grad()
def test_text_is_pooled_at_the_end_token(model):
    ids = torch.tensor([[49406, 320, 1929, 49407], [49406, 320, 1929, 49407]])
    # An added token has an id above that of the end token.
    model.text_model.embeddings.token_embedding = torch.nn.Embedding(49410, 32)
    ids[:, 1] = 49409
    ids[1, 2] = 1615
    first, second = model.get_text_features(ids).pooler_output
    assert torch.nn.functional.cosine_similarity(first, second, dim=0) < 0.9999


@torch.no_grad()
def test_texts_padded_on_the_left_give_the_same_embeddings(model):
    right = torch.tensor([[49406, 320, 1929, 49407], [49406, 320, 49407, 0]])
    left = torch.tensor([[49406, 320, 1929, 49407], [0, 49406, 320, 49407]])
    mask = torch.tensor([[1, 1, 1, 1], [0, 1, 1, 1]])
    for call in (model, model.get_text_features, model.text_model):
        expected, output = call(input_ids=right), call(input_ids=left, attention_mask=mask)
        name = "text_embeds" if call is model else "pooler_output"
        assert torch.equal(output[name], expected[name])


def test_the_patch_projection_is_called(model):
    """Hooks run, as offloading, adapters and profilers need."""
    called = []
    for tower in ("vision", "audio", "depth", "thermal", "imu"):
        projection = getattr(model, f"{tower}_model").embeddings.projection
        projection.register_forward_hook(lambda *_, tower=tower: called.append(tower))
    with torch.no_grad():
        model(**INPUTS)
    assert sorted(set(called)) == ["audio", "depth", "imu", "thermal", "vision"]
