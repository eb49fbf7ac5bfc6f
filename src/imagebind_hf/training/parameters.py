# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Which parameters are trained, their weight decay, and their learning rates."""

import re
from collections.abc import Mapping

import torch
from torch import nn

from ..models.imagebind.modeling_imagebind import ImageBindModel
from ..models.imagebind.sharding import modality_of

_LAYER = re.compile(r"encoder\.layers\.(\d+)\.")


def depth_below_top(name: str, num_layers: Mapping[str, int]) -> int:
    """Return the distance of a parameter from the output, in layers.

    Args:
        name: Name of the parameter in an [`ImageBindModel`].
        num_layers: Number of layers of every tower.

    Returns:
        0 after the last layer, 1 in the last layer, and so on, up to the number of layers + 1 in the stem.
    """
    layers = num_layers[modality_of(name)]
    inner = name.partition("_model.")[2]
    found = _LAYER.match(inner)
    if found:
        return layers - int(found[1])
    return layers + 1 if inner.startswith(("embeddings.", "pre_layernorm.")) else 0


def keep_last_layers(model: ImageBindModel, count: int) -> None:
    """Freeze the lower layers of the trained towers.

    Args:
        model: The model. Towers that are not trained are frozen already.
        count: Number of last layers that are still trained. With 0, only norm, projection and scale are.
    """
    num_layers = _num_layers(model)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            parameter.requires_grad_(depth_below_top(name, num_layers) <= count)


def decay_names(model: nn.Module) -> list[str]:
    """Return the names of the parameters with weight decay: all matrices except embeddings."""
    return [
        name
        for name, parameter in model.named_parameters()
        if name.endswith("weight") and parameter.ndim > 1 and "embedding." not in name
    ]


def decay_learning_rates(optimizer: torch.optim.Optimizer, model: nn.Module, layer_decay: float) -> None:
    """Multiply the learning rate of each parameter by `layer_decay` for every layer between it and the output.

    Args:
        optimizer: The optimizer, before its first step and before the scheduler is created.
        model: The model.
        layer_decay: The factor.
    """
    num_layers = _num_layers(model)
    depths = {
        # Adapters and wrappers add a prefix to the names.
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
