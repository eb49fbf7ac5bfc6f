# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Pipelines of transformers return the scores that the model computes."""

from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from transformers import AutoModel, AutoProcessor, Pipeline, pipeline

LABELS = ["dog", "car", "two birds"]
RNG = np.random.default_rng(0)
SOUNDS = [RNG.uniform(-1, 1, 40_000).astype(np.float32), RNG.uniform(-0.1, 0.1, 9000).astype(np.float32)]
IMAGES = [Image.fromarray(RNG.integers(0, 255, (50, 70, 3), dtype=np.uint8)) for _ in range(2)]


@pytest.fixture(scope="module")
def classify_audio(converted: Path) -> Pipeline:
    return pipeline("zero-shot-audio-classification", model=str(converted))


def expected_scores(folder: Path, template: str, **inputs) -> list[dict[str, float]]:
    model, processor = AutoModel.from_pretrained(folder).eval(), AutoProcessor.from_pretrained(folder)
    prompts = [template.format(label) for label in LABELS]
    with torch.inference_mode():
        outputs = model(**processor(text=prompts, **inputs, return_tensors="pt"))
    logits = outputs.logits_per_audio if "audio" in inputs else outputs.logits_per_image
    return [dict(zip(LABELS, row.tolist(), strict=True)) for row in logits.softmax(dim=-1)]


def assert_scores(answers: list[dict], expected: dict[str, float]) -> None:
    assert [answer["score"] for answer in answers] == sorted((a["score"] for a in answers), reverse=True)
    assert {answer["label"]: answer["score"] for answer in answers} == pytest.approx(expected, abs=1e-5)


def test_audio_array_and_list(classify_audio, converted):
    expected = expected_scores(converted, "This is a sound of {}.", audio=SOUNDS, sampling_rate=16_000)
    assert_scores(classify_audio(SOUNDS[0], candidate_labels=LABELS), expected[0])
    for answers, scores in zip(classify_audio(SOUNDS, candidate_labels=LABELS), expected, strict=True):
        assert_scores(answers, scores)
    expected = expected_scores(converted, "{}!", audio=SOUNDS[:1], sampling_rate=16_000)
    answers = classify_audio(SOUNDS[0], candidate_labels=LABELS, hypothesis_template="{}!")
    assert_scores(answers, expected[0])


def test_audio_file(classify_audio, tmp_path, monkeypatch):
    (tmp_path / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
    monkeypatch.setenv("PATH", str(tmp_path))
    soundfile.write(tmp_path / "a.wav", SOUNDS[0], 16_000, subtype="FLOAT")
    answers = classify_audio(str(tmp_path / "a.wav"), candidate_labels=LABELS)
    expected = classify_audio(SOUNDS[0], candidate_labels=LABELS)
    assert [a["label"] for a in answers] == [a["label"] for a in expected]
    assert [a["score"] for a in answers] == pytest.approx([a["score"] for a in expected], abs=1e-3)


def test_audio_file_without_ffmpeg(classify_audio, tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", SOUNDS[0], 16_000)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="ffmpeg was not found"):
        classify_audio(str(tmp_path / "a.wav"), candidate_labels=LABELS)


def test_audio_without_labels(classify_audio):
    with pytest.raises(ValueError, match="Got an empty list of texts"):
        classify_audio(SOUNDS[0], candidate_labels=[])


def test_image(converted):
    classify = pipeline("zero-shot-image-classification", model=str(converted))
    expected = expected_scores(converted, "This is a photo of {}.", images=IMAGES)
    assert_scores(classify(IMAGES[0], candidate_labels=LABELS), expected[0])
    for answers, scores in zip(classify(IMAGES, candidate_labels=LABELS), expected, strict=True):
        assert_scores(answers, scores)


def test_image_features(converted):
    extract = pipeline("image-feature-extraction", model=str(converted))
    model, processor = AutoModel.from_pretrained(converted).eval(), AutoProcessor.from_pretrained(converted)
    with torch.inference_mode():
        embeds = model(**processor(images=IMAGES[:1], return_tensors="pt")).image_embeds
    torch.testing.assert_close(torch.tensor(extract(IMAGES[0])), embeds, atol=1e-5, rtol=0)
