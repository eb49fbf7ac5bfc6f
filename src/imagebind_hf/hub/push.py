# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Publishing: a checkpoint becomes one commit of a repository on the Hub, and replaces nothing unasked."""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi, ModelCard
from huggingface_hub.errors import RevisionNotFoundError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import sha
from safetensors import SafetensorError, safe_open
from transformers.utils import ADAPTER_CONFIG_NAME, CONFIG_NAME, SAFE_WEIGHTS_INDEX_NAME, logging

from ..models.imagebind.configuration_imagebind import ImageBindConfig
from ..models.imagebind.modeling_imagebind import ImageBindModel
from ..models.imagebind.processing_imagebind import ImageBindProcessor
from ..models.imagebind.sharding import check_shard_names
from .cards import write_card

logger = logging.get_logger(__name__)

# What a repository may hold. Pickles are not among it: nobody should have to trust them.
_SUFFIXES = {".json", ".safetensors", ".md", ".txt", ".py", ".yaml", ".png", ".jpg", ".svg", ".onnx"}
_NAMES = {"LICENSE", "NOTICE"}
# Of a run in progress: states of the optimiser, logs, files that are being written.
_LEFT_OUT = ("checkpoint-*", "runs", "_*", ".*", "trainer_state.json")
# Weights that transformers would find beside, or before, those that are pushed.
_WEIGHTS = (
    "model*.safetensors",
    SAFE_WEIGHTS_INDEX_NAME,
    "adapter_model.safetensors",
    ADAPTER_CONFIG_NAME,
    "pytorch_model*",
)


def push_folder(
    folder: str | Path,
    repo_id: str,
    *,
    commit_message: str = "Upload ImageBind",
    commit_description: str | None = None,
    private: bool | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    create_pr: bool = False,
    overwrite: bool = False,
    base_model: str | None = None,
    tags: Sequence[str] | None = None,
) -> CommitInfo:
    """Upload a saved checkpoint (model, adapter, processor, or all of it) to the Hub, in one commit.

    Weights, configuration, processors, tokenizer, card, training facts and results go; optimiser states, logs and
    pickles stay. Files travel before the commit, so that a push which is interrupted changes nothing, and the same
    push once more sends only what is missing. Weights in the repository that would not belong to the new ones are
    deleted by the same commit.

    Args:
        folder: The folder.
        repo_id: `org/name`, or `name` for an account's own. Made if it is not there.
        commit_message, commit_description: What the history shows.
        private: Whether a new repository is private; by default as the account is set.
        token: As everywhere in `huggingface_hub`; by default that of `hf auth login` or `HF_TOKEN`.
        revision: Branch; made if it is not there. By default `main`.
        create_pr: Open a pull request instead.
        overwrite: Replace files of the repository that differ.
        base_model: Hub id of the model that an adapter, trained from a folder, belongs to.
        tags: Tags of the card that a model gets, if neither the folder nor the repository has one.

    Returns:
        The commit; the newest one, if there was nothing to change.

    Raises:
        ValueError: If the folder is no complete checkpoint; if the repository has other content in files that would
            be replaced, and neither `overwrite`, nor `create_pr`, is set.
        HfHubHTTPError: If the Hub refuses, or cannot be reached after several tries.
    """
    folder = Path(folder)
    files = find_files(folder)
    check_files(folder, files)
    files = _publishable(files, base_model)
    api = HfApi(token=token)
    repo_id = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
    if revision is not None and not create_pr and not api.revision_exists(repo_id, revision):
        # A new branch begins with what main has, which is there to be replaced.
        api.create_branch(repo_id, branch=revision)
        overwrite = True
    parent = api.model_info(repo_id, revision=revision).sha
    kept = _files_of(api, repo_id, parent)
    contents: dict[str, bytes | Path] = {**files, **_rewritten(folder, files, repo_id, base_model)}
    if CONFIG_NAME in files and "README.md" not in {*files, *kept}:
        with tempfile.TemporaryDirectory() as made:
            card = write_card(made, ImageBindConfig.from_pretrained(folder), title=repo_id, tags=tags)
            contents["README.md"] = card.read_bytes()
    brings_weights = any(_matches(name, _WEIGHTS) for name in contents)
    stale = [name for name in kept if brings_weights and _matches(name, _WEIGHTS) and name not in contents]
    replaced = [name for name, content in contents.items() if name in kept and _differs(content, kept[name])]
    if (stale or replaced) and not (overwrite or create_pr):
        raise ValueError(
            f"{repo_id} holds other content in {_some(sorted(replaced + stale))}. Replace it (overwrite), open a pull "
            "request (create_pr), or choose another repository or revision."
        )
    operations = [CommitOperationAdd(name, content) for name, content in sorted(contents.items())]
    operations += [CommitOperationDelete(name) for name in stale]
    return api.create_commit(
        repo_id,
        operations,
        commit_message=commit_message,
        commit_description=commit_description,
        revision=revision,
        create_pr=create_pr,
        # Should somebody else commit meanwhile, the Hub refuses.
        parent_commit=parent,
    )


def push_object(saved: ImageBindModel | ImageBindProcessor, repo_id: str, **kwargs: Any) -> CommitInfo:
    """Save a model or a processor, and push it; see [`push_folder`] for the arguments."""
    # What transformers' own method takes; shards are by modality here.
    kwargs.pop("max_shard_size", None)
    message = kwargs.pop("commit_message", None) or f"Upload {type(saved).__name__}"
    with tempfile.TemporaryDirectory() as folder:
        saved.save_pretrained(folder)
        if isinstance(saved, ImageBindProcessor):
            saved.save_modality_folders(folder)
        return push_folder(folder, repo_id, commit_message=message, **kwargs)


def find_files(folder: str | Path) -> dict[str, Path]:
    """Return what a push uploads of a folder: files by their path in the repository.

    Raises:
        ValueError: If there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is no folder.")
    files = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if not path.is_file() or any(_matches(part, _LEFT_OUT) for part in parts):
            continue
        if path.name == "README.md" and len(parts) > 1:
            # That of an adapter, which names folders of this machine.
            continue
        if path.suffix in _SUFFIXES or path.name in _NAMES:
            files["/".join(parts)] = path
        else:
            logger.info(f"{path.name} is not uploaded.")
    return files


def check_files(folder: Path, files: Mapping[str, Path]) -> None:
    """Raise a ValueError unless files are a checkpoint: configuration, and all weights that it names, whole."""
    wanted = (CONFIG_NAME, ADAPTER_CONFIG_NAME, "processor_config.json")
    if not any(name in files for name in wanted):
        raise ValueError(f"{str(folder)!r} is no checkpoint: it has none of {', '.join(wanted)}.")
    if SAFE_WEIGHTS_INDEX_NAME in files:
        weight_map = json.loads(files[SAFE_WEIGHTS_INDEX_NAME].read_text(encoding="utf-8"))["weight_map"]
        check_shard_names(weight_map)
        missing = sorted(set(weight_map.values()) - files.keys())
        if missing:
            raise ValueError(f"{str(folder)!r} is not complete: it lacks {_some(missing)}.")
    for name, path in files.items():
        if path.suffix == ".safetensors":
            try:
                with safe_open(path, framework="pt"):
                    pass
            except SafetensorError as error:
                raise ValueError(f"{name} cannot be read: {error}") from error


def holds_weights(api: HfApi, repo_id: str, revision: str | None = None) -> bool:
    """Whether a repository holds weights, of a model or an adapter; `False` if the revision is not there."""
    try:
        return any(_matches(name, _WEIGHTS) for name in _files_of(api, repo_id, revision))
    except RevisionNotFoundError:
        return False


def _files_of(api: HfApi, repo_id: str, revision: str | None) -> dict[str, RepoFile]:
    entries = api.list_repo_tree(repo_id, recursive=True, revision=revision)
    return {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}


def _publishable(files: Mapping[str, Path], base_model: str | None) -> dict[str, Path]:
    """Leave out an adapter beside weights, unless its base can be named; refuse a lone one like that."""
    kept = dict(files)
    for name, path in files.items():
        if Path(name).name != ADAPTER_CONFIG_NAME or base_model is not None:
            continue
        base = _base_of(path)
        if base is not None and not Path(base).exists() and not Path(base).is_absolute():
            continue
        if name == ADAPTER_CONFIG_NAME:
            raise ValueError(
                f"The adapter belongs to {base!r}, which nobody else can load. Push that model too, and give its Hub "
                "id as base_model."
            )
        folder = name.rpartition("/")[0]
        logger.warning(f"The adapter in {folder!r} stays here: it belongs to {base!r}, give its Hub id as base_model.")
        kept = {name: path for name, path in kept.items() if not name.startswith(f"{folder}/")}
    return kept


def _base_of(adapter_config: Path) -> str | None:
    return json.loads(adapter_config.read_text(encoding="utf-8")).get("base_model_name_or_path")


def _rewritten(folder: Path, files: Mapping[str, Path], repo_id: str, base_model: str | None) -> dict[str, bytes]:
    """Make what names folders of this machine name repositories: the card, and the base of adapters."""
    contents = {}
    base = None
    for name, path in files.items():
        if base_model is not None and Path(name).name == ADAPTER_CONFIG_NAME:
            base = _base_of(path)
            config = json.loads(path.read_text(encoding="utf-8"))
            contents[name] = json.dumps({**config, "base_model_name_or_path": base_model}, indent=2).encode()
    if "README.md" in files:
        # Only in quotes: in code that loads it.
        text = files["README.md"].read_text(encoding="utf-8").replace(f'"{folder.name}"', f'"{repo_id}"')
        if base is not None:
            text = re.sub(
                rf'(?<=[`"]){re.escape(Path(base).name)}(?=[`"])', base_model, text.replace(base, base_model)
            )
            card = ModelCard(text, ignore_metadata_errors=True)
            card.data.base_model = base_model
            text = str(card)
        contents["README.md"] = text.encode()
    return contents


def _differs(content: bytes | Path, kept: RepoFile) -> bool:
    """Whether content is another than that of a file on the Hub."""
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    if size != kept.size:
        return True
    if kept.lfs is None:
        return sha.git_hash(content if isinstance(content, bytes) else content.read_bytes()) != kept.blob_id
    if isinstance(content, bytes):
        return sha.sha256(content).hexdigest() != kept.lfs.sha256
    with content.open("rb") as file:
        return sha.sha_fileobj(file).hex() != kept.lfs.sha256


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
