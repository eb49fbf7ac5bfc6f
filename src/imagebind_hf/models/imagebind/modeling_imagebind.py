# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""ImageBind: a tower per modality, and one space for all.

Shape letters: B batch, C clips (or views) of one item, T tokens, D width of a tower, E width of the shared space.
"""

import copy
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.processing_utils import Unpack
from transformers.utils import ModelOutput, TransformersKwargs, can_return_tuple

from .configuration_imagebind import ImageBindConfig
from .modalities import MODALITIES, Modality, extra_modality, tower_name, tower_names
from .modeling_imagebind_towers import TOWER_CLASSES, ImageBindPreTrainedModel
from .sharding import load_by_modality, modality_of, save_by_modality


@dataclass
class ImageBindOutput(ModelOutput):
    """What [`ImageBindModel`] returns; only what the given inputs allow is filled.

    Args:
        loss (`torch.Tensor` of shape `(1,)`): With `return_loss=True`: the sum over the modalities given of the
            symmetric InfoNCE loss between them and the images.
        logits_per_<m> (`torch.Tensor` of shape `(B_m, B_text)`): Scaled cosines of modality m and the texts;
            `logits_per_text` is the transpose of `logits_per_image` (of `logits_per_video` without images).
        <m>_embeds (`torch.Tensor` of shape `(B_m, E)`): Embeddings of unit length; for an item of several clips the
            mean of unit vectors.
        logit_scales (`dict[str, torch.Tensor]`): With `return_logit_scales=True`: the scale of each modality given.

    Modalities of `config.extra_modalities` add their own `logits_per_<name>` and `<name>_embeds`.
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
    """What a stand-alone `ImageBind...ModelWithProjection` returns: its `<m>_embeds`, and what led to them.

    Args:
        <m>_embeds (`torch.Tensor` of shape `(B, E)`): Embeddings of unit length.
        last_hidden_state (`torch.Tensor` of shape `(B, T, D)`, with clips `(B, C, T, D)`): Output of the transformer.
        hidden_states, attentions (`tuple[torch.Tensor]`): Per layer, if asked for.
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


def check_pairs(image_embeds: torch.Tensor, embeds: torch.Tensor) -> None:
    """Raise a ValueError unless there are two or more pairs: without a negative a contrastive loss says nothing."""
    if len(image_embeds) != len(embeds):
        raise ValueError(f"A contrastive loss needs pairs, got {len(image_embeds)} images and {len(embeds)} partners.")
    if len(embeds) < 2:
        raise ValueError(f"A contrastive loss needs at least 2 pairs in a batch, got {len(embeds)}: no negatives.")


def contrastive_loss(
    image_embeds: torch.Tensor,
    embeds: torch.Tensor,
    logit_scale: torch.Tensor | float,
    label_smoothing: float = 0.0,
) -> torch.Tensor:
    """Symmetric InfoNCE, L_{I,M} + L_{M,I} of the paper (section 3.2, equation 1).

    Args:
        image_embeds (`torch.Tensor` of shape `(B, E)`): Embeddings of the images (the anchors).
        embeds (`torch.Tensor` of shape `(B, E)`): Embeddings of the other modality; row i belongs to image i.
        logit_scale (`torch.Tensor` or `float`): 1/temperature.
        label_smoothing (`float`): Share of the target that is spread over all items.

    Raises:
        ValueError: If the two differ in number, or there are fewer than two pairs.
    """
    check_pairs(image_embeds, embeds)
    logits = logit_scale * image_embeds @ embeds.t()
    target = torch.arange(len(logits), device=logits.device)
    return sum(
        nn.functional.cross_entropy(rows, target, label_smoothing=label_smoothing) for rows in (logits, logits.t())
    )


class ImageBindModel(ImageBindPreTrainedModel):
    """ImageBind: a tower and a projection per modality, into one space.

    Any non-empty subset of the inputs works. An item may come as several clips or views, on an axis after the batch:
    its embedding is the mean of theirs.

    Example:
        >>> import torch
        >>> from imagebind_hf import ImageBindConfig, ImageBindModel
        >>> tiny = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
        >>> config = ImageBindConfig(text_config=tiny, audio_config=tiny, modalities=["text", "audio"])
        >>> model = ImageBindModel(config).eval()
        >>> output = model(input_ids=torch.tensor([[49406, 1929, 49407]]), input_features=torch.zeros(2, 3, 128, 204))
        >>> output.audio_embeds.shape, output.logits_per_audio.shape
        (torch.Size([2, 1024]), torch.Size([2, 1]))
    """

    main_input_name = "pixel_values"
    # The one tower that a class builds, if it builds one whatever the configuration says.
    modality: ClassVar[str | None] = None

    def __init__(self, config: ImageBindConfig):
        super().__init__(config)
        self._frozen: tuple[str, ...] = ()
        self.inputs: dict[str, Modality] = {
            name: modality for name, modality in MODALITIES.items() if modality.tower in config.tower_configs
        }
        for name, tower_config in config.tower_configs.items():
            tower_class = TOWER_CLASSES[tower_config.model_type]
            setattr(self, f"{name}_model", tower_class._from_config(tower_config))
            setattr(self, f"{name}_projection", nn.Linear(tower_config.hidden_size, config.projection_dim, bias=False))
            if tower_config.logit_scale_init_value is not None:
                # Stored as its logarithm, as published; of shape (1,) because FSDP2 shards no scalars.
                log_scale = torch.full((1,), math.log(tower_config.logit_scale_init_value))
                if tower_config.learnable_logit_scale:
                    setattr(self, f"{name}_logit_scale", nn.Parameter(log_scale))
                else:
                    self.register_buffer(f"{name}_logit_scale", log_scale)
            if name in config.extra_modalities:
                self.inputs[name] = extra_modality(name, tower_class.input_ndim)
        # A checkpoint may hold more towers than this model was asked for.
        self._keys_to_ignore_on_load_unexpected = [rf"^(?!({'|'.join(config.tower_configs)})_)"]
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if module is self:
            for name, config in self.config.tower_configs.items():
                if config.logit_scale_init_value is not None:
                    init.constant_(getattr(self, f"{name}_logit_scale"), math.log(config.logit_scale_init_value))

    def get_input_embeddings(self) -> nn.Module:
        """Return what embeds tokens; without a text tower, what the first tower reads its input with."""
        tower = "text" if "text" in self.config.tower_configs else next(iter(self.config.tower_configs))
        return getattr(self, f"{tower}_model").get_input_embeddings()

    def freeze(self, modalities: Sequence[str]) -> None:
        """Freeze the towers of these modalities, and no others: no gradients, and evaluation mode in training.

        Raises:
            ValueError: If the model lacks one of them.
        """
        towers = tower_names(modalities)
        for tower in towers:
            if tower not in self.config.tower_configs:
                raise self._no_tower(tower)
        self._frozen = tuple(towers)
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(modality_of(name) not in self._frozen)
        self.train(self.training)

    def train(self, mode: bool = True) -> "ImageBindModel":
        """Set training mode, in which frozen towers stay in evaluation mode."""
        super().train(mode)
        for modality in self._frozen:
            getattr(self, f"{modality}_model").eval()
        return self

    def logit_scale(self, modality: str) -> torch.Tensor:
        """Return a modality's logit scale (1/temperature), of shape `(1,)`.

        `embeds * model.logit_scale(modality)` is what the published model returns: text learned (init 1/0.07, at most
        100), audio 20, depth 5, thermal 10, IMU 5, images and video 1.

        Raises:
            ValueError: If the model has no tower for the modality.
        """
        tower = tower_name(modality)
        if tower not in self.config.tower_configs:
            raise self._no_tower(modality)
        config = self.config.tower_configs[tower]
        if config.logit_scale_init_value is None:
            return getattr(self, f"{tower}_projection").weight.new_ones(1)
        return getattr(self, f"{tower}_logit_scale").exp().clamp(max=config.max_logit_scale)

    def _no_tower(self, modality: str) -> ValueError:
        return ValueError(f"No tower for {modality}: the model's modalities are {list(self.config.tower_configs)}.")

    def _features(
        self, modality: str, values: torch.Tensor, normalize: bool = True, **kwargs: Any
    ) -> BaseModelOutputWithPooling:
        """Embed one modality: tower, projection, unit length, mean over clips."""
        if modality not in self.inputs:
            raise self._no_tower(modality)
        row = self.inputs[modality]
        name, tower, ndim = row.model_argument, row.tower, row.ndim
        if values.shape[0] == 0:
            raise ValueError(f"{name} is empty: its shape is {tuple(values.shape)}.")
        clips = values.shape[:2] if values.ndim == ndim + 1 else None
        if clips is not None:
            values = values.flatten(0, 1)
        elif values.ndim != ndim:
            shape = tuple(values.shape)
            raise ValueError(f"{name} has the shape {shape}, expected {ndim} axes, or {ndim + 1} with clips.")
        outputs = getattr(self, f"{tower}_model")(values, return_dict=True, **kwargs)
        embeds = getattr(self, f"{tower}_projection")(outputs.pooler_output)
        if normalize:
            embeds = nn.functional.normalize(embeds, dim=-1)
        if clips is not None:
            embeds = embeds.unflatten(0, clips).mean(dim=1)
            if normalize and self.config.normalize_clip_mean:
                embeds = nn.functional.normalize(embeds, dim=-1)
            if outputs.last_hidden_state is not None:
                outputs.last_hidden_state = outputs.last_hidden_state.unflatten(0, clips)
        outputs.pooler_output = embeds
        return outputs

    @can_return_tuple
    def get_text_features(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        normalize: bool = True,
        **kwargs: Unpack[TransformersKwargs],
    ) -> tuple | BaseModelOutputWithPooling:
        """Embed texts.

        Args:
            input_ids (`torch.Tensor` of shape `(B, T)`): Token ids, at most 77 a text.
            attention_mask (`torch.Tensor` of shape `(B, T)`, *optional*): Accepted, never needed (padding on the
                right cannot matter).
            normalize (`bool`): Bring the embeddings to unit length; `False` gives the bare projections.

        Returns:
            An output whose `pooler_output`, of shape `(B, E)`, is the embedding; `last_hidden_state` of shape
            `(B, T, D)` is that of the tower.
        """
        return self._features("text", input_ids, normalize, **kwargs)

    @can_return_tuple
    def get_image_features(
        self, pixel_values: torch.Tensor, normalize: bool = True, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple | BaseModelOutputWithPooling:
        """Embed images of shape `(B, 3, H, W)`; otherwise as [`~ImageBindModel.get_text_features`]."""
        return self._features("image", pixel_values, normalize, **kwargs)

    @can_return_tuple
    def get_video_features(
        self, pixel_values_videos: torch.Tensor, normalize: bool = True, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple | BaseModelOutputWithPooling:
        """Embed videos of shape `(B, C, frames, 3, H, W)`, the mean over C views, or `(B, frames, 3, H, W)`."""
        return self._features("video", pixel_values_videos, normalize, **kwargs)

    @can_return_tuple
    def get_audio_features(
        self, input_features: torch.Tensor, normalize: bool = True, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple | BaseModelOutputWithPooling:
        """Embed spectrograms of shape `(B, C, 128, 204)`, the mean over C clips, or `(B, 128, 204)`."""
        return self._features("audio", input_features, normalize, **kwargs)

    @can_return_tuple
    def get_depth_features(
        self, pixel_values_depth: torch.Tensor, normalize: bool = True, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple | BaseModelOutputWithPooling:
        """Embed disparity maps of shape `(B, 1, H, W)`."""
        return self._features("depth", pixel_values_depth, normalize, **kwargs)

    @can_return_tuple
    def get_thermal_features(
        self, pixel_values_thermal: torch.Tensor, normalize: bool = True, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple | BaseModelOutputWithPooling:
        """Embed infrared pictures of shape `(B, 1, H, W)`."""
        return self._features("thermal", pixel_values_thermal, normalize, **kwargs)

    @can_return_tuple
    def get_imu_features(
        self, imu_values: torch.Tensor, normalize: bool = True, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple | BaseModelOutputWithPooling:
        """Embed IMU signals of shape `(B, 6, 2000)`."""
        return self._features("imu", imu_values, normalize, **kwargs)

    @can_return_tuple
    def forward(
        self,
        pixel_values: torch.Tensor | None = None,
        input_ids: torch.Tensor | None = None,
        pixel_values_videos: torch.Tensor | None = None,
        input_features: torch.Tensor | None = None,
        pixel_values_depth: torch.Tensor | None = None,
        pixel_values_thermal: torch.Tensor | None = None,
        imu_values: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        image_embeds: torch.Tensor | None = None,
        return_loss: bool | None = None,
        return_logit_scales: bool = False,
        **kwargs: Unpack[TransformersKwargs],
    ) -> tuple | ImageBindOutput:
        """Embed whatever is given, and compare it.

        Args:
            input_ids, attention_mask (`torch.Tensor` of shape `(B, T)`): See [`~ImageBindModel.get_text_features`].
            pixel_values (`torch.Tensor` of shape `(B, 3, H, W)`): Images.
            pixel_values_videos (`torch.Tensor` of shape `(B, C, frames, 3, H, W)`): Videos.
            input_features (`torch.Tensor` of shape `(B, C, 128, 204)`): Audio.
            pixel_values_depth, pixel_values_thermal (`torch.Tensor` of shape `(B, 1, H, W)`): Depth, thermal.
            imu_values (`torch.Tensor` of shape `(B, 6, 2000)`): IMU.
            image_embeds (`torch.Tensor` of shape `(B, E)`): Embeddings of images computed before, instead of pixels;
                brought to the model's dtype.
            return_loss (`bool`): Also return the sum of the symmetric InfoNCE losses between the images (or videos)
                and every other modality given, each with its own scale. Item i of all belongs together.
            return_logit_scales (`bool`): Also return the scales, for a loss computed outside.
            **kwargs: `<name>_values` of the modalities in `config.extra_modalities`, and transformers' own.

        Raises:
            ValueError: If nothing is given; if there is no tower for what is given, or its shape is wrong; if a loss
                is asked for without images or without a partner, or with fewer than two pairs.
        """
        values = {
            "image": pixel_values,
            "video": pixel_values_videos,
            "text": input_ids,
            "audio": input_features,
            "depth": pixel_values_depth,
            "thermal": pixel_values_thermal,
            "imu": imu_values,
        }
        values |= {name: kwargs.pop(f"{name}_values", None) for name in self.config.extra_modalities}
        embeds = {}
        if image_embeds is not None:
            # Not `self.dtype`, which looks for parameters: replicas of nn.DataParallel have none.
            projection = getattr(self, f"{next(iter(self.config.tower_configs))}_projection")
            embeds["image"] = image_embeds.to(projection.weight.dtype)
        for modality, value in values.items():
            if value is not None and modality not in embeds:
                embeds[modality] = self._features(modality, value, pooled_only=True, **kwargs).pooler_output
        if not embeds:
            raise ValueError(
                f"Nothing to embed: give at least one of {[row.model_argument for row in self.inputs.values()]}."
            )
        anchor = next((modality for modality in ("image", "video") if modality in embeds), None)

        output = {}
        if return_loss:
            output["loss"] = self._loss(anchor, embeds)
        if "text" in embeds:
            # Towers may be on several devices.
            text_embeds = embeds["text"] * self.logit_scale("text").to(embeds["text"].device)
            for modality in embeds:
                if modality != "text":
                    output[f"logits_per_{modality}"] = embeds[modality].to(text_embeds) @ text_embeds.t()
            if anchor is not None:
                output["logits_per_text"] = output[f"logits_per_{anchor}"].t()
        output |= {f"{modality}_embeds": value for modality, value in embeds.items()}
        if return_logit_scales:
            output["logit_scales"] = {modality: self.logit_scale(modality) for modality in embeds}
        return _in_order(ImageBindOutput, output)

    def _loss(self, anchor: str | None, embeds: dict[str, torch.Tensor]) -> torch.Tensor:
        """Sum the contrastive losses between the anchor and every modality that is not on the image side."""
        partners = [modality for modality in embeds if modality not in ("image", "video")]
        if anchor is None or not partners:
            raise ValueError(f"return_loss=True needs images or videos and another modality, got {list(embeds)}.")
        losses = []
        for modality in partners:
            others = embeds[modality]
            scale = self.logit_scale(modality).to(others.device)
            losses.append(contrastive_loss(embeds[anchor].to(others), others, scale))
        return torch.stack([loss.to(losses[0].device) for loss in losses]).sum()

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike | None,
        *model_args: Any,
        config: ImageBindConfig | str | os.PathLike | None = None,
        **kwargs: Any,
    ) -> "ImageBindModel":
        """Load as transformers does, with its arguments; from the Hub, only the shards of the wanted modalities come.

        Args:
            pretrained_model_name_or_path: Folder or Hub id.
            *model_args: Passed on.
            config: The configuration; by default that of the checkpoint.
            **kwargs: `modalities` chooses towers, `device_map`, `dtype`, `revision` and so on as in
                [`~transformers.PreTrainedModel.from_pretrained`].

        Raises:
            ValueError: If an index names other than plain files.
            OSError: If there is no such checkpoint, the Hub cannot be reached, or a file arrived damaged.
        """
        towers = kwargs.get("modalities") if config is None else getattr(config, "modalities", None)
        if cls.modality is not None:
            towers = [cls.modality]
        path, load = pretrained_model_name_or_path, super().from_pretrained
        return load_by_modality(load, path, towers, *model_args, config=config, **kwargs)

    def save_pretrained(self, save_directory: str | os.PathLike, **kwargs: Any) -> None:
        """Save as transformers does, with one safetensors file a modality and an index over them.

        A model can then be read, or downloaded, tower by tower. Arguments are those of
        [`~transformers.PreTrainedModel.save_pretrained`].
        """
        save_by_modality(self, super().save_pretrained, save_directory, **kwargs)


def _in_order(output_class: type[ModelOutput], values: dict[str, torch.Tensor]) -> ModelOutput:
    """Make an output with its fields in their order, and what is no field (extra modalities) behind them."""
    fields = [field for field in output_class.__dataclass_fields__ if field in values]
    output = output_class(**{field: values[field] for field in fields})
    for name in values.keys() - set(fields):
        output[name] = values[name]
    return output


class ImageBindTowerWithProjection(ImageBindModel):
    """One modality of ImageBind: reads its part of any ImageBind checkpoint, and writes one of its own."""

    def __init__(self, config: ImageBindConfig):
        config = copy.deepcopy(config)
        config.modalities = [self.modality]
        super().__init__(config)

    def _project(self, embeds_name: str, features: BaseModelOutputWithPooling) -> ImageBindProjectionOutput:
        return ImageBindProjectionOutput(
            **{embeds_name: features.pooler_output},
            last_hidden_state=features.last_hidden_state,
            hidden_states=features.hidden_states,
            attentions=features.attentions,
        )


class ImageBindTextModelWithProjection(ImageBindTowerWithProjection):
    """The text tower with its projection."""

    modality = "text"
    main_input_name = "input_ids"
    input_modalities = ("text",)

    @can_return_tuple
    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple | ImageBindProjectionOutput:
        """Embed texts; see [`ImageBindModel.get_text_features`]."""
        return self._project("text_embeds", self._features("text", input_ids, **kwargs))


class ImageBindVisionModelWithProjection(ImageBindTowerWithProjection):
    """The image and video tower with its projection."""

    modality = "vision"
    input_modalities = ("image", "video")

    @can_return_tuple
    def forward(
        self,
        pixel_values: torch.Tensor | None = None,
        pixel_values_videos: torch.Tensor | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> tuple | ImageBindProjectionOutput:
        """Embed images or videos, not both at once; see [`ImageBindModel.get_image_features`]."""
        if (pixel_values is None) == (pixel_values_videos is None):
            raise ValueError("Give exactly one of pixel_values and pixel_values_videos.")
        if pixel_values is not None:
            return self._project("image_embeds", self._features("image", pixel_values, **kwargs))
        return self._project("video_embeds", self._features("video", pixel_values_videos, **kwargs))


class ImageBindAudioModelWithProjection(ImageBindTowerWithProjection):
    """The audio tower with its projection."""

    modality = "audio"
    main_input_name = "input_features"
    input_modalities = ("audio",)

    @can_return_tuple
    def forward(
        self, input_features: torch.Tensor, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple | ImageBindProjectionOutput:
        """Embed audio; see [`ImageBindModel.get_audio_features`]."""
        return self._project("audio_embeds", self._features("audio", input_features, **kwargs))


class ImageBindDepthModelWithProjection(ImageBindTowerWithProjection):
    """The depth tower with its projection."""

    modality = "depth"
    main_input_name = "pixel_values_depth"
    input_modalities = ("depth",)

    @can_return_tuple
    def forward(
        self, pixel_values_depth: torch.Tensor, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple | ImageBindProjectionOutput:
        """Embed disparity maps; see [`ImageBindModel.get_depth_features`]."""
        return self._project("depth_embeds", self._features("depth", pixel_values_depth, **kwargs))


class ImageBindThermalModelWithProjection(ImageBindTowerWithProjection):
    """The thermal tower with its projection."""

    modality = "thermal"
    main_input_name = "pixel_values_thermal"
    input_modalities = ("thermal",)

    @can_return_tuple
    def forward(
        self, pixel_values_thermal: torch.Tensor, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple | ImageBindProjectionOutput:
        """Embed infrared pictures; see [`ImageBindModel.get_thermal_features`]."""
        return self._project("thermal_embeds", self._features("thermal", pixel_values_thermal, **kwargs))


class ImageBindImuModelWithProjection(ImageBindTowerWithProjection):
    """The IMU tower with its projection."""

    modality = "imu"
    main_input_name = "imu_values"
    input_modalities = ("imu",)

    @can_return_tuple
    def forward(
        self, imu_values: torch.Tensor, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple | ImageBindProjectionOutput:
        """Embed IMU signals; see [`ImageBindModel.get_imu_features`]."""
        return self._project("imu_embeds", self._features("imu", imu_values, **kwargs))


__all__ = [
    "ImageBindAudioModelWithProjection",
    "ImageBindDepthModelWithProjection",
    "ImageBindImuModelWithProjection",
    "ImageBindModel",
    "ImageBindOutput",
    "ImageBindProjectionOutput",
    "ImageBindTextModelWithProjection",
    "ImageBindThermalModelWithProjection",
    "ImageBindVisionModelWithProjection",
]
