# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that are sharded by modality: `model-<modality>.safetensors` and the usual index over them."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME, logging

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def shard_name(modality: str) -> str:
    """Return the file name of a modality's shard."""
    return f"model-{modality}.safetensors"


def modality_of(name: str) -> str:
    """Return the modality of a parameter, which is the first part of its name: `audio_model.…` is audio's.

    Modalities of `extra_modalities` may have underscores in their names.
    """
    return name.split(".")[0].removesuffix("_logit_scale").removesuffix("_projection").removesuffix("_model")


def write_index(directory: Path, weight_map: Mapping[str, str], total_size: int, total_parameters: int) -> None:
    """Write the index of a sharded checkpoint, in transformers' format."""
    index = {
        "metadata": {"total_parameters": total_parameters, "total_size": total_size},
        "weight_map": dict(sorted(weight_map.items())),
    }
    (directory / SAFE_WEIGHTS_INDEX_NAME).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def save_by_modality(
    model: "PreTrainedModel",
    save: Callable[..., None],
    save_directory: str | os.PathLike,
    *,
    is_main_process: bool = True,
    state_dict: "Mapping[str, torch.Tensor] | None" = None,
    push_to_hub: bool = False,
    **kwargs: Any,
) -> None:
    """Save a model through transformers' own `save_pretrained`, called once for each modality.

    The files are written to a folder beside the target and moved there when all are complete.

    Args:
        model: The model.
        save: The `save_pretrained` of its base class.
        save_directory: Where to. Created if need be.
        is_main_process, state_dict, push_to_hub, **kwargs: As in [`~transformers.PreTrainedModel.save_pretrained`].

    Raises:
        ValueError: If `save_directory` is a file.
    """
    if os.path.isfile(save_directory):
        raise ValueError(f"Cannot save to {os.fspath(save_directory)!r}: it is a file, expected a folder.")
    plain = getattr(model, "_hf_peft_config_loaded", False) or kwargs.get("distributed_checkpoint", False)
    if plain or kwargs.get("variant") is not None:
        save(save_directory, is_main_process=is_main_process, state_dict=state_dict, push_to_hub=push_to_hub, **kwargs)
        return
    state_dict = model.state_dict() if state_dict is None else state_dict
    modalities = list(dict.fromkeys(modality_of(name) for name in state_dict))
    target = Path(save_directory)
    hub_options = ("repo_id", "commit_message", "create_pr", "private")
    hub_kwargs = {name: kwargs.pop(name) for name in hub_options if name in kwargs}
    kwargs["max_shard_size"] = "1000TB"
    if is_main_process:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target, prefix=".saving-") as folder:
            staging = Path(folder)
            for modality in modalities:
                part = {name: tensor for name, tensor in state_dict.items() if modality_of(name) == modality}
                with _no_progress_bar():
                    save(staging, is_main_process=True, state_dict=part, **kwargs)
                (staging / SAFE_WEIGHTS_NAME).rename(staging / shard_name(modality))
            size = sum(tensor.numel() * tensor.element_size() for tensor in state_dict.values())
            weight_map = {name: shard_name(modality_of(name)) for name in state_dict}
            write_index(staging, weight_map, size, model.num_parameters())
            publish(staging, target)
    if push_to_hub:
        model.push_to_hub(hub_kwargs.pop("repo_id", target.name), **hub_kwargs, token=kwargs.get("token"))


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Silence transformers' bar over shards, which would show once for each of them."""
    enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if enabled:
            logging.enable_progress_bar()


def publish(staging: Path, target: Path) -> None:
    """Move a complete set of files to its place, the index last, and remove weights of an earlier save."""
    files = sorted(staging.iterdir(), key=lambda file: file.name == SAFE_WEIGHTS_INDEX_NAME)
    for file in files:
        file.replace(target / file.name)
    stale = {*target.glob("model*.safetensors")} - {target / file.name for file in files}
    for file in stale:
        file.unlink()
