# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The peer: towers that compute what the original implementation computes, in plain torch, for timing.

`nn.MultiheadAttention` with one additional learned key and value, sequence dimension first; images repeated to two
frames for a 3-D convolution; texts always padded to 77 tokens, with a causal mask; embeddings multiplied by their
scale. Weights are random, or copied from our model; both then compute the same embeddings.
"""

import torch
from torch import nn

from imagebind_hf import ImageBindConfig, ImageBindModel
from imagebind_hf.models.imagebind.configuration_imagebind import ImageBindTowerConfig


class Block(nn.Module):
    def __init__(self, config: ImageBindTowerConfig, drop_path: float):
        super().__init__()
        width = config.hidden_size
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attention = nn.MultiheadAttention(width, config.num_attention_heads, add_bias_kv=config.add_bias_kv)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.drop_path = drop_path

    def residual(self, values: torch.Tensor) -> torch.Tensor:
        if not self.training or not self.drop_path:
            return values
        keep = values.new_empty(1, values.shape[1], 1).bernoulli_(1 - self.drop_path)
        return values * keep / (1 - self.drop_path)

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        normed = self.norm1(hidden)
        hidden = hidden + self.residual(self.attention(normed, normed, normed, need_weights=False, attn_mask=mask)[0])
        return hidden + self.residual(self.mlp(self.norm2(hidden)))


class Tower(nn.Module):
    """One tower: maps `(B, …)` to `(B, projection_dim)`, and `(B, clips, …)` to the mean over clips."""

    def __init__(self, modality: str, config: ImageBindTowerConfig, projection_dim: int):
        super().__init__()
        self.modality, self.config, width = modality, config, config.hidden_size
        self.ndim = {"text": 2, "audio": 3, "imu": 3}.get(modality, 4)
        norm = nn.LayerNorm(width)
        if modality == "text":
            self.stem = nn.Embedding(config.vocab_size, width)
            positions = config.max_position_embeddings
        elif modality == "imu":
            self.stem = nn.Sequential(nn.Linear(config.num_channels * config.window_size, width, bias=False), norm)
            positions = 1 + config.num_samples // config.window_size
        else:
            kind = nn.Conv3d if modality == "vision" else nn.Conv2d
            self.stem = kind(config.num_channels, width, config.kernel_size, config.patch_stride, bias=False)
            self.stem_norm = nn.Identity() if modality == "vision" else norm
            positions = 1 + config.grid_size[0] * config.grid_size[1]
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(0.02 * torch.randn(1, positions, width))
        self.pre_norm = nn.LayerNorm(width, eps=1e-6) if modality == "vision" else nn.Identity()
        last = max(config.num_hidden_layers - 1, 1)
        self.blocks = nn.ModuleList(
            [Block(config, config.drop_path_rate * i / last) for i in range(config.num_hidden_layers)]
        )
        self.head = nn.Sequential(nn.LayerNorm(width, eps=1e-6), nn.Linear(width, projection_dim, bias=False))
        self.register_buffer("mask", torch.full((positions, positions), float("-inf")).triu(1), persistent=False)

    def embed(self, values: torch.Tensor) -> torch.Tensor:
        if self.modality == "text":
            return self.stem(values) + self.positions
        if self.modality == "imu":
            values = values.unfold(-1, self.config.window_size, self.config.window_size)
            tokens = self.stem(values.permute(0, 2, 1, 3).flatten(2))
        else:
            if self.modality == "vision" and values.ndim == 4:
                values = values.unsqueeze(2).repeat(1, 1, 2, 1, 1)
            tokens = self.stem_norm(self.stem(values).flatten(2).transpose(1, 2))
        return torch.cat([self.class_token.expand(len(tokens), -1, -1), tokens], dim=1) + self.positions

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        clips = values.shape[:2] if values.ndim == self.ndim + 1 else None
        if clips is not None:
            values = values.flatten(0, 1)
        if self.modality == "audio":
            values = values.unsqueeze(1)
        hidden = self.pre_norm(self.embed(values)).transpose(0, 1)
        for block in self.blocks:
            hidden = block(hidden, self.mask.to(hidden.dtype) if self.modality == "text" else None)
        hidden = hidden.transpose(0, 1)
        if self.modality == "text":
            pooled = hidden[torch.arange(len(hidden)), values.argmax(dim=1)]
        else:
            pooled = hidden[:, 0]
        scale = self.config.logit_scale_init_value or 1.0
        embeds = nn.functional.normalize(self.head(pooled), dim=-1) * scale
        return embeds if clips is None else embeds.unflatten(0, clips).mean(dim=1)


def make_tower(config: ImageBindConfig, modality: str) -> Tower:
    return Tower(modality, config.tower_configs[modality], config.projection_dim)


@torch.no_grad()
def copy_weights(peer: Tower, model: ImageBindModel) -> Tower:
    """Copy the weights of our model's tower of the same modality to the peer."""
    tower = getattr(model, f"{peer.modality}_model")
    stem = tower.embeddings
    if peer.modality == "text":
        peer.stem.load_state_dict(stem.token_embedding.state_dict())
    else:
        norm = peer.stem[1] if peer.modality == "imu" else peer.stem_norm
        projection = peer.stem[0] if peer.modality == "imu" else peer.stem
        projection.load_state_dict(stem.projection.state_dict())
        norm.load_state_dict(stem.layer_norm.state_dict())
        peer.class_token.copy_(stem.class_embedding)
    peer.positions.copy_(stem.position_embedding)
    peer.pre_norm.load_state_dict(tower.pre_layernorm.state_dict())
    for block, layer in zip(peer.blocks, tower.encoder.layers, strict=True):
        attention, ours = block.attention, layer.self_attn
        projections = (ours.q_proj, ours.k_proj, ours.v_proj)
        attention.in_proj_weight.copy_(torch.cat([projection.weight for projection in projections]))
        attention.in_proj_bias.copy_(torch.cat([projection.bias for projection in projections]))
        attention.out_proj.load_state_dict(ours.out_proj.state_dict())
        if ours.bias_k is not None:
            attention.bias_k.copy_(ours.bias_k)
            attention.bias_v.copy_(ours.bias_v)
        for theirs, part in ((block.norm1, layer.layer_norm1), (block.norm2, layer.layer_norm2)):
            theirs.load_state_dict(part.state_dict())
        for theirs, part in ((block.mlp[0], layer.mlp.fc1), (block.mlp[2], layer.mlp.fc2)):
            theirs.load_state_dict(part.state_dict())
    peer.head[0].load_state_dict(tower.post_layernorm.state_dict())
    peer.head[1].load_state_dict(getattr(model, f"{peer.modality}_projection").state_dict())
    return peer
