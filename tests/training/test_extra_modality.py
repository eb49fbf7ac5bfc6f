# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""An extra modality, from a configuration and data alone: the code of docs/add_a_modality.md."""

import re
from pathlib import Path

import pytest
import torch

PAGE = Path(__file__).parents[2] / "docs" / "add_a_modality.md"


@pytest.mark.slow
def test_the_code_of_the_page(tmp_path, monkeypatch):
    pytest.importorskip("lancedb")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(code, names)
    assert names["accuracy"] > 0.6, "chance is 0.1, without any pairs of touch and text"
    test, classify, labels = names["test"], names["classify"], names["CLASS_NAMES"]
    assert type(names["processor"].extra_processors["touch"]).__name__ == "ImageBindThermalImageProcessor"
    torch.testing.assert_close(names["features"], names["embeds"][:4], atol=1e-5, rtol=0)
    answers = [classify({"touch": test[i]["touch"]}, candidate_labels=labels)[0]["label"] for i in range(50)]
    correct = sum(answer == labels[test[i]["label"]] for i, answer in enumerate(answers))
    assert correct > 25, "the pipeline agrees with the evaluation"
    assert [hit.modality for hit in names["hits"]] == ["touch"] * 3
    assert names["hits"][0].score > 0.999, "the item itself"
