# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Which parameters train, and how fast: adapters, the last layers, weight decay, layer-wise learning rates."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ..models.imagebind.modeling_imagebind import ImageBindModel
from ..models.imagebind.sharding import modality_of

_LAYER = re.compile(r"encoder\.layers\.(\d+)\.")
# Every matrix of the transformer.
LORA_MODULES = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]


def add_lora(model: ImageBindModel, modalities: Sequence[str], arguments: Mapping[str, Any]) -> nn.Module:
    """Put low-rank adapters on towers; they alone train.

    Args:
        model: The model.
        modalities: Towers that get adapters.
        arguments: Arguments of [`~peft.LoraConfig`]. `target_modules` names modules of the transformer, all of its
            matrices by default.

    Returns:
        The model as a [`~peft.PeftModel`].

    Raises:
        ValueError: If peft does not know an argument, or no tower has such modules.
        ImportError: If peft is not installed.
    """
    from peft import LoraConfig, get_peft_model

    names = arguments.get("target_modules", LORA_MODULES)
    names = [names] if isinstance(names, str) else list(names)
    targets = rf"({'|'.join(modalities)})_model\.encoder\..*\.({'|'.join(names)})"
    try:
        return get_peft_model(model, LoraConfig(**{**arguments, "target_modules": targets}))
    except (TypeError, ValueError) as error:
        raise ValueError(f"lora: {error}") from error


def depth_below_top(name: str, num_layers: Mapping[str, int]) -> int:
    """Return how far below the output a parameter is: 0 after the last layer, 1 in it, …, layers + 1 in the stem.

    Args:
        name: The parameter's name in an [`ImageBindModel`].
        num_layers: Layers of every tower.
    """
    layers = num_layers[modality_of(name)]
    inner = name.partition("_model.")[2]
    found = _LAYER.match(inner)
    if found:
        return layers - int(found[1])
    return layers + 1 if inner.startswith(("embeddings.", "pre_layernorm.")) else 0


def keep_last_layers(model: ImageBindModel, count: int) -> None:
    """Freeze all of the towers that train but their last layers and what follows them.

    Args:
        model: The model, whose other towers are frozen.
        count: So many layers train; 0 for what follows them alone: norm, projection and scale.
    """
    num_layers = _num_layers(model)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            parameter.requires_grad_(depth_below_top(name, num_layers) <= count)


def decay_names(model: nn.Module) -> list[str]:
    """Return the parameters with weight decay: matrices, without embeddings and the attention's extra keys."""
    return [
        name
        for name, parameter in model.named_parameters()
        if name.endswith("weight") and parameter.ndim > 1 and "embedding." not in name
    ]


def decay_learning_rates(optimizer: torch.optim.Optimizer, model: nn.Module, layer_decay: float) -> None:
    """Give every layer its own learning rate: that of the output times `layer_decay` for each layer below it.

    Args:
        optimizer: The optimiser, before its first step and its schedule.
        model: The model.
        layer_decay: The factor.
    """
    num_layers = _num_layers(model)
    depths = {
        # Adapters and wrappers put their own names before the model's.
        parameter: depth_below_top(re.sub(r"^(module\.|base_model\.model\.)+", "", name), num_layers)
        for name, parameter in model.named_parameters()
    }
    groups = list(optimizer.param_groups)
    optimizer.param_groups.clear()
    for group in groups:
        for depth in sorted({depths[parameter] for parameter in group["params"]}):
            kept = [parameter for parameter in group["params"] if depths[parameter] == depth]
            optimizer.add_param_group({**group, "params": kept, "lr": group["lr"] * layer_decay**depth})


def _num_layers(model: nn.Module) -> dict[str, int]:
    return {name: tower.num_hidden_layers for name, tower in model.config.tower_configs.items()}
