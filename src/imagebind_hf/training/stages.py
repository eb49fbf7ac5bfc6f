# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Folders of the stages of a recipe: their checkpoints and results, from which a run resumes."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import get_last_checkpoint
from transformers.utils import logging

from ..models.imagebind.modeling_imagebind import ImageBindModel
from .facts import FACTS_FILE, save_facts
from .lora import is_adapter_folder, load_adapter
from .recipe import Recipe

logger = logging.get_logger(__name__)

# Folder of the result of a stage, inside its folder.
FINISHED = "finished"


@dataclass
class StageFolder:
    """Folder of the checkpoints of a stage, and of the model at its end.

    Args:
        path: The folder.
        keeps: Whether to save the model at the end of the stage. `False` if no stage of the recipe saves checkpoints.
        resume: Whether to resume an earlier run, or the checkpoint to resume from.
    """

    path: Path
    keeps: bool
    resume: bool | str

    @property
    def is_finished(self) -> bool:
        """Whether an earlier run has finished the stage."""
        return self.resume is True and (self.path / FINISHED).is_dir()

    def check(self) -> None:
        """Raise a ValueError if the checkpoint to resume from is missing, or if existing ones would be ignored."""
        if isinstance(self.resume, str):
            if not (Path(self.resume) / TRAINER_STATE_NAME).is_file():
                raise ValueError(f"resume_from_checkpoint: {self.resume!r} is not a checkpoint folder.")
        elif not isinstance(self.resume, bool):
            raise ValueError(
                f"Expected `resume_from_checkpoint` to be true, false or a checkpoint folder, but got {self.resume!r}."
            )
        elif self.resume and not self.keeps:
            raise ValueError("resume_from_checkpoint: No stage saves checkpoints. Set its argument `save_strategy`.")
        elif self.keeps and not self.resume and self.path.is_dir():
            if (self.path / FINISHED).is_dir() or get_last_checkpoint(str(self.path)):
                raise ValueError(
                    f"{self.path} has checkpoints of an earlier run. Resume the run with resume_from_checkpoint=true, "
                    "delete the checkpoints, or use another output folder."
                )

    def begin(self, should_save: bool) -> str | None:
        """Delete the result of an earlier run, and return the checkpoint to resume from, if any."""
        if self.keeps and should_save:
            shutil.rmtree(self.path / FINISHED, ignore_errors=True)
        if isinstance(self.resume, str):
            return self.resume
        checkpoint = get_last_checkpoint(str(self.path)) if self.resume and self.path.is_dir() else None
        if self.resume and checkpoint is None:
            logger.warning(f"There is no checkpoint in {self.path}. The stage starts from the beginning.")
        return checkpoint

    def save_finished(self, model: nn.Module, facts: dict[str, Any]) -> None:
        """Save the model and the facts of the finished stage. The write is atomic."""
        if not self.keeps:
            return
        staging = self.path / f"_{FINISHED}"
        shutil.rmtree(staging, ignore_errors=True)
        model.save_pretrained(staging)
        save_facts(staging, facts)
        staging.replace(self.path / FINISHED)

    def load_finished(self, model: nn.Module) -> nn.Module:
        """Load the result of the finished stage, given the model at its start."""
        folder = self.path / FINISHED
        if is_adapter_folder(folder):
            return load_adapter(model, folder)
        name = model.config.name_or_path
        model = ImageBindModel.from_pretrained(folder)
        # The card names the checkpoint that the run started from.
        model.config.name_or_path = name
        return model

    def load_facts(self) -> dict[str, Any]:
        """Return the facts of the finished stage."""
        return json.loads((self.path / FINISHED / FACTS_FILE).read_text(encoding="utf-8"))


def stage_folders(recipe: Recipe, output: Path) -> list[StageFolder]:
    """Return the folders of the stages.

    If any stage saves checkpoints, these are `stage-0`, `stage-1`, … in the output folder. Otherwise, all stages use
    the output folder.

    Args:
        recipe: The recipe.
        output: The output folder.

    Raises:
        ValueError: If a checkpoint to resume from is missing, or if existing checkpoints would be ignored.
    """
    # YAML reads a bare `no` as false.
    keeps = any(stage.arguments.get("save_strategy", "no") not in ("no", False) for stage in recipe.stages)
    folders = []
    for number, stage in enumerate(recipe.stages):
        resume = stage.arguments.get("resume_from_checkpoint", recipe.resume_from_checkpoint)
        folders.append(StageFolder(output / f"stage-{number}" if keeps else output, keeps, resume))
        folders[-1].check()
    return folders
