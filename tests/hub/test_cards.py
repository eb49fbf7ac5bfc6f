# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Cards: their metadata is valid, their images exist and their code runs."""

import importlib.util
import os
import re
import shutil
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
from huggingface_hub import EvalResult, ModelCard, RepoCard
from PIL import Image

from imagebind_hf import ImageBindConfig, ImageBindModel, ImageBindProcessor
from imagebind_hf.hub import push_folder
from imagebind_hf.hub.cards import write_card
from imagebind_hf.training.recipe import load_recipe
from imagebind_hf.training.run import _make_model

CARDS = Path(__file__).parents[2] / "hub_cards"
NAMES = ["imagebind-huge", "imagebind-tiny-random", "six-digits"]
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def build_module():
    spec = importlib.util.spec_from_file_location("build_cards", CARDS / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_metadata(name, hub):
    card = ModelCard.load(CARDS / name / "README.md")
    card.validate()
    assert card.data.library_name == "transformers" and card.data.license and card.data.pipeline_tag
    assert {"imagebind"} <= set(card.data.tags)
    assert RepoCard(str(card)).data.to_dict() == card.data.to_dict(), "the metadata changes when it is written"
    for image in re.findall(r"!\[[^]]+\]\(([^)]+)\)", card.text):
        assert (CARDS / name / image).is_file()


def test_the_license_is_stated_with_its_inconsistency():
    card = ModelCard.load(CARDS / "imagebind-huge" / "README.md")
    assert card.data.license == "cc-by-nc-4.0" and "CC-BY-NC-SA 4.0" in card.text


def test_template_is_that_of_the_package():
    template = CARDS / "fine-tune" / "README.md"
    assert template.resolve() == (CARDS.parent / "src" / "imagebind_hf" / "hub" / "card.md").resolve()


FACTS = {
    "base_model": "org/base",
    "hardware": "2 × NVIDIA H200",
    "versions": {"torch": "2.14", "transformers": "5.23"},
    "datasets": ["org/sounds"],
    "recipe": {"seed": 0},
    "stages": [
        {
            "name": "images and sound",
            "trained_modalities": ["audio"],
            "lora": True,
            "pairs": {
                "a": {"modality": "audio", "anchor": "image", "rows": 12},
                "b": {"modality": "audio", "anchor": "video", "rows": None},
            },
            "steps": 100,
            "batch_size": 64,
            "learning_rate": 0.001,
            "seconds": 90.0,
        }
    ],
}


def test_card_of_a_fine_tune(tmp_path, caplog):
    result = EvalResult(
        task_type="retrieval", dataset_type="d", dataset_name="d", metric_type="recall@1", metric_value=0.5
    )
    path = write_card(
        tmp_path,
        ImageBindConfig(),
        title="org/tuned",
        base="org/base",
        training=FACTS,
        results="audio 50 %",
        eval_results=[result],
        tags=["sounds"],
    )
    card = ModelCard.load(path)
    assert card.data.base_model == "org/base" and card.data.base_model_relation == "finetune"
    assert card.data.datasets == ["org/sounds"] and card.data.model_name == "org/tuned"
    assert card.data.eval_results[0].metric_value == 0.5 and card.data.tags[-1] == "sounds"
    assert (
        "| images and sound | audio (LoRA) | image–audio: 12, video–audio: stream | 100 | 64 | 0.001 | 1.5 |"
        in card.text
    )
    assert "Hardware: 2 × NVIDIA H200." in card.text
    assert "\n\n\n" not in card.text and "None" not in card.text


@pytest.fixture
def card_folder(tmp_path):
    """Files that the code of the cards reads."""
    for name in ("dog.jpg", "car.jpg"):
        Image.new("RGB", (40, 30), "teal").save(tmp_path / name)
    soundfile.write(tmp_path / "bark.wav", np.sin(np.arange(16_000) / 5).astype(np.float32), 16_000)
    return tmp_path


def repository(name: str, folder: Path) -> Path:
    """A repository as `hub_cards/build.py` writes it, with small untrained weights."""
    build = build_module().build
    if name == "imagebind-tiny-random":
        return build(name, folder)
    weights = folder / "weights"
    if name == "six-digits":
        model, processor = _make_model(load_recipe("six_digits"))
        model.save_pretrained(weights)
        processor.save_pretrained(weights)
    else:
        weights = build("imagebind-tiny-random", folder / "made")
    return build(name, folder, weights)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_code_runs(hub, elsewhere, card_folder, name):
    push_folder(repository(name, card_folder / "repositories"), f"imagebind-hf/{name}")
    blocks = BLOCK.findall((CARDS / name / "README.md").read_text(encoding="utf-8"))
    assert blocks
    # The audio pipeline of transformers reads files with ffmpeg.
    (card_folder / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
    # Each block has its own namespace, in one interpreter.
    assert f"imagebind-hf/{name}" in "".join(blocks)
    path = f"{card_folder}{os.pathsep}{os.environ['PATH']}"
    elsewhere("\n".join(f"exec({block!r}, {{}})" for block in blocks), PATH=path)


@pytest.mark.slow
@pytest.mark.parametrize("modalities", [["vision", "text", "audio"], ["imu"]])
def test_code_of_a_written_card_runs(hub, elsewhere, checkpoint, modalities):
    model = ImageBindModel.from_pretrained(checkpoint, modalities=modalities)
    shutil.rmtree(checkpoint)
    model.save_pretrained(checkpoint)
    ImageBindProcessor.from_config(model.config).save_pretrained(checkpoint)
    push_folder(checkpoint, "org/written")
    blocks = BLOCK.findall(hub.files("org/written")["README.md"].decode())
    assert "torch.Size" in elsewhere(blocks[0]).stdout or modalities == ["imu"]


def test_build_refuses(tmp_path):
    build = build_module().build
    with pytest.raises(ValueError, match="There is no card 'nothing'"):
        build("nothing", tmp_path)
    with pytest.raises(ValueError, match="Expected a checkpoint"):
        build("imagebind-huge", tmp_path, tmp_path)
    assert not list(tmp_path.iterdir())
