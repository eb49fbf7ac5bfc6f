# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of tests with a local Hub."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
import transformers.utils.hub

from hub_server import TOKEN, Hub, serve
from imagebind_hf import ImageBindModel, ImageBindProcessor


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """An empty Hub for the clients of this process, with its own cache."""
    with serve() as running:
        constants = huggingface_hub.constants
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        template = running.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(transformers.utils.hub, "_hf_api", None)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield running
        assert not running.unknown, "requests that this server has no route for"


@pytest.fixture
def elsewhere(hub: Hub, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess]:
    """Runs code in a fresh interpreter that uses the Hub, with a cache that is empty at the start of the test."""

    def run(code: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess:
        settings = {
            **os.environ,
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(tmp_path / "elsewhere"),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            **environment,
        }
        process = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=settings, cwd=tmp_path, timeout=900
        )
        assert not check or process.returncode == 0, process.stderr[-3000:]
        return process

    return run


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A saved small model with its processor."""
    from conftest import make_config

    torch.manual_seed(0)
    folder = tmp_path / "my-model"
    model = ImageBindModel(make_config())
    model.save_pretrained(folder)
    processor = ImageBindProcessor.from_config(model.config)
    processor.save_pretrained(folder)
    processor.save_modality_folders(folder)
    return folder
