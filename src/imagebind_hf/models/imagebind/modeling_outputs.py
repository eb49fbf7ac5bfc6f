# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Outputs of the models.

Shape letters: B batch size, C clips or views of an item, T tokens, D hidden size of a tower, E embedding dimension.
"""

from dataclasses import dataclass

import torch
from transformers.utils import ModelOutput


@dataclass
class ImageBindOutput(ModelOutput):
    """Output of [`ImageBindModel`]. Only the fields that the inputs determine are set.

    Args:
        loss (`torch.Tensor` of shape `(1,)`): With `return_loss=True`: the symmetric InfoNCE loss between the
            images and each other modality, summed over the modalities.
        logits_per_<m> (`torch.Tensor` of shape `(B_m, B_text)`): Scaled cosine similarities of modality m and the
            texts. `logits_per_text` is the transpose of `logits_per_image` (or `logits_per_video`).
        <m>_embeds (`torch.Tensor` of shape `(B_m, E)`): Embeddings with unit length. For an item with several clips:
            the mean of unit vectors.
        logit_scales (`dict[str, torch.Tensor]`): With `return_logit_scales=True`: the logit scale of each modality.

    Extra modalities of the configuration add the keys `logits_per_<name>` and `<name>_embeds`.
    """

    loss: torch.Tensor | None = None
    logits_per_image: torch.Tensor | None = None
    logits_per_video: torch.Tensor | None = None
    logits_per_audio: torch.Tensor | None = None
    logits_per_depth: torch.Tensor | None = None
    logits_per_thermal: torch.Tensor | None = None
    logits_per_imu: torch.Tensor | None = None
    logits_per_text: torch.Tensor | None = None
    image_embeds: torch.Tensor | None = None
    video_embeds: torch.Tensor | None = None
    text_embeds: torch.Tensor | None = None
    audio_embeds: torch.Tensor | None = None
    depth_embeds: torch.Tensor | None = None
    thermal_embeds: torch.Tensor | None = None
    imu_embeds: torch.Tensor | None = None
    logit_scales: dict[str, torch.Tensor] | None = None


@dataclass
class ImageBindProjectionOutput(ModelOutput):
    """Output of the `ImageBind...ModelWithProjection` classes: `<m>_embeds` and the hidden states.

    Args:
        <m>_embeds (`torch.Tensor` of shape `(B, E)`): Embeddings with unit length.
        last_hidden_state (`torch.Tensor` of shape `(B, T, D)`, with clips `(B, C, T, D)`): Output of the transformer.
        hidden_states, attentions (`tuple[torch.Tensor]`): For each layer, if requested.
    """

    text_embeds: torch.Tensor | None = None
    image_embeds: torch.Tensor | None = None
    video_embeds: torch.Tensor | None = None
    audio_embeds: torch.Tensor | None = None
    depth_embeds: torch.Tensor | None = None
    thermal_embeds: torch.Tensor | None = None
    imu_embeds: torch.Tensor | None = None
    last_hidden_state: torch.Tensor | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None


def in_order(output_class: type[ModelOutput], values: dict[str, torch.Tensor]) -> ModelOutput:
    """Create an output with its fields in their order, followed by other keys (those of extra modalities)."""
    fields = [field for field in output_class.__dataclass_fields__ if field in values]
    output = output_class(**{field: values[field] for field in fields})
    for name in [name for name in values if name not in fields]:
        output[name] = values[name]
    return output


__all__ = ["ImageBindOutput", "ImageBindProjectionOutput", "in_order"]
