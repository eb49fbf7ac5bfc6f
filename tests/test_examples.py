# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import copy
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
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
    assert "Skipped: ['dog_image.jpg'" in capsys.readouterr().out
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


@pytest.fixture(scope="module")
def tour():
    return pytest.importorskip("nbformat").read(EXAMPLES / "tour.ipynb", as_version=4)


def printed(notebook) -> str:
    """Return the text that a notebook printed."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output["text"] for output in outputs if output.get("name") == "stdout")


def test_the_outputs_of_the_tour_are_complete(tour):
    assert (EXAMPLES / "tour.ipynb").stat().st_size < 300_000
    outputs = [output for cell in tour.cells for output in cell.get("outputs", [])]
    assert all(output.get("name") != "stderr" and output.output_type != "error" for output in outputs)
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3
    assert "/home/" not in str(tour) and "/tmp/" not in str(tour)
    assert len(accuracies(tour)) == 5


def accuracies(notebook) -> dict[str, float]:
    """Return the zero-shot accuracy in percent, by modality."""
    shares = re.findall(r"^(\w+) +([\d.]+)%   \(chance 10 %\)$", printed(notebook), re.MULTILINE)
    return {name: float(share) for name, share in shares}


@pytest.mark.slow
def test_the_tour_runs(tour, tmp_path):
    nbclient = pytest.importorskip("nbclient")
    # There is no checkpoint of the demo next to this folder, so the notebook trains the smaller model.
    (tmp_path / "examples").mkdir()
    resources = {"metadata": {"path": str(tmp_path / "examples")}}
    client = nbclient.NotebookClient(copy.deepcopy(tour), timeout=1800, kernel_name="python3", resources=resources)
    executed = client.execute()
    found = accuracies(executed)
    assert found["audio"] >= 60 and found["image"] >= 60 and len(found) == 2
    assert "give the same audio embeddings" in printed(executed)
    assert (tmp_path / "examples" / "outputs" / "tour" / "config.json").is_file()
