# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Compile the towers of a model."""

from collections.abc import Callable
from typing import Any

import torch

from ..models.imagebind.modeling_imagebind import ImageBindModel

# Computes query, key and value with one matrix product, which saves 1 to 3 % of the time of a tower on a CPU.
_FROZEN = {"freezing": True, "cpp.enable_concat_linear": True}


def compile_towers(
    model: ImageBindModel, mode: str | None = None, freeze: bool = False, **kwargs: Any
) -> ImageBindModel:
    """Compile each tower of a model, in place.

    The weights, their names and the outputs of the model do not change. A tower is compiled when it is first called,
    and again, for any size, when the batch size or the length of texts changes.

    On CUDA, the default is `mode="reduce-overhead"`: CUDA graphs make calls with few items faster. Embeddings can be
    kept, but the next call of a tower overwrites its `last_hidden_state`, so clone it if needed. On other devices, the
    default is that of [`torch.compile`]; a CPU needs a C++ compiler.

    Args:
        model (`ImageBindModel`): The model, or a single tower with its projection, on its final device and with its
            final dtype.
        mode (`str`): As in [`torch.compile`].
        freeze (`bool`): Compile the weights as constants, in the layout that is fastest on the CPU. This needs memory
            for a second copy, and calls under `torch.no_grad()`. Later changes of the weights have no effect.
        **kwargs: Further arguments of [`torch.compile`].

    Returns:
        The same model.

    Raises:
        ValueError: If the model is not an `ImageBindModel`, or is already compiled.

    Example:
        >>> import torch
        >>> from imagebind_hf import ImageBindConfig, ImageBindModel, compile_towers
        >>> tiny = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
        >>> model = ImageBindModel(ImageBindConfig(imu_config=tiny, modalities=["imu"])).eval()
        >>> model = compile_towers(model)
    """
    if not isinstance(model, ImageBindModel):
        raise ValueError(f"Expected an ImageBindModel, but got a {type(model).__name__}.")
    towers = [getattr(model, f"{name}_model") for name in model.config.tower_configs]
    if any(tower._compiled_call_impl is not None for tower in towers):
        raise ValueError("The towers of the model are already compiled.")
    if mode is None and not freeze and "options" not in kwargs and model.device.type == "cuda":
        mode = "reduce-overhead"
    for tower in towers:
        # As `tower.compile()`, with a code object for each tower; see below.
        compiled = torch.compile(_with_own_code(tower._call_impl, f"tower_{id(tower)}"), mode=mode, **kwargs)
        # Passed as `options`, these settings would not reach Dynamo, which must treat the weights as constants, too.
        tower._compiled_call_impl = torch._inductor.config.patch(_FROZEN)(compiled) if freeze else compiled
    return model


def _with_own_code(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Wrap a function in a code object of its own.

    Dynamo tracks dynamic sizes and counts recompilations by code object. With `nn.Module.compile()`, all towers share
    that of `Module._call_impl`: the size of one tower would make the sizes of the others dynamic, and code for dynamic
    sizes is slower (by 3 to 12 % on a CPU).
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    call.__code__ = call.__code__.replace(co_name=name)
    return call
