# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that carry their code, and so load where this package is not installed."""

from pathlib import Path

from transformers.dynamic_module_utils import custom_object_save

from ..models.imagebind.configuration_imagebind import ImageBindConfig
from ..models.imagebind.feature_extraction_imagebind import ImageBindFeatureExtractor
from ..models.imagebind.image_processing_imagebind import ImageBindImageProcessor
from ..models.imagebind.modeling_imagebind import ImageBindModel
from ..models.imagebind.processing_imagebind import ImageBindProcessor
from ..models.imagebind.tokenization_imagebind import ImageBindTokenizer
from ..models.imagebind.video_processing_imagebind import ImageBindVideoProcessor
from ..pipelines import TASKS

# The Auto class under which each class is found in a repository with code.
_AUTO_CLASSES = {
    ImageBindConfig: "AutoConfig",
    ImageBindModel: "AutoModel",
    ImageBindProcessor: "AutoProcessor",
    ImageBindTokenizer: "AutoTokenizer",
    ImageBindImageProcessor: "AutoImageProcessor",
    ImageBindVideoProcessor: "AutoVideoProcessor",
    ImageBindFeatureExtractor: "AutoFeatureExtractor",
}


def save_with_code(folder: str | Path, model: ImageBindModel, processor: ImageBindProcessor) -> None:
    """Save a model and its processor with the code of their classes.

    The folder loads with `trust_remote_code=True` where this package is not installed. Where it is, its own classes
    are used.

    Args:
        folder: Where to save.
        model: The model.
        processor: The processor.
    """
    before = {cls: cls.__dict__.get("_auto_class") for cls in _AUTO_CLASSES}
    auto_map = getattr(model.config, "auto_map", None)
    try:
        for cls, auto_class in _AUTO_CLASSES.items():
            cls.register_for_auto_class(auto_class)
        # A class has one Auto class; the pipeline for images asks for another.
        module = ImageBindModel.__module__.rpartition(".")[2]
        model.config.auto_map = {"AutoModelForZeroShotImageClassification": f"{module}.{ImageBindModel.__name__}"}
        model.config.custom_pipelines = {
            task: {"impl": f"{cls.__module__.rpartition('.')[2]}.{cls.__name__}", "pt": ["AutoModel"]}
            for task, cls in TASKS.items()
        }
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
        for pipeline_class in set(TASKS.values()):
            custom_object_save(pipeline_class, folder)
    finally:
        del model.config.custom_pipelines
        model.config.auto_map = auto_map
        if auto_map is None:
            del model.config.auto_map
        for cls, auto_class in before.items():
            cls._auto_class = auto_class
