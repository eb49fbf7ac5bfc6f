# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import soundfile
import torch
from PIL import Image

from conftest import make_config
from imagebind_hf import ImageBindModel, ImageBindProcessor

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_compare_modalities(tmp_path, monkeypatch, capsys):
    torch.manual_seed(0)
    config, rng = make_config(modalities=["vision", "text", "audio"]), np.random.default_rng(0)
    ImageBindModel(config).save_pretrained(tmp_path / "model")
    ImageBindProcessor.from_config(config).save_pretrained(tmp_path / "model")
    script, arguments = str(EXAMPLES / "compare_modalities.py"), ["--model", str(tmp_path / "model"), "--data"]
    monkeypatch.setattr(sys, "argv", [script, *arguments, str(tmp_path)])
    runpy.run_path(script, run_name="__main__")
    assert "Nothing done: ['dog_image.jpg'" in capsys.readouterr().out
    for name in ("dog", "car", "bird"):
        Image.fromarray(rng.integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(tmp_path / f"{name}_image.jpg")
        soundfile.write(tmp_path / f"{name}_audio.wav", rng.uniform(-0.5, 0.5, 8000), 8000)
    runpy.run_path(script, run_name="__main__")
    shown = capsys.readouterr().out
    numbers = np.array([float(number) for number in re.findall(r"\d\.\d+", shown)]).reshape(9, 3)
    np.testing.assert_allclose(numbers.sum(axis=1), 1, atol=1e-3)
    assert [line for line in shown.splitlines() if " x " in line] == [
        "vision x text",
        "audio x text",
        "vision x audio",
    ]
