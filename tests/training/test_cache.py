# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import PIL.Image
import pytest
import torch
from datasets import Dataset, Features, Image, Value

from conftest import make_config
from imagebind_hf import ImageBindModel, ImageBindProcessor
from imagebind_hf.training import Augmentation, Pairs
from imagebind_hf.training.cache import cache_image_embeds
from training.test_trainer import make_pairs, make_trainer

CONFIG = make_config(modalities=["vision", "text"])
FLIPS = Augmentation(image=[{"RandomAffine": {"degrees": 90}}])


@pytest.fixture
def model() -> ImageBindModel:
    torch.manual_seed(0)
    return ImageBindModel(CONFIG).train()


@pytest.fixture
def processor() -> ImageBindProcessor:
    return ImageBindProcessor.from_config(CONFIG)


@pytest.fixture
def images(tmp_path) -> Dataset:
    rng = np.random.default_rng(0)
    rows = {
        "image": [rng.integers(0, 255, (40, 36, 3), dtype=np.uint8) for _ in range(10)],
        "label": [i % 3 for i in range(10)],
    }
    Dataset.from_dict(rows, features=Features({"image": Image(), "label": Value("int64")})).to_parquet(tmp_path / "i")
    return Dataset.from_parquet(str(tmp_path / "i"), cache_dir=str(tmp_path / "cache"))


def texts(rows: int = 10) -> Dataset:
    return Dataset.from_dict({"text": [f"number {i}" for i in range(rows)], "label": [i % 3 for i in range(rows)]})


def test_cached_embeddings_equal_the_model_output(model, processor, images):
    pairs = cache_image_embeds(Pairs("text", images, texts()), model, processor, batch_size=4)
    assert model.training and set(pairs.images.column_names) == {"label", "image_embeds"} and pairs.views == 1
    with torch.no_grad():
        expected = model.eval()(**processor(images=images[:]["image"], return_tensors="pt")).image_embeds
    embeds = torch.as_tensor(pairs.fetch(np.stack([np.arange(10)] * 2, axis=1))["image_embeds"])
    torch.testing.assert_close(embeds, expected)
    rows = pairs.draw(np.random.default_rng(0))
    assert np.array_equal(rows, Pairs("text", images, texts()).draw(np.random.default_rng(0))), "same order"


def test_second_run_reads_the_cache(model, processor, images, monkeypatch):
    first = cache_image_embeds(Pairs("text", images, texts(), augment=FLIPS), model, processor, views=2)
    calls, forward = [], ImageBindModel.forward

    def spy(self, **inputs):
        calls.append(len(inputs["pixel_values"]))
        return forward(self, **inputs)

    monkeypatch.setattr(ImageBindModel, "forward", spy)
    again = cache_image_embeds(Pairs("text", images, texts(), augment=FLIPS), model, processor, views=2)
    assert not calls and again.images[:] == first.images[:]
    cache_image_embeds(Pairs("text", images, texts(), augment=FLIPS), model, processor, views=2, seed=1)
    assert sum(calls) == 20, "another seed creates other views"
    with torch.no_grad():
        model.vision_projection.weight.mul_(1.5)
    cache_image_embeds(Pairs("text", images, texts()), model, processor)
    assert sum(calls) == 30, "other weights create other embeddings"


def test_interrupted_run_resumes_after_the_last_complete_chunk(model, processor, images, monkeypatch):
    monkeypatch.setattr("imagebind_hf.evaluation.embed_cache.CHUNK", 4)
    calls, forward = [], ImageBindModel.forward

    def spy(self, **inputs):
        calls.append(len(inputs["pixel_values"]))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return forward(self, **inputs)

    monkeypatch.setattr(ImageBindModel, "forward", spy)
    with pytest.raises(KeyboardInterrupt):
        cache_image_embeds(Pairs("text", images, texts()), model, processor)
    assert calls == [4, 4, 2]
    embeds = cache_image_embeds(Pairs("text", images, texts()), model, processor).images["image_embeds"]
    assert calls == [4, 4, 2, 2], "only the missing chunk is embedded"
    with torch.no_grad():
        expected = forward(model.eval(), **processor(images=images[:]["image"], return_tensors="pt")).image_embeds
    torch.testing.assert_close(torch.tensor(embeds[:]), expected)


@pytest.mark.parametrize("by_label", [False, True])
def test_draws_use_all_views(model, processor, images, by_label):
    pairs = Pairs("text", images, texts(), by_label=by_label, augment=FLIPS)
    cached = cache_image_embeds(pairs, model, processor, views=3)
    assert len(cached.images) == 30 and len(cached) == len(pairs) and cached.views == 3
    embeds = np.asarray(cached.images.with_format("numpy")["image_embeds"]).reshape(3, 10, -1)
    assert np.abs(embeds[0] - embeds[1]).max() > 1e-3 and np.abs(embeds[0] - embeds[2]).max() > 1e-3
    draws = [cached.draw(np.random.default_rng(seed)) for seed in range(20)]
    assert {row // 10 for rows in draws for row in rows[:, 0]} == {0, 1, 2}
    for rows in draws:
        labels = np.asarray(images["label"])[rows[:, 0] % 10], np.asarray(texts()["label"])[rows[:, 1]]
        assert np.array_equal(*labels) and (by_label or np.array_equal(rows[:, 0] % 10, rows[:, 1]))


def test_views_keep_jointly_cropped_partners(tmp_path):
    config = make_config(modalities=["vision", "depth"])
    model, processor = ImageBindModel(config).eval(), ImageBindProcessor.from_config(config)
    # Depth is proportional to brightness, so the crops of image and depth are comparable.
    ramp = np.add.outer(np.arange(40), np.arange(40)).astype(np.uint8)
    rows = {
        "image": [np.stack([ramp + 10 * i] * 3, axis=-1) for i in range(6)],
        "depth": [ramp + 10.0 * i + 1 for i in range(6)],
    }
    dataset = Dataset.from_dict(rows).with_format("numpy")
    crop = Augmentation(joint=[{"RandomResizedCrop": {"size": 32, "scale": [0.1, 0.5]}}], features=[{"Identity": {}}])
    pairs = cache_image_embeds(Pairs("depth", dataset, augment=crop), model, processor, views=3)
    assert set(pairs.images.column_names) == {"image_embeds", "pixel_values_depth"} and len(pairs.images) == 18
    assert len(pairs) == 6 and pairs.augment is not None and pairs.augment.joint is None
    drawn = pairs.draw(np.random.default_rng(0))
    assert (drawn[:, 0] == drawn[:, 1]).all() and drawn.max() >= 6
    batch = pairs.fetch(drawn)
    assert batch["image_embeds"][0].shape == (16,) and batch["pixel_values_depth"][0].shape == (1, 32, 32)
    means = np.asarray(pairs.images.with_format("numpy")["pixel_values_depth"]).mean(axis=(1, 2, 3)).reshape(3, 6)
    assert np.abs(means[0] - means[1]).min() > 1e-4, "views have different crops"


def test_partner_transforms_precede_the_processor():
    """After the processor, values are centered at 0, and ColorJitter would clamp half of them to 0."""
    config = make_config(modalities=["vision", "thermal"])
    model, processor = ImageBindModel(config).eval(), ImageBindProcessor.from_config(config)
    thermal = processor.thermal_image_processor
    thermal.do_normalize, thermal.image_mean, thermal.image_std = True, [0.5], [0.2]
    ramp = np.add.outer(np.arange(32), np.arange(32)).astype(np.uint8)
    rows = {"image": [PIL.Image.fromarray(ramp).convert("RGB")], "thermal": [PIL.Image.fromarray(ramp)]}
    dataset = Dataset.from_dict(rows, features=Features(dict.fromkeys(rows, Image())))
    joint = [{"CenterCrop": {"size": 32}}]
    dark = Augmentation(joint=joint, partner=[{"ColorJitter": {"brightness": [0.5, 0.5]}}])
    pairs = cache_image_embeds(Pairs("thermal", dataset, augment=dark), model, processor)
    assert pairs.augment is None
    expected = processor(thermal=[torch.from_numpy(ramp // 2)[None]], return_tensors="pt")["pixel_values_thermal"]
    assert expected.min() < -1
    actual = torch.tensor(np.asarray(pairs.fetch(np.array([[0, 0]]))["pixel_values_thermal"]))
    torch.testing.assert_close(actual, expected, atol=0.03, rtol=0)


def test_training_from_the_cache_gives_the_same_losses(tmp_path):
    pairs = {"imu": make_pairs("imu_values", (6, 200)), "depth": make_pairs("pixel_values_depth", (1, 32, 32))}
    trainers = [
        make_trainer(tmp_path / str(views), dict(pairs), cache_frozen_embeddings=views, mini_batch_size=size)
        for views, size in ((0, None), (1, None), (1, 3))
    ]
    losses = []
    for trainer in trainers:
        trainer.train()
        losses.append([entry["loss"] for entry in trainer.state.log_history if "loss" in entry])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    np.testing.assert_allclose(losses[2], losses[0], rtol=1e-4)
    assert "image_embeds" in trainers[1].train_dataset.pairs["imu"].images.column_names


def test_invalid_arguments(tmp_path, model, processor, images):
    with pytest.raises(ValueError, match="Expected `views` to be at least 1, but got 0"):
        cache_image_embeds(Pairs("text", images, texts()), model, processor, views=0)
    pairs = {"imu": make_pairs("imu_values", (6, 200))}
    with pytest.raises(ValueError, match="`cache_frozen_embeddings` requires a frozen vision tower"):
        make_trainer(tmp_path, pairs, cache_frozen_embeddings=1, trained_modalities=["imu", "vision"])
    with pytest.raises(ValueError, match="Expected `cache_frozen_embeddings` to be 0 or more, but got -1"):
        make_trainer(tmp_path, pairs, cache_frozen_embeddings=-1)
