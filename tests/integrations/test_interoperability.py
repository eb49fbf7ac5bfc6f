# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Tools for transformers models work with ours: adapters, quantization, export."""

import pytest
import torch
from torch.nn.functional import cosine_similarity
from transformers import AutoModel

from conftest import make_config, make_inputs
from imagebind_hf import ImageBindModel
from imagebind_hf.models.imagebind.modalities import TOWERS
from imagebind_hf.models.imagebind.modeling_imagebind_towers import TOWER_CLASSES


def audio_embeds(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(input_features=make_inputs()["input_features"]).audio_embeds


def test_lora_on_one_tower(model, tmp_path):
    peft = pytest.importorskip("peft")
    before = audio_embeds(model)
    targets = r"audio_model\.encoder\..*\.(q_proj|v_proj|fc1)"
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=4, target_modules=targets, init_lora_weights=False))
    trainable = [name for name, parameter in adapted.named_parameters() if parameter.requires_grad]
    assert trainable and all("audio_model" in name and "lora_" in name for name in trainable)
    after = audio_embeds(adapted)
    assert not torch.allclose(before, after, atol=1e-3)
    inputs = make_inputs()
    adapted(
        pixel_values=inputs["pixel_values"], input_features=inputs["input_features"], return_loss=True
    ).loss.backward()
    assert all(p.grad is not None for name, p in adapted.named_parameters() if name in trainable)

    adapted.save_pretrained(tmp_path / "adapter")
    torch.manual_seed(0)
    again = peft.PeftModel.from_pretrained(ImageBindModel(make_config()).eval(), tmp_path / "adapter")
    torch.testing.assert_close(audio_embeds(again), after)
    merged = again.merge_and_unload()
    torch.testing.assert_close(audio_embeds(merged), after, atol=1e-5, rtol=1e-5)
    merged.save_pretrained(tmp_path / "merged")
    torch.testing.assert_close(
        audio_embeds(AutoModel.from_pretrained(tmp_path / "merged").eval()), after, atol=1e-5, rtol=1e-5
    )


def test_int8_weights(model):
    quantization = pytest.importorskip("torchao.quantization")
    before = audio_embeds(model)
    quantization.quantize_(model, quantization.Int8WeightOnlyConfig())
    assert cosine_similarity(before, audio_embeds(model)).min() > 0.99


@pytest.mark.slow
@pytest.mark.parametrize("modality", TOWERS)
def test_export_of_each_tower(modality):
    config = make_config().tower_configs[modality]
    torch.manual_seed(0)
    tower = TOWER_CLASSES[config.model_type](config).eval()
    name = tower.main_input_name
    values = make_inputs()[name]
    values = values[:, 0] if modality == "audio" else values  # one clip
    exported = torch.export.export(tower, (), {name: values}, strict=False)
    expected = tower(**{name: values}).pooler_output
    torch.testing.assert_close(exported.module()(**{name: values}).pooler_output, expected, atol=1e-5, rtol=1e-4)
