# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Identify a checkpoint, because embeddings of two models cannot be compared, and load it for a job."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..utils.digest import digest_files

if TYPE_CHECKING:
    import torch

    from ..models.imagebind.configuration_imagebind import ImageBindConfig
    from ..models.imagebind.modeling_imagebind import ImageBindModel
    from ..models.imagebind.processing_imagebind import ImageBindProcessor


@dataclass(frozen=True)
class ModelRecord:
    """Identity of the model that made the embeddings of a store or a job.

    Args:
        model: Folder or Hub id.
        fingerprint: Identifies the weights: a digest of the files, or the commit on the Hub.
        dimension: Length of an embedding.
        commit: The commit on the Hub. `None` for a folder.
        files: Size and modification time of the digested files, by name. The digest is valid as long as they do
            not change.
    """

    model: str
    fingerprint: str
    dimension: int
    commit: str | None = None
    files: dict[str, list[int]] = field(default_factory=dict)

    def check(self, other: "ModelRecord", store: str | Path) -> None:
        """Raise a ValueError if a store of this model is used with another model."""
        if other.fingerprint != self.fingerprint:
            raise ValueError(
                f"The store {str(store)!r} holds vectors of {self.model!r} ({self.fingerprint[:12]}), not of "
                f"{other.model!r} ({other.fingerprint[:12]}). Use the same model, or create another store."
            )


def record_of(model: str | Path, revision: str | None = None, known: ModelRecord | None = None) -> ModelRecord:
    """Identify a model, by a digest of its files or by its commit on the Hub.

    Args:
        model: Folder or Hub id.
        revision: Branch, tag or commit of a Hub id.
        known: An earlier record. Files whose size and modification time have not changed are not read again.

    Raises:
        ValueError: If a folder has no weights, or the folder of the earlier record no longer exists.
        OSError: If the model does not exist, or the Hub cannot be reached.
    """
    from transformers import AutoConfig
    from transformers.utils import CONFIG_NAME, cached_file

    folder = Path(model)
    if known is not None and known.files and str(model) == known.model and not folder.is_dir():
        raise ValueError(f"The model folder {known.model!r} no longer exists. Specify its new location with --model.")
    adapter = _find_adapter(model, revision)
    if adapter is not None:
        return _record_of_adapter(model, adapter)
    config = AutoConfig.from_pretrained(model, revision=revision)
    if not folder.is_dir():
        commit = _commit_of(cached_file(str(model), CONFIG_NAME, revision=revision)) or revision
        return ModelRecord(str(model), commit or "main", config.projection_dim, commit)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise ValueError(f"Expected safetensors weights in {str(folder)!r}, but found none.")
    # Only the configuration and the weights: cards and results may change.
    names = [folder / "config.json", *weights]
    files = {file.name: [file.stat().st_size, file.stat().st_mtime_ns] for file in names}
    name = str(folder.resolve())
    if known is not None and known.model == name and known.files == files:
        return known
    return ModelRecord(name, digest_files(names), config.projection_dim, None, files)


def _record_of_adapter(model: str | Path, adapter: Path) -> ModelRecord:
    """Identify an adapter together with its base model."""
    base = record_of(_base_of(adapter))
    if not Path(model).is_dir():
        commit = _commit_of(adapter)
        return ModelRecord(str(model), f"{commit}, {base.fingerprint}", base.dimension, commit)
    names = [adapter, *sorted(adapter.parent.glob("*.safetensors"))]
    files = {file.name: [file.stat().st_size, file.stat().st_mtime_ns] for file in names}
    return ModelRecord(
        str(Path(model).resolve()), f"{digest_files(names)}, {base.fingerprint}", base.dimension, None, files
    )


def _commit_of(file: str | Path) -> str | None:
    """Return the commit of a file in the cache of the Hub."""
    from transformers.utils.hub import extract_commit_hash

    return extract_commit_hash(str(file), None)


def _find_adapter(model: str | Path, revision: str | None) -> Path | None:
    from transformers.utils.peft_utils import find_adapter_config_file

    file = find_adapter_config_file(str(model), revision=revision)
    return None if file is None else Path(file)


def _base_of(adapter: Path) -> str:
    return json.loads(adapter.read_text(encoding="utf-8"))["base_model_name_or_path"]


def load_model(
    model: str | Path,
    modalities: Iterable[str] | None = None,
    revision: str | None = None,
    device: "str | torch.device | None" = None,
    **kwargs: Any,
) -> tuple["ImageBindModel", "ImageBindProcessor"]:
    """Load a model in evaluation mode, and its processor.

    Args:
        model: Folder or Hub id.
        modalities: Modalities that will be embedded. Only their towers are loaded; all towers by default.
        revision: Branch, tag or commit of a Hub id.
        device: Device of the model. By default, an accelerator if there is one.
        **kwargs: Further arguments of `from_pretrained`, for example `dtype` or `attn_implementation`.

    Raises:
        ValueError: If the model does not have a tower for one of the modalities.
        OSError: If the model does not exist, or the Hub cannot be reached.
    """
    import torch
    from transformers import AutoConfig, AutoModel, AutoProcessor

    if modalities is not None:
        adapter = _find_adapter(model, revision)
        base, base_revision = (model, revision) if adapter is None else (_base_of(adapter), None)
        towers = _towers(AutoConfig.from_pretrained(base, revision=base_revision), modalities, model)
        # An adapter needs the towers that it was trained on, which may be others.
        if adapter is None:
            kwargs["modalities"] = towers
    if device is None:
        device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else "cpu"
    loaded = AutoModel.from_pretrained(model, revision=revision, **kwargs).eval().to(device)
    return loaded, AutoProcessor.from_pretrained(model, revision=revision)


def _towers(config: "ImageBindConfig", modalities: Iterable[str], model: str | Path) -> list[str]:
    """Return the towers of some modalities.

    `from_pretrained` must not get the name of a tower that the checkpoint does not have: it would initialize one.
    """
    from ..models.imagebind.modalities import MODALITIES

    tower_of = {name: row.tower for name, row in MODALITIES.items() if row.tower in config.tower_configs}
    tower_of |= {name: name for name in config.extra_modalities if name in config.tower_configs}
    modalities = set(modalities)
    missing = sorted(modalities - set(tower_of))
    if missing:
        raise ValueError(f"The model {str(model)!r} has no tower for {missing}. It has {list(tower_of)}.")
    needed = {tower_of[modality] for modality in modalities}
    return [tower for tower in config.tower_configs if tower in needed]
