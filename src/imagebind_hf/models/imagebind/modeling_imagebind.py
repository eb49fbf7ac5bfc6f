# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""ImageBind: one tower per modality, and one embedding space for all modalities.

Shape letters: B batch size, C clips or views of an item, T tokens, D hidden size of a tower, E embedding dimension.
"""

import copy
import math
import os
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import nn
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.processing_utils import Unpack
from transformers.utils import TransformersKwargs, can_return_tuple

from ...utils.names import nearest_name
from .configuration_imagebind import ImageBindConfig
from .modalities import MODALITIES, Modality, extra_modality, tower_name, tower_names
from .modeling_imagebind_towers import TOWER_CLASSES, ImageBindPreTrainedModel
from .modeling_outputs import ImageBindOutput, ImageBindProjectionOutput, in_order
from .sharding import load_by_modality, modality_of, save_by_modality


def check_pairs(image_embeds: torch.Tensor, embeds: torch.Tensor) -> None:
    """Raise a ValueError unless there are at least two pairs: a contrastive loss needs negatives."""
    if len(image_embeds) != len(embeds):
        raise ValueError(
            f"Expected as many images as items of the other modality, but got {len(image_embeds)} and {len(embeds)}."
        )
    if len(embeds) < 2:
        raise ValueError(
            f"Expected at least 2 pairs in a batch, because a contrastive loss needs negatives, but got {len(embeds)}."
        )


def contrastive_loss(
    image_embeds: torch.Tensor,
    embeds: torch.Tensor,
    logit_scale: torch.Tensor | float,
    label_smoothing: float = 0.0,
) -> torch.Tensor:
    """Compute the symmetric InfoNCE loss L_{I,M} + L_{M,I} (section 3.2, equation 1 of the paper).

    Args:
        image_embeds (`torch.Tensor` of shape `(B, E)`): Embeddings of the images (the anchors).
        embeds (`torch.Tensor` of shape `(B, E)`): Embeddings of the other modality. Row i is the
            partner of image i.
        logit_scale (`torch.Tensor` or `float`): Logit scale, 1 / temperature.
        label_smoothing (`float`): Label smoothing of the cross entropy.

    Raises:
        ValueError: If the numbers of rows differ, or if there are fewer than two pairs.
    """
    check_pairs(image_embeds, embeds)
    logits = logit_scale * image_embeds @ embeds.t()
    target = torch.arange(len(logits), device=logits.device)
    return sum(
        nn.functional.cross_entropy(rows, target, label_smoothing=label_smoothing) for rows in (logits, logits.t())
    )


class ImageBindModel(ImageBindPreTrainedModel):
    """ImageBind: one tower and one projection per modality, and one embedding space for all modalities.

    Any non-empty subset of the inputs works. An item may consist of several clips or views on an additional second
    axis. Its embedding is the mean of the embeddings of its clips.

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
    # Subclasses with a single tower set its name here. They ignore `config.modalities`.
    modality: ClassVar[str | None] = None

    def __init__(self, config: ImageBindConfig):
        super().__init__(config)
        self._frozen: tuple[str, ...] = ()
        self._frozen_parameters: set[str] = set()
        self.inputs: dict[str, Modality] = {
            name: modality for name, modality in MODALITIES.items() if modality.tower in config.tower_configs
        }
        for name, tower_config in config.tower_configs.items():
            tower_class = TOWER_CLASSES[tower_config.model_type]
            setattr(self, f"{name}_model", tower_class._from_config(tower_config))
            setattr(self, f"{name}_projection", nn.Linear(tower_config.hidden_size, config.projection_dim, bias=False))
            if tower_config.logit_scale_init_value is not None:
                # A logarithm, as in the published weights. The shape is (1,) because FSDP2 cannot shard scalars.
                log_scale = torch.full((1,), math.log(tower_config.logit_scale_init_value))
                if tower_config.learnable_logit_scale:
                    setattr(self, f"{name}_logit_scale", nn.Parameter(log_scale))
                else:
                    self.register_buffer(f"{name}_logit_scale", log_scale)
            if name in config.extra_modalities:
                self.inputs[name] = extra_modality(name, tower_class.input_ndim)
        # A checkpoint may have more towers than this model: do not report their weights as unexpected.
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
        """Return the token embedding, or without a text tower the first layer of the first tower."""
        tower = "text" if "text" in self.config.tower_configs else next(iter(self.config.tower_configs))
        return getattr(self, f"{tower}_model").get_input_embeddings()

    def set_attn_implementation(self, attn_implementation: str | dict, *args: Any, **kwargs: Any) -> None:
        """Set the attention implementation: one for all towers, or a `dict` of implementations.

        The keys of a `dict` are names of modalities or towers, or `<tower>_config` as in transformers.
        """
        chosen = self.config.attention_by_config(attn_implementation)
        # The base class gives extra modalities the implementation of the whole model.
        extra = {name: config._attn_implementation for name, config in self.config.extra_modalities.items()}
        super().set_attn_implementation(chosen, *args, **kwargs)
        if isinstance(chosen, dict):
            for name, before in extra.items():
                if name in self.inputs:
                    tower = getattr(self, f"{name}_model")
                    tower.set_attn_implementation(chosen.get(f"{name}_config", before), *args, **kwargs)

    def freeze(self, modalities: Sequence[str]) -> None:
        """Freeze the towers of these modalities and unfreeze all others.

        Frozen towers have no gradients and stay in evaluation mode during training.

        Args:
            modalities: Names of modalities or towers.

        Raises:
            ValueError: If the model does not have one of the towers.
        """
        for modality in modalities:
            self._check_tower(modality)
        towers = tower_names(modalities)
        # Parameters that something else has frozen (the base of LoRA adapters, quantized weights) stay frozen.
        before, self._frozen = self._frozen, tuple(towers)
        for name, parameter in self.named_parameters():
            tower = modality_of(name)
            if tower in self._frozen and parameter.requires_grad:
                parameter.requires_grad_(False)
                self._frozen_parameters.add(name)
            elif tower in before and tower not in self._frozen and name in self._frozen_parameters:
                parameter.requires_grad_(True)
                self._frozen_parameters.remove(name)
        self.train(self.training)

    def train(self, mode: bool = True) -> "ImageBindModel":
        """Set training or evaluation mode. Frozen towers stay in evaluation mode."""
        super().train(mode)
        for modality in self._frozen:
            getattr(self, f"{modality}_model").eval()
        return self

    def logit_scale(self, modality: str) -> torch.Tensor:
        """Return the logit scale (1 / temperature) of a modality, of shape `(1,)`.

        `embeds * model.logit_scale(modality)` is the output of the original implementation. The published scales are
        20 for audio, 5 for depth, 10 for thermal, 5 for IMU and 1 for images and videos. The scale of text is learned
        (initially 1/0.07, at most 100).

        Raises:
            ValueError: If the model has no tower for the modality.
        """
        self._check_tower(modality)
        tower = tower_name(modality)
        config = self.config.tower_configs[tower]
        if config.logit_scale_init_value is None:
            like = self._reference(tower)
            # The parameters of an offloaded model are on the meta device between calls.
            return torch.ones(1, dtype=like.dtype, device="cpu" if like.is_meta else like.device)
        scale = getattr(self, f"{tower}_logit_scale")
        hook = getattr(self, "_hf_hook", None)
        if scale.is_meta and hook is not None:
            # Outside of `forward`, the parameters of an offloaded model are on the meta device: accelerate's hook
            # loads them.
            hook.pre_forward(self)
            scale = getattr(self, f"{tower}_logit_scale").detach().clone()
            hook.post_forward(self, None)
        return scale.exp().clamp(max=config.max_logit_scale)

    def _reference(self, tower: str) -> torch.Tensor:
        """Return a parameter of a tower that is never quantized: its dtype is the dtype of the computation.

        This is not `self.dtype`, which looks for parameters: the replicas of `nn.DataParallel` have none.
        """
        return getattr(self, f"{tower}_model").embeddings.position_embedding

    def _check_tower(self, modality: str) -> None:
        towers = self.config.tower_configs
        if tower_name(modality) not in towers:
            hint = nearest_name(modality, {**towers, **self.inputs})
            raise ValueError(f"No tower for {modality!r}: the model has the towers {list(towers)}. {hint}")

    def _features(
        self, modality: str, values: torch.Tensor, normalize: bool = True, **kwargs: Any
    ) -> BaseModelOutputWithPooling:
        """Embed one modality: tower, projection, normalization, mean over clips."""
        if modality not in self.inputs:
            self._check_tower(modality)
            raise ValueError(f"Unknown modality {modality!r}. {nearest_name(modality, self.inputs)}")
        row = self.inputs[modality]
        name, tower, ndim = row.model_argument, row.tower, row.ndim
        if values.shape[0] == 0:
            raise ValueError(f"Expected at least one item, but {name} has the shape {tuple(values.shape)}.")
        clips = values.shape[:2] if values.ndim == ndim + 1 else None
        if clips is not None:
            values = values.flatten(0, 1)
        elif values.ndim != ndim:
            shape = tuple(values.shape)
            raise ValueError(f"Expected {name} with {ndim} axes, or {ndim + 1} with clips, but got the shape {shape}.")
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
    def get_features(
        self, modality: str, values: torch.Tensor, normalize: bool = True, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple | BaseModelOutputWithPooling:
        """Embed one modality by name. Extra modalities also have a method `get_<name>_features(values)`.

        Args:
            modality (`str`): Name of the modality, a key of `model.inputs`.
            values (`torch.Tensor`): Its input, as for the model's argument `model.inputs[modality].model_argument`.
            normalize (`bool`): See [`~ImageBindModel.get_text_features`].

        Returns:
            See [`~ImageBindModel.get_text_features`].

        Raises:
            ValueError: If the model does not have the modality, or if the shape is wrong.
        """
        return self._features(modality, values, normalize, **kwargs)

    def __getattr__(self, name: str) -> Any:
        # `get_<name>_features` of extra modalities. Methods bound to an instance in `__init__` would be a reference
        # cycle, which delays freeing the memory of a deleted model.
        if name.startswith("get_") and name.endswith("_features"):
            modality = name.removeprefix("get_").removesuffix("_features")
            if modality in self.__dict__.get("inputs", ()):
                return partial(self._get_extra_features, modality)
        return super().__getattr__(name)

    def _get_extra_features(self, modality: str, *args: Any, **kwargs: Any) -> tuple | BaseModelOutputWithPooling:
        # The processor returns the values as `<name>_values`.
        argument = self.inputs[modality].model_argument
        if argument in kwargs:
            args = (kwargs.pop(argument), *args)
        return self.get_features(modality, *args, **kwargs)

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
            input_ids (`torch.Tensor` of shape `(B, T)`): Token ids, at most 77 for each text.
            attention_mask (`torch.Tensor` of shape `(B, T)`, *optional*): Needed only for texts that are padded on
                the left; padding on the right has no effect.
            normalize (`bool`): Whether to normalize the embeddings to unit length. `False` returns the output of the
                projection.

        Returns:
            An output with the embedding in `pooler_output`, of shape `(B, E)`, and the hidden states of the tower in
            `last_hidden_state`, of shape `(B, T, D)`, with clips `(B, C, T, D)`.
        """
        return self._features("text", input_ids, normalize, attention_mask=attention_mask, **kwargs)

    @can_return_tuple
    def get_image_features(
        self, pixel_values: torch.Tensor, normalize: bool = True, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple | BaseModelOutputWithPooling:
        """Embed images of shape `(B, 3, H, W)`. See [`~ImageBindModel.get_text_features`] for the output."""
        return self._features("image", pixel_values, normalize, **kwargs)

    @can_return_tuple
    def get_video_features(
        self, pixel_values_videos: torch.Tensor, normalize: bool = True, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple | BaseModelOutputWithPooling:
        """Embed videos of shape `(B, C, frames, 3, H, W)`, averaged over C views, or `(B, frames, 3, H, W)`."""
        return self._features("video", pixel_values_videos, normalize, **kwargs)

    @can_return_tuple
    def get_audio_features(
        self, input_features: torch.Tensor, normalize: bool = True, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple | BaseModelOutputWithPooling:
        """Embed spectrograms of shape `(B, C, 128, 204)`, averaged over C clips, or `(B, 128, 204)`."""
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
        """Embed thermal images of shape `(B, 1, H, W)`."""
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
        """Embed the given modalities and compare them with the texts, if there are any.

        Args:
            input_ids, attention_mask (`torch.Tensor` of shape `(B, T)`): See [`~ImageBindModel.get_text_features`].
            pixel_values (`torch.Tensor` of shape `(B, 3, H, W)`): Images.
            pixel_values_videos (`torch.Tensor` of shape `(B, C, frames, 3, H, W)`): Videos.
            input_features (`torch.Tensor` of shape `(B, C, 128, 204)`): Audio.
            pixel_values_depth, pixel_values_thermal (`torch.Tensor` of shape `(B, 1, H, W)`): Depth, thermal.
            imu_values (`torch.Tensor` of shape `(B, 6, 2000)`): IMU.
            image_embeds (`torch.Tensor` of shape `(B, E)`): Precomputed embeddings of the images, instead of pixels.
                They are converted to the dtype of the model.
            return_loss (`bool`): Also return the sum of the symmetric InfoNCE losses between the images (or videos)
                and each other modality, each with its own logit scale. Items with the same index are positive pairs.
            return_logit_scales (`bool`): Also return the logit scales, to compute a loss elsewhere.
            **kwargs: `<name>_values` of extra modalities, and the usual arguments of transformers.

        Raises:
            ValueError: If there is no input; if the model has no tower for an input, or its shape is wrong; if
                `return_loss=True` without images, without another modality or with fewer than two pairs.
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
            embeds["image"] = image_embeds.to(self._reference(next(iter(self.config.tower_configs))).dtype)
        options = {"text": {"attention_mask": attention_mask}}
        for modality, value in values.items():
            if value is not None and modality not in embeds:
                features = self._features(modality, value, pooled_only=True, **options.get(modality, {}), **kwargs)
                embeds[modality] = features.pooler_output
        if not embeds:
            raise ValueError(
                f"Expected at least one of {[row.model_argument for row in self.inputs.values()]}, but got no input."
            )
        anchor = next((modality for modality in ("image", "video") if modality in embeds), None)

        output = {}
        if return_loss:
            output["loss"] = self._loss(anchor, embeds)
        if "text" in embeds:
            # Towers may be on different devices.
            text_embeds = embeds["text"] * self.logit_scale("text").to(embeds["text"].device)
            for modality in embeds:
                if modality != "text":
                    output[f"logits_per_{modality}"] = embeds[modality].to(text_embeds) @ text_embeds.t()
            if anchor is not None:
                output["logits_per_text"] = output[f"logits_per_{anchor}"].t()
        output |= {f"{modality}_embeds": value for modality, value in embeds.items()}
        if return_logit_scales:
            output["logit_scales"] = {modality: self.logit_scale(modality) for modality in embeds}
        return in_order(ImageBindOutput, output)

    def _loss(self, anchor: str | None, embeds: dict[str, torch.Tensor]) -> torch.Tensor:
        """Sum the contrastive losses between the anchor, images or videos, and each other modality."""
        partners = [modality for modality in embeds if modality not in ("image", "video")]
        if anchor is None or not partners:
            raise ValueError(f"Expected images or videos and another modality for a loss, but got {list(embeds)}.")
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
        """Load a model. From the Hub, only the shards of the selected modalities are downloaded.

        Args:
            pretrained_model_name_or_path: Folder or Hub id.
            *model_args: Passed to the constructor.
            config: The configuration. The default is the one of the checkpoint.
            **kwargs: `modalities` selects towers. `device_map`, `dtype`, `revision` and so on as in
                [`~transformers.PreTrainedModel.from_pretrained`].

        Raises:
            ValueError: If a modality is unknown, or if the index names anything but files of its own folder.
            OSError: If the checkpoint does not exist, the Hub is not reachable, or a downloaded file is corrupted.
        """
        towers = kwargs.get("modalities") if config is None else getattr(config, "modalities", None)
        if cls.modality is not None:
            towers = [cls.modality]
        towers = None if towers is None else tower_names(towers)
        path, load = pretrained_model_name_or_path, super().from_pretrained
        return load_by_modality(load, path, towers, *model_args, config=config, **kwargs)

    def save_pretrained(self, save_directory: str | os.PathLike, **kwargs: Any) -> None:
        """Save the model with one safetensors file per modality and an index.

        Towers can then be loaded and downloaded separately. The arguments are those of
        [`~transformers.PreTrainedModel.save_pretrained`].
        """
        save_by_modality(self, super().save_pretrained, save_directory, **kwargs)


class ImageBindTowerWithProjection(ImageBindModel):
    """Base class of the models with a single tower. They load its weights from any ImageBind checkpoint."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        rows = [row for row in MODALITIES.values() if row.tower == cls.modality]
        cls.main_input_name = rows[0].model_argument
        cls.input_modalities = tuple(row.name for row in rows)

    def __init__(self, config: ImageBindConfig):
        config = copy.deepcopy(config)
        config.modalities = [self.modality]
        super().__init__(config)

    def _project(self, modality: str, values: torch.Tensor, **kwargs: Any) -> ImageBindProjectionOutput:
        features = self._features(modality, values, **kwargs)
        return ImageBindProjectionOutput(
            **{f"{modality}_embeds": features.pooler_output},
            last_hidden_state=features.last_hidden_state,
            hidden_states=features.hidden_states,
            attentions=features.attentions,
        )


class ImageBindTextModelWithProjection(ImageBindTowerWithProjection):
    """The text tower with its projection."""

    modality = "text"

    @can_return_tuple
    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple | ImageBindProjectionOutput:
        """Embed texts. See [`ImageBindModel.get_text_features`]."""
        return self._project("text", input_ids, attention_mask=attention_mask, **kwargs)


class ImageBindVisionModelWithProjection(ImageBindTowerWithProjection):
    """The image and video tower with its projection."""

    modality = "vision"

    @can_return_tuple
    def forward(
        self,
        pixel_values: torch.Tensor | None = None,
        pixel_values_videos: torch.Tensor | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> tuple | ImageBindProjectionOutput:
        """Embed either images or videos. See [`ImageBindModel.get_image_features`]."""
        if (pixel_values is None) == (pixel_values_videos is None):
            raise ValueError("Expected exactly one of pixel_values and pixel_values_videos.")
        if pixel_values is not None:
            return self._project("image", pixel_values, **kwargs)
        return self._project("video", pixel_values_videos, **kwargs)


class ImageBindAudioModelWithProjection(ImageBindTowerWithProjection):
    """The audio tower with its projection."""

    modality = "audio"

    @can_return_tuple
    def forward(
        self, input_features: torch.Tensor, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple | ImageBindProjectionOutput:
        """Embed audio. See [`ImageBindModel.get_audio_features`]."""
        return self._project("audio", input_features, **kwargs)


class ImageBindDepthModelWithProjection(ImageBindTowerWithProjection):
    """The depth tower with its projection."""

    modality = "depth"

    @can_return_tuple
    def forward(
        self, pixel_values_depth: torch.Tensor, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple | ImageBindProjectionOutput:
        """Embed disparity maps. See [`ImageBindModel.get_depth_features`]."""
        return self._project("depth", pixel_values_depth, **kwargs)


class ImageBindThermalModelWithProjection(ImageBindTowerWithProjection):
    """The thermal tower with its projection."""

    modality = "thermal"

    @can_return_tuple
    def forward(
        self, pixel_values_thermal: torch.Tensor, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple | ImageBindProjectionOutput:
        """Embed thermal images. See [`ImageBindModel.get_thermal_features`]."""
        return self._project("thermal", pixel_values_thermal, **kwargs)


class ImageBindImuModelWithProjection(ImageBindTowerWithProjection):
    """The IMU tower with its projection."""

    modality = "imu"

    @can_return_tuple
    def forward(
        self, imu_values: torch.Tensor, **kwargs: Unpack[TransformersKwargs]
    ) -> tuple | ImageBindProjectionOutput:
        """Embed IMU signals. See [`ImageBindModel.get_imu_features`]."""
        return self._project("imu", imu_values, **kwargs)


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
