# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Arguments of [`ImageBindTrainer`]."""

from dataclasses import dataclass, field
from typing import Any

from transformers import TrainingArguments


@dataclass
class ImageBindTrainingArguments(TrainingArguments):
    r"""[`~transformers.TrainingArguments`] with additional arguments, and the optimizer of the paper as default.

    Args:
        trained_modalities (`list[str]`, *optional*): The towers to train. All other towers are frozen. `image` and
            `video` mean the vision tower. Defaults to the towers of all modalities in the data except vision and
            text, which the paper keeps frozen.
        pair_sampling (`str`, *optional*, defaults to `"proportional"`): How batches of several kinds of pairs are
            mixed. `"proportional"`: in random order, each kind in proportion to its number of pairs.
            `"round_robin"`: in turn, until the smallest kind is exhausted.
        gather_negatives (`bool`, *optional*, defaults to `True`): Use the items of all processes as negatives.
        mini_batch_size (`int`, *optional*): Number of pairs in one forward pass (GradCache). The gradients are those
            of the whole batch, with the memory of a mini-batch and a second forward pass. Defaults to the whole
            batch.
        cache_frozen_embeddings (`int`, *optional*, defaults to 0): Embed every image in this many augmented views
            before training, instead of in every epoch. 0 disables the cache. Requires a frozen vision tower.
        lora (`dict`, *optional*): Train low-rank adapters on the trained towers, and nothing else. The values are
            arguments of [`~peft.LoraConfig`]; `{}` uses its defaults.
        trained_layers (`int`, *optional*): Train only this many last layers of the trained towers, with the norm,
            projection and scale after them. Defaults to all layers.
        layer_decay (`float`, *optional*, defaults to 1.0): Factor between the learning rate of a layer and that of
            the layer below it.
        stream_buffer_size (`int`, *optional*, defaults to 1000): Number of rows of a stream that are shuffled
            together.
        hub_overwrite (`bool`, *optional*, defaults to `False`): Replace weights that already exist in the Hub
            repository when the run starts.
    """

    # These are parsed as JSON on a command line.
    _VALID_DICT_FIELDS = [*TrainingArguments._VALID_DICT_FIELDS, "lora"]

    trained_modalities: list[str] | None = field(
        default=None, metadata={"help": "Towers to train. Default: those in the data, except vision and text."}
    )
    pair_sampling: str = field(
        default="proportional", metadata={"help": "How kinds of pairs are mixed: proportional or round_robin."}
    )
    gather_negatives: bool = field(default=True, metadata={"help": "Use the items of all processes as negatives."})
    mini_batch_size: int | None = field(
        default=None, metadata={"help": "Pairs in one forward pass (GradCache). Default: the whole batch."}
    )
    cache_frozen_embeddings: int = field(
        default=0, metadata={"help": "Augmented views of each image to embed before training. 0 disables the cache."}
    )
    lora: dict[str, Any] | str | None = field(
        default=None, metadata={"help": "Train LoRA adapters: arguments of peft.LoraConfig."}
    )
    trained_layers: int | None = field(
        default=None, metadata={"help": "Number of last layers of the trained towers to train. Default: all."}
    )
    layer_decay: float = field(
        default=1.0, metadata={"help": "Factor between the learning rates of a layer and the one above it."}
    )
    stream_buffer_size: int = field(
        default=1000, metadata={"help": "Number of rows of a stream that are shuffled together."}
    )
    hub_overwrite: bool = field(
        default=False, metadata={"help": "Replace weights that already exist in the Hub repository."}
    )
    # Paper, appendix B: AdamW with betas 0.9 and 0.95, cosine schedule after warm-up, gradients clipped at norm 1.
    adam_beta2: float = field(default=0.95, metadata={"help": "Beta2 of AdamW."})
    lr_scheduler_type: str = field(default="cosine", metadata={"help": "Learning rate schedule."})
    max_grad_norm: float = field(default=1.0, metadata={"help": "Maximum norm of the gradient."})
    # A non-finite loss ends the run. The filter would hide it.
    logging_nan_inf_filter: bool = field(default=False, metadata={"help": "Hide losses that are not finite."})
    # Columns hold raw data, so their names are not arguments of the model.
    remove_unused_columns: bool = field(default=False, metadata={"help": "Keep False: columns hold raw data."})

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pair_sampling not in ("proportional", "round_robin"):
            raise ValueError(
                f"Expected `pair_sampling` to be 'proportional' or 'round_robin', but got {self.pair_sampling!r}."
            )
        if self.mini_batch_size is not None and self.mini_batch_size < 1:
            raise ValueError(f"Expected `mini_batch_size` to be at least 1, but got {self.mini_batch_size}.")
        if self.cache_frozen_embeddings < 0:
            raise ValueError(
                f"Expected `cache_frozen_embeddings` to be 0 or more, but got {self.cache_frozen_embeddings}."
            )
        if self.lora is not None and not isinstance(self.lora, dict):
            raise ValueError(
                f"Expected `lora` to be a mapping of arguments of peft.LoraConfig, but got {self.lora!r}."
            )
        if self.trained_layers is not None and self.lora is not None:
            raise ValueError(
                f"`trained_layers` and `lora` exclude each other, but got {self.trained_layers} and lora."
            )
        if self.trained_layers is not None and self.trained_layers < 0:
            raise ValueError(f"Expected `trained_layers` to be 0 or more, but got {self.trained_layers}.")
        if not 0 < self.layer_decay <= 1:
            raise ValueError(f"Expected `layer_decay` to be greater than 0 and at most 1, but got {self.layer_decay}.")
        if self.stream_buffer_size < 1:
            raise ValueError(f"Expected `stream_buffer_size` to be at least 1, but got {self.stream_buffer_size}.")
        if self.ddp_find_unused_parameters is None:
            # A batch holds one kind of pairs, so the towers of other kinds get no gradients. The base class disables
            # this with activation checkpointing, but the non-reentrant variant works with it.
            self.ddp_find_unused_parameters = True
