# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The code in the documentation runs, as it stands, block after block; and its links lead somewhere."""

import doctest
import os
import re
from functools import partial
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
import torch
from datasets import Audio, Dataset
from PIL import Image
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, pipeline

import imagebind_hf
from imagebind_hf import (
    ImageBindConfig,
    ImageBindModel,
    ImageBindProcessor,
    ImageBindTrainer,
    ImageBindTrainingArguments,
)
from imagebind_hf.embedding import EmbeddingJob, find_items

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
# Their code runs in the tests of what they are about: two begin with data sets that are not here, one with a training,
# and one shows settings that exclude each other.
ELSEWHERE = {"add_a_modality.md", "datasets.md", "evaluation.md", "speed.md"}


def blocks(page: Path) -> list[str]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.fixture
def workplace(tmp_path, monkeypatch, hub):
    """What the pages take as given: a checkpoint under several names, files, and a Hub."""
    torch.manual_seed(0)
    # Small towers with the published sizes of inputs, and a chance to be asked about six digits.
    config = ImageBindConfig.from_pretrained(ROOT / "hub_cards" / "imagebind-tiny-random")
    model, processor = ImageBindModel(config), ImageBindProcessor.from_config(config)
    for name in ("imagebind-huge", "outputs/demo"):
        model.save_pretrained(tmp_path / name)
        processor.save_pretrained(tmp_path / name)
        processor.save_modality_folders(tmp_path / name)
    generator = np.random.default_rng(0)
    for name in ("dog.jpg", "car.jpg", "photos/a.jpg", "photos/b.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(generator.integers(0, 255, (48, 64, 3), dtype=np.uint8)).save(tmp_path / name)
    soundfile.write(tmp_path / "bark.wav", generator.normal(size=16_000).astype(np.float32), 16_000)
    (tmp_path / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def prepare(page: str) -> dict:
    """Return the names that a page uses without making them."""
    model = ImageBindModel.from_pretrained("imagebind-huge").eval()
    processor = ImageBindProcessor.from_pretrained("imagebind-huge")
    picture, waveform = Image.open("dog.jpg"), np.ones(9_000, dtype=np.float32)
    names = {
        "model": model,
        "processor": processor,
        "waveform": waveform,
        "picture": picture,
        "motion": np.ones((6, 300)),
        "pipeline": pipeline,
        "imagebind_hf": imagebind_hf,
        "AutoModel": AutoModel,
        "ImageBindTrainer": ImageBindTrainer,
        "ImageBindTrainingArguments": partial(ImageBindTrainingArguments, max_steps=1, report_to="none"),
        "SentenceTransformer": SentenceTransformer,
    }
    sounds = {"image": [picture] * 64, "audio": [{"path": None, "bytes": Path("bark.wav").read_bytes()}] * 64}
    names["dataset"] = Dataset.from_dict(sounds).cast_column("audio", Audio(decode=False))
    if page == "search.md":
        names["dataset"] = Dataset.from_dict({"photo": [picture] * 2, "caption": ["a beach", "people"]})
        for name, file in (("beach.jpg", "dog.jpg"), ("barking.wav", "bark.wav")):
            Path(name).symlink_to(file)
        EmbeddingJob(find_items([Path("photos")]), "vectors", "imagebind-huge").run(progress=False)
    if page == "publish.md":
        names["trainer"] = lora_trainer(model, processor, names["dataset"])
    return names


def lora_trainer(model: ImageBindModel, processor: ImageBindProcessor, dataset: Dataset) -> ImageBindTrainer:
    """A trainer of an adapter, to a model on the Hub; its adapter is there too."""
    model.push_to_hub("org/base")
    arguments = ImageBindTrainingArguments(
        "mine-adapter", lora={}, max_steps=1, per_device_train_batch_size=4, report_to="none"
    )
    base = ImageBindModel.from_pretrained("org/base")
    trainer = ImageBindTrainer(base, arguments, {"audio": dataset}, processing_class=processor)
    trainer.train()
    trainer.args.hub_model_id = "org/mine-adapter"
    return trainer


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name not in ELSEWHERE and blocks(page)], ids=lambda page: page.name
)
def test_code(page, workplace):
    names = prepare(page.name)
    for block in blocks(page):
        if block.startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(block, names, page.name, str(page), 0)
            assert not doctest.DocTestRunner().run(test).failed
        else:
            exec(compile(block, str(page), "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            linked = page.parent / path if path else page
            assert linked.exists(), target
            if anchor:
                headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
                assert anchor in {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}
