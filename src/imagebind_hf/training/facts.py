# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""What a model card says about training: facts of the runs that made a checkpoint, kept in `training.json`."""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers

import imagebind_hf

from .recipe import Recipe

if TYPE_CHECKING:
    from .trainer import ImageBindTrainer

# Beside the weights.
FACTS_FILE = "training.json"
# By column; all others hold images.
_ANCHORS = {"text": "text", "video": "video", "pixel_values_videos": "video"}


def stage_facts(trainer: "ImageBindTrainer", name: str = "training") -> dict[str, Any]:
    """Return the facts of one run of a trainer: towers, pairs, steps, batch size, learning rate, seconds."""
    args = trainer.args
    seconds = sum(entry.get("train_runtime", 0.0) for entry in trainer.state.log_history)
    return {
        "name": name,
        "trained_modalities": list(trainer.trained),
        "lora": args.lora is not None,
        "pairs": {
            name: {
                "modality": pairs.modality,
                "anchor": _ANCHORS.get(pairs.image_column, "image"),
                "rows": None if pairs.is_stream else pairs.num_pairs,
            }
            for name, pairs in trainer.pairs.items()
        },
        "steps": trainer.state.global_step,
        "batch_size": trainer._train_batch_size * args.world_size * args.gradient_accumulation_steps,
        "learning_rate": args.learning_rate,
        "seconds": round(seconds, 1),
    }


def run_facts(
    stages: Sequence[Mapping[str, Any]], recipe: Recipe | None = None, base_model: str | Path | None = None
) -> dict[str, Any]:
    """Return the facts of a whole run.

    Args:
        stages: Facts of its stages.
        recipe: The recipe, if there is one.
        base_model: Folder or Hub id of the checkpoint that it started from; of a folder, the name alone is kept.

    Returns:
        `base_model`, `stages`, `hardware`, `versions`, `datasets` (Hub ids), `recipe`.
    """
    settings = None if recipe is None else dataclasses.asdict(recipe)
    if settings is not None and settings["checkpoint"] is not None:
        settings["checkpoint"] = public_name(settings["checkpoint"])
    return {
        "base_model": None if base_model is None else public_name(base_model),
        "stages": list(stages),
        "hardware": hardware(),
        "versions": {
            "imagebind-hf": imagebind_hf.__version__,
            "torch": torch.__version__.split("+")[0],
            "transformers": transformers.__version__,
            "datasets": version("datasets"),
        },
        "datasets": sorted(_hub_datasets(settings)),
        "recipe": settings,
    }


def save_facts(folder: str | Path, facts: Mapping[str, Any]) -> Path:
    """Write facts to `training.json`."""
    path = Path(folder) / FACTS_FILE
    path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return path


def hardware() -> str:
    """Say what trained: the accelerators of all processes, or the CPU's cores."""
    if torch.accelerator.is_available():
        number = int(os.environ.get("WORLD_SIZE", "1"))
        device = torch.accelerator.current_accelerator()
        name = torch.cuda.get_device_name() if device.type == "cuda" else device.type
        return f"{number} × {name}"
    return f"CPU, {os.cpu_count()} cores"


def public_name(checkpoint: str | Path) -> str:
    """Return a Hub id as it is, and of a folder its name: paths of this machine say nothing to others."""
    return Path(checkpoint).name if Path(checkpoint).exists() else str(checkpoint)


def _hub_datasets(settings: Any) -> set[str]:
    """Find the Hub ids among the sources of a recipe."""
    if isinstance(settings, list):
        return set().union(*map(_hub_datasets, settings))
    if not isinstance(settings, Mapping):
        return set()
    found = set().union(*map(_hub_datasets, settings.values()))
    name = settings.get("dataset")
    if isinstance(name, str) and name.count("/") == 1 and not Path(name).exists():
        found.add(name)
    return found
