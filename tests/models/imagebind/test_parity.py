# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Compare the model with the outputs of the original implementation. Float32, CPU."""

import pytest
import torch

from imagebind_hf import ImageBindModel
from imagebind_hf.hub.convert import original_names

CASES = {
    "vision": "image",
    "vision_252x252": "image",
    "text": "text",
    "audio": "audio",
    "depth": "depth",
    "thermal": "thermal",
    "imu": "imu",
}


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def layout(case: str, values: torch.Tensor) -> torch.Tensor:
    """Convert the layouts of the original implementation: no channel axis for audio, frames before channels."""
    if case.startswith("audio"):
        return values.squeeze(-3)
    return values.transpose(2, 3) if case == "vision_clips" else values


@pytest.mark.parametrize("attention", ["eager", "sdpa", "flex_attention"])
@pytest.mark.parametrize("case", CASES)
@torch.no_grad()
def test_tower(case, attention, original, parity):
    modality = CASES[case]
    original.set_attn_implementation(attention)
    features = getattr(original, f"get_{modality}_features")
    values = layout(case, parity[f"input.{case}"])
    output = features(values)
    embedding = parity[f"embedding.{case}"]
    assert relative(output.last_hidden_state, parity[f"last_hidden_state.{case}"]) <= 1e-4
    assert relative(features(values, normalize=False).pooler_output, parity[f"projection.{case}"]) <= 1e-4
    unit = embedding / embedding.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(output.pooler_output, unit, atol=1e-5, rtol=0)
    torch.testing.assert_close(output.pooler_output * original.logit_scale(modality), embedding, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("case", CASES)
@torch.no_grad()
def test_stem(case, original, parity):
    tower = getattr(original, f"{original.inputs[CASES[case]].tower}_model")
    tokens = tower.embeddings(parity[f"input.{case}"])
    assert relative(tokens, parity[f"tokens.{case}"]) <= 1e-4


@pytest.mark.parametrize("case, modality", [("audio_clips", "audio"), ("vision_clips", "video")])
@torch.no_grad()
def test_mean_over_clips(case, modality, original, parity):
    output = getattr(original, f"get_{modality}_features")(layout(case, parity[f"input.{case}"]))
    embeds = output.pooler_output * original.logit_scale(modality)
    torch.testing.assert_close(embeds, parity[f"embedding.{case}"], atol=1e-5, rtol=0)


def test_loss_and_gradients(original: ImageBindModel, parity):
    output = original(
        pixel_values=parity["input.vision"],
        input_features=layout("audio", parity["input.audio"]),
        return_loss=True,
    )
    torch.testing.assert_close(output.loss, parity["loss.vision_audio"][0], rtol=1e-5, atol=0)
    output.loss.backward()
    names = original_names(original.config)
    gradients = [name for name in parity if name.startswith("grad.")]
    assert len(gradients) == 3
    for name in gradients:
        (ours,) = names[name.removeprefix("grad.")]
        assert relative(original.get_parameter(ours).grad, parity[name]) <= 1e-4


@pytest.mark.parametrize("attention", ["eager", "sdpa", "flex_attention"])
@torch.no_grad()
def test_text_padding_has_no_effect(attention, original, parity):
    original.set_attn_implementation(attention)
    input_ids = parity["input.text"]
    end = int(input_ids.argmax(dim=1).max()) + 1
    whole = original.get_text_features(input_ids).pooler_output
    for length in (end, end + 5, 77):
        part = original.get_text_features(input_ids[:, :length]).pooler_output
        torch.testing.assert_close(part, whole, atol=1e-6, rtol=0)
