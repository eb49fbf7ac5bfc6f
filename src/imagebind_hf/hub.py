# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""What a repository needs besides weights: its card, and the code, where it shall load without this package."""

from importlib import resources
from pathlib import Path

from huggingface_hub import ModelCard, ModelCardData
from huggingface_hub.errors import HfHubHTTPError
from transformers.dynamic_module_utils import custom_object_save
from transformers.utils import logging

from .configuration_imagebind import ImageBindConfig
from .feature_extraction_imagebind import ImageBindFeatureExtractor
from .image_processing_imagebind import ImageBindImageProcessor
from .modeling_imagebind import ImageBindModel
from .pipelines import TASKS
from .processing_imagebind import ImageBindProcessor
from .tokenization_imagebind import ImageBindTokenizer
from .video_processing_imagebind import ImageBindVideoProcessor

logger = logging.get_logger(__name__)

# What README and LICENSE of the published implementation say; its model card says CC-BY-NC-SA 4.0.
PUBLISHED_LICENSE = "cc-by-nc-4.0"

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
        custom_object_save(next(iter(TASKS.values())), folder)
    finally:
        del model.config.custom_pipelines
        model.config.auto_map = auto_map
        if auto_map is None:
            del model.config.auto_map
        for cls, auto_class in before.items():
            cls._auto_class = auto_class


def write_card(
    folder: str | Path,
    config: ImageBindConfig,
    *,
    title: str,
    converted: bool,
    results: str | None = None,
    base: str | Path | None = None,
) -> Path:
    """Write the model card of a checkpoint, `README.md`.

    Args:
        folder: The checkpoint's folder.
        config: The model's configuration.
        title: The repository's name.
        converted: Whether the weights are of the published implementation, and so under its licence.
        results: Measured results, as text.
        base: Folder or Hub id of the checkpoint that training started from, whose licence the weights keep.

    Returns:
        The file.
    """
    base_data = None if base is None else _card_data(base)
    card_data = ModelCardData(
        library_name="transformers",
        pipeline_tag="zero-shot-image-classification" if "text" in config.modalities else "image-feature-extraction",
        tags=["imagebind", *config.tower_configs],
        license=PUBLISHED_LICENSE if converted else base_data and base_data.license,
        base_model=str(base) if base is not None and not Path(base).exists() else None,
    )
    card = ModelCard.from_template(
        card_data,
        template_str=(resources.files("imagebind_hf") / "assets" / "card.md").read_text(encoding="utf-8"),
        title=title,
        repo_id=title,
        modalities=", ".join(config.tower_configs),
        converted=converted,
        base=Path(base).name if base is not None and Path(base).is_dir() else base,
        is_published=converted or card_data.license == PUBLISHED_LICENSE,
        results=results,
    )
    path = Path(folder) / "README.md"
    card.save(path)
    return path


def _card_data(checkpoint: str | Path) -> ModelCardData | None:
    """Read the metadata of a checkpoint's card, if it has one that can be reached."""
    folder = Path(checkpoint)
    try:
        return ModelCard.load(folder / "README.md" if folder.is_dir() else str(checkpoint)).data
    except (OSError, ValueError, HfHubHTTPError) as error:
        logger.warning(
            f"The card of {str(checkpoint)!r} cannot be read, and so not its licence, say it yours: {error}"
        )
        return None
