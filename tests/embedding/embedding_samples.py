# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import soundfile
import torch
from PIL import Image

from conftest import make_config
from imagebind_hf import ImageBindModel, ImageBindProcessor
from imagebind_hf.embedding import find_items

TEXTS = ["a dog", "a very long sentence about a cat that sits on a mat and looks at a dog", "rain", "the sea", "one"]


def save_checkpoint(folder: Path) -> Path:
    torch.manual_seed(0)
    config = make_config(modalities=["vision", "text", "audio"])
    ImageBindModel(config).save_pretrained(folder)
    ImageBindProcessor.from_config(config).save_pretrained(folder)
    return folder


def write_inputs(folder: Path) -> Path:
    """Write fourteen items, two of which cannot be read."""
    rng = np.random.default_rng(0)
    for number in range(5):
        Image.fromarray(rng.integers(0, 255, (40, 30 + number, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    for number in range(2):
        soundfile.write(folder / f"{number}.wav", rng.uniform(-0.5, 0.5, 8000 * (1 + number)), 8000)
    (folder / "texts.txt").write_text("\n".join(TEXTS))
    (folder / "bad.png").write_bytes(b"not an image")
    (folder / "short.wav").write_bytes((folder / "0.wav").read_bytes()[:500])
    return folder


def one_by_one(checkpoint: Path, inputs: Path) -> dict[str, torch.Tensor]:
    model, processor = (
        ImageBindModel.from_pretrained(checkpoint).eval(),
        ImageBindProcessor.from_pretrained(checkpoint),
    )
    arguments = {"image": "images", "audio": "audio", "text": "text"}
    vectors = {}
    for item in find_items([inputs]):
        if item.id.endswith(("bad.png", "short.wav")):
            continue
        with torch.no_grad():
            outputs = model(**processor(**{arguments[item.modality]: [item.load()]}, return_tensors="pt"))
        vectors[item.id] = outputs[f"{item.modality}_embeds"][0]
    return vectors


def save_touch_model(folder: Path) -> ImageBindModel:
    torch.manual_seed(0)
    touch = {"model_type": "imagebind_depth_model", **make_config().depth_config.to_dict()}
    config = make_config(modalities=["text", "touch"], extra_modalities={"touch": touch})
    model = ImageBindModel(config).eval()
    model.save_pretrained(folder)
    ImageBindProcessor.from_config(config).save_pretrained(folder)
    return model
