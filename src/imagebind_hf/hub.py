# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""What a repository needs besides weights: its card."""

from importlib import resources
from pathlib import Path

from huggingface_hub import ModelCard, ModelCardData

from .configuration_imagebind import ImageBindConfig


def write_card(
    folder: str | Path, config: ImageBindConfig, *, title: str, converted: bool, results: str | None = None
) -> Path:
    """Write the model card of a checkpoint, `README.md`.

    Args:
        folder: The checkpoint's folder.
        config: The model's configuration.
        title: The repository's name.
        converted: Whether the weights are of the published implementation, and so under its licence.
        results: Measured results, as text.

    Returns:
        The file.
    """
    card_data = ModelCardData(
        library_name="transformers",
        pipeline_tag="zero-shot-image-classification" if "text" in config.modalities else "image-feature-extraction",
        tags=["imagebind", *config.tower_configs],
        license="cc-by-nc-4.0" if converted else None,
    )
    card = ModelCard.from_template(
        card_data,
        template_str=(resources.files("imagebind_hf") / "assets" / "card.md").read_text(encoding="utf-8"),
        title=title,
        repo_id=title,
        modalities=", ".join(config.tower_configs),
        converted=converted,
        results=results,
    )
    path = Path(folder) / "README.md"
    card.save(path)
    return path
