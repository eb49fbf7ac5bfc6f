# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Normal runs of the commands write nothing to standard error but their own progress bar."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from imagebind_hf.cli.running import quiet

RECIPE = {
    "model": {
        "projection_dim": 8,
        "modalities": ["vision", "depth"],
        **{
            f"{name}_config": {
                **{"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2},
                **{"image_size": 32, "patch_size": 16},
            }
            for name in ("vision", "depth")
        },
    },
    "stages": [
        {
            "pairs": {"depth": {"images": {"dataset": "six_digits", "options": {"modality": "depth"}}}},
            "arguments": {"max_steps": 2, "per_device_train_batch_size": 8},
        }
    ],
}
BENCHMARK = {
    "title": "Digits",
    "evaluation": {
        "depth": {
            "source": {"dataset": "six_digits", "split": "test", "options": {"modality": "depth"}},
            "templates": ["{}"],
        }
    },
}


@pytest.mark.slow
def test_commands_are_quiet(converted: Path, fixtures: Path, tmp_path: Path):
    (tmp_path / "recipe.yaml").write_text(json.dumps(RECIPE))
    (tmp_path / "benchmark.yaml").write_text(json.dumps(BENCHMARK))
    (tmp_path / "files").mkdir()
    Image.fromarray(np.full((32, 32, 3), 128, np.uint8)).save(tmp_path / "files" / "a.png")
    soundfile.write(tmp_path / "files" / "a.wav", np.sin(np.arange(16_000) / 5), 16_000)
    (tmp_path / "files" / "a.txt").write_text("a dog\n")
    tiny = fixtures / "imagebind_tiny_original"
    for arguments in (
        f"convert {tiny}.pth tiny --original-config {tiny}.json",
        "info tiny",
        "push tiny org/name --dry-run",
        "embed files --model tiny --output vectors",
        "index files --model tiny --store store",
        "search --store store --text sea --image files/a.png --html page.html",
        "export tiny onnx --modality text",
        "train recipe.yaml --output trained",
        "evaluate benchmark.yaml --model tiny --output results.json",
    ):
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
        shown = subprocess.run(
            [sys.executable, "-m", "imagebind_hf.cli", *arguments.split()],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        lines = [line for line in shown.stderr.replace("\r", "\n").split("\n") if line.strip()]
        noise = [
            line
            for line in lines
            if not line.startswith(("Embedding", "embedding", "Indexing", "Preprocessing", "Training"))
        ]
        assert shown.returncode == 0 and not noise, (arguments, shown.stderr)
        assert shown.stdout, arguments


def test_settings_of_libraries_are_restored(caplog):
    from transformers.utils import logging as transformers_logging

    verbosity, environment = transformers_logging.get_verbosity(), dict(os.environ)
    logger = logging.getLogger("torch.utils._pytree")
    with quiet():
        assert transformers_logging.get_verbosity() == logging.ERROR
        assert os.environ["DATASETS_VERBOSITY"] == "error"
        logger.warning("Calling register_constant() on Enum subclasses is deprecated")
        logger.warning("another warning")
    assert transformers_logging.get_verbosity() == verbosity and dict(os.environ) == environment
    assert [record.message for record in caplog.records] == ["another warning"]
