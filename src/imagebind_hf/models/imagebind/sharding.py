# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that are sharded by modality: `model-<modality>.safetensors` and the usual index over them."""

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import try_to_load_from_cache
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME, cached_file, logging
from transformers.utils.hub import cached_files, extract_commit_hash

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# Weights of a checkpoint that is not sharded by modality.
_PLAIN_WEIGHTS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")
_PUSH_OPTIONS = (
    "repo_id",
    "commit_message",
    "commit_description",
    "create_pr",
    "private",
    "revision",
    "tags",
)
_STAGING_PREFIX = ".saving-"
# Seconds; no single file takes as long to write.
_ABANDONED_AFTER = 3600
_HUB_OPTIONS = ("cache_dir", "force_download", "local_files_only", "proxies", "revision", "token")


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
    hub_kwargs = {name: kwargs.pop(name) for name in _PUSH_OPTIONS if name in kwargs}
    kwargs["max_shard_size"] = "1000TB"
    if is_main_process:
        target.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        with tempfile.TemporaryDirectory(dir=target, prefix=_STAGING_PREFIX) as folder:
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
    if push_to_hub and is_main_process:
        with _default_arguments(model, state_dict=state_dict, **kwargs):
            model.push_to_hub(hub_kwargs.pop("repo_id", target.name), **hub_kwargs, token=kwargs.get("token"))


@contextmanager
def _default_arguments(model: "PreTrainedModel", **kwargs: Any) -> Iterator[None]:
    """Make `push_to_hub`, which calls `save_pretrained` without arguments, upload what was saved with arguments."""
    model.save_pretrained = partial(model.save_pretrained, **kwargs)
    try:
        yield
    finally:
        del model.save_pretrained


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


def _sweep(target: Path) -> None:
    """Remove what saves that were killed have left; what was touched lately may be another process's, at work."""
    for folder in target.glob(f"{_STAGING_PREFIX}*"):
        try:
            touched = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
        except OSError:  # finished meanwhile
            continue
        if time.time() - touched > _ABANDONED_AFTER:
            shutil.rmtree(folder, ignore_errors=True)


def publish(staging: Path, target: Path) -> None:
    """Move a complete set of files to its place, the index last, and remove weights of an earlier save."""
    files = sorted(staging.iterdir(), key=lambda file: file.name == SAFE_WEIGHTS_INDEX_NAME)
    stale = _weights_of(target) - {file.name for file in files}
    for file in files:
        file.replace(target / file.name)
    for name in stale:
        (target / name).unlink(missing_ok=True)


def _weights_of(folder: Path) -> set[str]:
    """Return the files that a checkpoint of this format consists of: variants and the like are others' business."""
    weights = {file.name for file in folder.iterdir() if _PLAIN_WEIGHTS.fullmatch(file.name)}
    try:
        weight_map = json.loads((folder / SAFE_WEIGHTS_INDEX_NAME).read_text(encoding="utf-8"))["weight_map"]
        check_shard_names(weight_map)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # no index, or one that cannot be trusted
        return weights
    return weights | set(weight_map.values())


def load_by_modality(
    load: Callable[..., "PreTrainedModel"],
    path: str | os.PathLike | None,
    towers: Collection[str] | None,
    *args: Any,
    config: Any = None,
    **kwargs: Any,
) -> "PreTrainedModel":
    """Load a model through transformers' own `from_pretrained`; from the Hub, with only the shards that it needs.

    Args:
        load: The `from_pretrained` of its base class.
        path: Folder or Hub id.
        towers: Modalities that are needed; `None` for all.
        *args, config, **kwargs: As in [`~transformers.PreTrainedModel.from_pretrained`].
    """
    if path is not None and os.path.isdir(path):
        index = Path(path) / kwargs.get("subfolder", "") / SAFE_WEIGHTS_INDEX_NAME
        if index.is_file():
            check_shard_names(json.loads(index.read_text(encoding="utf-8"))["weight_map"])
        return load(path, *args, config=config, **kwargs)
    # Whatever says that the weights are somewhere else than usual is transformers' own business.
    if path is None or any(kwargs.get(name) for name in ("subfolder", "variant", "gguf_file")):
        return load(path, *args, config=config, **kwargs)
    found = download_shards(path, towers, **{name: kwargs[name] for name in _HUB_OPTIONS if name in kwargs})
    if found is None:
        return load(path, *args, config=config, **kwargs)
    index, commit = found
    kwargs["revision"] = commit or kwargs.get("revision")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / SAFE_WEIGHTS_INDEX_NAME).write_text(json.dumps(index), encoding="utf-8")
        loaded = load(folder, *args, config=path if config is None else config, **kwargs)
    # With output_loading_info a tuple.
    model = loaded[0] if isinstance(loaded, tuple) else loaded
    model.name_or_path = model.config.name_or_path = path
    return loaded


def check_shard_names(weight_map: Mapping[str, str]) -> None:
    """Raise a ValueError if an index names anything but safetensors files beside it."""
    for shard in weight_map.values():
        if not isinstance(shard, str) or not re.fullmatch(r"[\w-][\w.-]*\.safetensors", shard):
            raise ValueError(f"The index names {shard!r} as a shard, expected a .safetensors file of its own folder.")


def download_shards(
    repo_id: str, modalities: Collection[str] | None, revision: str | None = None, **hub_kwargs: Any
) -> tuple[dict[str, Any], str | None] | None:
    """Download the shards of some modalities of a repository, and no others.

    What arrives is compared with the hash that the Hub announced for it.

    Args:
        repo_id: The repository.
        modalities: Towers that are needed; `None` for all.
        revision, **hub_kwargs: As in [`~transformers.PreTrainedModel.from_pretrained`].

    Returns:
        The index of these shards alone, which names their places in the cache, and the commit that they are of;
        nothing if the repository has no index.

    Raises:
        ValueError: If the index names other than plain files.
        OSError: If the Hub cannot be reached and the files are not in the cache, or a file arrived damaged; then it
            is removed from the cache.
    """
    found = cached_file(
        repo_id,
        SAFE_WEIGHTS_INDEX_NAME,
        revision=revision,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_gated_repo=False,
        **hub_kwargs,
    )
    if found is None:
        return None
    index = json.loads(Path(found).read_text(encoding="utf-8"))
    weight_map = index["weight_map"]
    check_shard_names(weight_map)
    commit = extract_commit_hash(found, None)
    if modalities is not None:
        weight_map = {name: shard for name, shard in weight_map.items() if modality_of(name) in modalities}
    shards = sorted(set(weight_map.values()))
    known = [try_to_load_from_cache(repo_id, shard, hub_kwargs.get("cache_dir"), commit) for shard in shards]
    # One commit for all, should the branch move meanwhile.
    places = cached_files(repo_id, shards, revision=commit or revision, **hub_kwargs) if shards else []
    for place, before in zip(places, known, strict=True):
        if not isinstance(before, str) or hub_kwargs.get("force_download"):
            _check_hash(place)
    place_of = dict(zip(shards, map(os.path.abspath, places), strict=True))
    return {**index, "weight_map": {name: place_of[shard] for name, shard in weight_map.items()}}, commit


def _check_hash(place: str) -> None:
    """Compare a file of the cache with its hash: blobs of LFS files are named by it."""
    blob = Path(place).resolve()
    if not re.fullmatch(r"[0-9a-f]{64}", blob.name):
        return
    with blob.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != blob.name:
        Path(place).unlink()
        blob.unlink(missing_ok=True)
        raise OSError(f"{Path(place).name} arrived damaged: its SHA-256 is {digest}, expected {blob.name}. Try again.")
