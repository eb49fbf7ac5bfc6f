# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import re
from pathlib import Path

import numpy as np
import soundfile
import torch
from PIL import Image
from typer.testing import CliRunner

from conftest import make_config
from imagebind_hf import ImageBindModel, ImageBindProcessor
from imagebind_hf.cli import app
from imagebind_hf.search import SearchIndex


def save_model(folder: Path, seed: int = 0, **kwargs) -> Path:
    torch.manual_seed(seed)
    config = make_config(**kwargs)
    ImageBindModel(config).save_pretrained(folder)
    ImageBindProcessor.from_config(config).save_pretrained(folder)
    return folder


def write_inputs(folder: Path) -> Path:
    """Write eight items, two of which cannot be read."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for name in ("a", "b", "it's"):
        Image.fromarray(rng.integers(0, 255, (40, 30, 3), dtype=np.uint8)).save(folder / f"{name}.png")
    soundfile.write(folder / "sound.wav", rng.uniform(-0.5, 0.5, 8000), 8000)
    (folder / "texts.txt").write_text("a dog\nthe sea\n")
    (folder / "bad.png").write_bytes(b"not an image")
    (folder / "short.wav").write_bytes((folder / "sound.wav").read_bytes()[:500])
    return folder


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def ids(store: Path) -> list[str]:
    return sorted(row["id"].rpartition("/")[2] for row in SearchIndex.open(store).rows(["id"]))


def ranking(output: str) -> list[tuple[str, float, str]]:
    found = re.findall(r" \d+ +(-?\d\.\d+)  (\w+) +(.*)", output)
    return [(name.rpartition("/")[2].partition("  ")[0], float(score), kind) for score, kind, name in found]


def vectors_of(checkpoint: Path, items) -> dict[str, np.ndarray]:
    """Embed items one by one, without the store."""
    model = ImageBindModel.from_pretrained(checkpoint).eval()
    processor = ImageBindProcessor.from_pretrained(checkpoint)
    arguments = {"image": "images", "audio": "audio", "text": "text"}
    found = {}
    for name, modality, value in items:
        with torch.no_grad():
            outputs = model(**processor(**{arguments[modality]: [value]}, return_tensors="pt"))
        found[name] = outputs[f"{modality}_embeds"][0].numpy()
    return found
