# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The towers: one pre-norm transformer architecture, and three stems that convert inputs to tokens.

Shape letters: B batch size, T tokens, D hidden size of a tower.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import nn
from transformers import initialization as init
from transformers.activations import ACT2FN
from transformers.masking_utils import create_causal_mask
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS, PreTrainedModel
from transformers.processing_utils import Unpack
from transformers.utils import TransformersKwargs
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

from .configuration_imagebind import (
    ImageBindAudioConfig,
    ImageBindConfig,
    ImageBindDepthConfig,
    ImageBindImuConfig,
    ImageBindPatchTowerConfig,
    ImageBindTextConfig,
    ImageBindThermalConfig,
    ImageBindTowerConfig,
    ImageBindVisionConfig,
)


def eager_attention_forward(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute attention without a fused kernel. All tensors have the shape `(B, heads, T, head_dim)`."""
    weights = torch.matmul(query, key.transpose(-1, -2)) * scaling
    if attention_mask is not None:
        weights = weights + attention_mask
    weights = nn.functional.softmax(weights, dim=-1, dtype=torch.float32).to(query.dtype)
    weights = nn.functional.dropout(weights, p=dropout, training=module.training)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights


class ImageBindAttention(nn.Module):
    """Multi-head self-attention. With `config.add_bias_kv`, one learned key and one learned value are appended."""

    def __init__(self, config: ImageBindTowerConfig, is_causal: bool):
        super().__init__()
        self.config = config
        self.head_dim = config.hidden_size // config.num_attention_heads
        self.scaling = self.head_dim**-0.5
        # The attention back ends read this attribute. Without it, sdpa assumes causal attention and truncates the keys
        # to the number of queries, which drops the appended key.
        self.is_causal = is_causal
        self.q_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.k_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.v_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.out_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.bias_k = nn.Parameter(torch.empty(1, 1, config.hidden_size)) if config.add_bias_kv else None
        self.bias_v = nn.Parameter(torch.empty(1, 1, config.hidden_size)) if config.add_bias_kv else None

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        num_queries: int | None = None,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Attend from the first `num_queries` tokens (default: all) to all tokens of `(B, T, D)`."""
        batch_size, _, width = hidden_states.shape
        query = self.q_proj(hidden_states[:, :num_queries])
        key, value = self.k_proj(hidden_states), self.v_proj(hidden_states)
        if self.bias_k is not None:
            key = torch.cat([key, self.bias_k.to(key.dtype).expand(batch_size, -1, -1)], dim=1)
            value = torch.cat([value, self.bias_v.to(value.dtype).expand(batch_size, -1, -1)], dim=1)
        query, key, value = (
            states.view(batch_size, states.shape[1], -1, self.head_dim).transpose(1, 2)
            for states in (query, key, value)
        )
        attention: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        output, weights = attention(
            self,
            query,
            key,
            value,
            attention_mask,
            scaling=self.scaling,
            dropout=self.config.attention_dropout if self.training else 0.0,
            **kwargs,
        )
        return self.out_proj(output.reshape(batch_size, -1, width)), weights


class ImageBindMLP(nn.Module):
    """Feed-forward network: two linear layers with an activation in between."""

    def __init__(self, config: ImageBindTowerConfig):
        super().__init__()
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.activation = ACT2FN[config.hidden_act]
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.fc2(self.activation(self.fc1(hidden_states)))


class ImageBindDropPath(nn.Module):
    """Stochastic depth: during training, drop a residual branch for a whole item with the given probability."""

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        if not self.training or self.rate == 0:
            return hidden_states
        keep = torch.empty_like(hidden_states[:, :1, :1]).bernoulli_(1 - self.rate)
        return hidden_states * keep / (1 - self.rate)

    def extra_repr(self) -> str:
        return f"rate={self.rate:.3g}"


class ImageBindLayer(GradientCheckpointingLayer):
    """A pre-norm transformer layer."""

    def __init__(self, config: ImageBindTowerConfig, is_causal: bool, drop_path_rate: float):
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.self_attn = ImageBindAttention(config, is_causal)
        self.layer_norm2 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = ImageBindMLP(config)
        self.drop_path = ImageBindDropPath(drop_path_rate)

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        num_queries: int | None = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        """Transform `(B, T, D)` and return the first `num_queries` tokens (default: all)."""
        attention, _ = self.self_attn(self.layer_norm1(hidden_states), attention_mask, num_queries, **kwargs)
        hidden_states = hidden_states[:, :num_queries] + self.drop_path(attention)
        return hidden_states + self.drop_path(self.mlp(self.layer_norm2(hidden_states)))


class ImageBindEncoder(nn.Module):
    """The transformer of a tower. Stochastic depth grows linearly with depth, as in the original implementation."""

    def __init__(self, config: ImageBindTowerConfig, is_causal: bool):
        super().__init__()
        last = max(config.num_hidden_layers - 1, 1)
        self.layers = nn.ModuleList(
            ImageBindLayer(config, is_causal, config.drop_path_rate * i / last)
            for i in range(config.num_hidden_layers)
        )
        self.gradient_checkpointing = False

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        num_queries: int | None = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        """Transform `(B, T, D)`. The last layer computes only the first `num_queries` tokens (default: all)."""
        for layer in self.layers[:-1]:
            hidden_states = layer(hidden_states, attention_mask, **kwargs)
        return self.layers[-1](hidden_states, attention_mask, num_queries=num_queries, **kwargs)


class ImageBindTextEmbeddings(nn.Module):
    """Stem of the text tower: token and position embeddings."""

    def __init__(self, config: ImageBindTextConfig):
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embedding = nn.Parameter(torch.empty(1, config.max_position_embeddings, config.hidden_size))

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        length, longest = input_ids.shape[1], self.position_embedding.shape[1]
        if length > longest:
            raise ValueError(
                f"Expected input_ids with at most {longest} tokens, but got {length}. Tokenize with truncation=True."
            )
        return self.token_embedding(input_ids) + self.position_embedding[:, :length]


class ImageBindClipConv3d(nn.Conv3d):
    """A convolution over patches that span all frames of a clip. One 2-D convolution computes it."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Convolve clips of shape `(B, channels, frames, H, W)`; the result has a time axis of size 1."""
        patches = nn.functional.conv2d(values.flatten(1, 2), self.weight.flatten(1, 2), stride=self.stride[1:])
        return patches.unsqueeze(2)


class ImageBindPatchEmbeddings(nn.Module):
    """Stem for two-dimensional inputs: patches by a strided convolution, a class token, learned positions.

    In the vision tower, a patch spans all frames of a clip, and a still image is treated as a clip of identical
    frames, as in the original implementation.
    """

    def __init__(self, config: ImageBindPatchTowerConfig):
        super().__init__()
        self.patch_size, self.grid_size = config.patch_size, config.grid_size
        # Frames of a clip that a patch spans; none for a tower without time.
        self.num_frames = config.kernel_size[0] if len(config.kernel_size) == 3 else None
        conv = nn.Conv2d if self.num_frames is None else ImageBindClipConv3d
        self.projection = conv(
            config.num_channels, config.hidden_size, config.kernel_size, config.patch_stride, bias=False
        )
        norm = nn.LayerNorm(config.hidden_size, eps=config.stem_layer_norm_eps)
        self.layer_norm = norm if config.stem_layer_norm else nn.Identity()
        self.class_embedding = nn.Parameter(torch.empty(1, 1, config.hidden_size))
        num_positions = 1 + self.grid_size[0] * self.grid_size[1]
        self.position_embedding = nn.Parameter(torch.empty(1, num_positions, config.hidden_size))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Embed images of shape `(B, channels, H, W)` or clips of shape `(B, frames, channels, H, W)`."""
        if min(values.shape[-2:]) < self.patch_size:
            raise ValueError(f"The input of shape {tuple(values.shape)} is smaller than a patch of {self.patch_size}.")
        if values.ndim == 5:
            values = values.transpose(1, 2)
        elif self.num_frames is not None:
            values = values.unsqueeze(2).expand(-1, -1, self.num_frames, -1, -1)
        # The module is called, its weight is never read here: offloading, adapters and hooks work through calls.
        patches = self.projection(values.to(self.position_embedding.dtype))
        positions = self._positions(tuple(patches.shape[-2:]))
        patches = self.layer_norm(patches.flatten(2).transpose(1, 2))
        # `len` would make the batch size of an exported or compiled model static.
        return torch.cat([self.class_embedding.expand(patches.shape[0], -1, -1), patches], dim=1) + positions

    def _positions(self, grid_size: tuple[int, int]) -> torch.Tensor:
        """Return the positions, interpolated bicubically to other grid sizes, as in the original implementation."""
        if grid_size == self.grid_size:
            return self.position_embedding
        first, rest = self.position_embedding[:, :1], self.position_embedding[:, 1:]
        rest = rest.unflatten(1, self.grid_size).permute(0, 3, 1, 2)
        # The bicubic kernel is too inaccurate in half precision.
        rest = nn.functional.interpolate(rest.float(), size=grid_size, mode="bicubic").to(first.dtype)
        return torch.cat([first, rest.flatten(2).transpose(1, 2)], dim=1)


class ImageBindWindowEmbeddings(nn.Module):
    """Stem for signals over time: windows by a linear layer, a class token, learned positions."""

    def __init__(self, config: ImageBindImuConfig):
        super().__init__()
        self.window_size = config.window_size
        self.projection = nn.Linear(config.num_channels * config.window_size, config.hidden_size, bias=False)
        self.layer_norm = nn.LayerNorm(config.hidden_size, eps=config.stem_layer_norm_eps)
        self.class_embedding = nn.Parameter(torch.empty(1, 1, config.hidden_size))
        num_positions = 1 + config.num_samples // config.window_size
        self.position_embedding = nn.Parameter(torch.empty(1, num_positions, config.hidden_size))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Embed signals of shape `(B, channels, samples)`.

        A window is flattened channel by channel, as in the original implementation.
        """
        windows = values.to(self.position_embedding.dtype).unflatten(2, (-1, self.window_size))
        windows = self.layer_norm(self.projection(windows.transpose(1, 2).flatten(2)))
        tokens = torch.cat([self.class_embedding.expand(windows.shape[0], -1, -1), windows], dim=1)
        return tokens + self.position_embedding


class ImageBindPreTrainedModel(PreTrainedModel):
    """Base class of all models: attention back ends, weight initialization, recorded outputs."""

    config: ImageBindConfig
    base_model_prefix = "imagebind"
    input_modalities = ("image", "video", "audio", "text", "depth", "thermal", "imu")
    supports_gradient_checkpointing = True
    # Otherwise the Trainer scales the loss by the number of label tokens, which do not exist here.
    accepts_loss_kwargs = False
    _no_split_modules = [
        "ImageBindLayer",
        "ImageBindTextEmbeddings",
        "ImageBindPatchEmbeddings",
        "ImageBindWindowEmbeddings",
    ]
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    _can_compile_fullgraph = True
    _can_record_outputs = {"hidden_states": ImageBindLayer, "attentions": ImageBindAttention}

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Initialize embeddings as OpenCLIP does and linear layers with Xavier, as in the original implementation.

        The packed (3D, D) projection of `nn.MultiheadAttention` has a Xavier bound of sqrt(6 / 4D). A gain of
        sqrt(1/2) gives the three separate projections the same bound.
        """
        if isinstance(module, ImageBindAttention):
            if module.bias_k is not None:
                init.xavier_normal_(module.bias_k)
                init.xavier_normal_(module.bias_v)
            for projection in (module.q_proj, module.k_proj, module.v_proj):
                init.xavier_uniform_(projection.weight, gain=0.5**0.5)
        elif isinstance(module, nn.Linear):
            init.xavier_uniform_(module.weight)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, (nn.Conv2d, nn.Conv3d)):
            init.normal_(module.weight, std=module.weight[0].numel() ** -0.5)
        elif isinstance(module, ImageBindTextEmbeddings):
            init.normal_(module.token_embedding.weight, std=0.02)
            init.normal_(module.position_embedding, std=0.01)
        elif isinstance(module, (ImageBindPatchEmbeddings, ImageBindWindowEmbeddings)):
            std = module.class_embedding.shape[-1] ** -0.5
            init.normal_(module.class_embedding, std=std)
            init.normal_(module.position_embedding, std=std)
        else:
            super()._init_weights(module)


class ImageBindTower(ImageBindPreTrainedModel):
    """Base class of the towers, without projection: stem, transformer, pooling."""

    embeddings_class: ClassVar[type[nn.Module]] = ImageBindPatchEmbeddings
    is_causal: ClassVar[bool] = False
    input_ndim: ClassVar[int]
    _input_embed_layer = "projection"

    def __init__(self, config: ImageBindTowerConfig):
        super().__init__(config)
        self.embeddings = self.embeddings_class(config)
        pre_layer_norm = getattr(config, "pre_layer_norm", False)
        self.pre_layernorm = (
            nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps) if pre_layer_norm else nn.Identity()
        )
        self.encoder = ImageBindEncoder(config, self.is_causal)
        self.post_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.head_dropout)
        # A checkpoint of the whole model also has the weights of other towers: do not report them as unexpected.
        self._keys_to_ignore_on_load_unexpected = [
            rf"^(?!{self.base_model_prefix}\.)\w+_(model\.|projection\.|logit_scale$)"
        ]
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """Return the first layer of the stem."""
        return getattr(self.embeddings, self._input_embed_layer)

    def _check(self, values: torch.Tensor, *shape: int | str) -> None:
        """Raise a ValueError unless `values` has the shape (B, *shape). A string in `shape` means any size."""
        sizes = zip(shape, values.shape[1:], strict=False)
        if values.ndim != len(shape) + 1 or any(isinstance(want, int) and want != size for want, size in sizes):
            expected = ", ".join(map(str, ("B", *shape)))
            raise ValueError(
                f"Expected {self.main_input_name} with the shape ({expected}), but got {tuple(values.shape)}."
            )

    def _encode(
        self, values: torch.Tensor, position: torch.Tensor | int = 0, pooled_only: bool = False, **kwargs: Any
    ) -> BaseModelOutputWithPooling:
        """Run stem and transformer, and pool at `position`: the class token (0), or one position per item.

        With `pooled_only`, `last_hidden_state` is `None`, and the last layer computes only the class token.
        """
        hidden_states = self.pre_layernorm(self.embeddings(values))
        attention_mask = None
        if self.is_causal:
            # Positional arguments: the fourth one, the cache, has different names in different transformers releases.
            attention_mask = create_causal_mask(self.config, hidden_states, None, None)
        num_queries = 1 if pooled_only and not isinstance(position, torch.Tensor) else None
        hidden_states = self.encoder(hidden_states, attention_mask, num_queries, **kwargs)
        if isinstance(position, torch.Tensor):
            pooled = hidden_states[torch.arange(hidden_states.shape[0], device=hidden_states.device), position]
        else:
            pooled = hidden_states[:, position]
        return BaseModelOutputWithPooling(
            last_hidden_state=None if pooled_only else hidden_states,
            pooler_output=self.dropout(self.post_layernorm(pooled)),
        )


class ImageBindTextModel(ImageBindTower):
    """The text tower without its projection."""

    config: ImageBindTextConfig
    base_model_prefix = "text_model"
    main_input_name = "input_ids"
    input_modalities = ("text",)
    input_ndim = 2
    embeddings_class = ImageBindTextEmbeddings
    is_causal = True
    _input_embed_layer = "token_embedding"

    @merge_with_config_defaults
    @capture_outputs(tie_last_hidden_states=False)
    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None, **kwargs: Unpack[TransformersKwargs]
    ) -> BaseModelOutputWithPooling:
        """Encode tokens.

        Args:
            input_ids (`torch.Tensor` of shape `(B, T)`): Token ids, with T at most `config.max_position_embeddings`.
            attention_mask (`torch.Tensor` of shape `(B, T)`, *optional*): Needed only for texts that are padded on
                the left. They are moved to the left end, also in the hidden states. Padding on the right has no
                effect, because attention is causal and the output is pooled at the end token.
        """
        self._check(input_ids, "T")
        # A model of several inputs may get the mask of another input.
        if attention_mask is not None and attention_mask.shape == input_ids.shape:
            first = attention_mask.int().argmax(dim=-1, keepdim=True)
            places = torch.arange(input_ids.shape[1], device=input_ids.device)
            input_ids = input_ids.gather(1, (places + first) % input_ids.shape[1])
        end = self.config.eos_token_id
        end = end[0] if isinstance(end, list) else end if end is not None else self.config.vocab_size - 1
        # The first end token; without one, the largest id, as in the original implementation.
        ids = input_ids.int().masked_fill(input_ids == end, torch.iinfo(torch.int).max)
        return self._encode(input_ids, position=ids.argmax(dim=-1), **kwargs)


class ImageBindVisionModel(ImageBindTower):
    """The image and video tower without its projection."""

    config: ImageBindVisionConfig
    base_model_prefix = "vision_model"
    main_input_name = "pixel_values"
    input_modalities = ("image", "video")
    input_ndim = 4

    @merge_with_config_defaults
    @capture_outputs(tie_last_hidden_states=False)
    def forward(self, pixel_values: torch.Tensor, **kwargs: Unpack[TransformersKwargs]) -> BaseModelOutputWithPooling:
        """Encode images of shape `(B, 3, H, W)` or clips of shape `(B, num_frames, 3, H, W)`."""
        frames = (self.config.num_frames,) if pixel_values.ndim == 5 else ()
        self._check(pixel_values, *frames, self.config.num_channels, "H", "W")
        return self._encode(pixel_values, **kwargs)


class ImageBindAudioModel(ImageBindTower):
    """The audio tower without its projection."""

    config: ImageBindAudioConfig
    base_model_prefix = "audio_model"
    main_input_name = "input_features"
    input_modalities = ("audio",)
    input_ndim = 3

    @merge_with_config_defaults
    @capture_outputs(tie_last_hidden_states=False)
    def forward(
        self, input_features: torch.Tensor, **kwargs: Unpack[TransformersKwargs]
    ) -> BaseModelOutputWithPooling:
        """Encode log-mel spectrograms of shape `(B, num_mel_bins, frames)`."""
        self._check(input_features, self.config.num_mel_bins, "frames")
        return self._encode(input_features.unsqueeze(1), **kwargs)


class ImageBindDepthModel(ImageBindTower):
    """The depth tower without its projection."""

    config: ImageBindDepthConfig
    base_model_prefix = "depth_model"
    main_input_name = "pixel_values_depth"
    input_modalities = ("depth",)
    input_ndim = 4

    @merge_with_config_defaults
    @capture_outputs(tie_last_hidden_states=False)
    def forward(
        self, pixel_values_depth: torch.Tensor, **kwargs: Unpack[TransformersKwargs]
    ) -> BaseModelOutputWithPooling:
        """Encode disparity maps of shape `(B, 1, H, W)`."""
        self._check(pixel_values_depth, self.config.num_channels, "H", "W")
        return self._encode(pixel_values_depth, **kwargs)


class ImageBindThermalModel(ImageBindTower):
    """The thermal tower without its projection."""

    config: ImageBindThermalConfig
    base_model_prefix = "thermal_model"
    main_input_name = "pixel_values_thermal"
    input_modalities = ("thermal",)
    input_ndim = 4

    @merge_with_config_defaults
    @capture_outputs(tie_last_hidden_states=False)
    def forward(
        self, pixel_values_thermal: torch.Tensor, **kwargs: Unpack[TransformersKwargs]
    ) -> BaseModelOutputWithPooling:
        """Encode thermal images of shape `(B, 1, H, W)`."""
        self._check(pixel_values_thermal, self.config.num_channels, "H", "W")
        return self._encode(pixel_values_thermal, **kwargs)


class ImageBindImuModel(ImageBindTower):
    """The IMU tower without its projection."""

    config: ImageBindImuConfig
    base_model_prefix = "imu_model"
    main_input_name = "imu_values"
    input_modalities = ("imu",)
    input_ndim = 3
    embeddings_class = ImageBindWindowEmbeddings

    @merge_with_config_defaults
    @capture_outputs(tie_last_hidden_states=False)
    def forward(self, imu_values: torch.Tensor, **kwargs: Unpack[TransformersKwargs]) -> BaseModelOutputWithPooling:
        """Encode signals of shape `(B, num_channels, num_samples)`."""
        self._check(imu_values, self.config.num_channels, self.config.num_samples)
        return self._encode(imu_values, **kwargs)


TOWER_CLASSES: dict[str, type[ImageBindTower]] = {
    tower.config_class.model_type: tower
    for tower in (
        ImageBindTextModel,
        ImageBindVisionModel,
        ImageBindAudioModel,
        ImageBindDepthModel,
        ImageBindThermalModel,
        ImageBindImuModel,
    )
}


__all__ = [
    "ImageBindAudioModel",
    "ImageBindDepthModel",
    "ImageBindImuModel",
    "ImageBindPreTrainedModel",
    "ImageBindTextModel",
    "ImageBindThermalModel",
    "ImageBindVisionModel",
]
