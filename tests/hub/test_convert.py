# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoProcessor
from typer.testing import CliRunner

from imagebind_hf import ImageBindModel
from imagebind_hf.cli import app
from imagebind_hf.hub.convert import (
    config_from_original,
    convert_checkpoint,
    convert_to_original,
    load_original,
    original_names,
)
from imagebind_hf.utils.atomic import new_folder


@pytest.fixture
def checkpoint(fixtures: Path) -> Path:
    return fixtures / "imagebind_tiny_original.pth"


@pytest.fixture
def arguments(fixtures: Path) -> Path:
    return fixtures / "imagebind_tiny_original.json"


def test_repository_is_complete(converted):
    files = {str(path.relative_to(converted)) for path in converted.rglob("*") if path.is_file()}
    modalities = ("text", "vision", "audio", "depth", "thermal", "imu")
    assert {f"model-{name}.safetensors" for name in modalities} <= files
    assert {"config.json", "model.safetensors.index.json", "processor_config.json", "tokenizer.json"} <= files
    assert {f"{name}/processor_config.json" for name in (*modalities, "video")} <= files
    card = (converted / "README.md").read_text()
    assert "CC-BY-NC 4.0" in card and "license: cc-by-nc-4.0" in card
    assert type(AutoModel.from_pretrained(converted)) is ImageBindModel
    inputs = AutoProcessor.from_pretrained(converted)(text=["a dog"], return_tensors="pt")
    assert AutoModel.from_pretrained(converted)(**inputs).text_embeds.shape == (1, 24)


def test_back_bit_for_bit(converted, checkpoint, tmp_path):
    back = load_original(convert_to_original(converted, tmp_path / "back.pth"))
    original = load_original(checkpoint)
    assert back.keys() == original.keys()
    for name, value in original.items():
        assert back[name].shape == value.shape and torch.equal(back[name], value), name
    with pytest.raises(ValueError, match="exists already"):
        convert_to_original(converted, tmp_path / "back.pth")


def test_names_cover_the_real_checkpoint(fixtures):
    """All 1,311 tensors of imagebind_huge.pth but the mask are converted, in their shapes, and there are no others."""
    real = json.loads((fixtures / "imagebind_huge_state_dict.json").read_text())
    config = config_from_original(None)
    names = original_names(config)
    assert set(real) - set(names) == {"modality_preprocessors.text.mask"} and set(names) <= set(real)
    with torch.device("meta"):
        ours = ImageBindModel(config).state_dict()
    assert {name for group in names.values() for name in group} == set(ours)
    for theirs, group in names.items():
        assert math.prod(real[theirs]["shape"]) == sum(ours[name].numel() for name in group), theirs


def test_unknown_argument():
    with pytest.raises(ValueError, match="does not have the argument 'vision_depth'"):
        config_from_original({"vision_depth": 3})


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda d: d.pop("modality_heads.imu.3.weight"), "1 tensors are missing: modality_heads.imu.3.weight"),
        (lambda d: d.update(extra=torch.zeros(1)), "1 tensors are unexpected: extra"),
        (
            lambda d: d.update({"modality_heads.imu.3.weight": torch.zeros(24, 17)}),
            r"modality_heads.imu.3.weight has the shape \(24, 17\), expected \(24, 16\)",
        ),
        (lambda d: d.update(epoch=3), "entries that are not tensors: epoch"),
    ],
)
def test_unexpected_tensors_are_named_and_nothing_is_written(change, message, checkpoint, arguments, tmp_path):
    state_dict = dict(load_original(checkpoint))
    change(state_dict)
    torch.save(state_dict, tmp_path / "changed.pth")
    with pytest.raises(ValueError, match=message):
        convert_checkpoint(tmp_path / "changed.pth", tmp_path / "out", arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["changed.pth"]


def test_truncated_foreign_and_malicious_files(checkpoint, arguments, tmp_path):
    whole = checkpoint.read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.pth").write_text("not a checkpoint")
    (tmp_path / "empty.pth").write_bytes(b"")

    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "pwned",))

    torch.save({"x": Evil()}, tmp_path / "evil.pth")
    for name in ("cut", "text", "empty", "evil", "missing"):
        with pytest.raises(ValueError, match=f"{name}.pth"):
            convert_checkpoint(tmp_path / f"{name}.pth", tmp_path / "out", arguments)
    assert not (tmp_path / "pwned").exists() and not (tmp_path / "out").exists()


def test_existing_folder_is_unchanged(checkpoint, arguments, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="Expected an empty folder, but .* has mine.txt"):
        convert_checkpoint(checkpoint, tmp_path, arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled(converted, checkpoint, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = convert_checkpoint(checkpoint, ".", arguments)
    assert {path.name for path in folder.iterdir()} == {path.name for path in converted.iterdir()}
    assert type(AutoModel.from_pretrained(tmp_path)) is ImageBindModel
    assert f'from_pretrained("{tmp_path.name}")' in Path("README.md").read_text()
    with pytest.raises(ValueError, match="Expected an empty folder, but .* has README.md, audio, config.json"):
        convert_checkpoint(checkpoint, ".", arguments)


def test_failures_leave_nothing_behind(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("empty", "new"):
        with pytest.raises(OSError, match="full"), new_folder(tmp_path / name) as folder:
            (folder / "half").write_text("half")
            raise OSError("The disk is full.")
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]
    # Another process creates the folder in the meantime.
    with pytest.raises(OSError, match="not empty"), new_folder(tmp_path / "late"):
        (tmp_path / "late").mkdir()
        (tmp_path / "late" / "theirs").write_text("theirs")
    assert {path.name for path in tmp_path.rglob("*")} == {"empty", "late", "theirs"}


def test_incomplete_repository(converted, tmp_path):
    import shutil

    shutil.copytree(converted, tmp_path / "copy")
    shard = tmp_path / "copy" / "model-imu.safetensors"
    shard.write_bytes(shard.read_bytes()[:1000])
    with pytest.raises(ValueError, match="Cannot read the weights .*model-imu.safetensors"):
        convert_to_original(tmp_path / "copy", tmp_path / "back.pth")
    shard.unlink()
    with pytest.raises(ValueError, match="model-imu.safetensors"):
        convert_to_original(tmp_path / "copy", tmp_path / "back.pth")
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_command(checkpoint, arguments, tmp_path):
    runner = CliRunner()
    out = tmp_path / "out"
    result = runner.invoke(app, ["convert", str(checkpoint), str(out), "--original-config", str(arguments)])
    assert result.exit_code == 0 and (out / "config.json").is_file()
    result = runner.invoke(app, ["convert", "--to-original", str(out), str(tmp_path / "back.pth")])
    assert result.exit_code == 0 and (tmp_path / "back.pth").is_file()
    result = runner.invoke(app, ["convert", str(tmp_path / "no.pth"), str(tmp_path / "out2")])
    assert result.exit_code == 2 and "There is no checkpoint" in result.output


FULL_SIZE = """
import json, resource, sys
import torch
from pathlib import Path
from imagebind_hf.hub.convert import convert_checkpoint, convert_to_original, load_original

shapes, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
generator = torch.Generator().manual_seed(0)
state = {}
for name, entry in shapes.items():
    state[name] = torch.empty(entry["shape"]).uniform_(-1, 1, generator=generator)
state["modality_preprocessors.text.mask"] = torch.full((77, 77), float("-inf")).triu(1)
torch.save(state, folder / "huge.pth")
del state
convert_checkpoint(folder / "huge.pth", folder / "huge")
convert_to_original(folder / "huge", folder / "back.pth")
one, two = load_original(folder / "huge.pth"), load_original(folder / "back.pth")
assert one.keys() == two.keys() == shapes.keys()
assert all(torch.equal(one[name], two[name]) and one[name].shape == two[name].shape for name in one)
print(sum(value.numel() for value in two.values()))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_full_size_round_trip(fixtures, tmp_path):
    """1,200,786,990 parameters and buffers of the real checkpoint's shapes, random, return bit for bit."""
    arguments = [sys.executable, "-c", FULL_SIZE, str(fixtures / "imagebind_huge_state_dict.json"), str(tmp_path)]
    output = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout.split()
    assert int(output[-2]) == 1_200_786_990
    # Includes pages of memory-mapped files, which the kernel can reclaim.
    assert int(output[-1]) < 12 * 2**20, "peak memory in KiB"
    index = json.loads((tmp_path / "huge" / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_parameters"] == 1_200_786_990 - 77 * 77
