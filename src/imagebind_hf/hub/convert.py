# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Convert the published checkpoint format (`imagebind_huge.pth`) to ours and back, bit for bit.

The formats differ in the names of tensors. In ours, the packed `in_proj` of attention is split into three projections,
logit scales have the shape `(1,)` instead of `()`, and the causal mask of the text tower is not stored.
"""

import json
import math
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME

from ..models.imagebind.configuration_imagebind import ImageBindConfig
from ..models.imagebind.modalities import TOWERS
from ..models.imagebind.modeling_imagebind import ImageBindModel
from ..models.imagebind.processing_imagebind import ImageBindProcessor
from ..utils.atomic import new_folder
from .cards import write_card

# Defaults of the original constructor, `ImageBindModel(...)`, that differ from imagebind_huge.
_CONSTRUCTOR_DEFAULTS = {
    "out_embed_dim": 768,
    "vision_embed_dim": 1024,
    "vision_num_blocks": 24,
    "text_embed_dim": 768,
    "text_num_blocks": 12,
    "text_num_heads": 12,
}
# Our field of a tower's configuration, by the suffix of the original argument `<tower>_<suffix>`.
_TOWER_ARGUMENTS = {
    "embed_dim": "hidden_size",
    "num_blocks": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "drop_path": "drop_path_rate",
    "kernel_size": "patch_size",
    "stride": "patch_stride",
    "num_mel_bins": "num_mel_bins",
    "target_len": "num_frames",
}
_TEXT_MASK = "modality_preprocessors.text.mask"


def config_from_original(arguments: Mapping[str, Any] | None = None) -> ImageBindConfig:
    """Create a configuration from the arguments of the original constructor.

    Args:
        arguments: Arguments by name. Missing ones have the defaults of the constructor. `None` means
            `imagebind_huge`.

    Raises:
        ValueError: If the constructor does not have an argument.
    """
    if arguments is None:
        return ImageBindConfig()
    arguments = {**_CONSTRUCTOR_DEFAULTS, **arguments}
    values: dict[str, Any] = {f"{modality}_config": {} for modality in TOWERS}
    for name, value in arguments.items():
        modality, _, suffix = name.partition("_")
        if name == "out_embed_dim":
            values["projection_dim"] = value
        elif name == "video_frames":
            values["vision_config"]["num_frames"] = value
        elif name == "kernel_size":
            values["vision_config"]["patch_size"] = value[-1]
        elif name == "imu_kernel_size":
            values["imu_config"]["window_size"] = value
        elif modality in TOWERS and suffix in _TOWER_ARGUMENTS:
            values[f"{modality}_config"][_TOWER_ARGUMENTS[suffix]] = value
        else:
            raise ValueError(f"The original ImageBindModel does not have the argument {name!r}.")
    return ImageBindConfig(**values)


def original_names(config: ImageBindConfig) -> dict[str, tuple[str, ...]]:
    """Map each original tensor name to ours: one name, or three if query, key and value are packed."""
    names: dict[str, tuple[str, ...]] = {}
    for modality, tower in config.tower_configs.items():
        ours, theirs = f"{modality}_model", f"modality_preprocessors.{modality}"
        stem = {"depth": "depth_stem", "imu": "imu_stem"}.get(modality, "rgbt_stem")
        if modality == "text":
            names[f"{theirs}.token_embedding.weight"] = (f"{ours}.embeddings.token_embedding.weight",)
        else:
            conv = "proj.1" if modality == "vision" else "proj"
            names[f"{theirs}.cls_token"] = (f"{ours}.embeddings.class_embedding",)
            names[f"{theirs}.{stem}.{conv}.weight"] = (f"{ours}.embeddings.projection.weight",)
        positions = "pos_embed" if modality in ("text", "imu") else "pos_embedding_helper.pos_embed"
        names[f"{theirs}.{positions}"] = (f"{ours}.embeddings.position_embedding",)

        pairs = []
        if modality not in ("text", "vision"):
            pairs.append((f"{theirs}.{stem}.norm_layer", f"{ours}.embeddings.layer_norm"))
        trunk = f"modality_trunks.{modality}"
        if modality == "vision":
            pairs.append((f"{trunk}.pre_transformer_layer.0", f"{ours}.pre_layernorm"))
        for i in range(tower.num_hidden_layers):
            block, layer = f"{trunk}.blocks.{i}", f"{ours}.encoder.layers.{i}"
            pairs += [
                (f"{block}.norm_1", f"{layer}.layer_norm1"),
                (f"{block}.attn.out_proj", f"{layer}.self_attn.out_proj"),
                (f"{block}.norm_2", f"{layer}.layer_norm2"),
                (f"{block}.mlp.fc1", f"{layer}.mlp.fc1"),
                (f"{block}.mlp.fc2", f"{layer}.mlp.fc2"),
            ]
            for kind in ("weight", "bias"):
                names[f"{block}.attn.in_proj_{kind}"] = tuple(
                    f"{layer}.self_attn.{part}_proj.{kind}" for part in ("q", "k", "v")
                )
            if tower.add_bias_kv:
                for kind in ("bias_k", "bias_v"):
                    names[f"{block}.attn.{kind}"] = (f"{layer}.self_attn.{kind}",)

        head = f"modality_heads.{modality}"
        norm, projection = {"text": ("proj.0", "proj.1"), "imu": ("0", "3")}.get(modality, ("0", "2"))
        pairs.append((f"{head}.{norm}", f"{ours}.post_layernorm"))
        names[f"{head}.{projection}.weight"] = (f"{modality}_projection.weight",)
        for published, own in pairs:
            for kind in ("weight", "bias"):
                names[f"{published}.{kind}"] = (f"{own}.{kind}",)
        if tower.logit_scale_init_value is not None:
            names[f"modality_postprocessors.{modality}.1.log_logit_scale"] = (f"{modality}_logit_scale",)
    return names


def load_original(path: str | Path) -> dict[str, torch.Tensor]:
    """Open a checkpoint in the published format. No code in it is executed, and tensors are memory-mapped.

    Raises:
        ValueError: If the file does not exist, is not a PyTorch checkpoint, is truncated, or has other values than
            tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"There is no checkpoint {str(path)!r}.")
    try:
        state_dict = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError) as error:
        message = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"{str(path)!r} is not a PyTorch checkpoint with only tensors, or is truncated: {message}"
        ) from error
    if not isinstance(state_dict, dict):
        raise ValueError(f"{str(path)!r} has a {type(state_dict).__name__}. Expected a state dict.")
    foreign = [str(name) for name, value in state_dict.items() if not isinstance(value, torch.Tensor)]
    if foreign:
        raise ValueError(f"{str(path)!r} has entries that are not tensors: {_some(foreign)}.")
    return state_dict


def convert_checkpoint(checkpoint: str | Path, output: str | Path, original_config: str | Path | None = None) -> Path:
    """Convert a checkpoint in the published format to a folder with weights, processor, tokenizer and card.

    The weights are converted one modality at a time. The folder appears when it is complete.

    Args:
        checkpoint: The `.pth` file.
        output: Folder to create. It must not exist, or be empty.
        original_config: JSON file with the arguments of the original constructor, `imagebind_huge` by default.

    Returns:
        The folder.

    Raises:
        ValueError: If the checkpoint does not fit the configuration. The message has the names and shapes.
    """
    arguments = None if original_config is None else json.loads(Path(original_config).read_text(encoding="utf-8"))
    config = config_from_original(arguments)
    state_dict = load_original(checkpoint)
    names = original_names(config)
    with torch.device("meta"):
        model = ImageBindModel(config)
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    _check(state_dict, names, shapes, checkpoint)
    # Views of the memory-mapped tensors.
    weights = {
        name: part
        for theirs, ours in names.items()
        for name, part in zip(ours, state_dict[theirs].reshape(len(ours), *shapes[ours[0]]), strict=True)
    }
    with new_folder(output) as folder:
        model.save_pretrained(folder, state_dict=weights)
        processor = ImageBindProcessor.from_config(config)
        processor.save_pretrained(folder)
        processor.save_modality_folders(folder)
        write_card(folder, config, converted=True, title=Path(output).absolute().name)
    return Path(output)


def convert_to_original(repository: str | Path, output: str | Path) -> Path:
    """Convert a checkpoint to the published format.

    Args:
        repository: Folder with `config.json` and safetensors weights, sharded or not.
        output: The `.pth` file to write. It must not exist.

    Raises:
        ValueError: If the folder is not an ImageBind checkpoint, is incomplete, or has extra modalities, which the
            published format does not support.
    """
    repository, output = Path(repository), Path(output)
    if output.exists():
        raise ValueError(f"{str(output)!r} exists already.")
    config = ImageBindConfig.from_pretrained(repository)
    if config.extra_modalities:
        raise ValueError(
            f"The published format does not support the extra modalities {list(config.extra_modalities)}."
        )
    weights = dict(read_weights(repository))
    names = original_names(config)
    missing = [name for ours in names.values() for name in ours if name not in weights]
    if missing:
        raise ValueError(f"{str(repository)!r} does not have {len(missing)} of the tensors: {_some(missing)}.")
    state_dict = {}
    for theirs, ours in names.items():
        tensor = weights[ours[0]] if len(ours) == 1 else torch.cat([weights[name] for name in ours])
        state_dict[theirs] = tensor.reshape(()) if theirs.endswith("log_logit_scale") else tensor
    if "text" in config.tower_configs:
        length = config.text_config.max_position_embeddings
        state_dict[_TEXT_MASK] = torch.full((length, length), -math.inf).triu(1)
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(output.name + ".partial")
    try:
        torch.save(state_dict, partial)
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
    return output


def read_weights(repository: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """Read the tensors of a safetensors checkpoint, sharded or not.

    Raises:
        ValueError: If there are no weights, or a file is missing or truncated.
    """
    index = repository / SAFE_WEIGHTS_INDEX_NAME
    files = [SAFE_WEIGHTS_NAME]
    if index.is_file():
        files = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    for file in files:
        try:
            with safe_open(repository / file, framework="pt") as shard:
                for name in shard.keys():
                    yield name, shard.get_tensor(name)
        except (SafetensorError, FileNotFoundError) as error:
            raise ValueError(f"Cannot read the weights {str(repository / file)!r}: {error}") from error


def _check(
    state_dict: Mapping[str, torch.Tensor],
    names: Mapping[str, tuple[str, ...]],
    shapes: Mapping[str, torch.Size],
    checkpoint: str | Path,
) -> None:
    """Raise a ValueError unless the checkpoint has exactly the expected tensors, in the expected shapes."""
    problems = []
    missing = [name for name in names if name not in state_dict]
    unused = [name for name in state_dict if name not in names and name != _TEXT_MASK]
    if missing:
        problems.append(f"{len(missing)} tensors are missing: {_some(missing)}")
    if unused:
        problems.append(f"{len(unused)} tensors are unexpected: {_some(unused)}")
    for theirs, ours in names.items():
        if theirs in state_dict:
            given, shape = tuple(state_dict[theirs].shape), shapes[ours[0]]
            expected = () if theirs.endswith("log_logit_scale") else (shape[0] * len(ours), *shape[1:])
            if given != expected:
                problems.append(f"{theirs} has the shape {given}, expected {expected}")
    if problems:
        raise ValueError(f"{str(checkpoint)!r} does not fit the configuration. " + "; ".join(problems[:8]) + ".")


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
