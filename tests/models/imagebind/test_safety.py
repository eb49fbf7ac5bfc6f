# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Untrusted checkpoints cannot run code, read other files or fill the memory (SECURITY.md)."""

import io
import json
import os
import pickle
import tarfile
import zipfile

import pytest
import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModel, AutoProcessor, AutoTokenizer

from imagebind_hf import ImageBindModel, ImageBindTokenizer
from imagebind_hf.hub.convert import convert_checkpoint, load_original
from imagebind_hf.training.recipe import load_recipe


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def mark(tmp_path):
    """A folder that exists if code of a checkpoint has run."""
    mark = tmp_path / "it-ran"
    yield mark
    assert not mark.exists(), "code of the checkpoint ran"


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_that_runs_code(tmp_path, mark, legacy):
    path = tmp_path / "imagebind_huge.pth"
    torch.save({"weight": Evil(mark)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(ValueError, match="is not a PyTorch checkpoint with only tensors"):
        convert_checkpoint(path, tmp_path / "out")
    path.write_bytes(pickle.dumps(Evil(mark)))
    with pytest.raises(ValueError, match="is not a PyTorch checkpoint with only tensors"):
        convert_checkpoint(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_weights_as_a_pickle_beside_the_configuration(checkpoint, tmp_path, mark):
    for path in checkpoint.glob("model*"):
        path.unlink()
    torch.save({"audio_projection.weight": Evil(mark)}, checkpoint / "pytorch_model.bin")
    with pytest.raises(Exception, match=r"weights_only|Weights only|no file named"):
        AutoModel.from_pretrained(checkpoint)


def test_a_tensor_larger_than_its_file(fixtures, tmp_path):
    """A tensor with the shape of terabytes is refused before it is allocated."""
    state_dict = torch.load(fixtures / "imagebind_tiny_original.pth", weights_only=True)
    name = next(name for name, value in state_dict.items() if value.ndim == 2 and "mask" not in name)
    state_dict[name] = torch.zeros(1).expand(2**21, 2**21)
    torch.save(state_dict, tmp_path / "bomb.pth")
    assert (tmp_path / "bomb.pth").stat().st_size < 2**26
    with pytest.raises(ValueError, match=r"has the shape \(2097152, 2097152\), expected"):
        convert_checkpoint(tmp_path / "bomb.pth", tmp_path / "out", fixtures / "imagebind_tiny_original.json")


def test_a_zip_that_unfolds(tmp_path):
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data.pkl", b"\0" * 2**24)
        archive.writestr("bomb/version", "3")
    with pytest.raises(ValueError, match="is not a PyTorch checkpoint with only tensors"):
        load_original(path)


def header(size: int, content: dict) -> bytes:
    text = json.dumps(content).encode()
    return size.to_bytes(8, "little") + text


TENSOR = {"dtype": "F32", "shape": [16, 32], "data_offsets": [0, 2048]}


@pytest.mark.parametrize(
    "content",
    [
        header(2**62, {"imu_projection.weight": TENSOR}),
        header(10, {"imu_projection.weight": TENSOR}),
        header(82, {"imu_projection.weight": TENSOR}),
        header(90, {"imu_projection.weight": {**TENSOR, "data_offsets": [0, 2**40]}}) + bytes(2048),
        header(88, {"imu_projection.weight": {**TENSOR, "shape": [2**31, 2**31]}}) + bytes(2048),
        b"",
        b"PK\x03\x04",
    ],
    ids=["huge", "short", "no data", "offset", "shape", "empty", "zip"],
)
def test_a_wrong_header(checkpoint, content):
    (checkpoint / "model-imu.safetensors").write_bytes(content)
    with pytest.raises((SafetensorError, OSError, ValueError)):
        AutoModel.from_pretrained(checkpoint)


@pytest.mark.parametrize("path", ["../secret.safetensors", "/etc/passwd", "sub/x.safetensors", "x.bin", "..", 5])
def test_an_index_with_a_path_in_it(checkpoint, path):
    index = checkpoint / "model.safetensors.index.json"
    weight_map = dict.fromkeys(json.loads(index.read_text())["weight_map"], path)
    edit(index, weight_map=weight_map)
    with pytest.raises(ValueError, match="Expected the index to refer to .safetensors files of its own folder"):
        ImageBindModel.from_pretrained(checkpoint)


def test_a_configuration_that_names_other_weights(checkpoint, tmp_path):
    (checkpoint / "model-imu.safetensors").rename(tmp_path / "outside.safetensors")
    edit(checkpoint / "config.json", transformers_weights="../outside.safetensors")
    with pytest.raises(ValueError, match="must reference a file inside the model directory"):
        AutoModel.from_pretrained(checkpoint)


def test_code_that_a_configuration_names_is_not_run(checkpoint, mark):
    (checkpoint / "evil.py").write_text(f"import os\nos.mkdir({str(mark)!r})\nclass Evil: pass\n")
    for name in ("config.json", "processor_config.json", "tokenizer_config.json"):
        edit(
            checkpoint / name,
            auto_map={"AutoModel": "evil.Evil", "AutoConfig": "evil.Evil", "AutoProcessor": "evil.Evil"},
        )
    AutoConfig.from_pretrained(checkpoint)
    AutoModel.from_pretrained(checkpoint)
    AutoProcessor.from_pretrained(checkpoint)
    AutoTokenizer.from_pretrained(checkpoint)


@pytest.mark.parametrize(
    "changes",
    [
        {"projection_dim": -1},
        {"projection_dim": "many"},
        {"modalities": ["../../etc"]},
        {"audio_config": {"hidden_size": 10**12, "num_attention_heads": 1}},
    ],
)
def test_an_invalid_configuration(checkpoint, changes):
    edit(checkpoint / "config.json", **changes)
    with pytest.raises(Exception, match=r"\w"):
        AutoModel.from_pretrained(checkpoint)


def test_a_tokenizer_that_fills_the_memory(checkpoint):
    # A sparse file, which needs no space on disk.
    with (checkpoint / "tokenizer.json").open("r+b") as file:
        file.truncate(2**36)
    with pytest.raises(
        ValueError, match=r"Expected a tokenizer with at most 67,108,864 bytes, but .* has 68,719,476,736"
    ):
        ImageBindTokenizer.from_pretrained(checkpoint)
    with pytest.raises(ValueError, match="Expected a tokenizer with at most"):
        AutoProcessor.from_pretrained(checkpoint)


def test_a_compressed_tokenizer(checkpoint):
    with tarfile.open(checkpoint / "x.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("tokenizer.json")
        info.size = 2**24
        archive.addfile(info, io.BytesIO(bytes(2**24)))
    (checkpoint / "x.tar.gz").replace(checkpoint / "tokenizer.json")
    with pytest.raises(Exception, match=r"\w"):
        ImageBindTokenizer.from_pretrained(checkpoint)


@pytest.mark.parametrize(
    "text", ["!!python/object/apply:os.mkdir [{mark}]", "model: !!python/object/apply:os.mkdir [{mark}]"]
)
def test_a_recipe_that_makes_objects(tmp_path, mark, text):
    (tmp_path / "recipe.yaml").write_text(text.replace("{mark}", str(mark)))
    with pytest.raises(ValueError, match="recipe"):
        load_recipe(tmp_path / "recipe.yaml")
