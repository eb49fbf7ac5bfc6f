# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The benchmarks run, print their tables, and compare equal work. Times are not asserted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import imagebind_hf

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def cases(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import cases

    return cases


@pytest.fixture
def timing(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import timing

    return timing


def run(tmp_path: Path, script: str, *options: str) -> str:
    """Run a script with tiny models; return the page of results that it wrote, whose tables it must also print."""
    page = tmp_path / "RESULTS.md"
    command = [sys.executable, str(BENCHMARKS / script), "--size", "tiny", "--results", str(page), *options]
    paths = [str(Path(imagebind_hf.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    table = [line for line in page.read_text().splitlines() if line.startswith("| ")]
    assert table and all(line in done.stdout for line in table)
    return page.read_text()


@pytest.mark.parametrize("modality", ["image", "text", "audio", "depth", "thermal", "imu"])
@torch.no_grad()
def test_the_peer_computes_the_same_as_our_model(cases, modality):
    ours, peer, config = cases.make_pair("tiny", modality)
    values = cases.make_values(config, modality, 3, 7 if modality == "text" else None)
    padded = cases.pad_text(values, 77) if modality == "text" else values
    scale = ours.model.logit_scale(modality)
    torch.testing.assert_close(ours(values) * scale, peer(padded), atol=1e-4, rtol=1e-5)


def test_operations_of_the_image_tower(cases):
    # 32 layers of width 1280 over 257 tokens: two operations per weight and token, plus the attention.
    config = cases.make_config("huge", "image")
    weights = 32 * 12 * 1280**2
    assert cases.operations(config, "image") == 2 * 257 * weights + 32 * 4 * 257**2 * 1280


def test_comparison(timing):
    compared = timing.Comparison.of([1.0, 2.0, 3.0], [2.0, 6.0, 6.0])
    assert (compared.ours, compared.peer, compared.ratio) == (2.0, 6.0, 3.0)
    assert (compared.low, compared.high) == (2.0, 3.0)
    calls = []
    times = timing.alternate({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=2, warmup=1)
    assert calls == ["b", "a", "a", "b", "b", "a"] and [len(seconds) for seconds in times.values()] == [2, 2]


def test_a_section_replaces_its_old_version(timing, tmp_path):
    page = tmp_path / "RESULTS.md"
    for name, text in (("one", "first"), ("two", "second"), ("one", "third \\1")):
        timing.record(name, text, page)
    text = page.read_text()
    assert "first" not in text and text.index("third \\1") < text.index("second") and text.count("<!-- one -->") == 1


def test_fbank(tmp_path):
    assert "Filter banks of 2 clips" in run(tmp_path, "fbank.py", "--repeats", "1")


def test_towers(tmp_path):
    page = run(tmp_path, "towers.py", "--repeats", "1", "--device", "cpu")
    for row in ("image; peer: CLIP ViT-H", "text, class prompts", "audio, 3 clips", "imu"):
        assert f"| {row} |" in page


def test_towers_in_bfloat16(tmp_path):
    options = ("--repeats", "1", "--device", "cpu", "--dtype", "bfloat16", "--modalities", "depth")
    assert "towers-cpu-bfloat16" in run(tmp_path, "towers.py", *options)


@pytest.mark.slow
@pytest.mark.parametrize("script", ["latency.py", "quantised.py"])
def test_compiled_towers(tmp_path, script):
    pytest.importorskip("torchao")
    assert "| imu |" in run(tmp_path, script, "--repeats", "1", "--device", "cpu", "--modalities", "imu")


@pytest.mark.slow
def test_onnx(tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    assert "| depth |" in run(tmp_path, "onnx_towers.py", "--repeats", "1", "--modalities", "depth")


@pytest.mark.slow
def test_scaling(tmp_path):
    assert "| depth maps by labels |" in run(tmp_path, "scaling.py", "--repeats", "1", "--device", "cpu")
    assert (tmp_path / "scaling.png").stat().st_size > 1000


@pytest.mark.slow
@pytest.mark.parametrize(
    "script, row", [("import_time.py", "| `import"), ("cold_start.py", "| `torch.load`"), ("subset.py", "| audio |")]
)
def test_fresh_processes(tmp_path, script, row):
    assert row in run(tmp_path, script, "--repeats", "1")


@pytest.mark.slow
def test_embed(tmp_path):
    assert "| the tower alone |" in run(tmp_path, "embed.py", "--images", "12", "--batch-size", "4", "--workers", "1")


@pytest.mark.slow
def test_all(tmp_path):
    page = run(tmp_path, "all.py", "--only", "fbank", "training")
    assert "fbank" in page and "cold_start" not in page


@pytest.mark.slow
def test_training(tmp_path):
    assert "| 4 | cached |" in run(tmp_path, "training.py", "--repeats", "1", "--batch-sizes", "4")
