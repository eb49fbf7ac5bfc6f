# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The demo, and the README's example on what the demo leaves behind."""

import contextlib
import io
import json
import re
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import pytest
from PIL import Image

from imagebind_hf.demo import MODALITIES

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run the command in a fresh interpreter, and return its folder and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    shown = subprocess.run(
        [sys.executable, "-m", "imagebind_hf.cli", "demo"], cwd=folder, capture_output=True, text=True
    )
    lines = [line for line in shown.stderr.replace("\r", "\n").split("\n") if line.strip()]
    assert shown.returncode == 0 and all(
        line.startswith(("Embedding", "embedding", "Preprocessing", "Training")) for line in lines
    ), shown.stderr
    return folder, shown.stdout


@pytest.mark.slow
def test_every_modality_retrieves_every_other(demo):
    folder, printed = demo
    results = json.loads((folder / "outputs" / "demo" / "results.json").read_text())
    for modality in MODALITIES:
        assert results["zero_shot"][modality]["accuracy"] >= 0.75, modality
    for query, gallery in permutations(MODALITIES, 2):
        assert results["retrieval"][f"{query} to {gallery}"]["recall@1"] >= 0.6, (query, gallery)
    truth, answer = re.search(r"\(label: (\w+)\): (\w+)", printed).groups()
    assert truth == answer
    with Image.open(folder / "outputs" / "demo" / "retrieval.png") as plot:
        assert min(plot.size) > 900
        assert plot.convert("RGB").getpixel((2, 2)) == (255, 255, 255)


@pytest.mark.slow
def test_the_readme_prints_what_it_says(demo, monkeypatch):
    code, printed = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", README.read_text(), re.DOTALL).groups()
    monkeypatch.chdir(demo[0])
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code, {})
    assert out.getvalue() == printed
