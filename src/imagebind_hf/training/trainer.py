# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The trainer: transformers' own, with pairs as data and a contrastive loss."""

import math
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import nn
from torch.utils.data import DataLoader
from transformers import ProcessorMixin, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME, rotate_checkpoints
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, seed_worker

from ..modeling_imagebind import ImageBindModel
from .arguments import ImageBindTrainingArguments
from .cache import cache_image_embeds
from .data import PairBatchSampler, PairCollator, PairDataset, Pairs
from .gradcache import cached_loss, embeddings
from .losses import InfoNCELoss


class ImageBindTrainer(Trainer):
    """Trains the towers of an [`ImageBindModel`] against its images.

    Towers that are not trained are frozen: they have no gradients, no optimiser state, and stay in evaluation mode.

    Args:
        model: The model.
        args: The arguments.
        train_dataset: By name, either [`~imagebind_hf.training.Pairs`] or, with a modality as name, a
            `datasets.Dataset` with a column `image` (or `video`, or ready `pixel_values`, or `image_embeds`) and one
            named as the modality.
        processing_class: The processor; saved with every checkpoint.
        loss: A module of (image embeddings, partner embeddings, logit scale); [`InfoNCELoss`] by default.
        **kwargs: Passed on to [`~transformers.Trainer`].

    Raises:
        ValueError: If data or `trained_modalities` name a modality that the model lacks, no tower trains, or the
            embeddings of a tower that trains shall be cached.

    Example:
        >>> from imagebind_hf import ImageBindTrainer, ImageBindTrainingArguments  # doctest: +SKIP
        >>> trainer = ImageBindTrainer(  # doctest: +SKIP
        ...     model, ImageBindTrainingArguments("out"), {"audio": pairs}, processing_class=processor
        ... )
        >>> trainer.train()  # doctest: +SKIP
    """

    def __init__(
        self,
        model: ImageBindModel,
        args: ImageBindTrainingArguments,
        train_dataset: Mapping[str, Pairs | Dataset],
        processing_class: ProcessorMixin,
        loss: nn.Module | None = None,
        **kwargs: Any,
    ):
        pairs = {name: data if isinstance(data, Pairs) else Pairs(name, data) for name, data in train_dataset.items()}
        if not pairs:
            raise ValueError("train_dataset is empty: give at least one kind of pairs.")
        towers = list(model.config.tower_configs)
        in_data = list(dict.fromkeys(kind.modality for kind in pairs.values()))
        trained = args.trained_modalities
        if trained is None:
            trained = [modality for modality in in_data if modality != "text"]
        unknown = [modality for modality in {*in_data, *trained} if modality not in towers]
        if unknown:
            raise ValueError(f"The model has no towers for {sorted(unknown)}: its modalities are {towers}.")
        if not trained:
            raise ValueError(f"No tower trains: set trained_modalities, for instance to {in_data}.")
        model.freeze([modality for modality in towers if modality not in trained])
        if args.cache_frozen_embeddings:
            if "vision" in trained:
                raise ValueError(
                    "cache_frozen_embeddings goes with a frozen vision tower, but trained_modalities has it."
                )
            model.to(args.device)
            with args.main_process_first(desc="embedding images"):
                pairs = {
                    name: cache_image_embeds(
                        kind, model, processing_class, args.cache_frozen_embeddings, args.eval_batch_size, args.seed
                    )
                    for name, kind in pairs.items()
                }
        self.loss = InfoNCELoss(args.gather_negatives) if loss is None else loss
        self.frozen_inputs = {spec.name for spec in model.inputs.values() if spec.tower not in trained}
        self.frozen_inputs.add("image_embeds")
        self._staging: str | None = None
        super().__init__(
            model=model,
            args=args,
            train_dataset=PairDataset(pairs),
            processing_class=processing_class,
            data_collator=PairCollator(processing_class),
            **kwargs,
        )
        # The loss is a mean over the batch; it is the Trainer that divides it by the accumulation steps.
        self.model_accepts_loss_kwargs = False
        self.pair_sampler = PairBatchSampler(
            pairs, args.train_batch_size, self.accelerator.num_processes, args.pair_sampling, args.seed
        )
        self.add_callback(_SetEpoch(self.pair_sampler))
        self.add_callback(_StopOnNaN())

    def get_train_dataloader(self) -> DataLoader:
        """Return the loader of batches of pairs, each of one kind."""
        args = self.args
        loader = DataLoader(
            self.train_dataset,
            batch_sampler=self.pair_sampler,
            collate_fn=self.data_collator,
            num_workers=args.dataloader_num_workers,
            pin_memory=args.dataloader_pin_memory,
            persistent_workers=args.dataloader_persistent_workers,
            prefetch_factor=args.dataloader_prefetch_factor,
            worker_init_fn=partial(seed_worker, num_workers=args.dataloader_num_workers, rank=args.process_index),
        )
        return self.accelerator.prepare(loader)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, Any]:
        """Embed a batch of pairs and compare the two sides."""
        size = self.args.mini_batch_size
        if size is not None and model.training and not return_outputs:
            return cached_loss(model, inputs, size, self._compare, self.frozen_inputs)
        # The scale comes out of forward with the embeddings, so that DDP sees all that the loss uses.
        outputs = model(**inputs, return_logit_scales=True)
        loss = self._compare(embeddings(outputs), outputs.logit_scales)
        return (loss, outputs) if return_outputs else loss

    def _compare(self, embeds: Mapping[str, torch.Tensor], logit_scales: Mapping[str, torch.Tensor]) -> torch.Tensor:
        anchor = "image" if "image" in embeds else "video"
        losses = [
            self.loss(embeds[anchor], value, logit_scales[name]) for name, value in embeds.items() if name != anchor
        ]
        return torch.stack(losses).sum()

    def _get_output_dir(self, trial: Any) -> str:
        return self._staging or super()._get_output_dir(trial)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Save a checkpoint beside the others and rename it when it is complete: a kill leaves no half of one."""
        run_dir = Path(super()._get_output_dir(trial))
        # Uploads leave out names that begin with an underscore.
        staging = run_dir / "_saving"
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
            # In every process: the base class took it for a folder of the staging.
            self.state.best_model_checkpoint = str(run_dir / best)
        if self.args.should_save:
            self.state.save_to_json(str(staging / name / TRAINER_STATE_NAME))
            if (run_dir / name).is_dir():
                # Of an earlier run: moved away first, because a folder cannot replace another at once.
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

    def get_decay_parameter_names(self, model: nn.Module) -> list[str]:
        """Return the parameters with weight decay: matrices, without embeddings and the attention's extra keys."""
        return [
            name
            for name, parameter in model.named_parameters()
            if name.endswith("weight") and parameter.ndim > 1 and "embedding." not in name
        ]


class _SetEpoch(TrainerCallback):
    """Tells the sampler the epoch. Accelerate's own way ends at the sampler it wraps around ours."""

    def __init__(self, sampler: PairBatchSampler):
        self.sampler = sampler

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.sampler.set_epoch(int((state.epoch or 0) + 1e-6))


class _StopOnNaN(TrainerCallback):
    """Ends a run whose loss is no number any more, before it overwrites good checkpoints."""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(float(loss)):
            raise FloatingPointError(
                f"The loss is {loss} at step {state.global_step}, the gradient norm {logs.get('grad_norm')}, "
                f"the learning rate {logs.get('learning_rate')}. Look for inputs that are not finite, lower "
                "learning_rate, lengthen the warm-up, or use bf16 instead of fp16. Checkpoints of earlier "
                "steps are as they were."
            )
