# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Configurations: one class per kind of tower, and `ImageBindConfig` that binds them.

A modality is data: a name, a tower configuration, a processor and a temperature. Every default below is that of the
published checkpoint `imagebind_huge` (its constructor and state dict).
"""

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .modalities import MODALITIES, TOWERS, tower_names


@strict
class ImageBindTowerConfig(PreTrainedConfig):
    r"""What every tower has: a pre-norm transformer, and the temperature of its modality.

    Args:
        hidden_size (`int`): Width of the transformer.
        num_hidden_layers (`int`): Number of layers.
        num_attention_heads (`int`): Number of attention heads; must divide `hidden_size`.
        intermediate_size (`int`, *optional*, defaults to `4 * hidden_size`): Width of the MLPs.
        hidden_act (`str`): Activation of the MLPs (`"gelu"` is the exact GELU of the published model).
        layer_norm_eps (`float`): Epsilon of the transformer's and head's layer norms.
        attention_dropout (`float`): Dropout of the attention weights.
        drop_path_rate (`float`): Stochastic depth of the last layer; grows linearly from 0 at the first.
        head_dropout (`float`): Dropout before the projection.
        add_bias_kv (`bool`): Append one learned key and one learned value to every sequence in every layer.
        logit_scale_init_value (`float`, *optional*): The modality's logit scale, 1/temperature; `None` stands for a
            constant 1 that is not stored (the published vision tower).
        learnable_logit_scale (`bool`): Whether the scale is trained.
        max_logit_scale (`float`): Upper bound of the scale.
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
        """Check what no single field can tell.

        Raises:
            ValueError: If the heads do not divide the width, or a rate is not in [0, 1).
        """
        if self.num_attention_heads < 1 or self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"{type(self).__name__}: hidden_size ({self.hidden_size}) must be a multiple of num_attention_heads "
                f"({self.num_attention_heads})."
            )
        for name in ("attention_dropout", "drop_path_rate", "head_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{type(self).__name__}: {name} must lie in [0, 1), got {getattr(self, name)}.")


@strict
class ImageBindTextConfig(ImageBindTowerConfig):
    r"""Text: causal transformer over CLIP's byte-pair tokens, read at the end-of-text token.

    Args:
        vocab_size (`int`): Size of the vocabulary.
        max_position_embeddings (`int`): Longest sequence in tokens.
        bos_token_id, eos_token_id, pad_token_id (`int`): Special tokens. The end token must be the largest id: the
            tower reads the hidden state at the first occurrence of the largest id, as CLIP does.
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
        """Check what no single field can tell.

        Raises:
            ValueError: If `add_bias_kv` is set: a causal mask has no place for the extra key.
        """
        super().validate_architecture()
        if self.add_bias_kv:
            raise ValueError(
                "ImageBindTextConfig: add_bias_kv does not go with the causal attention of the text tower."
            )


@strict
class ImageBindPatchTowerConfig(ImageBindTowerConfig):
    r"""A tower over the patches of a plane: an image, a depth or heat map, a spectrogram.

    Args:
        image_size (`int`, where the plane is a picture): Its height and width in pixels. Other sizes work: positions
            are interpolated.
        num_channels (`int`): Input channels.
        patch_size (`int`): Side of a patch.
        patch_stride (`int`, *optional*, defaults to `patch_size`): Step from patch to patch.
        stem_layer_norm (`bool`): Layer norm on the patches.
        stem_layer_norm_eps (`float`): Its epsilon.
        pre_layer_norm (`bool`): Layer norm between the embeddings and the transformer.
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
        """Height and width of the plane."""
        return self.image_size, self.image_size

    @property
    def kernel_size(self) -> tuple[int, ...]:
        """Size of the patches' convolution, over (height, width) or (time, height, width)."""
        return self.patch_size, self.patch_size

    @property
    def grid_size(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        height, width = ((side - self.patch_size) // self.patch_stride + 1 for side in self.input_size)
        return height, width

    def validate_architecture(self) -> None:
        """Check what no single field can tell.

        Raises:
            ValueError: If not even one patch fits into the input.
        """
        super().validate_architecture()
        if min(self.input_size) < self.patch_size or self.patch_size < 1 or self.patch_stride < 1:
            raise ValueError(
                f"{type(self).__name__}: a patch of {self.patch_size} (stride {self.patch_stride}) does not fit into "
                f"an input of {self.input_size[0]}x{self.input_size[1]}."
            )


@strict
class ImageBindVisionConfig(ImageBindPatchTowerConfig):
    r"""Images and video clips: OpenCLIP's ViT-H/14 with patches that span the frames of a clip.

    Args:
        num_frames (`int`): Frames of a video clip. A still image stands for a clip of equal frames.
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
        """Size of the patches' convolution over (time, height, width)."""
        return self.num_frames, self.patch_size, self.patch_size


@strict
class ImageBindAudioConfig(ImageBindPatchTowerConfig):
    r"""Audio: overlapping patches of a log-mel spectrogram.

    Args:
        num_mel_bins (`int`): Height of the spectrogram.
        num_frames (`int`): Its width: spectrogram frames of one clip.
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
    r"""Depth: patches of a disparity map."""

    model_type = "imagebind_depth_model"
    base_config_key = "depth_config"

    hidden_size: int = 384
    num_attention_heads: int = 8
    image_size: int = 224
    add_bias_kv: bool = True
    logit_scale_init_value: float | int | None = 5.0


@strict
class ImageBindThermalConfig(ImageBindPatchTowerConfig):
    r"""Thermal: patches of an infrared picture."""

    model_type = "imagebind_thermal_model"
    base_config_key = "thermal_config"

    image_size: int = 224
    add_bias_kv: bool = True
    logit_scale_init_value: float | int | None = 10.0


@strict
class ImageBindImuConfig(ImageBindTowerConfig):
    r"""IMU: windows of a multi-channel signal over time.

    Args:
        num_channels (`int`): Channels of the signal (accelerometer x, y, z, then gyroscope x, y, z).
        num_samples (`int`): Length of the signal in samples.
        window_size (`int`): Samples in a window; windows do not overlap.
        stem_layer_norm_eps (`float`): Epsilon of the layer norm on the windows.
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
        """Check what no single field can tell.

        Raises:
            ValueError: If the windows do not divide the signal.
        """
        super().validate_architecture()
        if self.window_size < 1 or self.num_samples % self.window_size:
            raise ValueError(
                f"ImageBindImuConfig: num_samples ({self.num_samples}) must be a multiple of window_size "
                f"({self.window_size})."
            )


_CLASSES = (
    ImageBindTextConfig,
    ImageBindVisionConfig,
    ImageBindAudioConfig,
    ImageBindDepthConfig,
    ImageBindThermalConfig,
    ImageBindImuConfig,
)
TOWER_CONFIGS: dict[str, type[ImageBindTowerConfig]] = dict(zip(TOWERS, _CLASSES, strict=True))


@strict
class ImageBindConfig(PreTrainedConfig):
    r"""Configuration of [`ImageBindModel`]: a tower for each modality and the space they share.

    Args:
        text_config, vision_config, audio_config, depth_config, thermal_config, imu_config (`dict` or config):
            The towers; a missing one has the published shape.
        modalities (`list[str]`, *optional*, defaults to all, extra ones included): Which towers exist.
        extra_modalities (`dict[str, dict or config]`, *optional*): Further modalities by name. Each is a tower
            configuration of any of the six kinds (as a dict: with its `model_type`); its input is called
            `<name>_values`, its embedding `<name>_embeds`.
        projection_dim (`int`): Dimension of the embedding space.
        normalize_clip_mean (`bool`): Bring the mean over clips or views back to unit length. The published model
            does not, so the mean's norm is at most 1.

    Example:
        >>> from imagebind_hf import ImageBindConfig
        >>> config = ImageBindConfig(audio_config={"num_hidden_layers": 6}, modalities=["vision", "audio"])
        >>> config.audio_config.num_hidden_layers, list(config.tower_configs)
        (6, ['vision', 'audio'])
    """

    model_type = "imagebind"
    # transformers >= 5.23 builds the sub-configurations from `sub_configs_defaults`; before, from `sub_configs`.
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
        self.extra_modalities = {name: _tower(name, value) for name, value in (self.extra_modalities or {}).items()}
        if self.modalities is None:
            self.modalities = [*TOWERS, *self.extra_modalities]
        self.modalities = tower_names(self.modalities)
        super().__post_init__(**kwargs)

    @PreTrainedConfig._attn_implementation.setter
    def _attn_implementation(self, value: str | dict | None) -> None:
        """Hand it on to extra modalities too: the base class knows `sub_configs` only."""
        PreTrainedConfig._attn_implementation.fset(self, value)
        for name, config in self.extra_modalities.items():
            wanted = value.get(name) if isinstance(value, dict) else value
            if wanted is not None:
                config._attn_implementation = wanted

    @property
    def tower_configs(self) -> dict[str, ImageBindTowerConfig]:
        """Configuration of every tower that exists, by modality.

        Raises:
            ValueError: If `modalities` names something that is not a modality.
        """
        towers = {name: getattr(self, f"{name}_config") for name in TOWERS} | self.extra_modalities
        unknown = [name for name in self.modalities if name not in towers]
        if unknown:
            raise ValueError(f"Unknown modalities {unknown}: choose from {list(towers)}.")
        return {name: config for name, config in towers.items() if name in self.modalities}

    def validate_architecture(self) -> None:
        """Check what no single field can tell.

        Raises:
            ValueError: If there is no tower, an unknown one, or an extra modality has the name of one of the six.
        """
        if not self.tower_configs:
            raise ValueError(f"ImageBindConfig: modalities is empty; choose from {list(TOWERS)}.")
        taken = [name for name in self.extra_modalities if name in {*TOWERS, *MODALITIES}]
        if taken:
            raise ValueError(f"ImageBindConfig: extra_modalities may not redefine {taken}.")

    def to_dict(self) -> dict[str, Any]:
        """Serialise to a dict of plain values."""
        output = super().to_dict()
        output["modalities"] = list(self.modalities)
        output["extra_modalities"] = {name: config.to_dict() for name, config in self.extra_modalities.items()}
        return output


def _tower(name: str, value: dict | PreTrainedConfig) -> PreTrainedConfig:
    """Make a tower configuration from its dict, by its `model_type`."""
    if isinstance(value, PreTrainedConfig):
        return value
    kinds = {config_class.model_type: config_class for config_class in TOWER_CONFIGS.values()}
    values = dict(value)
    model_type = values.pop("model_type", None)
    if model_type not in kinds:
        raise ValueError(f"extra_modalities[{name!r}]: model_type is {model_type!r}, expected one of {list(kinds)}.")
    return kinds[model_type](**values)


__all__ = [
    "ImageBindAudioConfig",
    "ImageBindConfig",
    "ImageBindDepthConfig",
    "ImageBindImuConfig",
    "ImageBindTextConfig",
    "ImageBindThermalConfig",
    "ImageBindVisionConfig",
]
