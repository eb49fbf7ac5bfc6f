# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import AutoModel, AutoProcessor, pipeline

from conftest import make_config
from imagebind_hf import ImageBindModel, ImageBindProcessor

LABELS = ["dog", "cat", "rain"]
RNG = np.random.default_rng(0)
ITEMS = {
    "video": [RNG.integers(0, 255, (2, 40, 48, 3), dtype=np.uint8) for _ in range(3)],
    "depth": [RNG.uniform(0.5, 4, (40, 48)).astype(np.float32) for _ in range(3)],
    "thermal": [RNG.integers(0, 255, (40, 48), dtype=np.uint8) for _ in range(3)],
    "imu": [RNG.standard_normal((6, 150)).astype(np.float32) for _ in range(3)],
}
# Two frames are a whole clip.
ARGUMENTS = {"video": {"processor_kwargs": {"videos_kwargs": {"do_sample_frames": False, "num_crops": 1}}}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    config = make_config()
    ImageBindModel(config).save_pretrained(folder)
    ImageBindProcessor.from_config(config).save_pretrained(folder)
    return str(folder)


def expected_scores(folder: str, modality: str, item, templates: list[str]) -> dict[str, float]:
    model, processor = AutoModel.from_pretrained(folder).eval(), AutoProcessor.from_pretrained(folder)
    kwargs = ARGUMENTS.get(modality, {}).get("processor_kwargs", {})
    argument = {"video": "videos"}.get(modality, modality)
    with torch.no_grad():
        embed = model(**processor(**{argument: [item]}, return_tensors="pt", **kwargs))[f"{modality}_embeds"][0]
        logits = []
        for label in LABELS:
            texts = [template.format(label) for template in templates]
            prompts = model(**processor(text=texts, return_tensors="pt", padding=True)).text_embeds
            logits.append(model.logit_scale("text") * embed @ torch.nn.functional.normalize(prompts.mean(0), dim=0))
    return dict(zip(LABELS, torch.stack(logits).softmax(0).tolist(), strict=True))


@pytest.mark.parametrize("modality", ITEMS)
def test_zero_shot(folder, modality):
    classify = pipeline(f"zero-shot-{modality}-classification", model=folder)
    arguments = {"candidate_labels": LABELS, **ARGUMENTS.get(modality, {})}
    item = ITEMS[modality][0]
    answers = classify(item, **arguments)
    assert [answer["score"] for answer in answers] == sorted((answer["score"] for answer in answers), reverse=True)
    scores = {answer["label"]: answer["score"] for answer in answers}
    assert scores == pytest.approx(expected_scores(folder, modality, item, ["This is a photo of {}."]), abs=1e-5)
    templates = ["{}", "a view of {}"]
    answers = classify(item, hypothesis_template=templates, **arguments)
    scores = {answer["label"]: answer["score"] for answer in answers}
    assert scores == pytest.approx(expected_scores(folder, modality, item, templates), abs=1e-5)


@pytest.mark.parametrize("modality", ITEMS)
def test_batches_are_items_one_by_one(folder, modality):
    classify = pipeline(f"zero-shot-{modality}-classification", model=folder)
    arguments = {"candidate_labels": "dog, cat,rain", **ARGUMENTS.get(modality, {})}
    alone = [classify(item, **arguments) for item in ITEMS[modality]]
    for many in (classify(ITEMS[modality], batch_size=2, **arguments), classify(ITEMS[modality], **arguments)):
        assert [[answer["label"] for answer in answers] for answers in many] == [
            [answer["label"] for answer in answers] for answers in alone
        ]
        for one, other in zip(many, alone, strict=True):
            assert [a["score"] for a in one] == pytest.approx([a["score"] for a in other], abs=1e-5)
    generated = list(classify((item for item in ITEMS[modality]), batch_size=3, **arguments))
    assert [answers[0]["label"] for answers in generated] == [answers[0]["label"] for answers in alone]


def test_labels_are_embedded_once(folder, monkeypatch):
    classify = pipeline("zero-shot-imu-classification", model=folder)
    calls, features = [], ImageBindModel.get_text_features
    monkeypatch.setattr(
        ImageBindModel, "get_text_features", lambda self, ids: calls.append(len(ids)) or features(self, ids)
    )
    classify(ITEMS["imu"], candidate_labels=LABELS)
    list(classify((item for item in ITEMS["imu"]), candidate_labels=LABELS, batch_size=2))
    # A single text per call shows whether the model is still the same.
    assert calls == [1, 3, 1]
    classify(ITEMS["imu"][0], candidate_labels=LABELS, hypothesis_template="{}")
    classify(ITEMS["imu"][0], candidate_labels=[str(number) for number in range(300)])
    assert calls == [1, 3, 1, 1, 3, 1, 256, 44]


def test_labels_follow_the_model(folder):
    classify = pipeline("zero-shot-imu-classification", model=folder)
    item, arguments = ITEMS["imu"][0], {"candidate_labels": LABELS}
    before = classify(item, **arguments)
    with torch.no_grad():
        # Writing through `.data` is not counted by the version of a tensor.
        classify.model.text_projection.weight.data.neg_()
    after = {answer["label"]: answer["score"] for answer in classify(item, **arguments)}
    fresh = pipeline("zero-shot-imu-classification", model=classify.model, processor=classify.processor)
    assert after == {answer["label"]: answer["score"] for answer in fresh(item, **arguments)}
    assert after != pytest.approx({answer["label"]: answer["score"] for answer in before}, abs=1e-3)
    classify.model.to(torch.float64)
    for answer in classify(item, **arguments):
        assert answer["score"] == pytest.approx(after[answer["label"]], abs=1e-5)


def scores_of(answers: list[dict]) -> dict[str, float]:
    return {answer["label"]: answer["score"] for answer in answers}


def test_zero_shot_of_mixtures(folder):
    classify = pipeline("zero-shot-multimodal-classification", model=folder, candidate_labels=LABELS)
    embed = pipeline("multimodal-embedding", model=folder, return_tensors=True)
    one = {"depth": ITEMS["depth"][0], "imu": ITEMS["imu"][0]}
    items = [one, {"audio": np.ones(16_000, np.float32)}, {"text": "a dog"}, {"thermal": ITEMS["thermal"][0], **one}]
    prompts = embed([{"text": f"This is a photo of {label}."} for label in LABELS])
    labels = torch.stack([prompt["text"] for prompt in prompts])
    for weights in (None, {"depth": 1.0, "imu": -0.5}):
        chosen = items if weights is None else [items[0], items[3]]
        batched = classify(chosen, batch_size=3, **({} if weights is None else {"weights": weights}))
        for item, answers in zip(chosen, batched, strict=True):
            vector = embed(item, weights=weights or dict.fromkeys(item, 1.0))
            expected = (labels @ vector * classify.model.logit_scale("text")).softmax(0).tolist()
            assert scores_of(answers) == pytest.approx(dict(zip(LABELS, expected, strict=True)), abs=1e-5)
            assert answers[0]["score"] == max(answer["score"] for answer in answers)
    # Of one modality, it is the same as that modality's own task.
    alone = pipeline("zero-shot-imu-classification", model=folder)(ITEMS["imu"][0], candidate_labels=LABELS)
    assert scores_of(classify({"imu": ITEMS["imu"][0]})) == pytest.approx(scores_of(alone), abs=1e-4)
    with pytest.raises(ValueError, match=r"some of \['depth', 'imu'\], but got weights for \['audio'\]"):
        classify(one, weights={"audio": 1.0})
    with pytest.raises(ValueError, match="Expected {modality: value}"):
        classify(ITEMS["imu"][0])
    with pytest.raises(ValueError, match="weights only for zero-shot-multimodal-classification"):
        pipeline("zero-shot-imu-classification", model=folder, weights={"imu": 1.0})


def test_zero_shot_of_an_extra_modality():
    extra = {"tactile": make_config(modalities=["imu"]).imu_config}
    config = make_config(modalities=["text", "imu", "tactile"], extra_modalities=extra)
    model, processor = ImageBindModel(config).eval(), ImageBindProcessor.from_config(config)
    classify = pipeline("zero-shot-multimodal-classification", model=model, processor=processor)
    values = torch.randn(config.imu_config.num_channels, config.imu_config.num_samples)
    answers = classify({"tactile": values, "imu": ITEMS["imu"][0]}, candidate_labels=LABELS, weights={"tactile": 1.0})
    with torch.no_grad():
        embed = model(tactile_values=values[None]).tactile_embeds[0]
        prompts = processor(
            text=[f"This is a photo of {label}." for label in LABELS], return_tensors="pt", padding=True
        )
        logits = model.logit_scale("text") * model(**prompts).text_embeds @ embed
    assert scores_of(answers) == pytest.approx(dict(zip(LABELS, logits.softmax(0).tolist(), strict=True)), abs=1e-5)


def test_embeddings(folder):
    embed = pipeline("multimodal-embedding", model=folder)
    items = [
        {"text": "a dog", "depth": ITEMS["depth"][0]},
        {"text": "a longer text about cats", "audio": np.ones(16_000, np.float32)},
        {"imu": ITEMS["imu"][0]},
    ]
    model, processor = AutoModel.from_pretrained(folder).eval(), AutoProcessor.from_pretrained(folder)
    for vectors in (embed(items, return_tensors=True), embed(items, batch_size=3, return_tensors=True)):
        assert [list(each) for each in vectors] == [list(item) for item in items]
        for item, each in zip(items, vectors, strict=True):
            with torch.no_grad():
                for modality, value in item.items():
                    outputs = model(**processor(**{modality: [value]}, return_tensors="pt"))
                    expected = torch.nn.functional.normalize(outputs[f"{modality}_embeds"][0], dim=0)
                    torch.testing.assert_close(each[modality], expected, atol=1e-5, rtol=0)
    assert isinstance(embed(items[0])["text"], list) and len(embed(items[0])["text"]) == 16


def test_embeddings_with_weights(folder):
    embed = pipeline("multimodal-embedding", model=folder)
    item = {"text": "a dog", "depth": ITEMS["depth"][0]}
    alone = embed(item, return_tensors=True)
    vector = embed(item, weights={"depth": 0.5, "text": -0.25}, return_tensors=True)
    expected = torch.nn.functional.normalize(0.5 * alone["depth"] - 0.25 * alone["text"], dim=0)
    torch.testing.assert_close(vector, expected)
    assert embed([item, item], weights={"text": 1.0}, batch_size=2)[1] == pytest.approx(
        alone["text"].tolist(), abs=1e-6
    )
    with pytest.raises(ValueError, match=r"some of \['text', 'depth'\], but got weights for \['audio'\]"):
        embed(item, weights={"audio": 1.0})
    with pytest.raises(ValueError, match="cancel out"):
        embed(item, weights={"text": 0.0})


def test_arguments_of_the_constructor(folder):
    item = {"text": "a dog", "depth": ITEMS["depth"][0]}
    embed = pipeline("multimodal-embedding", model=folder, weights={"text": 1.0}, return_tensors=True)
    plain = pipeline("multimodal-embedding", model=folder)(item)
    assert isinstance(embed(item), torch.Tensor)
    assert embed(item).tolist() == pytest.approx(plain["text"], abs=1e-6)
    assert embed(item, weights={"depth": 1.0}, return_tensors=False) == pytest.approx(plain["depth"], abs=1e-6)
    assert embed(item).tolist() == pytest.approx(plain["text"], abs=1e-6), "a call does not change the defaults"


def test_from_objects_and_data_sets(folder):
    model = AutoModel.from_pretrained(folder, modalities=["text", "imu"])
    processor = AutoProcessor.from_pretrained(folder)
    classify = pipeline("zero-shot-imu-classification", model=model, processor=processor)
    rows = Dataset.from_dict({"imu": ITEMS["imu"]}).with_format("numpy")
    answers = list(classify((row["imu"] for row in rows), candidate_labels=LABELS, batch_size=2))
    assert answers[0][0]["label"] == classify(ITEMS["imu"][0], candidate_labels=LABELS)[0]["label"]
    with pytest.raises(ValueError, match=r"needs towers for \['depth'\], but the model has"):
        pipeline("zero-shot-depth-classification", model=model, processor=processor)


def test_bad_calls(folder):
    classify = pipeline("zero-shot-depth-classification", model=folder)
    for arguments in ({}, {"candidate_labels": []}, {"candidate_labels": LABELS, "hypothesis_template": "a photo"}):
        with pytest.raises(ValueError, match="Expected candidate_labels, and templates with '{}'"):
            classify(ITEMS["depth"][0], **arguments)
    with pytest.raises(ValueError, match=r"Unknown arguments \['labels'\]"):
        classify(ITEMS["depth"][0], labels=LABELS)
    with pytest.raises(ValueError, match=r"Unknown arguments \['weight'\]"):
        pipeline("multimodal-embedding", model=folder, weight={"text": 1.0})
    embed = pipeline("multimodal-embedding", model=folder)
    with pytest.raises(ValueError, match="Unknown modality 'dept'. Did you mean 'depth'"):
        embed({"dept": ITEMS["depth"][0]})
    with pytest.raises(ValueError, match="Expected a text as a str, but got a list"):
        embed({"text": ["a dog", "a cat"]})
    for nothing in ({}, "a dog"):
        with pytest.raises(ValueError, match="Expected {modality: value}"):
            embed(nothing)


def test_saving_a_pipeline_saves_no_code(folder, tmp_path):
    classify = pipeline("zero-shot-imu-classification", model=folder)
    classify.save_pretrained(tmp_path)
    assert (tmp_path / "config.json").is_file() and not list(tmp_path.glob("*.py"))
    assert "custom_pipelines" not in (tmp_path / "config.json").read_text()
    again = pipeline("zero-shot-imu-classification", model=str(tmp_path), processor=classify.processor)
    arguments = {"candidate_labels": LABELS}
    assert again(ITEMS["imu"][0], **arguments) == classify(ITEMS["imu"][0], **arguments)
