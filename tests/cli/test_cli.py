# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
import torch
import yaml
from typer.testing import CliRunner, Result

from imagebind_hf.cli import app


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_help():
    result = run("--help")
    assert result.exit_code == 0
    assert all(command in result.output for command in ("convert", "train", "demo"))


def test_convert_there_and_back(fixtures: Path, tmp_path: Path):
    checkpoint, arguments = fixtures / "imagebind_tiny_original.pth", fixtures / "imagebind_tiny_original.json"
    result = run("convert", checkpoint, tmp_path / "tiny", "--original-config", arguments)
    assert result.exit_code == 0 and f"Wrote {tmp_path / 'tiny'}" in result.output
    result = run("convert", "--to-original", tmp_path / "tiny", tmp_path / "back.pth")
    assert result.exit_code == 0
    before, after = (torch.load(path, weights_only=True) for path in (checkpoint, tmp_path / "back.pth"))
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)


def test_print_config():
    result = run("train", "digits", "--set", "seed=5", "--print-config")
    assert result.exit_code == 0
    shown = yaml.safe_load(result.output)
    assert shown["seed"] == 5 and len(shown["stages"]) == 2


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["train", "digit"], "Error: There is no recipe 'digit'"),
        (["train", "digits", "--set", "sed=5"], "Did you mean 'seed'?"),
        (["train", "digits", "--data", "nowhere"], "say where: --data"),
        (["convert", "none.pth", "out"], "Error: There is no checkpoint 'none.pth'"),
        (["convert", "--to-original", "nowhere", "out.pth"], "Error: "),
        (["evaluate", "digits", "--model", "m", "--output", "nowhere/x.json"], "expected a file in a folder that is"),
        (["evaluate", "digits", "--model", "m", "--batch-size", "0"], "--batch-size is 0, expected at least 1."),
        (["evaluate", __file__, "--model", "m"], "test_cli.py' is not valid YAML: "),
        (
            ["score", ".", "--model", "m", "--output", "nowhere/x.json"],
            "--output is 'nowhere/x.json', expected a file",
        ),
        (["score", ".", "--model", "m", "--output", "."], "--output is '.', expected a file"),
        (["score", ".", "--model", "m", "--batch-size", "0"], "--batch-size is 0, expected at least 1."),
    ],
)
def test_bad_input_is_a_message(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result.exception
    assert message in result.output and "Traceback" not in result.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        ["embed", "pictures", "--output", "vectors", "--model", "m"],
        ["index", "pictures", "--store", "store", "--model", "m"],
        ["evaluate", "digits", "--model", "m"],
        ["search", "--store", "store", "--text", "a dog"],
    ],
)
def test_devices_and_types_are_checked_first(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for device in ("cuda:99", "gpu", "meta"):
        result = run(*arguments, "--device", device)
        assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result.exception
        assert f"Error: --device is '{device}', on which nothing can be computed here: " in result.output
    if arguments[0] != "search":
        result = run(*arguments, "--dtype", "float17")
        assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result.exception
        assert "Error: --dtype is 'float17', expected one of auto, float32, bfloat16, float16." in result.output
    assert not list(tmp_path.iterdir())
