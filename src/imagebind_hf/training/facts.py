# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Facts about training that a model card reports. They are saved in `training.json`, next to the weights."""

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import TrainerState

import imagebind_hf

from .arguments import ImageBindTrainingArguments
from .pairs import Pairs
from .recipe import Recipe

FACTS_FILE = "training.json"


def stage_facts(
    args: ImageBindTrainingArguments,
    state: TrainerState,
    pairs: Mapping[str, Pairs],
    trained: Iterable[str],
    batch_size: int,
    name: str = "training",
) -> dict[str, Any]:
    """Return the facts of one training stage.

    Args:
        args: The arguments of the trainer.
        state: The state of the trainer at the end of the stage.
        pairs: The kinds of pairs, by name.
        trained: The trained towers.
        batch_size: Pairs per process and forward pass.
        name: Name of the stage.

    Returns:
        `name`, `trained_modalities`, `lora`, `pairs`, `steps`, `batch_size` (pairs per optimizer step, over all
        processes), `learning_rate` and `seconds`.
    """
    seconds = sum(entry.get("train_runtime", 0.0) for entry in state.log_history)
    return {
        "name": name,
        "trained_modalities": list(trained),
        "lora": args.lora is not None,
        "pairs": {
            name: {
                "modality": kind.modality,
                "anchor": kind.anchor,
                "rows": None if kind.is_stream else kind.num_pairs,
            }
            for name, kind in pairs.items()
        },
        "steps": state.global_step,
        "batch_size": batch_size * args.world_size * args.gradient_accumulation_steps,
        "learning_rate": args.learning_rate,
        "seconds": round(seconds, 1),
    }


def run_facts(
    stages: Sequence[Mapping[str, Any]], recipe: Recipe | None = None, base_model: str | Path | None = None
) -> dict[str, Any]:
    """Return the facts of a whole run.

    Args:
        stages: The facts of each stage, see [`stage_facts`].
        recipe: The recipe, if the run has one.
        base_model: Folder or Hub id of the checkpoint that the run started from. Only the name of a folder is kept.

    Returns:
        `base_model`, `stages`, `hardware`, `versions`, `datasets` (Hub ids) and `recipe`.
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
    """Write facts to `training.json` in a folder, and return the path of the file."""
    path = Path(folder) / FACTS_FILE
    path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return path


def hardware() -> str:
    """Describe the hardware of the run: the accelerators of all processes, or the cores of the CPU."""
    if torch.accelerator.is_available():
        number = int(os.environ.get("WORLD_SIZE", "1"))
        device = torch.accelerator.current_accelerator()
        name = torch.cuda.get_device_name() if device.type == "cuda" else device.type
        return f"{number} × {name}"
    return f"CPU, {os.cpu_count()} cores"


def public_name(checkpoint: str | Path) -> str:
    """Return a Hub id unchanged, and only the name of a local folder: its path means nothing on other machines."""
    return Path(checkpoint).name if Path(checkpoint).exists() else str(checkpoint)


def _hub_datasets(settings: Any) -> set[str]:
    """Find the Hub ids of datasets among the sources of a recipe."""
    if isinstance(settings, list):
        return set().union(*map(_hub_datasets, settings))
    if not isinstance(settings, Mapping):
        return set()
    found = set().union(*map(_hub_datasets, settings.values()))
    name = settings.get("dataset")
    if isinstance(name, str) and name.count("/") == 1 and not Path(name).exists():
        found.add(name)
    return found
