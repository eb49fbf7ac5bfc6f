# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Atomic checkpoints: a checkpoint folder is either complete or does not exist."""

import shutil
from pathlib import Path
from typing import Any

from torch import nn
from transformers import Trainer
from transformers.trainer import TRAINER_STATE_NAME, rotate_checkpoints
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from .callbacks import check_finite

# Uploads skip names that start with an underscore.
_STAGING = "_saving"


class AtomicCheckpointTrainer(Trainer):
    """A [`~transformers.Trainer`] that writes a checkpoint to a staging folder, and renames it when it is complete."""

    _staging: str | None = None

    def _get_output_dir(self, trial: Any) -> str:
        return self._staging or super()._get_output_dir(trial)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Save a checkpoint, unless the loss or a trained weight is not finite."""
        check_finite(self._tr_loss, model, self.accelerator, self.state.global_step)
        run_dir = Path(super()._get_output_dir(trial))
        staging = run_dir / _STAGING
        name = f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}"
        if self.args.should_save:
            shutil.rmtree(staging, ignore_errors=True)
        self.accelerator.wait_for_everyone()
        self._staging = str(staging)
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self._staging = None
        self.accelerator.wait_for_everyone()
        best = f"{PREFIX_CHECKPOINT_DIR}-{self.state.best_global_step}"
        if best == name or (run_dir / best).is_dir():
            # The base class recorded a path in the staging folder, in every process.
            self.state.best_model_checkpoint = str(run_dir / best)
        if self.args.should_save:
            self.state.save_to_json(str(staging / name / TRAINER_STATE_NAME))
            if (run_dir / name).is_dir():
                # A checkpoint of an earlier run. A folder cannot replace another one atomically.
                (run_dir / name).replace(staging / "replaced")
            (staging / name).replace(run_dir / name)
            shutil.rmtree(staging, ignore_errors=True)
            rotate_checkpoints(
                output_dir=str(run_dir),
                save_total_limit=self.args.save_total_limit,
                best_model_checkpoint=self.state.best_model_checkpoint,
                use_mtime=True,
            )
        self.accelerator.wait_for_everyone()
