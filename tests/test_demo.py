# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The demo, and the README's example on what the demo leaves behind."""

import contextlib
import io
import json
import re
from itertools import permutations
from pathlib import Path

import pytest
from PIL import Image

from imagebind_hf.demo import MODALITIES, run_demo

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder, said = tmp_path_factory.mktemp("demo"), []
    run_demo(folder / "outputs" / "demo", say=said.append)
    return folder, said


@pytest.mark.slow
def test_everything_is_found_by_text_that_only_images_met(demo):
    folder, said = demo
    results = json.loads((folder / "outputs" / "demo" / "results.json").read_text())
    for modality in MODALITIES:
        assert results["zero_shot"][modality]["accuracy"] >= 0.75, modality
    for query, gallery in permutations(MODALITIES, 2):
        assert results["retrieval"][f"{query} to {gallery}"]["recall@1"] >= 0.6, (query, gallery)
    truth, answer = re.search(r"in truth «(\w+)»: (\w+)", "\n".join(said)).groups()
    assert truth == answer
    with Image.open(folder / "outputs" / "demo" / "retrieval.png") as picture:
        assert min(picture.size) > 900


@pytest.mark.slow
def test_the_readme_prints_what_it_says(demo, monkeypatch):
    code, printed = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", README.read_text(), re.DOTALL).groups()
    monkeypatch.chdir(demo[0])
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code, {})
    assert out.getvalue() == printed
