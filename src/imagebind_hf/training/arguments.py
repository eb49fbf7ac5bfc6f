# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Arguments of [`ImageBindTrainer`]."""

from dataclasses import dataclass, field
from typing import Any

from transformers import TrainingArguments


@dataclass
class ImageBindTrainingArguments(TrainingArguments):
    r"""[`~transformers.TrainingArguments`] with ImageBind's own, and with the paper's optimiser as default.

    Args:
        trained_modalities (`list[str]`, *optional*): The towers that train; the others are frozen. By default those of
            all modalities in the data except vision and text, which the paper never trains.
        pair_sampling (`str`): How several kinds of pairs are mixed. `"proportional"`: batches in random order, each
            kind as often as its number of pairs says. `"round_robin"`: in turn, until the smallest is used up.
        gather_negatives (`bool`): Use the items of all processes as negatives.
        mini_batch_size (`int`, *optional*): So many pairs go through the towers together, whatever the batch size: the
            gradients are those of the whole batch, in the memory of a part, for a second forward pass (GradCache).
        cache_frozen_embeddings (`int`): Embed all images once before training, in so many differently augmented views,
            instead of in every epoch; 0 for no cache. Only for a frozen vision tower.
        lora (`dict`, *optional*): Arguments of [`~peft.LoraConfig`], `{}` for its defaults: adapters on the trained
            towers train, and nothing else.
        trained_layers (`int`, *optional*): Of the trained towers, only so many last layers train, with the norm, the
            projection and the scale that follow. By default all do.
        layer_decay (`float`): Factor of the learning rate from each layer to the one below it.
        stream_buffer_size (`int`): Rows of a stream are drawn at random from so many.
        hub_overwrite (`bool`): Let pushes replace weights that the repository holds when the run begins.
    """

    # Given on a command line, these are JSON.
    _VALID_DICT_FIELDS = [*TrainingArguments._VALID_DICT_FIELDS, "lora"]

    trained_modalities: list[str] | None = field(
        default=None, metadata={"help": "Towers that train. Default: those in the data, without vision and text."}
    )
    pair_sampling: str = field(
        default="proportional", metadata={"help": "How kinds of pairs are mixed: proportional or round_robin."}
    )
    gather_negatives: bool = field(default=True, metadata={"help": "Use negatives from all processes."})
    mini_batch_size: int | None = field(
        default=None, metadata={"help": "Pairs that go through the towers together (GradCache). Default: all."}
    )
    cache_frozen_embeddings: int = field(
        default=0, metadata={"help": "Embed images once, in so many augmented views. Default: in every epoch."}
    )
    lora: dict[str, Any] | str | None = field(
        default=None, metadata={"help": "Train LoRA adapters: arguments of peft.LoraConfig."}
    )
    trained_layers: int | None = field(
        default=None, metadata={"help": "Last layers of the trained towers that train. Default: all."}
    )
    layer_decay: float = field(default=1.0, metadata={"help": "Factor of the learning rate per layer downwards."})
    stream_buffer_size: int = field(default=1000, metadata={"help": "Rows that a stream is shuffled among."})
    hub_overwrite: bool = field(default=False, metadata={"help": "Replace weights that the repository holds."})
    # The paper's optimiser (appendix B): AdamW with betas .9 and .95, cosine after warm-up, gradients clipped at 1.
    adam_beta2: float = field(default=0.95, metadata={"help": "Beta2 of AdamW."})
    lr_scheduler_type: str = field(default="cosine", metadata={"help": "Learning rate schedule."})
    max_grad_norm: float = field(default=1.0, metadata={"help": "Gradient clipping."})
    # A loss that is not finite ends the run; the filter would hide it.
    logging_nan_inf_filter: bool = field(default=False, metadata={"help": "Hide losses that are not finite."})
    # The data columns are no arguments of the model.
    remove_unused_columns: bool = field(default=False, metadata={"help": "Leave False: columns are raw data."})

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pair_sampling not in ("proportional", "round_robin"):
            raise ValueError(f"pair_sampling is {self.pair_sampling!r}, expected 'proportional' or 'round_robin'.")
        if self.mini_batch_size is not None and self.mini_batch_size < 1:
            raise ValueError(f"mini_batch_size is {self.mini_batch_size}, expected at least 1.")
        if self.cache_frozen_embeddings < 0:
            raise ValueError(f"cache_frozen_embeddings is {self.cache_frozen_embeddings}, expected 0 or more.")
        if self.lora is not None and not isinstance(self.lora, dict):
            raise ValueError(f"lora is {self.lora!r}, expected arguments of peft.LoraConfig as a mapping.")
        if self.trained_layers is not None and (self.lora is not None or self.trained_layers < 0):
            raise ValueError(f"trained_layers is {self.trained_layers}: expected 0 or more, and no lora.")
        if not 0 < self.layer_decay <= 1:
            raise ValueError(f"layer_decay is {self.layer_decay}, expected more than 0 and at most 1.")
        if self.ddp_find_unused_parameters is None:
            # A batch of one kind leaves the towers of others without gradients. Of checkpointing, which is not
            # reentrant, the base class fears what does not happen.
            self.ddp_find_unused_parameters = True
        if self.stream_buffer_size < 1:
            raise ValueError(f"stream_buffer_size is {self.stream_buffer_size}, expected at least 1.")
