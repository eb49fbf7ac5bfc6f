# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Configurations: one class for each kind of tower, and `ImageBindConfig`, which contains a configuration per tower.

All defaults are the values of the published checkpoint `imagebind_huge`, taken from its constructor and state dict.
"""

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from ...utils.names import nearest_name
from .modalities import MODALITIES, TOWERS, check_extra_name, tower_name, tower_names


@strict
class ImageBindTowerConfig(PreTrainedConfig):
    r"""Base configuration of all towers: a pre-norm transformer and the logit scale of its modality.

    Args:
        hidden_size (`int`): Width of the transformer.
        num_hidden_layers (`int`): Number of layers.
        num_attention_heads (`int`): Number of attention heads. `hidden_size` must be a multiple of it.
        intermediate_size (`int`, *optional*, defaults to `4 * hidden_size`): Width of the MLPs.
        hidden_act (`str`): Activation function of the MLPs. `"gelu"` is the exact GELU, as in the original
            implementation.
        layer_norm_eps (`float`): Epsilon of the layer norms in the transformer and before the projection.
        attention_dropout (`float`): Dropout probability of the attention weights.
        drop_path_rate (`float`): Stochastic depth probability of the last layer. It grows linearly from 0 at
            the first layer.
        head_dropout (`float`): Dropout probability before the projection.
        add_bias_kv (`bool`): Append one learned key and one learned value to each sequence in each layer.
        logit_scale_init_value (`float`, *optional*): Logit scale (1 / temperature) of the modality. `None` means a
            constant 1 that is not stored, as in the published vision tower.
        learnable_logit_scale (`bool`): Whether the logit scale is a trainable parameter.
        max_logit_scale (`float`): Upper bound of the logit scale.
    """

    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int | None = None
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-6
    attention_dropout: float | int = 0.0
    drop_path_rate: float | int = 0.0
    head_dropout: float | int = 0.0
    add_bias_kv: bool = False
    logit_scale_init_value: float | int | None = None
    learnable_logit_scale: bool = False
    max_logit_scale: float | int = 100.0

    def __post_init__(self, **kwargs: Any) -> None:
        if self.intermediate_size is None:
            self.intermediate_size = 4 * self.hidden_size
        super().__post_init__(**kwargs)

    def validate_architecture(self) -> None:
        """Validate combinations of fields.

        Raises:
            ValueError: If `hidden_size` is not a multiple of the number of heads, or a probability is not in [0, 1).
        """
        if self.num_attention_heads < 1 or self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"{type(self).__name__}: hidden_size ({self.hidden_size}) must be a multiple of num_attention_heads "
                f"({self.num_attention_heads})."
            )
        for name in ("attention_dropout", "drop_path_rate", "head_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{type(self).__name__}: {name} must be in [0, 1), but got {getattr(self, name)}.")


@strict
class ImageBindTextConfig(ImageBindTowerConfig):
    r"""Text tower: a causal transformer over CLIP's byte-pair tokens, pooled at the end-of-text token.

    Args:
        vocab_size (`int`): Size of the vocabulary.
        max_position_embeddings (`int`): Maximum sequence length in tokens.
        bos_token_id, eos_token_id, pad_token_id (`int`): Special tokens. The end token must have the largest id,
            because the tower pools at the first occurrence of the largest id, as CLIP does.
    """

    model_type = "imagebind_text_model"
    base_config_key = "text_config"

    hidden_size: int = 1024
    num_hidden_layers: int = 24
    num_attention_heads: int = 16
    vocab_size: int = 49408
    max_position_embeddings: int = 77
    bos_token_id: int | None = 49406
    eos_token_id: int | list[int] | None = 49407
    pad_token_id: int | None = 0
    logit_scale_init_value: float | int | None = 1 / 0.07
    learnable_logit_scale: bool = True

    def validate_architecture(self) -> None:
        """Validate combinations of fields.

        Raises:
            ValueError: If `add_bias_kv` is set, because a causal mask has no column for the additional key.
        """
        super().validate_architecture()
        if self.add_bias_kv:
            raise ValueError(
                "ImageBindTextConfig: expected add_bias_kv=False, because the text tower uses causal attention."
            )


@strict
class ImageBindPatchTowerConfig(ImageBindTowerConfig):
    r"""A tower over patches of a two-dimensional input: an image, a depth map, a thermal image or a spectrogram.

    Args:
        image_size (`int`): Height and width of the input in pixels (not for audio). Inputs of other sizes work: the
            position embeddings are interpolated.
        num_channels (`int`): Number of input channels.
        patch_size (`int`): Height and width of a patch.
        patch_stride (`int`, *optional*, defaults to `patch_size`): Stride between patches.
        stem_layer_norm (`bool`): Whether to apply a layer norm to the patch embeddings.
        stem_layer_norm_eps (`float`): Epsilon of that layer norm.
        pre_layer_norm (`bool`): Whether to apply a layer norm between the embeddings and the transformer.
    """

    num_channels: int = 1
    patch_size: int = 16
    patch_stride: int | None = None
    stem_layer_norm: bool = True
    stem_layer_norm_eps: float = 1e-5
    pre_layer_norm: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        if self.patch_stride is None:
            self.patch_stride = self.patch_size
        super().__post_init__(**kwargs)

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the input."""
        return self.image_size, self.image_size

    @property
    def kernel_size(self) -> tuple[int, ...]:
        """Kernel size of the patch convolution over (height, width) or (time, height, width)."""
        return self.patch_size, self.patch_size

    @property
    def grid_size(self) -> tuple[int, int]:
        """Number of rows and columns of patches."""
        height, width = ((side - self.patch_size) // self.patch_stride + 1 for side in self.input_size)
        return height, width

    def validate_architecture(self) -> None:
        """Validate combinations of fields.

        Raises:
            ValueError: If the input is smaller than a patch.
        """
        super().validate_architecture()
        if min(self.input_size) < self.patch_size or self.patch_size < 1 or self.patch_stride < 1:
            raise ValueError(
                f"{type(self).__name__}: a patch of {self.patch_size} (stride {self.patch_stride}) does not fit into "
                f"an input of {self.input_size[0]}x{self.input_size[1]}."
            )


@strict
class ImageBindVisionConfig(ImageBindPatchTowerConfig):
    r"""Image and video tower: OpenCLIP's ViT-H/14 with patches that span the frames of a clip.

    Args:
        num_frames (`int`): Number of frames in a video clip. A still image is treated as a clip of identical frames.
    """

    model_type = "imagebind_vision_model"
    base_config_key = "vision_config"

    hidden_size: int = 1280
    num_hidden_layers: int = 32
    num_attention_heads: int = 16
    image_size: int = 224
    num_channels: int = 3
    num_frames: int = 2
    patch_size: int = 14
    stem_layer_norm: bool = False
    pre_layer_norm: bool = True

    @property
    def kernel_size(self) -> tuple[int, ...]:
        """Kernel size of the patch convolution over (time, height, width)."""
        return self.num_frames, self.patch_size, self.patch_size


@strict
class ImageBindAudioConfig(ImageBindPatchTowerConfig):
    r"""Audio tower: overlapping patches of a log-mel spectrogram.

    Args:
        num_mel_bins (`int`): Number of mel bins, the height of the spectrogram.
        num_frames (`int`): Number of spectrogram frames of a clip, the width of the spectrogram.
    """

    model_type = "imagebind_audio_model"
    base_config_key = "audio_config"

    patch_stride: int | None = 10
    num_mel_bins: int = 128
    num_frames: int = 204
    drop_path_rate: float | int = 0.1
    add_bias_kv: bool = True
    logit_scale_init_value: float | int | None = 20.0

    @property
    def input_size(self) -> tuple[int, int]:
        """Height (mel bins) and width (frames) of the spectrogram."""
        return self.num_mel_bins, self.num_frames


@strict
class ImageBindDepthConfig(ImageBindPatchTowerConfig):
    r"""Depth tower: patches of a disparity map."""

    model_type = "imagebind_depth_model"
    base_config_key = "depth_config"

    hidden_size: int = 384
    num_attention_heads: int = 8
    image_size: int = 224
    add_bias_kv: bool = True
    logit_scale_init_value: float | int | None = 5.0


@strict
class ImageBindThermalConfig(ImageBindPatchTowerConfig):
    r"""Thermal tower: patches of a thermal image."""

    model_type = "imagebind_thermal_model"
    base_config_key = "thermal_config"

    image_size: int = 224
    add_bias_kv: bool = True
    logit_scale_init_value: float | int | None = 10.0


@strict
class ImageBindImuConfig(ImageBindTowerConfig):
    r"""IMU tower: windows of a multi-channel signal over time.

    Args:
        num_channels (`int`): Number of channels: accelerometer x, y, z, then gyroscope x, y, z.
        num_samples (`int`): Length of the signal in samples.
        window_size (`int`): Number of samples in a window. Windows do not overlap.
        stem_layer_norm_eps (`float`): Epsilon of the layer norm on the window embeddings.
    """

    model_type = "imagebind_imu_model"
    base_config_key = "imu_config"

    hidden_size: int = 512
    num_hidden_layers: int = 6
    num_attention_heads: int = 8
    num_channels: int = 6
    num_samples: int = 2000
    window_size: int = 8
    stem_layer_norm_eps: float = 1e-5
    drop_path_rate: float | int = 0.7
    head_dropout: float | int = 0.5
    add_bias_kv: bool = True
    logit_scale_init_value: float | int | None = 5.0

    def validate_architecture(self) -> None:
        """Validate combinations of fields.

        Raises:
            ValueError: If `num_samples` is not a multiple of `window_size`.
        """
        super().validate_architecture()
        if self.window_size < 1 or self.num_samples % self.window_size:
            raise ValueError(
                f"ImageBindImuConfig: num_samples ({self.num_samples}) must be a multiple of window_size "
                f"({self.window_size})."
            )


TOWER_CONFIGS: dict[str, type[ImageBindTowerConfig]] = {
    config_class.base_config_key.removesuffix("_config"): config_class
    for config_class in (
        ImageBindTextConfig,
        ImageBindVisionConfig,
        ImageBindAudioConfig,
        ImageBindDepthConfig,
        ImageBindThermalConfig,
        ImageBindImuConfig,
    )
}


@strict
class ImageBindConfig(PreTrainedConfig):
    r"""Configuration of [`ImageBindModel`]: one tower per modality, and the shared embedding space.

    Args:
        text_config, vision_config, audio_config, depth_config, thermal_config, imu_config (`dict` or config):
            Configurations of the towers. The default is the architecture of the published checkpoint.
        modalities (`list[str]`, *optional*): Names of the towers that the model has. `"image"` and `"video"` mean
            `"vision"`. Defaults to all towers, including those of extra modalities.
        extra_modalities (`dict[str, dict or config]`, *optional*): Additional modalities by name. Each value is a
            tower configuration of any of the six kinds (as a `dict`: with its `model_type`). The input of an extra
            modality is called `<name>_values`, its embedding `<name>_embeds`.
        projection_dim (`int`): Dimension of the embedding space.
        normalize_clip_mean (`bool`): Whether to normalize the mean embedding over clips or views to unit length. The
            original implementation does not, so that the norm of the mean is at most 1.

    Example:
        >>> from imagebind_hf import ImageBindConfig
        >>> config = ImageBindConfig(audio_config={"num_hidden_layers": 6}, modalities=["image", "audio"])
        >>> config.audio_config.num_hidden_layers, list(config.tower_configs)
        (6, ['vision', 'audio'])
    """

    model_type = "imagebind"
    # transformers >= 5.23 builds the sub-configurations from `sub_configs_defaults`, older ones from `sub_configs`.
    sub_configs_defaults = {f"{name}_config": config_class for name, config_class in TOWER_CONFIGS.items()}
    sub_configs = sub_configs_defaults

    text_config: dict | PreTrainedConfig | None = None
    vision_config: dict | PreTrainedConfig | None = None
    audio_config: dict | PreTrainedConfig | None = None
    depth_config: dict | PreTrainedConfig | None = None
    thermal_config: dict | PreTrainedConfig | None = None
    imu_config: dict | PreTrainedConfig | None = None
    modalities: list[str] | tuple[str, ...] | None = None
    extra_modalities: dict | None = None
    projection_dim: int = 1024
    normalize_clip_mean: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        for name, config_class in TOWER_CONFIGS.items():
            value = getattr(self, f"{name}_config")
            if not isinstance(value, PreTrainedConfig):
                setattr(self, f"{name}_config", config_class(**(value or {})))
        self.extra_modalities = {
            name: _tower_config(name, value) for name, value in (self.extra_modalities or {}).items()
        }
        if self.modalities is None:
            self.modalities = [*TOWERS, *self.extra_modalities]
        self.modalities = tower_names(self.modalities)
        super().__post_init__(**kwargs)

    @PreTrainedConfig._attn_implementation.setter
    def _attn_implementation(self, value: str | dict | None) -> None:
        """Set the attention implementation of all towers.

        A `dict` may use the names of modalities, towers or sub-configurations as keys. The base class only knows the
        latter, and does not reach extra modalities.
        """
        value = self.attention_by_config(value)
        PreTrainedConfig._attn_implementation.fset(self, value)
        for name, config in self.extra_modalities.items():
            chosen = value.get(f"{name}_config") if isinstance(value, dict) else value
            if chosen is not None:
                config._attn_implementation = chosen

    @staticmethod
    def attention_by_config(value: str | dict | None) -> str | dict | None:
        """Replace names of modalities and towers among the keys of a `dict` by `<tower>_config`."""
        if not isinstance(value, dict):
            return value
        return {
            key if not key or key.endswith("_config") else f"{tower_name(key)}_config": chosen
            for key, chosen in value.items()
        }

    @property
    def tower_configs(self) -> dict[str, ImageBindTowerConfig]:
        """Configurations of the towers that the model has, by tower.

        Raises:
            ValueError: If `modalities` contains an unknown name.
        """
        towers = {name: getattr(self, f"{name}_config") for name in TOWERS} | self.extra_modalities
        # `from_pretrained(..., modalities=["image"])` sets the attribute after the configuration was created.
        wanted = tower_names(self.modalities)
        for name in wanted:
            if name not in towers:
                raise ValueError(f"Unknown modality {name!r}. {nearest_name(name, {**towers, **MODALITIES})}")
        return {name: config for name, config in towers.items() if name in wanted}

    def validate_architecture(self) -> None:
        """Validate combinations of fields.

        Raises:
            ValueError: If there is no tower, if a name is unknown, or if an extra modality has a reserved name.
        """
        for name in self.extra_modalities:
            check_extra_name(name)
        if not self.tower_configs:
            raise ValueError(f"ImageBindConfig: expected modalities from {list(TOWERS)}, but got an empty list.")

    def to_dict(self) -> dict[str, Any]:
        """Serialize to a dictionary of plain values."""
        output = super().to_dict()
        output["modalities"] = tower_names(self.modalities)
        output["extra_modalities"] = {name: config.to_dict() for name, config in self.extra_modalities.items()}
        return output


def _tower_config(name: str, value: dict | PreTrainedConfig) -> PreTrainedConfig:
    """Create the tower configuration of an extra modality; the `model_type` of a dictionary selects its class."""
    if isinstance(value, PreTrainedConfig):
        return value
    classes = {config_class.model_type: config_class for config_class in TOWER_CONFIGS.values()}
    values = dict(value)
    model_type = values.pop("model_type", None)
    if model_type not in classes:
        raise ValueError(
            f"extra_modalities[{name!r}]: expected `model_type` to be one of {list(classes)}, but got {model_type!r}."
        )
    return classes[model_type](**values)


__all__ = [
    "ImageBindAudioConfig",
    "ImageBindConfig",
    "ImageBindDepthConfig",
    "ImageBindImuConfig",
    "ImageBindTextConfig",
    "ImageBindThermalConfig",
    "ImageBindVisionConfig",
]
