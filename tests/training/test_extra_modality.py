# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""A seventh modality, from configuration and data alone: what docs/add_a_modality.md shows."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "add_a_modality.md"


@pytest.mark.slow
def test_the_page_does_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(code, names)
    assert names["accuracy"] > 0.6, "chance is .1; pressure never met a text"
    assert names["reloaded"]["touch_embeds"].shape == (4, 32)
