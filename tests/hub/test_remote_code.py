# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""A checkpoint that carries its code loads where this package is not installed."""

import json
import os
import re
import subprocess
import sys

import pytest
import torch
from transformers import AutoModel, AutoProcessor

from conftest import make_config
from imagebind_hf import ImageBindModel, ImageBindProcessor
from imagebind_hf.hub.remote_code import flatten_modules, save_with_code
from imagebind_hf.pipelines import TASKS

ELSEWHERE = """
import sys
# The package may be installed, but cannot be imported.
sys.modules["imagebind_hf"] = None
import json
import numpy as np
from PIL import Image
from transformers import (
    AutoConfig, AutoFeatureExtractor, AutoImageProcessor, AutoModel, AutoProcessor, AutoTokenizer, AutoVideoProcessor,
    pipeline,
)
folder = sys.argv[1]
remote = {"trust_remote_code": True}
names = [
    type(auto.from_pretrained(folder, **remote)).__name__
    for auto in (AutoConfig, AutoTokenizer, AutoImageProcessor, AutoVideoProcessor, AutoFeatureExtractor)
]
model = AutoModel.from_pretrained(folder, **remote).eval()
processor = AutoProcessor.from_pretrained(folder, **remote)
inputs = processor(
    text=["a", "two dogs"], audio=np.linspace(-1, 1, 16000), sampling_rate=16000, depth=np.full((40, 40), 1.5),
    imu=np.ones((6, 300)), return_tensors="pt",
)
outputs = model(**inputs)
items = {"audio": np.ones(9000, np.float32), "image": Image.new("L", (40, 50))}
answers = [
    pipeline(f"zero-shot-{kind}-classification", folder, **remote)(item, candidate_labels=["a", "b"])
    for kind, item in items.items()
]
imu = pipeline("zero-shot-imu-classification", folder, **remote)(np.ones((6, 300)), candidate_labels=["a", "b"])
both = pipeline("multimodal-embedding", folder, **remote)({"text": "a", "imu": np.ones((6, 300))})
answers.append(imu)
text = AutoModel.from_pretrained(folder, modalities=["text"], **remote)
print(json.dumps({
    "names": names,
    "module": type(model).__module__,
    "embeds": {name: value.tolist() for name, value in outputs.items() if name.endswith("_embeds")},
    "lengths": {name: len(vector) for name, vector in both.items()},
    "labels": [sorted(answer["label"] for answer in each) for each in answers],
    "towers": sorted({name.split("_")[0] for name, _ in text.named_parameters()}),
}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.manual_seed(0)
    folder, config = tmp_path_factory.mktemp("hub") / "my-model", make_config()
    save_with_code(folder, ImageBindModel(config), ImageBindProcessor.from_config(config))
    return folder


@pytest.mark.slow
def test_without_the_package(folder, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", ELSEWHERE, str(folder)]
    process = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=900)
    assert process.returncode == 0, process.stderr[-3000:]
    result = json.loads(process.stdout.splitlines()[-1])
    assert result["names"] == [
        "ImageBindConfig",
        "ImageBindTokenizer",
        "ImageBindImageProcessor",
        "ImageBindVideoProcessor",
        "ImageBindFeatureExtractor",
    ]
    assert result["module"].startswith("transformers_modules.")
    assert result["labels"] == [["a", "b"]] * 3 and result["lengths"] == {"text": 16, "imu": 16}
    assert result["towers"] == ["text"]
    model, processor = AutoModel.from_pretrained(folder).eval(), AutoProcessor.from_pretrained(folder)
    inputs = processor(
        text=["a", "two dogs"],
        audio=torch.linspace(-1, 1, 16000),
        sampling_rate=16000,
        depth=torch.full((40, 40), 1.5),
        imu=torch.ones(6, 300),
        return_tensors="pt",
    )
    for name, value in model(**inputs).items():
        if name.endswith("_embeds"):
            torch.testing.assert_close(torch.tensor(result["embeds"][name]), value.detach(), atol=1e-5, rtol=0)


def test_with_the_package_its_classes_are_used(folder):
    assert type(AutoModel.from_pretrained(folder, trust_remote_code=True)) is ImageBindModel
    assert type(AutoProcessor.from_pretrained(folder, trust_remote_code=True)) is ImageBindProcessor


def test_only_this_checkpoint_carries_code(folder, tmp_path):
    assert (folder / "modeling_imagebind.py").is_file()
    config = make_config(modalities=["imu"])
    model = ImageBindModel(config)
    model.save_pretrained(tmp_path)
    ImageBindProcessor.from_config(config).save_pretrained(tmp_path)
    assert not list(tmp_path.glob("*.py"))
    assert "auto_map" not in (tmp_path / "config.json").read_text()


def test_configuration_files_name_the_classes(folder):
    config, processor, tokenizer = (
        json.loads((folder / f"{name}.json").read_text())
        for name in ("config", "processor_config", "tokenizer_config")
    )
    assert config["custom_pipelines"].keys() == TASKS.keys()
    maps = [config["auto_map"], processor["auto_map"], tokenizer["auto_map"]]
    maps += [part["auto_map"] for part in processor.values() if isinstance(part, dict) and "auto_map" in part]
    assert len(maps) == 3 + 6
    references = [
        name
        for auto_map in maps
        for value in auto_map.values()
        for name in ([value] if isinstance(value, str) else value)
    ]
    references += [entry["impl"] for entry in config["custom_pipelines"].values()]
    for reference in filter(None, references):
        module, name = reference.split(".")
        assert re.search(rf"^class {name}\b", (folder / f"{module}.py").read_text(), re.MULTILINE), reference
    depth = processor["depth_image_processor"]["auto_map"]["AutoImageProcessor"]
    assert depth == "image_processing_imagebind_planes.ImageBindDepthImageProcessor"


def test_imports_are_flat_and_complete(folder):
    imports = [
        line for file in folder.glob("*.py") for line in file.read_text().splitlines() if re.match(r"\s*from \.", line)
    ]
    assert len(imports) > 20
    for line in imports:
        (name,) = re.findall(r"from \.(\w+) import", line)
        assert (folder / f"{name}.py").is_file(), line


def test_two_modules_of_one_name(tmp_path, monkeypatch):
    files = {
        "one/same.py": "A = 1\n",
        "two/same.py": "B = 2\n",
        "two/user.py": "if True:\n    from ..one.same import (\n        A,\n    )\nfrom .same import B\n",
        "one/user.py": "from .same import A\ndef f():\n    from ..two import user\n",
        "one/fine.py": "def f():\n    from ..two.same import (\n        B,\n    )\n    return B\n",
    }
    for name, source in files.items():
        path = tmp_path / "flatten_me" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for folder in (path.parent, path.parent.parent):
            (folder / "__init__.py").touch()
        path.write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    sources = flatten_modules("flatten_me.one.fine")
    assert sources == {"fine": files["one/fine.py"].replace("..two.same", ".same"), "same": "B = 2\n"}
    with pytest.raises(ValueError, match=r"one module of the name 'same', but got .*(one|two)\.same.* and"):
        flatten_modules("flatten_me.two.user")
    with pytest.raises(ValueError, match=r"a file of its own, but got 'flatten_me\.two'"):
        flatten_modules("flatten_me.one.user")
