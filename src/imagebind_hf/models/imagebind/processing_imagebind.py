# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""One processor for all modalities."""

import inspect
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from transformers import BatchFeature
from transformers.processing_utils import (
    MODALITY_TO_AUTOPROCESSOR_MAPPING,
    AudioKwargs,
    ImagesKwargs,
    ProcessingKwargs,
    ProcessorMixin,
    TextKwargs,
    VideosKwargs,
)
from transformers.utils import cached_file

from .configuration_imagebind import ImageBindConfig
from .feature_extraction_imagebind import ImageBindFeatureExtractor, ImageBindImuFeatureExtractor
from .image_processing_imagebind import (
    ImageBindDepthImageProcessor,
    ImageBindDepthImageProcessorPil,
    ImageBindImageProcessor,
    ImageBindImageProcessorPil,
    ImageBindThermalImageProcessor,
    ImageBindThermalImageProcessorPil,
)
from .modalities import MODALITIES, model_argument, processor_argument
from .tokenization_imagebind import ImageBindTokenizer
from .video_processing_imagebind import ImageBindVideoProcessor

_CLASSES = {
    cls.__name__: cls
    for cls in (
        ImageBindDepthImageProcessor,
        ImageBindDepthImageProcessorPil,
        ImageBindFeatureExtractor,
        ImageBindImageProcessor,
        ImageBindImageProcessorPil,
        ImageBindImuFeatureExtractor,
        ImageBindThermalImageProcessor,
        ImageBindThermalImageProcessorPil,
        ImageBindTokenizer,
        ImageBindVideoProcessor,
    )
}
_HUB_KWARGS = ("cache_dir", "force_download", "local_files_only", "revision", "subfolder", "token")
_KNOWN_ARGUMENTS = {
    "return_tensors",
    *(name for kind in (TextKwargs, ImagesKwargs, VideosKwargs, AudioKwargs) for name in kind.__annotations__),
}
# Inputs that ProcessorMixin does not know, by the argument of `__call__`.
_OWN = {name: MODALITIES[name].processor_part for name in ("depth", "thermal", "imu")}


class ImageBindProcessorKwargs(ProcessingKwargs, total=False):
    """Arguments by modality, and their defaults."""

    _defaults = {"text_kwargs": {"padding": True, "truncation": True}}


class _PartNames:
    """`get_attributes` of a processor whose parts are optional: all of the class, or those that an instance has."""

    def __get__(self, processor: "ImageBindProcessor | None", owner: type[ProcessorMixin]) -> Callable[[], list[str]]:
        if processor is None:
            return partial(ProcessorMixin.get_attributes.__func__, owner)
        return partial(list, processor._parts)


class ImageBindProcessor(ProcessorMixin):
    r"""Prepares any mixture of modalities for [`ImageBindModel`]: a part for each, all optional.

    Args:
        image_processor ([`ImageBindImageProcessor`], *optional*): For images.
        feature_extractor ([`ImageBindFeatureExtractor`], *optional*): For audio.
        tokenizer ([`ImageBindTokenizer`], *optional*): For text.
        video_processor ([`ImageBindVideoProcessor`], *optional*): For videos.
        depth_image_processor ([`ImageBindDepthImageProcessor`], *optional*): For depth.
        thermal_image_processor ([`ImageBindThermalImageProcessor`], *optional*): For thermal.
        imu_feature_extractor ([`ImageBindImuFeatureExtractor`], *optional*): For IMU.

    Example:
        >>> import numpy as np
        >>> from imagebind_hf import ImageBindConfig, ImageBindProcessor
        >>> processor = ImageBindProcessor.from_config(ImageBindConfig())
        >>> inputs = processor(text=["a dog", "a car"], imu=np.zeros((6, 400)), return_tensors="pt")
        >>> {name: tuple(values.shape) for name, values in inputs.items()}
        {'input_ids': (2, 4), 'attention_mask': (2, 4), 'imu_values': (1, 6, 2000)}
    """

    valid_processor_kwargs = ImageBindProcessorKwargs
    get_attributes = _PartNames()

    def __init__(
        self,
        image_processor: ImageBindImageProcessor | None = None,
        feature_extractor: ImageBindFeatureExtractor | None = None,
        tokenizer: ImageBindTokenizer | None = None,
        video_processor: ImageBindVideoProcessor | None = None,
        depth_image_processor: ImageBindDepthImageProcessor | None = None,
        thermal_image_processor: ImageBindThermalImageProcessor | None = None,
        imu_feature_extractor: ImageBindImuFeatureExtractor | None = None,
        **kwargs: Any,
    ):
        parts = {
            "image_processor": image_processor,
            "feature_extractor": feature_extractor,
            "tokenizer": tokenizer,
            "video_processor": video_processor,
            "depth_image_processor": depth_image_processor,
            "thermal_image_processor": thermal_image_processor,
            "imu_feature_extractor": imu_feature_extractor,
        }
        self._parts = [name for name, part in parts.items() if part is not None]
        super().__init__(**{name: parts[name] for name in self._parts}, **kwargs)

    @classmethod
    def from_config(cls, config: ImageBindConfig) -> "ImageBindProcessor":
        """Make a processor whose outputs fit a model of this configuration, with a part for each of its modalities."""
        parts: dict[str, Any] = {}
        if "text" in config.modalities:
            parts["tokenizer"] = ImageBindTokenizer(model_max_length=config.text_config.max_position_embeddings)
        if "vision" in config.modalities:
            parts["image_processor"] = ImageBindImageProcessor(**_sizes(config.vision_config.image_size))
            parts["video_processor"] = ImageBindVideoProcessor(
                size={"shortest_edge": config.vision_config.image_size},
                frames_per_clip=config.vision_config.num_frames,
            )
        if "audio" in config.modalities:
            parts["feature_extractor"] = ImageBindFeatureExtractor(
                num_mel_bins=config.audio_config.num_mel_bins, num_frames=config.audio_config.num_frames
            )
        if "depth" in config.modalities:
            parts["depth_image_processor"] = ImageBindDepthImageProcessor(**_sizes(config.depth_config.image_size))
        if "thermal" in config.modalities:
            parts["thermal_image_processor"] = ImageBindThermalImageProcessor(
                **_sizes(config.thermal_config.image_size)
            )
        if "imu" in config.modalities:
            parts["imu_feature_extractor"] = ImageBindImuFeatureExtractor(num_samples=config.imu_config.num_samples)
        return cls(**parts)

    @staticmethod
    def get_possibly_dynamic_module(module_name: str) -> type:
        """Find a class by name, ours first: the base class fails on the dicts that AutoImageProcessor registers."""
        if module_name in _CLASSES:
            return _CLASSES[module_name]
        return ProcessorMixin.get_possibly_dynamic_module(module_name)

    @classmethod
    def _get_arguments_from_pretrained(
        cls, pretrained_model_name_or_path: str, processor_dict: dict[str, Any] | None = None, **kwargs: Any
    ) -> list:
        """Load the parts that were saved; the base class asks for all."""
        saved = processor_dict or {}
        backend = kwargs.get("backend")
        parts: list = []
        for name in cls.get_attributes():
            if name == "tokenizer":
                parts.append(cls._load_tokenizer_if_saved(pretrained_model_name_or_path, **kwargs))
            elif name not in saved:
                parts.append(None)
            elif name in MODALITY_TO_AUTOPROCESSOR_MAPPING:
                auto_class = MODALITY_TO_AUTOPROCESSOR_MAPPING[name]
                own = {key: value for key, value in kwargs.items() if key != "backend" or name == "image_processor"}
                parts.append(auto_class.from_pretrained(pretrained_model_name_or_path, **own))
            else:
                class_name = saved[name].get("image_processor_type") or saved[name]["feature_extractor_type"]
                suffix = "Pil" if backend == "pil" and "image_processor" in name else ""
                parts.append(cls.get_possibly_dynamic_module(class_name + suffix)(**saved[name]))
        return parts

    @classmethod
    def _load_tokenizer_if_saved(cls, pretrained_model_name_or_path: str, **kwargs: Any) -> Any:
        hub_kwargs = {key: kwargs[key] for key in _HUB_KWARGS if key in kwargs}
        found = cached_file(
            pretrained_model_name_or_path,
            "tokenizer_config.json",
            _raise_exceptions_for_missing_entries=False,
            **hub_kwargs,
        )
        if found is None:
            return None
        return cls._load_tokenizer_from_pretrained("tokenizer", pretrained_model_name_or_path, **kwargs)

    def __call__(
        self,
        images: Any = None,
        text: Any = None,
        videos: Any = None,
        audio: Any = None,
        depth: Any = None,
        thermal: Any = None,
        imu: Any = None,
        **kwargs: Any,
    ) -> BatchFeature:
        """Prepare whatever is given; a single item or a list each.

        Args:
            images: See [`ImageBindImageProcessor`].
            text: See [`ImageBindTokenizer`].
            videos: See [`ImageBindVideoProcessor`].
            audio: See [`ImageBindFeatureExtractor`].
            depth: See [`ImageBindDepthImageProcessor`].
            thermal: See [`ImageBindThermalImageProcessor`].
            imu: See [`ImageBindImuFeatureExtractor`].
            **kwargs: `return_tensors`, `device` (where to compute; with `"pt"` also where all results stay), and
                arguments of the parts: plain ones go to every part that takes them, those in dicts to one:
                `text_kwargs`, `images_kwargs`, `videos_kwargs`, `audio_kwargs`, `depth_kwargs`, `thermal_kwargs`,
                `imu_kwargs`. A plain `sampling_rate` is the audio's alone, where there is audio.

        Raises:
            ValueError: If nothing is given, or something that the processor has no part for.
        """
        own = {"depth": depth, "thermal": thermal, "imu": imu}
        known = {"images": images, "text": text, "videos": videos, "audio": audio}
        parts = {row.processor_argument: row.processor_part for row in MODALITIES.values()}
        given = [name for name, value in {**known, **own}.items() if value is not None]
        for name in given:
            if parts[name] not in self._parts:
                raise ValueError(f"Got {name}, but this processor has no {parts[name]}.")
        own_kwargs = {name: kwargs.pop(f"{name}_kwargs", {}) for name in own}
        taken = {name: _arguments_of(getattr(self, _OWN[name], None)) for name in own}
        plain = {name: {key: kwargs[key] for key in keys if key in kwargs} for name, keys in taken.items()}
        if audio is not None:
            plain["imu"].pop("sampling_rate", None)
        # What no part that transformers knows takes, it would warn about.
        foreign = set().union(*taken.values()) - _KNOWN_ARGUMENTS
        data: dict[str, Any] = {}
        if not given or any(value is not None for value in known.values()):
            data.update(super().__call__(**known, **{key: kwargs[key] for key in kwargs if key not in foreign}))
        for name, value in own.items():
            if value is not None:
                data.update(getattr(self, _OWN[name])(value, **{**plain[name], **own_kwargs[name]}))
        inputs = BatchFeature(data)
        device = kwargs.get("device")
        return inputs.to(device) if device is not None and kwargs.get("return_tensors") == "pt" else inputs

    def prepare(self, modality: str, items: list, **kwargs: Any) -> BatchFeature:
        """Prepare items of one modality, which may be an extra one.

        Args:
            modality: Name of the modality.
            items: The items. Of an extra modality without a processor part, the values that its tower reads.
            **kwargs: As for [`~ImageBindProcessor.__call__`].

        Returns:
            The model's argument for the modality, and for text also the attention mask.
        """
        if modality not in MODALITIES:
            return BatchFeature(
                {model_argument(modality): np.asarray(items, np.float32)}, kwargs.get("return_tensors")
            )
        return self(**{processor_argument(modality): items}, **kwargs)

    def prepare_inputs_layout(
        self, images: Any = None, text: Any = None, videos: Any = None, audio: Any = None, **kwargs: Any
    ) -> tuple[Any, Any, Any, Any]:
        """Leave inputs as they are: the parts read more forms than the base class lets through."""
        return images, text, videos, audio

    @property
    def model_input_names(self) -> list[str]:
        """Names of everything that the parts return."""
        names = (name for part in self._parts for name in getattr(self, part).model_input_names)
        return list(dict.fromkeys(names))

    def save_modality_folders(self, save_directory: str | os.PathLike) -> None:
        """Save each part once more in a folder named as its modality, for `from_pretrained(…, subfolder="audio")`.

        Args:
            save_directory: Where the folders `text`, `vision`, `video`, `audio`, `depth`, `thermal` and `imu` are
                made, as far as there are parts.
        """
        for name, row in MODALITIES.items():
            if row.processor_part in self._parts:
                # The folder of the image processor is named as its tower: `vision`.
                folder = Path(save_directory) / (row.tower if name == "image" else name)
                part = getattr(self, row.processor_part)
                ImageBindProcessor(**{row.processor_part: part}).save_pretrained(folder)


def _arguments_of(part: Any) -> set[str]:
    """Return the names of what a part takes besides its input."""
    if part is None:
        return set()
    arguments = getattr(part, "valid_kwargs", None)
    names = arguments.__annotations__ if arguments else inspect.signature(part).parameters
    return {"return_tensors", *names} - {"imu", "kwargs"}


def _sizes(side: int) -> dict[str, dict[str, int]]:
    return {"size": {"shortest_edge": side}, "crop_size": {"height": side, "width": side}}


__all__ = ["ImageBindProcessor"]
