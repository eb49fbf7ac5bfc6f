# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Folders of a recipe's stages: their checkpoints, and what they ended with, so that a run can go on."""

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
from .recipe import Recipe

logger = logging.get_logger(__name__)

# What a stage ended with, within its folder.
FINISHED = "finished"


@dataclass
class StageFolder:
    """Where a stage keeps its checkpoints, and the model that it ended with.

    Args:
        path: The folder.
        keeps: Whether anything is kept: if no stage of the recipe saves checkpoints, nothing is.
        resume: Whether to go on where an earlier run was; or the checkpoint to go on from.
    """

    path: Path
    keeps: bool
    resume: bool | str

    @property
    def is_finished(self) -> bool:
        """Whether there is nothing left to train."""
        return self.resume is True and (self.path / FINISHED).is_dir()

    def check(self) -> None:
        """Raise a ValueError if a checkpoint is not there, or one is that the run would not go on from."""
        if isinstance(self.resume, str):
            if not (Path(self.resume) / TRAINER_STATE_NAME).is_file():
                raise ValueError(f"resume_from_checkpoint: {self.resume!r} is no folder of a checkpoint.")
        elif not isinstance(self.resume, bool):
            raise ValueError(f"resume_from_checkpoint is {self.resume!r}, expected true, false or a checkpoint.")
        elif self.resume and not self.keeps:
            raise ValueError("resume_from_checkpoint: no stage saves checkpoints; set its argument save_strategy.")
        elif self.keeps and not self.resume and self.path.is_dir():
            if (self.path / FINISHED).is_dir() or get_last_checkpoint(str(self.path)):
                raise ValueError(
                    f"{self.path} holds checkpoints of an earlier run: go on from them with "
                    "resume_from_checkpoint=true, remove them, or give another output folder."
                )

    def begin(self, should_save: bool) -> str | None:
        """Return the checkpoint to go on from, if any; what an earlier run ended with is out of date."""
        if self.keeps and should_save:
            shutil.rmtree(self.path / FINISHED, ignore_errors=True)
        if isinstance(self.resume, str):
            return self.resume
        checkpoint = get_last_checkpoint(str(self.path)) if self.resume and self.path.is_dir() else None
        if self.resume and checkpoint is None:
            logger.warning(f"There is no checkpoint in {self.path}: the stage begins anew.")
        return checkpoint

    def save_finished(self, model: nn.Module, facts: dict[str, Any]) -> None:
        """Keep what the stage ended with: all of it, or nothing."""
        if not self.keeps:
            return
        staging = self.path / f"_{FINISHED}"
        shutil.rmtree(staging, ignore_errors=True)
        model.save_pretrained(staging)
        save_facts(staging, facts)
        staging.replace(self.path / FINISHED)

    def load_finished(self, model: nn.Module) -> nn.Module:
        """Return the model that the stage ended with, of the one that it began with."""
        folder = self.path / FINISHED
        if (folder / "adapter_config.json").is_file():
            from peft import PeftModel

            return PeftModel.from_pretrained(model, folder)
        name = model.config.name_or_path
        model = ImageBindModel.from_pretrained(folder)
        # What the run started from, for cards.
        model.config.name_or_path = name
        return model

    def load_facts(self) -> dict[str, Any]:
        """Return the facts of the stage when it was trained."""
        return json.loads((self.path / FINISHED / FACTS_FILE).read_text(encoding="utf-8"))


def stage_folders(recipe: Recipe, output: Path) -> list[StageFolder]:
    """Return the stages' folders: where any saves checkpoints, `stage-0` and so on, as `--set` counts them.

    Args:
        recipe: The recipe.
        output: The output folder.

    Raises:
        ValueError: If a checkpoint is not there, or the run would begin anew where there are some.
    """
    # Of YAML, a bare `no` is false.
    keeps = any(stage.arguments.get("save_strategy", "no") not in ("no", False) for stage in recipe.stages)
    folders = []
    for number, stage in enumerate(recipe.stages):
        resume = stage.arguments.get("resume_from_checkpoint", recipe.resume_from_checkpoint)
        folders.append(StageFolder(output / f"stage-{number}" if keeps else output, keeps, resume))
        folders[-1].check()
    return folders
