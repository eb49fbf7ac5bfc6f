# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Upload a checkpoint to the Hub in one commit. Existing files are replaced only on request."""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi, ModelCard
from huggingface_hub.errors import RevisionNotFoundError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import sha
from safetensors import SafetensorError, safe_open
from transformers.utils import ADAPTER_CONFIG_NAME, CONFIG_NAME, SAFE_WEIGHTS_INDEX_NAME, logging

from ..models.imagebind.configuration_imagebind import ImageBindConfig
from ..models.imagebind.sharding import check_shard_names
from ..utils.digest import digest_file
from .cards import write_card

logger = logging.get_logger(__name__)

# Files that are uploaded. Pickles are not among them, because loading a pickle can execute code.
_SUFFIXES = {".json", ".safetensors", ".md", ".txt", ".py", ".yaml", ".png", ".jpg", ".svg", ".onnx"}
_NAMES = {"LICENSE", "NOTICE"}
# Files and folders of a training run: intermediate checkpoints, logs, hidden and incomplete files.
_EXCLUDED = ("checkpoint-*", "runs", "_*", ".*", "trainer_state.json")
# Weights that transformers would load in addition to, or instead of, the uploaded ones.
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
    """Upload a saved checkpoint (a model, an adapter, a processor, or all of them) to the Hub, in one commit.

    Weights, configurations, tokenizer, card, training facts and results are uploaded; optimizer states, logs and
    pickles are not. Files are uploaded before the commit: an interrupted push leaves the repository unchanged, and the
    next push uploads only what is missing. The commit also deletes weights in the repository that do not belong to the
    uploaded ones.

    Args:
        folder: The folder.
        repo_id: `organization/name`, or `name` for your own account. It is created if it does not exist.
        commit_message, commit_description: Message and description of the commit.
        private: Whether a new repository is private. By default, the setting of the account decides.
        token: Access token. By default, that of `hf auth login` or of the environment variable `HF_TOKEN`.
        revision: Branch to commit to, `main` by default. It is created if it does not exist.
        create_pr: Whether to open a pull request instead of committing directly.
        overwrite: Whether to replace files of the repository that have other content.
        base_model: Hub id of the base model of an adapter that was trained from a folder.
        tags: Tags that are added to the model card.

    Returns:
        The commit, or the latest one if nothing has changed.

    Raises:
        ValueError: If the folder is not a complete checkpoint; or if files in the repository would be replaced, and
            neither `overwrite` nor `create_pr` is set.
        HfHubHTTPError: If the Hub rejects the upload, or cannot be reached after several attempts.
    """
    folder = Path(folder)
    files = find_files(folder)
    check_files(folder, files)
    files = _without_local_adapters(files, base_model)
    api = HfApi(token=token)
    repo_id = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
    if revision is not None and not create_pr and not api.revision_exists(repo_id, revision):
        # A new branch starts as a copy of `main`, which may be replaced.
        api.create_branch(repo_id, branch=revision)
        overwrite = True
    parent = api.model_info(repo_id, revision=revision).sha
    existing = _files_of(api, repo_id, parent)
    contents: dict[str, bytes | Path] = {**files, **_rewrite(folder, files, repo_id, base_model)}
    if CONFIG_NAME in files and "README.md" not in files:
        with tempfile.TemporaryDirectory() as temporary:
            if "README.md" not in existing:
                config = ImageBindConfig.from_pretrained(folder)
                contents["README.md"] = write_card(temporary, config, title=repo_id, tags=tags).read_bytes()
            elif tags:
                card = Path(api.hf_hub_download(repo_id, "README.md", revision=parent, local_dir=temporary))
                contents["README.md"] = _add_tags(card.read_text(encoding="utf-8"), tags)
    has_weights = any(_matches(name, _WEIGHTS) for name in contents)
    stale = [name for name in existing if has_weights and _matches(name, _WEIGHTS) and name not in contents]
    replaced = [name for name, content in contents.items() if name in existing and _differs(content, existing[name])]
    if (stale or replaced) and not (overwrite or create_pr):
        raise ValueError(
            f"{repo_id} already has other content in {_some(sorted(replaced + stale))}. Replace it (overwrite), open "
            "a pull request (create_pr), or choose another repository or revision."
        )
    # `HfApi.upload_folder` uploads files as they are on disk. Here, cards and adapters are rewritten on the way.
    operations = [CommitOperationAdd(name, content) for name, content in sorted(contents.items())]
    operations += [CommitOperationDelete(name) for name in stale]
    return api.create_commit(
        repo_id,
        operations,
        commit_message=commit_message,
        commit_description=commit_description,
        revision=revision,
        create_pr=create_pr,
        # The Hub rejects the commit if there was another one in the meantime.
        parent_commit=parent,
    )


def find_files(folder: str | Path) -> dict[str, Path]:
    """Return the files of a folder that a push uploads, by their path in the repository.

    Raises:
        ValueError: If the folder does not exist.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"Expected a folder, but {str(folder)!r} is not one.")
    files = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if not path.is_file() or any(_matches(part, _EXCLUDED) for part in parts):
            continue
        if path.name == "README.md" and len(parts) > 1:
            # PEFT writes a card beside an adapter. It contains local paths.
            continue
        if path.suffix in _SUFFIXES or path.name in _NAMES:
            files["/".join(parts)] = path
        else:
            logger.info(f"{path.name} is not uploaded.")
    return files


def check_files(folder: Path, files: Mapping[str, Path]) -> None:
    """Raise a ValueError unless the files are a checkpoint: a configuration, and all shards of the index."""
    expected = (CONFIG_NAME, ADAPTER_CONFIG_NAME, "processor_config.json")
    if not any(name in files for name in expected):
        raise ValueError(f"Expected a checkpoint, but {str(folder)!r} has none of {', '.join(expected)}.")
    if SAFE_WEIGHTS_INDEX_NAME in files:
        weight_map = json.loads(files[SAFE_WEIGHTS_INDEX_NAME].read_text(encoding="utf-8"))["weight_map"]
        check_shard_names(weight_map)
        missing = sorted(set(weight_map.values()) - files.keys())
        if missing:
            raise ValueError(f"{str(folder)!r} is incomplete. Missing shards: {_some(missing)}.")
    for name, path in files.items():
        if path.suffix == ".safetensors":
            try:
                with safe_open(path, framework="pt"):
                    pass
            except SafetensorError as error:
                raise ValueError(f"{name} cannot be read: {error}") from error


def holds_weights(api: HfApi, repo_id: str, revision: str | None = None) -> bool:
    """Return whether a repository has weights of a model or an adapter. `False` if the revision does not exist."""
    try:
        return any(_matches(name, _WEIGHTS) for name in _files_of(api, repo_id, revision))
    except RevisionNotFoundError:
        return False


def _files_of(api: HfApi, repo_id: str, revision: str | None) -> dict[str, RepoFile]:
    entries = api.list_repo_tree(repo_id, recursive=True, revision=revision)
    return {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}


def _without_local_adapters(files: Mapping[str, Path], base_model: str | None) -> dict[str, Path]:
    """Leave out adapters whose base model is a folder. Raise a ValueError if the checkpoint itself is one."""
    kept = dict(files)
    for name, path in files.items():
        if Path(name).name != ADAPTER_CONFIG_NAME or base_model is not None:
            continue
        base = _base_of(path)
        if base is not None and not Path(base).exists() and not Path(base).is_absolute():
            continue
        if name == ADAPTER_CONFIG_NAME:
            raise ValueError(
                f"The base model of the adapter is the local folder {base!r}. Push that model, too, and pass its Hub "
                "id as base_model."
            )
        folder = name.rpartition("/")[0]
        logger.warning(
            f"The adapter in {folder!r} is not uploaded: its base model is the local folder {base!r}. Pass the base "
            "model's Hub id as base_model."
        )
        kept = {name: path for name, path in kept.items() if not name.startswith(f"{folder}/")}
    return kept


def _base_of(adapter_config: Path) -> str | None:
    return json.loads(adapter_config.read_text(encoding="utf-8")).get("base_model_name_or_path")


def _rewrite(folder: Path, files: Mapping[str, Path], repo_id: str, base_model: str | None) -> dict[str, bytes]:
    """Replace names of local folders by Hub ids, in the card and in the configurations of adapters."""
    contents = {}
    base = None
    for name, path in files.items():
        if base_model is not None and Path(name).name == ADAPTER_CONFIG_NAME:
            base = _base_of(path)
            config = json.loads(path.read_text(encoding="utf-8"))
            contents[name] = json.dumps({**config, "base_model_name_or_path": base_model}, indent=2).encode()
    if "README.md" in files:
        # Only in double quotes, as in code that loads the model.
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


def _add_tags(text: str, tags: Sequence[str]) -> bytes:
    """Return a card with further tags; the card itself if it already has them."""
    card = ModelCard(text, ignore_metadata_errors=True)
    existing = list(card.data.tags or ())
    if set(tags) <= set(existing):
        return text.encode()
    card.data.tags = list(dict.fromkeys([*existing, *tags]))
    return str(card).encode()


def _differs(content: bytes | Path, existing: RepoFile) -> bool:
    """Return whether content differs from that of a file on the Hub."""
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    if size != existing.size:
        return True
    if existing.lfs is None:
        return sha.git_hash(content if isinstance(content, bytes) else content.read_bytes()) != existing.blob_id
    if isinstance(content, bytes):
        return sha.sha256(content).hexdigest() != existing.lfs.sha256
    return digest_file(content) != existing.lfs.sha256


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
