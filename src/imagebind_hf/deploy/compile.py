# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""One call that compiles every tower of a model."""

from collections.abc import Callable
from typing import Any

import torch

from ..models.imagebind.modeling_imagebind import ImageBindModel

# Query, key and value by one product: 1 to 3 % less time for a tower on a CPU.
_FROZEN = {"freezing": True, "cpp.enable_concat_linear": True}


def compile_towers(
    model: ImageBindModel, mode: str | None = None, freeze: bool = False, **kwargs: Any
) -> ImageBindModel:
    """Compile the towers of a model in place, each on its own.

    Weights, their names and what the model returns stay as they are. A tower is compiled when it is first run, and
    once more when the batch size (or the length of texts) changes; then it takes any.

    On CUDA the default is `mode="reduce-overhead"`, which replays CUDA graphs: what counts for single items.
    Embeddings are safe to keep; a `last_hidden_state` is overwritten by the tower's next run, so clone it. Elsewhere
    the default is torch's, and a C++ compiler is needed.

    Args:
        model (`ImageBindModel`): The model, or a stand-alone tower with its projection; on its device, in its dtype.
        mode (`str`): As in [`torch.compile`].
        freeze (`bool`): Make the weights constants, packed for the chip: for a CPU. It takes a second copy of them and
            `torch.no_grad()`; weights changed later are not seen.
        **kwargs: Further arguments of [`torch.compile`].

    Returns:
        The same model.

    Raises:
        ValueError: If the model is not one of ours, or is compiled already.

    Example:
        >>> import torch
        >>> from imagebind_hf import ImageBindConfig, ImageBindModel, compile_towers
        >>> tiny = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
        >>> model = ImageBindModel(ImageBindConfig(imu_config=tiny, modalities=["imu"])).eval()
        >>> model = compile_towers(model)
    """
    if not isinstance(model, ImageBindModel):
        raise ValueError(f"Expected an ImageBindModel, got a {type(model).__name__}.")
    towers = [getattr(model, f"{name}_model") for name in model.config.tower_configs]
    if any(tower._compiled_call_impl is not None for tower in towers):
        raise ValueError("The model's towers are compiled already.")
    if mode is None and not freeze and "options" not in kwargs and model.device.type == "cuda":
        mode = "reduce-overhead"
    for tower in towers:
        compiled = torch.compile(_with_own_code(tower._call_impl, f"tower_{id(tower)}"), mode=mode, **kwargs)
        # As `options` they would reach Inductor, but not Dynamo, which hands the weights over.
        tower._compiled_call_impl = torch._inductor.config.patch(_FROZEN)(compiled) if freeze else compiled
    return model


def _with_own_code(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Wrap a function in code of another name.

    Dynamo remembers by code which sizes vary and how often it compiled. All towers run the same code, so the sizes of
    one would count as variations of another's, and what is compiled for any size is slower (3 to 12 % on a CPU).
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    call.__code__ = call.__code__.replace(co_name=name)
    return call
