# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: which one it is, as vectors of two models have nothing to do with one another, and what a job loads."""

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
    """What a store or a job knows of its model.

    Args:
        model: Folder or Hub id.
        fingerprint: What tells its weights from others': a digest of the files, or the commit on the Hub.
        dimension: Length of its vectors.
        commit: The commit on the Hub.
        files: Size and time of the files that were digested, by name: while these stay, so does the digest.
    """

    model: str
    fingerprint: str
    dimension: int
    commit: str | None = None
    files: dict[str, list[int]] = field(default_factory=dict)

    def check(self, other: "ModelRecord", store: str | Path) -> None:
        """Raise a ValueError if a store of this model is used with another."""
        if other.fingerprint != self.fingerprint:
            raise ValueError(
                f"The store {str(store)!r} holds vectors of {self.model!r} ({self.fingerprint[:12]}), "
                f"not of {other.model!r} ({other.fingerprint[:12]}): use that model, or make another store."
            )


def record_of(model: str | Path, revision: str | None = None, known: ModelRecord | None = None) -> ModelRecord:
    """Describe a model.

    Args:
        model: Folder or Hub id.
        revision: Branch, tag or commit, of a Hub id.
        known: What is known already: files of the same size and time are not read again.

    Raises:
        ValueError: If a folder has no weights, or the one that is known is not there any more.
        OSError: If there is no such model.
    """
    from transformers import AutoConfig

    folder = Path(model)
    if known is not None and known.files and str(model) == known.model and not folder.is_dir():
        raise ValueError(f"The model is not in {known.model!r} any more: say where it is now, with --model.")
    adapter = _find_adapter(model, revision)
    if adapter is not None:
        return _record_of_adapter(model, adapter)
    config = AutoConfig.from_pretrained(model, revision=revision)
    if not folder.is_dir():
        commit = config._commit_hash or revision
        return ModelRecord(str(model), commit or "main", config.projection_dim, commit)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise ValueError(f"There are no weights (*.safetensors) in {str(folder)!r}.")
    # Configuration and weights alone: cards and results may change.
    names = [folder / "config.json", *weights]
    files = {file.name: [file.stat().st_size, file.stat().st_mtime_ns] for file in names}
    name = str(folder.resolve())
    if known is not None and known.model == name and known.files == files:
        return known
    return ModelRecord(name, digest_files(names), config.projection_dim, None, files)


def _record_of_adapter(model: str | Path, adapter: Path) -> ModelRecord:
    """Describe an adapter on top of its base."""
    from transformers.utils.hub import extract_commit_hash

    base = record_of(_base_of(adapter))
    if not Path(model).is_dir():
        commit = extract_commit_hash(str(adapter), None)
        return ModelRecord(str(model), f"{commit}, {base.fingerprint}", base.dimension, commit)
    names = [adapter, *sorted(adapter.parent.glob("*.safetensors"))]
    files = {file.name: [file.stat().st_size, file.stat().st_mtime_ns] for file in names}
    return ModelRecord(
        str(Path(model).resolve()), f"{digest_files(names)}, {base.fingerprint}", base.dimension, None, files
    )


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
    """Load a model, in evaluation mode, and its processor.

    Args:
        model: Folder or Hub id.
        modalities: What will be embedded: only the towers that take it are loaded. By default all are.
        revision: Branch, tag or commit, of a Hub id.
        device: Where to compute; by default an accelerator where there is one.
        **kwargs: Further arguments of `from_pretrained`: `dtype`, `attn_implementation`, …

    Raises:
        ValueError: If the model has no tower for one of the modalities.
        OSError: If there is no such model.
    """
    import torch
    from transformers import AutoConfig, AutoModel, AutoProcessor

    if modalities is not None:
        adapter = _find_adapter(model, revision)
        base, base_revision = (model, revision) if adapter is None else (_base_of(adapter), None)
        towers = _towers(AutoConfig.from_pretrained(base, revision=base_revision), modalities, model)
        # An adapter wants the towers that it is for, which may be others.
        if adapter is None:
            kwargs["modalities"] = towers
    if device is None:
        device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else "cpu"
    loaded = AutoModel.from_pretrained(model, revision=revision, **kwargs).eval().to(device)
    return loaded, AutoProcessor.from_pretrained(model, revision=revision)


def _towers(config: "ImageBindConfig", modalities: Iterable[str], model: str | Path) -> list[str]:
    """Find the towers of modalities: asked for one that a checkpoint lacks, `from_pretrained` would make it up."""
    from ..models.imagebind.modeling_imagebind import MODALITIES

    tower_of = {name: row.tower for name, row in MODALITIES.items() if row.tower in config.tower_configs}
    tower_of |= {name: name for name in config.extra_modalities}
    wanted = set(modalities)
    lacking = sorted(wanted - set(tower_of))
    if lacking:
        raise ValueError(f"The model {str(model)!r} has no tower for {lacking}; it has {list(tower_of)}.")
    needed = {tower_of[modality] for modality in wanted}
    return [tower for tower in config.tower_configs if tower in needed]
