# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Low-rank adapters (LoRA) through peft, an optional dependency."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from ..models.imagebind.modeling_imagebind import ImageBindModel
from ..utils.extras import needs_extra

# All matrices of a transformer layer.
LORA_MODULES = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]


def add_lora(model: ImageBindModel, modalities: Sequence[str], arguments: Mapping[str, Any]) -> nn.Module:
    """Add low-rank adapters to towers. Only the adapters are trained.

    Args:
        model: The model.
        modalities: Names of the towers that get adapters.
        arguments: Arguments of [`~peft.LoraConfig`]. `target_modules` are names of modules of the transformer.
            Defaults to all of its matrices.

    Returns:
        The model as a [`~peft.PeftModel`].

    Raises:
        ValueError: If peft does not accept an argument, or if no tower has such modules.
        ImportError: If peft is not installed.
    """
    with needs_extra("train"):
        from peft import LoraConfig, get_peft_model

    names = arguments.get("target_modules", LORA_MODULES)
    names = [names] if isinstance(names, str) else list(names)
    targets = rf"({'|'.join(modalities)})_model\.encoder\..*\.({'|'.join(names)})"
    try:
        with _without_deprecation_warning():
            return get_peft_model(model, LoraConfig(**{**arguments, "target_modules": targets}))
    except (TypeError, ValueError) as error:
        raise ValueError(f"lora: {error}") from error


def is_adapter_folder(folder: Path) -> bool:
    """Return whether a folder holds an adapter instead of a model."""
    return (folder / "adapter_config.json").is_file()


def load_adapter(model: ImageBindModel, folder: Path) -> nn.Module:
    """Load an adapter from a folder, on top of a model.

    Raises:
        ImportError: If peft is not installed.
    """
    with needs_extra("train"):
        from peft import PeftModel

    with _without_deprecation_warning():
        return PeftModel.from_pretrained(model, folder)


@contextmanager
def _without_deprecation_warning() -> Iterator[None]:
    """Ignore the warning about a property that peft 0.21 reads and transformers 5.24 has renamed."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        yield
