# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""ImageBind as a native Hugging Face model: one embedding space for six modalities.

Importing this package registers it with transformers' Auto classes and pipelines. PyTorch and transformers are only
imported when they are used.
"""

from importlib import import_module
from typing import Any

from .registration import register

__version__ = "0.1.0"

_EXPORTS = {
    "deploy.compile": ("compile_towers",),
    "models.imagebind.configuration_imagebind": (
        "ImageBindAudioConfig",
        "ImageBindConfig",
        "ImageBindDepthConfig",
        "ImageBindImuConfig",
        "ImageBindTextConfig",
        "ImageBindThermalConfig",
        "ImageBindVisionConfig",
    ),
    "models.imagebind.modeling_imagebind": (
        "ImageBindAudioModelWithProjection",
        "ImageBindDepthModelWithProjection",
        "ImageBindImuModelWithProjection",
        "ImageBindModel",
        "ImageBindOutput",
        "ImageBindTextModelWithProjection",
        "ImageBindThermalModelWithProjection",
        "ImageBindVisionModelWithProjection",
    ),
    "models.imagebind.modeling_imagebind_towers": (
        "ImageBindAudioModel",
        "ImageBindDepthModel",
        "ImageBindImuModel",
        "ImageBindPreTrainedModel",
        "ImageBindTextModel",
        "ImageBindThermalModel",
        "ImageBindVisionModel",
    ),
    "models.imagebind.tokenization_imagebind": ("ImageBindTokenizer",),
    "models.imagebind.image_processing_imagebind": (
        "ImageBindDepthImageProcessor",
        "ImageBindDepthImageProcessorPil",
        "ImageBindImageProcessor",
        "ImageBindImageProcessorPil",
        "ImageBindThermalImageProcessor",
        "ImageBindThermalImageProcessorPil",
    ),
    "models.imagebind.video_processing_imagebind": ("ImageBindVideoProcessor",),
    "models.imagebind.feature_extraction_imagebind": ("ImageBindFeatureExtractor", "ImageBindImuFeatureExtractor"),
    "models.imagebind.processing_imagebind": ("ImageBindProcessor",),
    "training": ("ImageBindTrainer", "ImageBindTrainingArguments"),
}
_MODULE_OF = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = [*_MODULE_OF, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])


register()
