# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Callbacks of [`ImageBindTrainer`]: set the epoch of the sampler, and stop a run whose loss is not finite."""

import math
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn
from torch.distributed.tensor import DTensor
from tqdm.auto import tqdm
from transformers import ProgressCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from .sampler import PairBatchSampler

_ADVICE = (
    "Check that the inputs are finite, lower `learning_rate`, use a longer warm-up, or use bf16 instead of fp16. "
    "Earlier checkpoints are not affected."
)


class SetEpoch(TrainerCallback):
    """Set the epoch of the sampler. Accelerate sets it only on the sampler that it wraps around ours."""

    def __init__(self, sampler: PairBatchSampler):
        self.sampler = sampler

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.sampler.set_epoch(int((state.epoch or 0) + 1e-6))


class StopOnNaN(TrainerCallback):
    """Stop the run when a logged loss is not finite. Before a checkpoint is saved, `check_finite` checks the loss."""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        logs = logs or {}
        # The last entry of a run is called `train_loss`.
        loss = logs.get("loss", logs.get("train_loss"))
        if loss is not None and not math.isfinite(float(loss)):
            raise FloatingPointError(
                f"The loss is {loss} at step {state.global_step}, with gradient norm {logs.get('grad_norm')} and "
                f"learning rate {logs.get('learning_rate')}. {_ADVICE}"
            )


class TrainingProgress(ProgressCallback):
    """A progress bar that appears after two seconds and shows the last logged loss instead of printing every log."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.current_step = state.global_step
        if state.is_world_process_zero:
            self.training_bar = tqdm(
                total=state.max_steps,
                initial=state.global_step,
                desc="Training",
                unit="step",
                delay=2,
                dynamic_ncols=True,
            )

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if self.training_bar is not None and "loss" in (logs or {}):
            self.training_bar.set_postfix(loss=f"{float(logs['loss']):.4g}", refresh=False)


def check_finite(loss: torch.Tensor, model: nn.Module, accelerator: Accelerator, step: int) -> None:
    """Raise a FloatingPointError in all processes if the loss or a trained weight of any process is not finite."""
    tensors = [loss, *(parameter.detach() for parameter in model.parameters() if parameter.requires_grad)]
    parts = [tensor.to_local() if isinstance(tensor, DTensor) else tensor for tensor in tensors]
    is_finite = torch.stack([part.isfinite().all().to(loss.device) for part in parts]).all()
    if not accelerator.gather(is_finite.int()[None]).all():
        raise FloatingPointError(
            f"The loss or the weights are not finite at step {step}. The checkpoint is not saved. {_ADVICE}"
        )
