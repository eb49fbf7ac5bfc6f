# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModel, AutoProcessor

sentence_transformers = pytest.importorskip("sentence_transformers")

from imagebind_hf.integrations.sentence_transformers import ImageBindTransformer  # noqa: E402

RNG = np.random.default_rng(0)
WAVE = RNG.uniform(-1, 1, 20_000).astype(np.float32)
# By modality: an input to encode, and the same input as arguments of the processor.
ITEMS = {
    "text": ("a dog", {"text": ["a dog"]}),
    "image": (Image.fromarray(RNG.integers(0, 255, (40, 50, 3), dtype=np.uint8)),) * 2,
    "audio": ({"array": WAVE, "sampling_rate": 16_000}, {"audio": [WAVE], "sampling_rate": 16_000}),
    "video": (RNG.integers(0, 255, (8, 40, 50, 3), dtype=np.uint8),) * 2,
    "depth": ({"depth": np.linspace(1, 3, 2000).reshape(40, 50)},) * 2,
    "thermal": ({"thermal": RNG.uniform(0, 1, (40, 50))},) * 2,
    "imu": ({"imu": RNG.standard_normal((6, 300))},) * 2,
}


def expected(folder: Path, modality: str) -> torch.Tensor:
    arguments = ITEMS[modality][1]
    if modality in ("image", "video"):
        arguments = {f"{modality}s": [arguments]}
    model, processor = AutoModel.from_pretrained(folder).eval(), AutoProcessor.from_pretrained(folder)
    with torch.inference_mode():
        return model(**processor(**arguments, return_tensors="pt"))[f"{modality}_embeds"]


@pytest.mark.parametrize("modality", ["text", "image", "audio", "video"])
def test_a_checkpoint_loads_directly(converted, modality):
    model = sentence_transformers.SentenceTransformer(str(converted), device="cpu")
    embeds = model.encode([ITEMS[modality][0]], convert_to_tensor=True)
    torch.testing.assert_close(embeds, expected(converted, modality), atol=1e-6, rtol=0)


@pytest.mark.parametrize("modality", ITEMS)
def test_our_module_takes_all(converted, modality, tmp_path):
    model = sentence_transformers.SentenceTransformer(modules=[ImageBindTransformer(str(converted))], device="cpu")
    embeds = model.encode([ITEMS[modality][0]] * 2, convert_to_tensor=True)
    torch.testing.assert_close(embeds[:1], expected(converted, modality), atol=1e-6, rtol=0)
    model.save_pretrained(str(tmp_path / "saved"))
    again = sentence_transformers.SentenceTransformer(str(tmp_path / "saved"), device="cpu", trust_remote_code=True)
    assert torch.equal(again.encode([ITEMS[modality][0]] * 2, convert_to_tensor=True), embeds)


def test_similarity_across_modalities(converted):
    model = sentence_transformers.SentenceTransformer(modules=[ImageBindTransformer(str(converted))], device="cpu")
    sounds, depths = model.encode([ITEMS["audio"][0]]), model.encode([ITEMS["depth"][0]])
    cosine = float(expected(converted, "audio")[0] @ expected(converted, "depth")[0])
    cosine /= float(expected(converted, "audio").norm())
    assert float(model.similarity(sounds, depths)) == pytest.approx(cosine, abs=1e-5)


def test_bad_input(converted):
    model = ImageBindTransformer(str(converted))
    with pytest.raises(ValueError, match=r"Expected a batch of one modality, but got \['depth', 'imu'\]"):
        model.preprocess([ITEMS["depth"][0], ITEMS["imu"][0]])
