# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""[`ImageBindTrainer`]: a [`~transformers.Trainer`] for pairs, with a contrastive loss."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from datasets import Dataset
from torch import nn
from torch.utils.data import DataLoader
from transformers import ProcessorMixin, ProgressCallback
from transformers.trainer_utils import TrainOutput, seed_worker, speed_metrics
from transformers.utils import logging

from ..models.imagebind.modalities import tower_names
from ..models.imagebind.modeling_imagebind import ImageBindModel
from ..utils.names import nearest_name
from .arguments import ImageBindTrainingArguments
from .cache import cache_image_embeds
from .callbacks import SetEpoch, StopOnNaN, TrainingProgress
from .checkpointing import AtomicCheckpointTrainer
from .data import PairCollator, PairDataset
from .gradcache import cached_loss, embeddings
from .lora import add_lora
from .losses import InfoNCELoss
from .pairs import LABELS, Pairs
from .parameters import decay_learning_rates, decay_names, keep_last_layers
from .publishing import PublishingTrainer
from .sampler import PairBatchSampler
from .streaming import PairStream
from .validation import ValidationSet

logger = logging.get_logger(__name__)


class ImageBindTrainer(AtomicCheckpointTrainer, PublishingTrainer):
    """Train towers of an [`ImageBindModel`] on pairs with images.

    All other towers are frozen: they have no gradients and no optimizer state, and stay in evaluation mode.

    Args:
        model: The model.
        args: The training arguments.
        train_dataset: Kinds of pairs, by name. A value is [`~imagebind_hf.training.Pairs`], or, if the name is a
            modality, a `datasets.Dataset` with a column `image` (or `video`, or the model inputs `pixel_values` or
            `image_embeds`) and a column named after the modality. An `IterableDataset` is streamed: kinds then
            alternate, and `max_steps` must be set.
        processing_class: The processor. It is saved with every checkpoint.
        loss: A module that is called with image embeddings, partner embeddings and logit scale. For pairs with
            `label_targets`, it also gets `labels` `(batch_size,)`. It must not have trainable parameters. Defaults to
            [`InfoNCELoss`].
        eval_dataset: Validation sets, by name. See `eval_strategy`, `metric_for_best_model` and
            `load_best_model_at_end` of the arguments.
        **kwargs: Passed to [`~transformers.Trainer`].

    Raises:
        ValueError: If there are no pairs, if the data or `trained_modalities` name a modality that the model does not
            have, if no tower is trained, if embeddings of a trained vision tower should be cached, or if the loss has
            trainable parameters.

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
            raise ValueError("Expected `train_dataset` to have at least one kind of pairs, but it is empty.")
        trained = self._choose_towers(model, args, pairs)
        seed = args.seed if args.data_seed is None else args.data_seed
        if args.cache_frozen_embeddings:
            if "vision" in trained:
                raise ValueError(
                    "`cache_frozen_embeddings` requires a frozen vision tower, but `trained_modalities` includes it."
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
                f"{type(self.loss).__name__} has trainable parameters {own}, but the parameters of a loss are neither "
                "trained nor saved. Freeze them, or make them buffers."
            )
        self.frozen_inputs = {row.model_argument for row in model.inputs.values() if row.tower not in trained}
        self.frozen_inputs.add("image_embeds")
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
            raise ValueError("LoRA is not supported with FSDP. Adapters are small: use plain data parallelism.")
        # The loss is a mean over the batch, so the base class must divide it by the number of accumulation steps.
        self.model_accepts_loss_kwargs = False
        self.pair_sampler = None
        if not is_stream:
            self.pair_sampler = PairBatchSampler(
                pairs, args.train_batch_size, self.accelerator.num_processes, args.pair_sampling, seed
            )
            self.add_callback(SetEpoch(self.pair_sampler))
        self.add_callback(StopOnNaN())
        # The notebook's progress bar, if there is one, stays.
        if self.pop_callback(ProgressCallback) is not None:
            self.add_callback(TrainingProgress())

    @staticmethod
    def _choose_towers(
        model: ImageBindModel, args: ImageBindTrainingArguments, pairs: Mapping[str, Pairs]
    ) -> Sequence[str]:
        """Freeze all towers that are not trained, and return the names of the others."""
        towers = list(model.config.tower_configs)
        in_data = tower_names(kind.modality for kind in pairs.values())
        if args.trained_modalities is None:
            trained = [tower for tower in in_data if tower not in ("vision", "text")]
        else:
            trained = tower_names(args.trained_modalities)
        for tower in (*in_data, *trained):
            if tower not in towers:
                raise ValueError(f"The model has no tower {tower!r}. {nearest_name(tower, towers)}")
        if not trained:
            raise ValueError(f"No tower is trained. Set `trained_modalities`, for example to {in_data}.")
        model.freeze([tower for tower in towers if tower not in trained])
        if args.trained_layers is not None:
            keep_last_layers(model, args.trained_layers)
        return trained

    def train(self, *args: Any, **kwargs: Any) -> TrainOutput:
        """Train the model; see [`~transformers.Trainer.train`]."""
        self._processor = self.processing_class
        if not hasattr(self.processing_class, "tokenizer"):
            # Before its loop, the base class aligns special tokens, and treats any processor as a tokenizer.
            self.processing_class = None
        try:
            return super().train(*args, **kwargs)
        finally:
            self.processing_class = self._processor

    def _inner_training_loop(self, *args: Any, **kwargs: Any) -> TrainOutput:
        self.processing_class = self._processor
        return super()._inner_training_loop(*args, **kwargs)

    def get_train_dataloader(self) -> DataLoader:
        """Return the data loader. A batch holds one kind of pairs."""
        args = self.args
        # `auto_find_batch_size` may have reduced it.
        batches = self.train_dataset if self.pair_sampler is None else self.pair_sampler
        batches.batch_size = self._train_batch_size
        workers = args.dataloader_num_workers
        if self.pair_sampler is None and workers > self.train_dataset.num_shards:
            workers = self.train_dataset.num_shards
            logger.warning(
                f"Using {workers} data loader workers instead of {args.dataloader_num_workers}: a stream has only "
                f"{workers} shards per process."
            )
        settings = {
            "collate_fn": self.data_collator,
            "num_workers": workers,
            "pin_memory": args.dataloader_pin_memory and torch.accelerator.is_available(),
            "persistent_workers": args.dataloader_persistent_workers,
            "prefetch_factor": args.dataloader_prefetch_factor,
            "worker_init_fn": partial(seed_worker, num_workers=workers, rank=args.process_index),
        }
        if self.pair_sampler is None:
            # A stream creates its batches and distributes its rows over the processes itself.
            return DataLoader(self.train_dataset, batch_size=None, **settings)
        return self.accelerator.prepare(DataLoader(self.train_dataset, batch_sampler=self.pair_sampler, **settings))

    def evaluate(
        self,
        eval_dataset: Mapping[str, ValidationSet] | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Measure zero-shot accuracy and retrieval on the validation sets.

        Args:
            eval_dataset: Validation sets, by name. Defaults to `eval_dataset` of the trainer.
            ignore_keys: Not used, because the outputs are embeddings.
            metric_key_prefix: Prefix of the names of the metrics.

        Returns:
            `eval_<name>_accuracy`, `eval_<name>_to_image_recall@1`, … for each validation set, and
            `eval_mean_accuracy`, the mean over all sets.

        Raises:
            ValueError: If there are no validation sets.
        """
        sets = self.eval_dataset if eval_dataset is None else eval_dataset
        if not sets:
            raise ValueError("Evaluation requires `eval_dataset`, a ValidationSet for each name, but there is none.")
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
        """Create the optimizer. With `layer_decay`, every layer has its own learning rate."""
        is_new = self.optimizer is None
        optimizer = super().create_optimizer(model)
        if is_new and self.args.layer_decay != 1:
            decay_learning_rates(optimizer, self.model if model is None else model, self.args.layer_decay)
        return optimizer

    def get_decay_parameter_names(self, model: nn.Module) -> list[str]:
        """Return the names of the parameters with weight decay; see [`decay_names`]."""
        return decay_names(model)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, Any]:
        """Embed a batch of pairs, and compute the loss of the embeddings."""
        inputs = dict(inputs)
        compare = partial(self._compare, labels=inputs.pop(LABELS, None))
        size = self.args.mini_batch_size
        if size is not None and model.training and not return_outputs:
            return cached_loss(model, inputs, size, compare, self.frozen_inputs)
        # The logit scale is an output of `forward`, so that DDP finds all parameters that the loss depends on.
        outputs = model(**inputs, return_logit_scales=True)
        loss = compare(embeddings(outputs), outputs.logit_scales)
        return (loss, outputs) if return_outputs else loss

    def _compare(
        self,
        embeds: Mapping[str, torch.Tensor],
        logit_scales: Mapping[str, torch.Tensor],
        labels: torch.Tensor | None = None,
    ) -> torch.Tensor:
        # Losses without support for labels need no such argument.
        kwargs = {} if labels is None else {"labels": labels}
        anchor = next(name for name in ("image", "video", "text") if name in embeds)
        losses = [
            self.loss(embeds[anchor], value, logit_scales[name], **kwargs)
            for name, value in embeds.items()
            if name != anchor
        ]
        return torch.stack(losses).sum()
