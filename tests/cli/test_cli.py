# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Help, arguments and exit codes: 0 for success, 1 for a failure or an empty result, 2 for wrong usage."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from typer.testing import CliRunner, Result

import imagebind_hf
from imagebind_hf.cli import app

COMMANDS = (
    *("demo", "train", "evaluate", "score", "embed", "index", "search", "convert", "export", "info", "push", "app"),
)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "photo.png"
    Image.fromarray(np.full((32, 32, 3), 128, np.uint8)).save(file)
    return file


def test_help_and_version():
    for option in ("--help", "-h"):
        result = run(option)
        assert result.exit_code == 0
        listed = result.output.partition("Commands:")[2].splitlines()
        assert tuple(line.split()[0] for line in listed if line.startswith("  ") and line.split()) == (
            *COMMANDS,
            "Exit",
        )
        for command in COMMANDS:
            result = run(command, option)
            assert result.exit_code == 0 and "-h, --help" in result.output, command
    assert run("--version").output == f"imagebind-hf {imagebind_hf.__version__}\n"
    assert run().exit_code == 2, "no command"


def test_convert_there_and_back(fixtures: Path, tmp_path: Path):
    checkpoint, arguments = fixtures / "imagebind_tiny_original.pth", fixtures / "imagebind_tiny_original.json"
    result = run("convert", checkpoint, tmp_path / "tiny", "--original-config", arguments)
    assert result.exit_code == 0 and f"Wrote {tmp_path / 'tiny'}" in result.output
    result = run("convert", "--to-original", tmp_path / "tiny", tmp_path / "back.pth")
    assert result.exit_code == 0
    before, after = (torch.load(path, weights_only=True) for path in (checkpoint, tmp_path / "back.pth"))
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)


def test_convert_downloads_first(fixtures: Path, tmp_path: Path, monkeypatch):
    calls = []

    def download(folder: Path, accept_license: bool) -> Path:
        calls.append((folder, accept_license))
        if not accept_license:
            raise ValueError("the license")
        return fixtures / "imagebind_tiny_original.pth"

    monkeypatch.setattr("imagebind_hf.hub.download.download_published", download)
    result = run("convert", "--download", tmp_path / "tiny")
    assert result.exit_code == 1 and "Error: the license" in result.output
    # The tiny checkpoint is not imagebind_huge, as which a download is converted.
    result = run("convert", "--download", tmp_path / "tiny", "--accept-license")
    assert result.exit_code == 1 and "Error: " in result.output
    assert calls == [(tmp_path, False), (tmp_path, True)]


def test_print_config():
    result = run("train", "digits", "--set", "seed=5", "--print-config")
    assert result.exit_code == 0
    shown = yaml.safe_load(result.output)
    assert shown["seed"] == 5 and len(shown["stages"]) == 2


USAGE_ERRORS = [
    ("train digit", "Did you mean 'digits'?"),
    ("train digits --set seed", "Expected key=value, but got 'seed'."),
    ("train digits --data nowhere", "'nowhere' does not exist."),
    ("train digits --steps 3", "No such option: --steps"),
    ("demo now", "unexpected extra argument"),
    ("evaluate esc5 --model org/m", "Did you mean 'esc50'?"),
    ("evaluate digits --model m", "There is no folder 'm'. Expected a local folder or a Hub id such as org/name."),
    ("evaluate digits --model outputs/m", "There is no folder 'outputs/m'."),
    ("evaluate digits --model org/m --output nowhere/x.json", "Expected a file in an existing folder"),
    ("evaluate digits --model org/m --batch-size 0", "Invalid value for '--batch-size'"),
    ("evaluate digits --model org/m --dtype float17", "is not one of 'auto', 'float32', 'bfloat16', 'float16'"),
    ("evaluate digits --model org/m --device gpu", "Expected a device such as cpu, cuda, cuda:1 or mps"),
    ("score nowhere --model org/m", "'nowhere' does not exist."),
    ("score . --model org/m --output nowhere/x.json", "Expected a file in an existing folder"),
    ("score . --model org/m --output .", "Expected a file in an existing folder, but got '.'"),
    ("score . --model org/m --batch-size 0", "Invalid value for '--batch-size'"),
    ("embed nowhere --model org/m --output out", "'nowhere' does not exist."),
    ("embed . --model ./m --output out", "There is no folder './m'."),
    ("embed . --model org/m --output out --format csv", "is not one of 'parquet', 'safetensors'"),
    ("embed . --model org/m --output out --engine spark", "is not one of 'local', 'ray'"),
    ("embed . --model org/m --output out --column photo", "It needs --modality"),
    ("embed . --model org/m", "Missing option '--output'"),
    ("index --store store", "Name files or folders to add"),
    ("index nowhere --store store", "'nowhere' does not exist."),
    ("index . --store store --model /m", "There is no folder '/m'."),
    ("index . --store store --device meta", "Expected a device such as cpu"),
    ("search --store nowhere --text a", "'nowhere' does not exist."),
    ("search --store . --html nowhere/x.html --text a", "Expected a file in an existing folder"),
    ("search --store .", "Give at least one query option"),
    ("search --store . --text a -k 0", "Invalid value for '-k'"),
    ("search --store . --text a --embed-media", "It needs --html"),
    ("convert none.pth out", "There is no checkpoint 'none.pth'."),
    ("convert --to-original nowhere out.pth", "There is no checkpoint 'nowhere'."),
    ("convert --download a b", "Expected OUTPUT, but got 2 paths."),
    ("convert --download --to-original a", "Use it without --to-original"),
    ("convert a", "Expected CHECKPOINT OUTPUT, but got 1 paths."),
    ("export nowhere out", "There is no folder 'nowhere'."),
    ("info nowhere", "There is no folder 'nowhere'."),
    ("push nowhere org/name", "'nowhere' does not exist."),
    ("app --model nowhere", "There is no folder 'nowhere'."),
    ("app --model org/m --port 0", "Invalid value for '--port'"),
    ("sing", "No such command 'sing'."),
]


@pytest.mark.parametrize("arguments, message", USAGE_ERRORS)
def test_wrong_usage_exits_with_2(arguments: str, message: str, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments.split())
    assert result.exit_code == 2 and isinstance(result.exception, SystemExit), (result.exception, result.output)
    assert message in result.output and "Traceback" not in result.output, result.output
    assert not list(tmp_path.iterdir())


def test_wrong_usage_is_reported_before_torch_is_imported(tmp_path):
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from imagebind_hf.cli import app\n"
        f"for arguments in {[arguments for arguments, _ in USAGE_ERRORS]!r}:\n"
        "    assert CliRunner().invoke(app, arguments.split()).exit_code == 2, arguments\n"
        "print([name for name in ('torch', 'transformers', 'numpy', 'datasets') if name in sys.modules])\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert shown.stdout == "[]\n", (shown.stdout, shown.stderr)


@pytest.mark.parametrize("command", ["embed", "index", "evaluate", "search"])
def test_missing_devices_are_wrong_usage(command, photo, converted, monkeypatch):
    monkeypatch.chdir(photo.parent)
    arguments = {
        "embed": ["photo.png", "--output", "vectors", "--model", converted],
        "index": ["photo.png", "--store", "store", "--model", converted],
        "evaluate": ["digits", "--model", converted],
        "search": ["--store", ".", "--text", "a dog"],
    }[command]
    result = run(command, *arguments, "--device", "cuda:99")
    assert result.exit_code == 2 and isinstance(result.exception, SystemExit), result.exception
    assert "Invalid value for '--device': The device 'cuda:99' is not available: " in result.output
    assert list(photo.parent.iterdir()) == [photo]


def test_failures_exit_with_1(photo, converted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.png").write_bytes(b"not an image")
    (tmp_path / "recipe.yaml").write_text("stages: [")
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.iterdir())
    for arguments, message in (
        ("train digits --set sed=5", "Did you mean 'seed'?"),
        ("train recipe.yaml", "YAML"),
        ("evaluate recipe.yaml --model {model}", "YAML"),
        ("score empty --model {model}", "Error: "),
        ("index broken.png --store store --model {model}", "1 could not be read"),
        ("search --store empty --text a", "There is no store in 'empty'"),
        ("convert photo.png out", "Error: "),
        ("export {model} onnx --modality smell", "Error: "),
        ("info empty", "Expected an ImageBind checkpoint"),
        ("push empty org/name", "Error: "),
    ):
        result = run(*arguments.format(model=converted).split())
        assert result.exit_code == 1 and isinstance(result.exception, SystemExit), (arguments, result.output)
        assert message in result.output and "Traceback" not in result.output, result.output
        assert sorted(tmp_path.iterdir()) == before, arguments
    result = run("embed", "broken.png", "--output", "out", "--model", converted)
    assert result.exit_code == 1 and "0 vectors in out, 1 items could not be read" in result.output


def test_summaries_as_json(photo, converted, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"not an image")
    files, store = (photo, tmp_path / "broken.png"), tmp_path / "store"
    summary = json.loads(run("embed", *files, "--output", tmp_path / "out", "--model", converted, "--json").stdout)
    assert summary["embedded"] == 1 and [entry["id"] for entry in summary["unreadable"]] == [str(files[1])]
    summary = json.loads(run("index", *files, "--store", store, "--model", converted, "--json").stdout)
    assert summary["items"] == summary["added"] == 1 and len(summary["unreadable"]) == 1
    result = run("search", "--store", store, "--text", "a dog", "--json", "--html", tmp_path / "page.html")
    found = json.loads(result.stdout)
    assert [hit["id"] for hit in found["hits"]] == [str(photo)] and (tmp_path / "page.html").is_file()
    facts = json.loads(run("info", converted, "--json").stdout)
    assert "imu" in facts["towers"] and facts["parameters"] > 0
    shown = run("info", converted)
    assert shown.exit_code == 0 and "imu" in shown.output and f"{facts['parameters']:,}" in shown.output


def test_app_serves_the_packaged_space(converted, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("imagebind_hf.serving.space.launch", lambda *args, **kwargs: calls.append((args, kwargs)))
    result = run("app", "--model", converted, "--index", tmp_path, "--port", 7777, "--share")
    assert result.exit_code == 0, result.output
    assert calls == [((str(converted),), {"index": tmp_path, "server_port": 7777, "share": True})]
