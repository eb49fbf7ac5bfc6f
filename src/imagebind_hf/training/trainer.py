# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The trainer: transformers' own, with pairs as data and a contrastive loss."""

import shutil
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import nn
from torch.utils.data import DataLoader
from transformers import ProcessorMixin
from transformers.trainer import TRAINER_STATE_NAME, rotate_checkpoints
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, TrainOutput, seed_worker, speed_metrics
from transformers.utils import logging

from ..models.imagebind.modeling_imagebind import ImageBindModel
from .arguments import ImageBindTrainingArguments
from .cache import cache_image_embeds
from .callbacks import SetEpoch, StopOnNaN, check_finite
from .data import LABELS, PairCollator, PairDataset, Pairs
from .gradcache import cached_loss, embeddings
from .losses import InfoNCELoss
from .parameters import add_lora, decay_learning_rates, decay_names, keep_last_layers
from .publishing import PublishingTrainer
from .sampler import PairBatchSampler
from .streaming import PairStream
from .validation import ValidationSet

logger = logging.get_logger(__name__)


class ImageBindTrainer(PublishingTrainer):
    """Trains the towers of an [`ImageBindModel`] against its images.

    Towers that are not trained are frozen: they have no gradients, no optimiser state, and stay in evaluation mode.

    Args:
        model: The model.
        args: The arguments.
        train_dataset: By name, either [`~imagebind_hf.training.Pairs`] or, with a modality as name, a
            `datasets.Dataset` with a column `image` (or `video`, or ready `pixel_values`, or `image_embeds`) and one
            named as the modality. An `IterableDataset` is streamed; then kinds take turns and `max_steps` must be set.
        processing_class: The processor; saved with every checkpoint.
        loss: A module of (image embeddings, partner embeddings, logit scale); [`InfoNCELoss`] by default. Of
            pairs with `label_targets` it is given `labels`, of shape `(B,)`, too. It has no parameters that train.
        eval_dataset: What is measured during training, by name; see `eval_strategy`, `metric_for_best_model` and
            `load_best_model_at_end` of the arguments.
        **kwargs: Passed on to [`~transformers.Trainer`].

    Raises:
        ValueError: If data or `trained_modalities` name a modality that the model lacks, no tower trains, or the
            embeddings of a tower that trains shall be cached, or the loss has parameters of its own.

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
        eval_dataset: Mapping[str, ValidationSet] | None = None,
        **kwargs: Any,
    ):
        pairs = {name: data if isinstance(data, Pairs) else Pairs(name, data) for name, data in train_dataset.items()}
        if not pairs:
            raise ValueError("train_dataset is empty: give at least one kind of pairs.")
        trained = self._choose_towers(model, args, pairs)
        seed = args.seed if args.data_seed is None else args.data_seed
        if args.cache_frozen_embeddings:
            if "vision" in trained:
                raise ValueError(
                    "cache_frozen_embeddings goes with a frozen vision tower, but trained_modalities has it."
                )
            model.to(args.device)
            with args.main_process_first(desc="embedding images"):
                pairs = {
                    name: cache_image_embeds(
                        kind, model, processing_class, args.cache_frozen_embeddings, args.eval_batch_size, seed
                    )
                    for name, kind in pairs.items()
                }
        self.pairs, self.trained = pairs, trained
        self.loss = InfoNCELoss(args.gather_negatives) if loss is None else loss
        own = [name for name, parameter in self.loss.named_parameters() if parameter.requires_grad]
        if own:
            raise ValueError(
                f"{type(self.loss).__name__} has parameters {own}, which neither train nor are saved: freeze them, or "
                "make them buffers."
            )
        self.frozen_inputs = {row.model_argument for row in model.inputs.values() if row.tower not in trained}
        self.frozen_inputs.add("image_embeds")
        self._staging: str | None = None
        is_stream = any(kind.is_stream for kind in pairs.values())
        if is_stream:
            train_data = PairStream(
                pairs,
                args.train_batch_size,
                args.world_size,
                args.process_index,
                args.stream_buffer_size,
                seed,
            )
        else:
            train_data = PairDataset(pairs)
        super().__init__(
            model=add_lora(model, trained, args.lora) if args.lora is not None else model,
            args=args,
            train_dataset=train_data,
            eval_dataset=dict(eval_dataset) if eval_dataset else None,
            processing_class=processing_class,
            data_collator=PairCollator(processing_class, pairs),
            **kwargs,
        )
        if self.is_fsdp_enabled and args.lora is not None:
            raise ValueError("LoRA adapters are small: train them with plain data parallelism, not FSDP.")
        # The loss is a mean over the batch; it is the Trainer that divides it by the accumulation steps.
        self.model_accepts_loss_kwargs = False
        self.pair_sampler = None
        if not is_stream:
            self.pair_sampler = PairBatchSampler(
                pairs, args.train_batch_size, self.accelerator.num_processes, args.pair_sampling, seed
            )
            self.add_callback(SetEpoch(self.pair_sampler))
        self.add_callback(StopOnNaN())

    @staticmethod
    def _choose_towers(
        model: ImageBindModel, args: ImageBindTrainingArguments, pairs: Mapping[str, Pairs]
    ) -> Sequence[str]:
        """Freeze what does not train; returns the towers that do."""
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
        if args.trained_layers is not None:
            keep_last_layers(model, args.trained_layers)
        return trained

    def train(self, *args: Any, **kwargs: Any) -> TrainOutput:
        """Train; arguments are those of [`~transformers.Trainer.train`]."""
        self._processor = self.processing_class
        if not hasattr(self.processing_class, "tokenizer"):
            # Before its loop, the base class aligns special tokens with the tokenizer that it takes any processor for.
            self.processing_class = None
        try:
            return super().train(*args, **kwargs)
        finally:
            self.processing_class = self._processor

    def _inner_training_loop(self, *args: Any, **kwargs: Any) -> TrainOutput:
        self.processing_class = self._processor
        return super()._inner_training_loop(*args, **kwargs)

    def get_train_dataloader(self) -> DataLoader:
        """Return the loader of batches of pairs, each of one kind."""
        args = self.args
        # What `auto_find_batch_size` has come to.
        batches = self.train_dataset if self.pair_sampler is None else self.pair_sampler
        batches.batch_size = self._train_batch_size
        workers = args.dataloader_num_workers
        if self.pair_sampler is None and workers > self.train_dataset.num_shards:
            workers = self.train_dataset.num_shards
            logger.warning(
                f"dataloader_num_workers is {args.dataloader_num_workers}, but a stream has {workers} shards for a "
                f"process: {workers} workers read."
            )
        settings = {
            "collate_fn": self.data_collator,
            "num_workers": workers,
            "pin_memory": args.dataloader_pin_memory,
            "persistent_workers": args.dataloader_persistent_workers,
            "prefetch_factor": args.dataloader_prefetch_factor,
            "worker_init_fn": partial(seed_worker, num_workers=workers, rank=args.process_index),
        }
        if self.pair_sampler is None:
            # A stream makes its batches, and divides its rows among the processes, by itself.
            return DataLoader(self.train_dataset, batch_size=None, **settings)
        return self.accelerator.prepare(DataLoader(self.train_dataset, batch_sampler=self.pair_sampler, **settings))

    def evaluate(
        self,
        eval_dataset: Mapping[str, ValidationSet] | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Measure zero-shot accuracy and retrieval on held-out rows.

        Args:
            eval_dataset: What to measure on, by name; what the trainer was made with by default.
            ignore_keys: Unused; the model's outputs are embeddings.
            metric_key_prefix: What the names of metrics begin with.

        Returns:
            `eval_<name>_accuracy`, `eval_<name>_to_image_recall@1`, …, and `eval_mean_accuracy` over all names.

        Raises:
            ValueError: If there is nothing to measure on.
        """
        sets = self.eval_dataset if eval_dataset is None else eval_dataset
        if not sets:
            raise ValueError("Nothing to evaluate on: give eval_dataset, a ValidationSet by name.")
        started = time.monotonic()
        model = self.accelerator.unwrap_model(self.model)
        was_training = model.training
        model.eval()
        try:
            measured = {
                name: each.measure(model, self.processing_class, self.accelerator, self.args.eval_batch_size)
                for name, each in sets.items()
            }
        finally:
            model.train(was_training)
        metrics = {
            f"{metric_key_prefix}_{name}_{metric}": value
            for name, values in measured.items()
            for metric, value in values.items()
        }
        accuracies = [values["accuracy"] for values in measured.values() if "accuracy" in values]
        if accuracies:
            metrics[f"{metric_key_prefix}_mean_accuracy"] = sum(accuracies) / len(accuracies)
        rows = sum(len(each.dataset) for each in sets.values())
        metrics.update(speed_metrics(metric_key_prefix, started, num_samples=rows))
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Make the optimiser, with a learning rate for each layer where `layer_decay` asks for it."""
        is_new = self.optimizer is None
        optimizer = super().create_optimizer(model)
        if is_new and self.args.layer_decay != 1:
            decay_learning_rates(optimizer, self.model if model is None else model, self.args.layer_decay)
        return optimizer

    def get_decay_parameter_names(self, model: nn.Module) -> list[str]:
        """Return the parameters with weight decay: matrices, without embeddings and the attention's extra keys."""
        return decay_names(model)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, Any]:
        """Embed a batch of pairs and compare the two sides."""
        inputs = dict(inputs)
        compare = partial(self._compare, labels=inputs.pop(LABELS, None))
        size = self.args.mini_batch_size
        if size is not None and model.training and not return_outputs:
            return cached_loss(model, inputs, size, compare, self.frozen_inputs)
        # The scale comes out of forward with the embeddings, so that DDP sees all that the loss uses.
        outputs = model(**inputs, return_logit_scales=True)
        loss = compare(embeddings(outputs), outputs.logit_scales)
        return (loss, outputs) if return_outputs else loss

    def _compare(
        self,
        embeds: Mapping[str, torch.Tensor],
        logit_scales: Mapping[str, torch.Tensor],
        labels: torch.Tensor | None = None,
    ) -> torch.Tensor:
        # Losses that know no labels need not take them.
        known = {} if labels is None else {"labels": labels}
        anchor = next(name for name in ("image", "video", "text") if name in embeds)
        losses = [
            self.loss(embeds[anchor], value, logit_scales[name], **known)
            for name, value in embeds.items()
            if name != anchor
        ]
        return torch.stack(losses).sum()

    def _get_output_dir(self, trial: Any) -> str:
        return self._staging or super()._get_output_dir(trial)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Save a checkpoint beside the others and rename it when it is complete: a kill leaves no half of one."""
        check_finite(self._tr_loss, model, self.accelerator, self.state.global_step)
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
