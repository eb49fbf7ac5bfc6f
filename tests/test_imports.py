# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""What may import what, and which packages are optional. `make lint` checks the import statements themselves."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "imagebind_hf"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LAYERS = PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
RANK = {name: -rank for rank, layer in enumerate(LAYERS) for name in layer.split(" | ")}
# Packages of the extras, as they are imported.
OPTIONAL = ("av", "gradio", "lancedb", "matplotlib", "onnx", "onnxruntime", "onnxscript", "peft", "ray", "scipy")
OPTIONAL += ("sklearn",)


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != PACKAGE]


def test_the_root_has_no_other_modules():
    assert {path.name for path in PACKAGE.iterdir() if path.is_file()} == {
        *("__init__.py", "registration.py", "demo.py", "py.typed"),
    }
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == RANK.keys() - {"demo"}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_import_of_a_higher_layer_by_name(path: Path):
    """`import_module("..search")` and the like, which import-linter does not see."""
    layer = path.relative_to(PACKAGE).parts[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if function not in ("import_module", "__import__", "find_spec", "run_module"):
            continue
        for argument in node.args:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                parts = argument.value.removeprefix("imagebind_hf").lstrip(".").split(".")
                is_ours = argument.value.startswith(("imagebind_hf", "."))
                assert not is_ours or RANK.get(parts[0], -99) <= RANK[layer], f"line {node.lineno}: {argument.value}"


def test_optional_packages_are_imported_with_the_name_of_their_extra():
    """At the top of a module, an optional package would break the modules that import it."""
    for path in modules():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            # The Space as a whole needs its extra, which its `__init__.py` names.
            if "serving" not in path.parts:
                assert not {name.partition(".")[0] for name in names} & set(OPTIONAL), path


def test_the_package_and_its_command_line_import_nothing_heavy():
    code = (
        "import sys, imagebind_hf, imagebind_hf.cli\n"
        "print([name for name in ('torch', 'transformers', 'numpy', 'datasets') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.slow
def test_core_works_without_optional_packages(converted: Path, tmp_path: Path):
    (tmp_path / "texts.txt").write_text("a dog\na cat\n")
    (tmp_path / "store").mkdir()
    code = f"""
import sys
for name in {OPTIONAL!r}:
    sys.modules[name] = None
import numpy as np
import imagebind_hf
from transformers import AutoModel, AutoProcessor, pipeline
from typer.testing import CliRunner
from imagebind_hf.cli import app

model, processor = AutoModel.from_pretrained({str(converted)!r}), AutoProcessor.from_pretrained({str(converted)!r})
assert model(**processor(text=["a dog"], return_tensors="pt")).text_embeds.shape[0] == 1
classify = pipeline("zero-shot-audio-classification", model={str(converted)!r})
assert len(classify(np.zeros(16_000, np.float32), candidate_labels=["a", "b"])) == 2

def run(arguments, code, words):
    shown = CliRunner().invoke(app, arguments.format(model={str(converted)!r}).split())
    assert shown.exit_code == code and words in shown.output, (arguments, shown.exit_code, shown.output)

run("embed texts.txt --model {{model}} --output out", 0, "2 vectors in out")
run("push {{model}} org/name --dry-run", 0, "model-audio.safetensors")
run("info {{model}}", 0, "audio")
run("index texts.txt --model {{model}} --store new", 1, "imagebind-hf[search]")
run("train six_digits --output trained", 1, "imagebind-hf[demo]")
run("evaluate six_digits --model {{model}}", 1, "imagebind-hf[demo]")
run("demo --output demo", 1, "imagebind-hf[demo]")
run("export {{model}} onnx", 1, "imagebind-hf[onnx]")
run("app --model {{model}}", 1, "imagebind-hf[space]")
print("done")
"""
    shown = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert shown.stdout == "done\n", (shown.stdout, shown.stderr)
