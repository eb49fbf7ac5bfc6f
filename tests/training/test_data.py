# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import dataclasses
from collections import Counter

import numpy as np
import pytest
import torch
from datasets import Array3D, ClassLabel, Dataset, Features, Image
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import make_config
from imagebind_hf import ImageBindModel, ImageBindProcessor, ImageBindTrainer, ImageBindTrainingArguments
from imagebind_hf.models.imagebind.image_processing_imagebind import ImageBindThermalImageProcessor
from imagebind_hf.training import PairBatchSampler, PairCollator, PairDataset, Pairs
from imagebind_hf.training.data import preprocess
from imagebind_hf.training.pairs import LABELS, logger


def side(name: str, labels: list[int]) -> Dataset:
    return Dataset.from_dict({name: list(range(len(labels))), "label": labels})


def aligned(modality: str, rows: int) -> Pairs:
    return Pairs(modality, Dataset.from_dict({"image": list(range(rows)), modality: list(range(rows))}))


def test_rows_stay_aligned():
    pairs = aligned("audio", 10)
    rows = pairs.draw(np.random.default_rng(0))
    assert (rows[:, 0] == rows[:, 1]).all() and sorted(rows[:, 0]) == list(range(10))
    assert pairs.fetch(rows[:3]) == {"image": rows[:3, 0].tolist(), "audio": rows[:3, 0].tolist()}


@given(
    images=st.lists(st.integers(0, 3), min_size=1, max_size=30),
    partners=st.lists(st.integers(0, 3), min_size=1, max_size=30),
)
@settings(max_examples=60, deadline=None)
def test_by_label_uses_all_rows_equally(images, partners):
    common = set(images) & set(partners)
    if not common:
        with pytest.raises(ValueError, match="no common label"):
            Pairs("audio", side("image", images), side("audio", partners), by_label=True)
        return
    pairs = Pairs("audio", side("image", images), side("audio", partners), by_label=True)
    rows = pairs.draw(np.random.default_rng(0))
    assert len(rows) == len(pairs)
    assert all(images[i] == partners[j] for i, j in rows)
    for label in common:
        for column, labels in ((0, images), (1, partners)):
            members = [row for row, value in enumerate(labels) if value == label]
            uses = Counter(rows[:, column][np.isin(rows[:, column], members)].tolist())
            # The numbers of uses of two rows of a label differ by at most one.
            assert set(uses) == set(members) and max(uses.values()) - min(uses.values()) <= 1


def test_invalid_pairs():
    with pytest.raises(ValueError, match=r"Expected one of the columns \['audio', 'input_features'\]"):
        Pairs("audio", Dataset.from_dict({"image": [1], "recording": [1]}))
    with pytest.raises(ValueError, match="Expected one of the columns .*image_embeds"):
        Pairs("audio", Dataset.from_dict({"audio": [1]}))
    with pytest.raises(ValueError, match="2 images and 3 partners"):
        Pairs("audio", side("image", [0, 1]), side("audio", [0, 1, 2]))


@pytest.mark.parametrize("mixing", ["proportional", "round_robin"])
@pytest.mark.parametrize("processes", [1, 2])
def test_a_batch_holds_one_kind(mixing, processes):
    pairs = {"audio": aligned("audio", 40), "depth": aligned("depth", 17)}
    sampler = PairBatchSampler(pairs, 4, processes, mixing, seed=1)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    assert all(len(batch) == 4 and len({(kind, seed) for kind, _, _, seed in batch}) == 1 for batch in batches)
    kinds = [batch[0][0] for batch in batches]
    for step in range(0, len(kinds), processes):
        assert len(set(kinds[step : step + processes])) == 1, "all processes have the same kind in a step"
    assert len({key[:3] for batch in batches for key in batch}) == 4 * len(batches), "an epoch has no pair twice"
    assert len({batch[0][3] for batch in batches}) == len(batches), "every batch has its own seed"
    if mixing == "round_robin":
        assert kinds[::processes] == [0, 1] * (len(kinds) // processes // 2)
    else:
        assert Counter(kinds) == {0: 40 // (4 * processes) * processes, 1: 17 // (4 * processes) * processes}


def test_an_epoch_depends_on_the_seed_and_its_number_only():
    def epoch(seed: int, number: int) -> list:
        sampler = PairBatchSampler({"audio": aligned("audio", 40)}, 4, seed=seed)
        sampler.set_epoch(number)
        return list(sampler)

    assert epoch(0, 3) == epoch(0, 3)
    assert epoch(0, 3) != epoch(0, 4) and epoch(0, 3) != epoch(1, 3)


def test_too_few_pairs():
    with pytest.raises(ValueError, match="at least 2 pairs in a batch, but got 1"):
        PairBatchSampler({"audio": aligned("audio", 10)}, 1)
    with pytest.raises(ValueError, match="'audio' has 10 pairs, but one step requires 2 x 8"):
        PairBatchSampler({"audio": aligned("audio", 10)}, 8, num_processes=2)


def test_dataset_reads_whole_batches():
    data = PairDataset({"audio": aligned("audio", 5), "depth": aligned("depth", 6)})
    assert len(data) == 11
    columns = data.__getitems__([(1, 2, 2, 9), (1, 4, 4, 9)])
    assert columns == {"kind": "depth", "seed": 9, "image": [2, 4], "depth": [2, 4]}


def test_classes_match_by_name():
    images = side("image", [0, 1, 2]).cast_column("label", ClassLabel(names=["cat", "dog", "cow"]))
    clips = side("audio", [0, 1]).cast_column("label", ClassLabel(names=["dog", "cat"]))
    pairs = Pairs("audio", images, clips, by_label=True)
    assert sorted(map(tuple, pairs.draw(np.random.default_rng(0)).tolist())) == [(0, 1), (1, 0)]


@pytest.mark.parametrize("views", [1, 2])
def test_rows_without_a_label_are_skipped(views, monkeypatch):
    classes = ClassLabel(names=["cat", "dog", "cow"])
    images = side("image", [-1, 0, 1, -1] * views).cast_column("label", classes)
    clips = side("audio", [1, -1, 0]).cast_column("label", ClassLabel(names=["cat", "dog"]))
    warnings = []
    monkeypatch.setattr(logger, "warning", warnings.append)
    pairs = Pairs("audio", images, clips, by_label=True, views=views)
    assert sorted({(image % 4, clip) for image, clip in pairs.draw(np.random.default_rng(0)).tolist()}) == [
        (1, 2),
        (2, 0),
    ]
    assert len(pairs) == 2 and "3 rows without a label" in warnings[0]
    # In a plain integer column, -1 is a label.
    plain = Pairs("audio", side("image", [-1, 1]), side("audio", [1, -1]), by_label=True)
    assert sorted(map(tuple, plain.draw(np.random.default_rng(0)).tolist())) == [(0, 1), (1, 0)]


def test_by_label_pairs_rows_of_the_same_view():
    # Two views of four rows, each with an image and its partner.
    rows = {"image": list(range(8)), "audio": list(range(8)), "label": [0, 0, 1, 1] * 2}
    pairs = Pairs("audio", Dataset.from_dict(rows), by_label=True, views=2)
    drawn = np.concatenate([pairs.draw(np.random.default_rng(seed)) for seed in range(20)])
    assert set(drawn[:, 0]) == set(drawn[:, 1]) == set(range(8))
    assert all(image // 2 == partner // 2 for image, partner in drawn), "same label and same view"


@pytest.mark.parametrize("replication, uses", [(1.0, [1] * 8), (1.25, [1] * 6 + [2] * 2), (3.0, [3] * 8)])
def test_replication(replication, uses):
    for pairs in (
        dataclasses.replace(aligned("audio", 8), replication=replication),
        Pairs("audio", side("image", [0] * 8), side("audio", [0] * 8), by_label=True, replication=replication),
    ):
        rows = pairs.draw(np.random.default_rng(0))
        assert len(rows) == len(pairs) == sum(uses)
        assert sorted(Counter(rows[:, 0].tolist()).values()) == uses
    with pytest.raises(ValueError, match="Expected `replication` to be at least 1, but got 0.5"):
        dataclasses.replace(aligned("audio", 8), replication=0.5)


def test_texts_are_anchors_only_without_images():
    columns = {"text": ["a"], "imu": [0]}
    assert Pairs("imu", Dataset.from_dict(columns)).image_column == "text"
    assert Pairs("imu", Dataset.from_dict({**columns, "image": [0]})).image_column == "image"
    assert Pairs("text", Dataset.from_dict({"text": ["a"], "image": [0]})).image_column == "image"
    with pytest.raises(ValueError, match="Expected one of the columns"):
        Pairs("text", Dataset.from_dict({"text": ["a"]}))


@pytest.mark.parametrize("views", [1, 3])
def test_label_targets_add_labels_to_the_batch(views):
    labels = [3, 1, 1, 0, 3]
    images, clips = side("image", labels * views), side("audio", [1, 3, 3, 2])
    pairs = Pairs("audio", images, clips, by_label=True, label_targets=True, views=views)
    rows = pairs.draw(np.random.default_rng(0))
    columns = PairDataset({"audio": pairs}).__getitems__([(0, *row, 0) for row in rows])
    of_rows = np.array(labels)[rows[:, 0] % 5]
    found = columns[LABELS]
    assert len(set(zip(of_rows.tolist(), found.tolist(), strict=True))) == len(set(found.tolist())) == 2
    assert LABELS not in dataclasses.replace(pairs, label_targets=False).fetch(rows)
    with pytest.raises(ValueError, match="`label_targets` requires `by_label`"):
        Pairs("audio", images, images.rename_column("image", "audio"), label_targets=True)


def test_videos_as_anchors():
    config = make_config(modalities=["vision", "imu"])
    processor = ImageBindProcessor.from_config(config)
    rng = np.random.default_rng(0)
    videos = [rng.integers(0, 255, (4, 40, 40, 3), dtype=np.uint8) for _ in range(2)]
    samples = np.zeros((2, 6, 200), np.float32)
    raw = Dataset.from_dict({"video": videos, "imu_values": samples}).with_format("numpy")
    ready = preprocess(raw, processor, "video")
    pairs = {"imu": Pairs("imu", ready)}
    assert pairs["imu"].image_column == "pixel_values_videos"
    inputs = PairCollator(processor, pairs)(PairDataset(pairs).__getitems__([(0, 1, 1, 7), (0, 0, 0, 7)]))
    expected = processor(videos=videos[::-1], return_tensors="pt")["pixel_values_videos"]
    assert expected.ndim > 4 and inputs["pixel_values_videos"].equal(expected)
    assert ImageBindModel(config)(**inputs).video_embeds.shape == (2, config.projection_dim)


@pytest.mark.parametrize("has_part", [False, True])
def test_extra_modality_with_and_without_a_processor_part(tmp_path, has_part):
    tower = {"model_type": "imagebind_depth_model", "hidden_size": 32, "num_hidden_layers": 1}
    touch = {**tower, "num_attention_heads": 2, "image_size": 32, "patch_size": 16}
    config = make_config(modalities=["vision", "touch"], extra_modalities={"touch": touch})
    part = ImageBindThermalImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, do_normalize=False
    )
    processor = ImageBindProcessor.from_config(config, extra_processors={"touch": part} if has_part else None)
    rng = np.random.default_rng(0)
    # The part resizes and rescales 8-bit images. Without a part, the items are the input of the tower.
    shape, dtype = ((48, 40), np.uint8) if has_part else ((1, 32, 32), np.float32)
    items = [rng.integers(0, 255, shape).astype(dtype) for _ in range(8)]
    expected = torch.as_tensor(part(items, return_tensors="np").pixel_values_thermal if has_part else np.stack(items))
    features = {
        "pixel_values": Array3D((3, 32, 32), "float32"),
        "touch": Image() if has_part else Array3D((1, 32, 32), "float32"),
    }
    columns = {"pixel_values": rng.standard_normal((8, 3, 32, 32), np.float32), "touch": items}
    raw = Dataset.from_dict(columns, features=Features(features))
    ready = preprocess(raw, processor, "touch")
    assert set(ready.column_names) == {"pixel_values", "touch_values"}
    assert preprocess(ready, processor, "touch") is ready, "the column is preprocessed already"
    keys = [(0, row, row, 7) for row in (5, 2)]
    for rows in (raw, ready):
        pairs = {"touch": Pairs("touch", rows)}
        inputs = PairCollator(processor, pairs)(PairDataset(pairs).__getitems__(keys))
        torch.testing.assert_close(inputs["touch_values"], expected[[5, 2]])
    arguments = ImageBindTrainingArguments(
        str(tmp_path), use_cpu=True, report_to="none", per_device_train_batch_size=4, max_steps=2, save_strategy="no"
    )
    trainer = ImageBindTrainer(ImageBindModel(config), arguments, {"touch": raw}, processing_class=processor)
    before = trainer.model.touch_projection.weight.clone()
    trainer.train()
    assert trainer.trained == ["touch"] and not before.equal(trainer.model.touch_projection.weight)
