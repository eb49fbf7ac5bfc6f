# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Describe a checkpoint without loading its weights."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, ModelCard, get_local_safetensors_metadata
from huggingface_hub.errors import EntryNotFoundError, NotASafetensorsRepoError
from huggingface_hub.utils import (
    SafetensorsRepoMetadata,
    are_progress_bars_disabled,
    disable_progress_bars,
    enable_progress_bars,
)
from transformers.utils import CONFIG_NAME
from transformers.utils.hub import cached_file, extract_commit_hash

from ..models.imagebind.configuration_imagebind import ImageBindConfig
from ..models.imagebind.modalities import MODALITIES
from ..models.imagebind.sharding import modality_of


def model_info(model: str | Path, revision: str | None = None) -> dict[str, Any]:
    """Describe a checkpoint, from its configuration, card and the headers of its weights.

    Args:
        model: Folder or Hub id.
        revision: Branch, tag or commit of a Hub id.

    Returns:
        A dictionary of plain values that can be written as JSON:

        - `model`, `revision`: Absolute path or Hub id, and the commit on the Hub (`None` for a folder).
        - `model_type`: `"imagebind"`.
        - `modalities`: Inputs of the model (`"image"`, `"video"`, `"text"`, …), extra ones included.
        - `towers`: By name `{"parameters": int, "bytes": int, "files": [str], "hidden_size": int, "layers": int}`;
          `bytes` is the size of the tower's tensors. The last two are `None` for an encoder of another library that
          does not state them.
        - `parameters`, `bytes`: Sums over the towers.
        - `projection_dim`, `dtype`: Length of an embedding; types of the stored weights, as safetensors names them.
        - `license`, `base_model`: Of the card. `None` if there is no card, or it does not state them.
        - `training`: Content of `training.json`. `None` if there is no such file.

    Raises:
        ValueError: If the folder or repository is not an ImageBind checkpoint with safetensors weights.
        OSError: If the model does not exist, or the Hub cannot be reached.
    """
    is_folder = Path(model).is_dir()
    config_file = _find(model, CONFIG_NAME, revision)
    model_type = None if config_file is None else _read(config_file).get("model_type")
    if model_type != ImageBindConfig.model_type:
        found = f"no {CONFIG_NAME}" if config_file is None else f"the model type {model_type!r}"
        raise ValueError(f"Expected an ImageBind checkpoint, but {str(model)!r} has {found}.")
    # All files are of one commit, even if the branch moves meanwhile.
    commit = None if is_folder else extract_commit_hash(str(config_file), None) or revision
    config = ImageBindConfig.from_pretrained(config_file.parent)
    weights = _read_headers(model, commit)
    towers: dict[str, dict[str, Any]] = {}
    for name, tower in config.tower_configs.items():
        sizes = {key: getattr(tower, key, None) for key in ("hidden_size", "num_hidden_layers")}
        towers[name] = {
            "parameters": 0,
            "bytes": 0,
            "files": [],
            "hidden_size": sizes["hidden_size"],
            "layers": sizes["num_hidden_layers"],
        }
    dtypes = set()
    for file, header in sorted(weights.files_metadata.items()):
        for name, tensor in header.tensors.items():
            tower = towers.get(modality_of(name))
            if tower is None:
                raise ValueError(f"{file} of {str(model)!r} has the tensor {name!r}, which belongs to no tower.")
            tower["parameters"] += tensor.parameter_count
            tower["bytes"] += tensor.data_offsets[1] - tensor.data_offsets[0]
            if file not in tower["files"]:
                tower["files"].append(file)
            dtypes.add(tensor.dtype)
    card_file, training_file = _find(model, "README.md", commit), _find(model, "training.json", commit)
    card = None if card_file is None else ModelCard.load(card_file, ignore_metadata_errors=True).data
    return {
        "model": str(Path(model).resolve()) if is_folder else str(model),
        "revision": commit,
        "model_type": model_type,
        "modalities": [
            *(row.name for row in MODALITIES.values() if row.tower in towers),
            *(name for name in towers if name in config.extra_modalities),
        ],
        "towers": towers,
        "parameters": sum(tower["parameters"] for tower in towers.values()),
        "bytes": sum(tower["bytes"] for tower in towers.values()),
        "projection_dim": config.projection_dim,
        "dtype": ", ".join(sorted(dtypes)),
        "license": None if card is None else card.get("license"),
        "base_model": None if card is None else card.get("base_model"),
        "training": None if training_file is None else _read(training_file),
    }


def _find(model: str | Path, name: str, revision: str | None) -> Path | None:
    """Return a file of a folder, or of a repository from the cache or the Hub. `None` if it does not have the file."""
    if Path(model).is_dir():
        return path if (path := Path(model) / name).is_file() else None
    try:
        found = cached_file(str(model), name, revision=revision, _raise_exceptions_for_missing_entries=False)
    except EntryNotFoundError:
        return None
    return None if found is None else Path(found)


def _read(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file.name} is not valid JSON: {error}") from error


def _read_headers(model: str | Path, revision: str | None) -> SafetensorsRepoMetadata:
    """Read names, shapes and types of all tensors: from the Hub with one range request for each file."""
    try:
        if Path(model).is_dir():
            return get_local_safetensors_metadata(model)
        with _no_progress_bar():
            return HfApi().get_safetensors_metadata(str(model), revision=revision)
    except (NotASafetensorsRepoError, FileNotFoundError) as error:
        raise ValueError(f"Expected safetensors weights in {str(model)!r}, but got: {error}") from error


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    was_disabled = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not was_disabled:
            enable_progress_bars()
