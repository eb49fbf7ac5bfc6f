# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The processor, which contains one part for each modality."""

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

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

from ...utils.names import nearest_name
from .configuration_imagebind import ImageBindConfig
from .feature_extraction_imagebind import ImageBindFeatureExtractor, ImageBindImuFeatureExtractor
from .image_processing_imagebind import (
    ImageBindDepthImageProcessor,
    ImageBindImageProcessor,
    ImageBindThermalImageProcessor,
)
from .modalities import MODALITIES, check_extra_name, model_argument, processor_argument
from .processor_parts import (
    PART_CLASSES,
    arguments_of,
    create_part,
    is_part,
    is_part_class,
    part_class_name,
    stack_items,
)
from .tokenization_imagebind import ImageBindTokenizer
from .video_processing_imagebind import ImageBindVideoProcessor

_HUB_KWARGS = ("cache_dir", "force_download", "local_files_only", "revision", "subfolder", "token")
_KNOWN_ARGUMENTS = {
    "return_tensors",
    *(name for kind in (TextKwargs, ImagesKwargs, VideosKwargs, AudioKwargs) for name in kind.__annotations__),
}
# Parts by argument: those that ProcessorMixin calls, and those that only this class knows.
_PARTS = {row.processor_argument: row.processor_part for row in MODALITIES.values()}
_OWN = {name: part for name, part in _PARTS.items() if part not in MODALITY_TO_AUTOPROCESSOR_MAPPING}


class ImageBindProcessorKwargs(ProcessingKwargs, total=False):
    """Arguments by modality, and their defaults."""

    _defaults = {"text_kwargs": {"padding": True, "truncation": True}}


class _PartNames:
    """`get_attributes`: on the class the names of all possible parts, on an instance those of its own parts."""

    def __get__(self, processor: "ImageBindProcessor | None", owner: type[ProcessorMixin]) -> Callable[[], list[str]]:
        if processor is None:
            return partial(ProcessorMixin.get_attributes.__func__, owner)
        return partial(list, processor._parts)


class ImageBindProcessor(ProcessorMixin):
    r"""Preprocesses any mixture of modalities for [`ImageBindModel`]. It has one part per modality, all optional.

    Args:
        image_processor ([`ImageBindImageProcessor`], *optional*): For images.
        feature_extractor ([`ImageBindFeatureExtractor`], *optional*): For audio.
        tokenizer ([`ImageBindTokenizer`], *optional*): For text.
        video_processor ([`ImageBindVideoProcessor`], *optional*): For videos.
        depth_image_processor ([`ImageBindDepthImageProcessor`], *optional*): For depth.
        thermal_image_processor ([`ImageBindThermalImageProcessor`], *optional*): For thermal.
        imu_feature_extractor ([`ImageBindImuFeatureExtractor`], *optional*): For IMU.
        extra_processors (`dict`, *optional*): For extra modalities, by name: any image processor, video processor or
            feature extractor of this package or of transformers. `None` means that the items are already preprocessed.

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
        extra_processors: dict[str, Any] | None = None,
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
        self.extra_processors = dict(extra_processors or {})
        for name, part in self.extra_processors.items():
            check_extra_name(name)
            if part is not None and not is_part(part):
                raise TypeError(
                    f"extra_processors[{name!r}]: expected an image processor, a video processor or a feature "
                    f"extractor, but got a {type(part).__name__}."
                )
        super().__init__(**{name: parts[name] for name in self._parts}, **kwargs)

    @classmethod
    def from_config(
        cls, config: ImageBindConfig, extra_processors: dict[str, Any] | None = None
    ) -> "ImageBindProcessor":
        """Create a processor with one part for each modality of a model.

        Args:
            config: The configuration of the model. The outputs of the processor have the shapes that it expects.
            extra_processors: Parts for extra modalities. Items of other extra modalities must be preprocessed already.
        """
        towers = config.tower_configs
        parts = {
            row.processor_part: create_part(row.processor_part, towers[row.tower])
            for row in MODALITIES.values()
            if row.tower in towers
        }
        extra = dict.fromkeys(name for name in config.extra_modalities if name in towers)
        return cls(**parts, extra_processors={**extra, **(extra_processors or {})})

    def configure(self, settings: Mapping[str, Mapping[str, Any]]) -> None:
        """Change settings of the parts, in place.

        Args:
            settings: New values by part (or by extra modality) and by setting, for example
                `{"depth_image_processor": {"depth_unit": "disparity"}}`.

        Raises:
            ValueError: If there is no such part, or the part has no such setting.
        """
        parts = {name: getattr(self, name) for name in self._parts}
        parts |= {name: part for name, part in self.extra_processors.items() if part is not None}
        for name, values in settings.items():
            if name not in parts:
                raise ValueError(f"processor: Unknown part {name!r}. {nearest_name(name, parts)}")
            unknown = [setting for setting in values if not hasattr(parts[name], setting)]
            if unknown:
                known = [setting for setting in vars(parts[name]) if not setting.startswith("_")]
                hint = nearest_name(unknown[0], known)
                raise ValueError(f"processor: {name} has no setting {unknown[0]!r}. {hint}")
        for name, values in settings.items():
            for setting, value in values.items():
                setattr(parts[name], setting, value)

    def to_dict(self) -> dict[str, Any]:
        """Serialize the settings of all parts but the tokenizer."""
        output = super().to_dict()
        output.pop("extra_processors", None)
        if self.extra_processors:
            output["extra_processors"] = {
                name: None if part is None else part.to_dict() for name, part in self.extra_processors.items()
            }
        return output

    @staticmethod
    def get_possibly_dynamic_module(module_name: str) -> type:
        """Find a class by name. The base class fails on the dictionaries that AutoImageProcessor registers."""
        if module_name in PART_CLASSES:
            return PART_CLASSES[module_name]
        return ProcessorMixin.get_possibly_dynamic_module(module_name)

    @classmethod
    def _get_arguments_from_pretrained(
        cls, pretrained_model_name_or_path: str, processor_dict: dict[str, Any] | None = None, **kwargs: Any
    ) -> list:
        """Load the saved parts. The base class requires all parts."""
        saved = processor_dict if processor_dict is not None else {}
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
                parts.append(cls._load_part(name, saved[name], backend))
        # Removed from the dictionary, because the base class passes what is left in it to the constructor.
        extra = saved.pop("extra_processors", None) or {}
        parts.append(
            {name: None if part is None else cls._load_part(name, part, backend) for name, part in extra.items()}
        )
        return parts

    @classmethod
    def _load_part(cls, name: str, saved: dict[str, Any], backend: str | None) -> Any:
        """Create a part from its saved settings."""
        class_name = part_class_name(name, saved)
        if backend == "pil" and f"{class_name}Pil" in PART_CLASSES:
            class_name += "Pil"
        part_class = cls.get_possibly_dynamic_module(class_name)
        # The file may come from an untrusted repository: do not call any other class of transformers.
        if not is_part_class(part_class):
            raise ValueError(f"Expected the class of a processor for {name!r} in processor_config.json: {class_name}.")
        return part_class(**saved)

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
        """Preprocess a single item or a list of items for each of the given modalities.

        Args:
            images: See [`ImageBindImageProcessor`].
            text: See [`ImageBindTokenizer`].
            videos: See [`ImageBindVideoProcessor`].
            audio: See [`ImageBindFeatureExtractor`].
            depth: See [`ImageBindDepthImageProcessor`].
            thermal: See [`ImageBindThermalImageProcessor`].
            imu: See [`ImageBindImuFeatureExtractor`].
            **kwargs: Items of extra modalities, by name (without a part: an array or a list of arrays of the shape
                that the tower expects); `return_tensors`; `device`, where to compute (with `return_tensors="pt"` all
                results stay there); and arguments of the parts. Plain arguments are passed to each part that accepts
                them, dictionaries to a single part: `text_kwargs`, `images_kwargs`, `videos_kwargs`, `audio_kwargs`,
                `<name>_kwargs`. If there is audio, a plain `sampling_rate` belongs to the audio only.

        Raises:
            ValueError: If there is no input, or if the processor has no part for an input.
        """
        known = {"images": images, "text": text, "videos": videos, "audio": audio}
        own = {"depth": depth, "thermal": thermal, "imu": imu}
        for name, value in {**known, **own}.items():
            if value is not None and _PARTS[name] not in self._parts:
                raise ValueError(f"Got {name}, but this processor has no {_PARTS[name]}.")
        parts = {name: getattr(self, part, None) for name, part in _OWN.items()} | self.extra_processors
        own |= {name: kwargs.pop(name, None) for name in self.extra_processors}
        own_kwargs = {name: kwargs.pop(f"{name}_kwargs", {}) for name in own}
        accepted = {name: arguments_of(part) for name, part in parts.items()}
        plain = {name: {key: kwargs[key] for key in keys if key in kwargs} for name, keys in accepted.items()}
        if audio is not None:
            for arguments in plain.values():
                arguments.pop("sampling_rate", None)
        # The base class warns about arguments that none of the parts accepts that it knows.
        foreign = set().union(*accepted.values()) - _KNOWN_ARGUMENTS
        data: dict[str, Any] = {}
        if all(value is None for value in own.values()) or any(value is not None for value in known.values()):
            data.update(super().__call__(**known, **{key: kwargs[key] for key in kwargs if key not in foreign}))
        for name, value in own.items():
            if value is not None:
                data.update(self._call_part(name, parts[name], value, **{**plain[name], **own_kwargs[name]}))
        return _move(BatchFeature(data), **kwargs)

    def _call_part(self, name: str, part: Any, items: Any, **kwargs: Any) -> BatchFeature:
        """Preprocess items of a modality that the base class does not know."""
        if part is None:
            return BatchFeature({model_argument(name): stack_items(name, items)}, kwargs.get("return_tensors"))
        outputs = part(items, **kwargs)
        if name in MODALITIES:
            return outputs
        # The values of an extra modality have its name, whatever the part calls them.
        key = next((key for key in part.model_input_names if key in outputs), None)
        if key is None:
            raise ValueError(
                f"Expected the processor of {name!r} to return one of {part.model_input_names}, "
                f"but got {list(outputs)}."
            )
        return BatchFeature({model_argument(name): outputs[key]})

    def prepare(self, modality: str, items: list, **kwargs: Any) -> BatchFeature:
        """Preprocess items of one modality, which may be an extra modality.

        Args:
            modality: Name of the modality.
            items: The items. For an extra modality without a part: arrays of the shape that its tower expects.
            **kwargs: See [`~ImageBindProcessor.__call__`].

        Returns:
            The argument of the model for this modality, and for text also the attention mask.
        """
        if modality in MODALITIES or modality in self.extra_processors:
            return self(**{processor_argument(modality): items}, **kwargs)
        return _move(self._call_part(modality, None, items, **kwargs), **kwargs)

    def prepare_inputs_layout(
        self, images: Any = None, text: Any = None, videos: Any = None, audio: Any = None, **kwargs: Any
    ) -> tuple[Any, Any, Any, Any]:
        """Return the inputs unchanged: the parts accept more formats than the base class."""
        return images, text, videos, audio

    @property
    def model_input_names(self) -> list[str]:
        """Names of all outputs of the parts."""
        names = [name for part in self._parts for name in getattr(self, part).model_input_names]
        return list(dict.fromkeys([*names, *map(model_argument, self.extra_processors)]))

    def save_modality_folders(self, save_directory: str | os.PathLike) -> None:
        """Also save each part in a folder of its own, for `from_pretrained(..., subfolder="audio")`.

        Args:
            save_directory: Where to create the folders. They have the names of the modalities, except `vision` for
                images. There is none for a modality without a part.
        """
        processors = {
            # The folder of the image processor has the name of the tower.
            row.tower if name == "image" else name: {row.processor_part: getattr(self, row.processor_part)}
            for name, row in MODALITIES.items()
            if row.processor_part in self._parts
        }
        processors |= {
            name: {"extra_processors": {name: part}}
            for name, part in self.extra_processors.items()
            if part is not None
        }
        for folder, parts in processors.items():
            ImageBindProcessor(**parts).save_pretrained(Path(save_directory) / folder)


def _move(inputs: BatchFeature, device: Any = None, return_tensors: Any = None, **kwargs: Any) -> BatchFeature:
    return inputs.to(device) if device is not None and return_tensors == "pt" else inputs


__all__ = ["ImageBindProcessor"]
