# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Model cards with the license, the base model, facts of the training run and results."""

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from huggingface_hub.errors import HfHubHTTPError
from transformers.utils import logging

from ..models.imagebind.configuration_imagebind import ImageBindConfig

logger = logging.get_logger(__name__)

# License in the README and LICENSE of the original implementation. Its model card states CC-BY-NC-SA 4.0.
PUBLISHED_LICENSE = "cc-by-nc-4.0"


def write_card(
    folder: str | Path,
    config: ImageBindConfig,
    *,
    title: str,
    converted: bool = False,
    base: str | Path | None = None,
    is_adapter: bool = False,
    training: Mapping[str, Any] | None = None,
    results: str | None = None,
    eval_results: list[EvalResult] | None = None,
    tags: Sequence[str] | None = None,
) -> Path:
    """Write the model card of a checkpoint, `README.md`, from the template `card.md`.

    Args:
        folder: The checkpoint's folder.
        config: The model's configuration.
        title: The repository's name.
        converted: Whether the weights are the published ones, whose license applies.
        base: Folder or Hub id of the checkpoint that training started from. Its license applies.
        is_adapter: Whether the folder has an adapter for `base` instead of a model.
        training: Facts of the training run; see [`~imagebind_hf.training.facts.run_facts`].
        results: Measured results, as text; see [`~imagebind_hf.evaluation.report.format_results`].
        eval_results: The same as metadata; see [`~imagebind_hf.evaluation.report.model_index`].
        tags: Further tags.

    Returns:
        The file.
    """
    base_data = None if base is None else _card_data(base)
    is_folder = base is not None and Path(base).exists()
    card_data = ModelCardData(
        library_name="peft" if is_adapter else "transformers",
        pipeline_tag=_pipeline_tag(config),
        tags=list(dict.fromkeys(["imagebind", *config.tower_configs, *(tags or ())])),
        license=PUBLISHED_LICENSE if converted else base_data and base_data.license,
        base_model=None if base is None or is_folder else str(base),
        base_model_relation=None if base is None or is_folder else "adapter" if is_adapter else "finetune",
        datasets=list((training or {}).get("datasets", ())) or None,
        # The Hub needs a name for the entries of the `model-index`.
        model_name=title if eval_results else None,
        eval_results=eval_results or None,
    )
    card = ModelCard.from_template(
        card_data,
        template_str=(resources.files(__package__) / "card.md").read_text(encoding="utf-8"),
        title=title.rpartition("/")[2],
        repo_id=title,
        modalities=list(config.tower_configs),
        converted=converted,
        base=Path(base).name if is_folder else base,
        is_adapter=is_adapter,
        is_published=converted or card_data.license == PUBLISHED_LICENSE,
        training=training,
        results=results,
    )
    path = Path(folder) / "README.md"
    card.save(path)
    return path


def _pipeline_tag(config: ImageBindConfig) -> str:
    """Return the closest task of the Hub, which has no zero-shot task for audio, depth or IMU."""
    if {"vision", "text"} <= set(config.tower_configs):
        return "zero-shot-image-classification"
    return "image-feature-extraction" if "vision" in config.tower_configs else "feature-extraction"


def _card_data(checkpoint: str | Path) -> ModelCardData | None:
    """Read the metadata of a checkpoint's card. `None` if there is no card, or it cannot be read."""
    folder = Path(checkpoint)
    try:
        return ModelCard.load(folder / "README.md" if folder.is_dir() else str(checkpoint)).data
    except (OSError, ValueError, HfHubHTTPError) as error:
        logger.warning(
            f"The card of {str(checkpoint)!r} cannot be read. Add the license of the weights to your card: {error}"
        )
        return None
