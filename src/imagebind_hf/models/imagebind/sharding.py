# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints with one shard per modality: `model-<modality>.safetensors` and an index."""

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

from ...utils.digest import digest_file

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# Weight files of checkpoints that are not sharded by modality.
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
# Age in seconds after which a staging folder is regarded as abandoned. Writing a single file is faster.
_ABANDONED_AFTER = 3600
_HUB_OPTIONS = ("cache_dir", "force_download", "local_files_only", "proxies", "revision", "token")


def shard_name(modality: str) -> str:
    """Return the file name of a modality's shard."""
    return f"model-{modality}.safetensors"


def modality_of(name: str) -> str:
    """Return the tower of a parameter by the first part of its name: `audio_model.encoder...` belongs to audio.

    The names of extra modalities may contain underscores.
    """
    return name.split(".")[0].removesuffix("_logit_scale").removesuffix("_projection").removesuffix("_model")


def _write_index(directory: Path, state_dict: "Mapping[str, torch.Tensor]") -> None:
    """Write the index of a sharded checkpoint in the format of transformers."""
    index = {
        "metadata": {
            "total_parameters": sum(tensor.numel() for tensor in state_dict.values()),
            "total_size": sum(tensor.numel() * tensor.element_size() for tensor in state_dict.values()),
        },
        "weight_map": {name: shard_name(modality_of(name)) for name in sorted(state_dict)},
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
    """Save a model with one call of transformers' `save_pretrained` per modality.

    The files are written to a staging folder and moved to the target when all of them are complete.

    Args:
        model: The model.
        save: The `save_pretrained` of its base class.
        save_directory: The target folder. It is created if it does not exist.
        is_main_process, state_dict, push_to_hub, **kwargs: As in [`~transformers.PreTrainedModel.save_pretrained`].

    Raises:
        ValueError: If `save_directory` is a file.
    """
    if os.path.isfile(save_directory):
        raise ValueError(f"Expected a folder to save to, but {os.fspath(save_directory)!r} is a file.")
    plain = (
        getattr(model, "_hf_peft_config_loaded", False)
        # The quantizer writes the state of the whole model, whatever part is passed to it.
        or getattr(model, "hf_quantizer", None) is not None
        or kwargs.get("distributed_checkpoint", False)
    )
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
        _remove_abandoned(target)
        with tempfile.TemporaryDirectory(dir=target, prefix=_STAGING_PREFIX) as folder:
            staging = Path(folder)
            for modality in modalities:
                part = {name: tensor for name, tensor in state_dict.items() if modality_of(name) == modality}
                with _no_progress_bar():
                    save(staging, is_main_process=True, state_dict=part, **kwargs)
                (staging / SAFE_WEIGHTS_NAME).rename(staging / shard_name(modality))
            _write_index(staging, state_dict)
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
    """Disable the progress bar over shards, which transformers would show once per modality."""
    enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if enabled:
            logging.enable_progress_bar()


def _remove_abandoned(target: Path) -> None:
    """Remove staging folders of interrupted saves, except recent ones, which another process may be writing."""
    for folder in target.glob(f"{_STAGING_PREFIX}*"):
        try:
            touched = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
        except OSError:  # Another process has finished and removed it.
            continue
        if time.time() - touched > _ABANDONED_AFTER:
            shutil.rmtree(folder, ignore_errors=True)


def publish(staging: Path, target: Path) -> None:
    """Move a complete set of files to the target, the index last, and remove weights of an earlier save."""
    files = sorted(staging.iterdir(), key=lambda file: file.name == SAFE_WEIGHTS_INDEX_NAME)
    stale = _weights_of(target) - {file.name for file in files}
    for file in files:
        file.replace(target / file.name)
    for name in stale:
        (target / name).unlink(missing_ok=True)


def _weights_of(folder: Path) -> set[str]:
    """Return the weight files of the checkpoint in a folder, without variants and unrelated files."""
    weights = {file.name for file in folder.iterdir() if _PLAIN_WEIGHTS.fullmatch(file.name)}
    try:
        weight_map = json.loads((folder / SAFE_WEIGHTS_INDEX_NAME).read_text(encoding="utf-8"))["weight_map"]
        check_shard_names(weight_map)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # There is no valid index.
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
    """Load a model with transformers' `from_pretrained`. From the Hub, only the needed shards are downloaded.

    Args:
        load: The `from_pretrained` of its base class.
        path: Folder or Hub id.
        towers: The needed towers. `None` means all.
        *args, config, **kwargs: As in [`~transformers.PreTrainedModel.from_pretrained`].
    """
    if path is not None and os.path.isdir(path):
        index = Path(path) / kwargs.get("subfolder", "") / SAFE_WEIGHTS_INDEX_NAME
        if index.is_file():
            check_shard_names(json.loads(index.read_text(encoding="utf-8"))["weight_map"])
        return load(path, *args, config=config, **kwargs)
    # Leave checkpoints with other file names or locations to transformers.
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
    # A tuple if `output_loading_info=True`.
    model = loaded[0] if isinstance(loaded, tuple) else loaded
    model.name_or_path = model.config.name_or_path = path
    return loaded


def check_shard_names(weight_map: Mapping[str, str]) -> None:
    """Raise a ValueError if an index refers to anything but safetensors files in its own folder."""
    for shard in weight_map.values():
        if not isinstance(shard, str) or not re.fullmatch(r"[\w-][\w.-]*\.safetensors", shard):
            raise ValueError(
                f"Expected the index to refer to .safetensors files of its own folder, but got {shard!r}."
            )


def download_shards(
    repo_id: str, modalities: Collection[str] | None, revision: str | None = None, **hub_kwargs: Any
) -> tuple[dict[str, Any], str | None] | None:
    """Download only the shards of some modalities of a repository, and verify their hashes.

    Args:
        repo_id: The repository.
        modalities: The needed towers. `None` means all.
        revision, **hub_kwargs: As in [`~transformers.PreTrainedModel.from_pretrained`].

    Returns:
        The index of these shards, with their paths in the cache, and the commit. `None` if the repository has no
        index.

    Raises:
        ValueError: If the index refers to anything but files of its own folder.
        OSError: If the Hub is not reachable and the files are not in the cache, or if a downloaded file is corrupted,
            which is then removed from the cache.
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
    # Use one commit for all files, in case the branch changes during the download.
    places = cached_files(repo_id, shards, revision=commit or revision, **hub_kwargs) if shards else []
    for place, before in zip(places, known, strict=True):
        if not isinstance(before, str) or hub_kwargs.get("force_download"):
            _check_hash(place)
    place_of = dict(zip(shards, map(os.path.abspath, places), strict=True))
    return {**index, "weight_map": {name: place_of[shard] for name, shard in weight_map.items()}}, commit


def _check_hash(place: str) -> None:
    """Verify the hash of a file in the cache. It is the name of the blob for LFS files.

    `HfApi.verify_repo_checksums` would read all files of the repository in the cache, and query the Hub.
    """
    blob = Path(place).resolve()
    if not re.fullmatch(r"[0-9a-f]{64}", blob.name):
        return
    digest = digest_file(blob)
    if digest != blob.name:
        Path(place).unlink()
        blob.unlink(missing_ok=True)
        raise OSError(
            f"The download of {Path(place).name} is corrupted: expected SHA-256 {blob.name}, but got {digest}."
        )
