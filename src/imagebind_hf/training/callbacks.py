# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""What [`ImageBindTrainer`] does beside training: it tells the sampler the epoch, and ends a run that went wrong."""

import math
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn
from torch.distributed.tensor import DTensor
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from .sampler import PairBatchSampler

_ADVICE = (
    "Look for inputs that are not finite, lower learning_rate, lengthen the warm-up, or use bf16 instead of fp16. "
    "Checkpoints of earlier steps are as they were."
)


class SetEpoch(TrainerCallback):
    """Tells the sampler the epoch. Accelerate's own way ends at the sampler it wraps around ours."""

    def __init__(self, sampler: PairBatchSampler):
        self.sampler = sampler

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.sampler.set_epoch(int((state.epoch or 0) + 1e-6))


class StopOnNaN(TrainerCallback):
    """Ends a run whose loss is no number any more, when that is logged; before a save, `check_finite` looks."""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        logs = logs or {}
        # At the end of a run the loss has another name.
        loss = logs.get("loss", logs.get("train_loss"))
        if loss is not None and not math.isfinite(float(loss)):
            raise FloatingPointError(
                f"The loss is {loss} at step {state.global_step}, the gradient norm {logs.get('grad_norm')}, "
                f"the learning rate {logs.get('learning_rate')}. {_ADVICE}"
            )


def check_finite(loss: torch.Tensor, model: nn.Module, accelerator: Accelerator, step: int) -> None:
    """Raise a FloatingPointError in all processes if the loss, or a weight that trains, is not finite in one."""
    tensors = [loss, *(parameter.detach() for parameter in model.parameters() if parameter.requires_grad)]
    parts = [tensor.to_local() if isinstance(tensor, DTensor) else tensor for tensor in tensors]
    is_finite = torch.stack([part.isfinite().all().to(loss.device) for part in parts]).all()
    if not accelerator.gather(is_finite.int()[None]).all():
        raise FloatingPointError(f"Loss or weights are not finite at step {step}: nothing is saved. {_ADVICE}")
