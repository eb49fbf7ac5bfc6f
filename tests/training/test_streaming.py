# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
from itertools import islice

import numpy as np
import pytest
import torch
from datasets import Dataset

from imagebind_hf.training import Pairs
from imagebind_hf.training.streaming import PairStream
from training.test_trainer import make_pairs, make_trainer


def rows(modality: str, count: int, shards: int = 1) -> Pairs:
    numbers = list(range(count))
    dataset = Dataset.from_dict({"image": numbers, modality: [-number for number in numbers], "other": numbers})
    return Pairs(modality, dataset.to_iterable_dataset(num_shards=shards))


def test_kinds_alternate_and_rows_stay_aligned():
    stream = PairStream({"audio": rows("audio", 10), "depth": rows("depth", 7)}, batch_size=3)
    batches = list(islice(stream, 12))
    for number, batch in enumerate(batches):
        kind = ("audio", "depth")[number % 2]
        assert (
            list(batch) == ["kind", "seed", "image", kind]
            and batch["kind"] == kind
            and batch["image"] == [-value for value in batch[kind]]
        )
        assert len(batch["image"]) == 3
    # An epoch of 10 rows has three batches without duplicates. The next epoch has another order.
    epochs = [[row for batch in batches[start : start + 6 : 2] for row in batch["image"]] for start in (0, 6)]
    assert all(len(set(epoch)) == 9 for epoch in epochs) and epochs[0] != epochs[1]
    again = list(islice(PairStream({"audio": rows("audio", 10), "depth": rows("depth", 7)}, batch_size=3), 12))
    assert again == batches
    other = list(islice(PairStream({"audio": rows("audio", 10)}, batch_size=3, seed=1), 3))
    assert [batch["image"] for batch in other] != [batch["image"] for batch in batches[:6:2]]


@pytest.mark.parametrize("shards", [1, 2])
def test_processes_share_the_rows(shards):
    parts = [
        PairStream({"audio": rows("audio", 12, shards)}, 3, num_processes=2, process_index=index) for index in (0, 1)
    ]
    seen = [sorted(row for batch in islice(part, 2) for row in batch["image"]) for part in parts]
    assert len(seen[0]) == len(seen[1]) == 6 and sorted(seen[0] + seen[1]) == list(range(12))


def test_data_set_next_to_a_stream():
    rows_in_memory = Pairs("depth", Dataset.from_dict({"image": [1, 2, 3], "depth": [1, 2, 3]}))
    batches = list(islice(PairStream({"audio": rows("audio", 4), "depth": rows_in_memory}, batch_size=2), 4))
    assert sorted(batches[1]["image"] + batches[3]["image"]) != [] and batches[1]["image"] == batches[1]["depth"]


def test_trains_and_resumes_exactly(tmp_path):
    arrays = make_pairs("imu_values", (6, 200)).with_format("numpy")
    pairs = {"imu": arrays.to_iterable_dataset(num_shards=2)}
    whole = make_trainer(tmp_path / "whole", pairs, max_steps=9, stream_buffer_size=16)
    whole.train()
    losses = [entry["loss"] for entry in whole.state.log_history if "loss" in entry]
    assert len(losses) == 9 and np.mean(losses[-2:]) < np.mean(losses[:2])
    arguments = {"max_steps": 9, "stream_buffer_size": 16}
    make_trainer(tmp_path / "parts", pairs, save_strategy="steps", save_steps=5, **arguments).train()
    again = make_trainer(tmp_path / "parts", pairs, **arguments)
    again.train(resume_from_checkpoint=str(tmp_path / "parts" / "checkpoint-5"))
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name


@pytest.mark.parametrize("shards, workers", [(1, 1), (2, 2), (4, 2)])
def test_at_most_one_worker_per_shard(tmp_path, shards, workers):
    arrays = make_pairs("imu_values", (6, 200)).with_format("numpy")
    pairs = {"imu": arrays.to_iterable_dataset(num_shards=shards)}
    trainer = make_trainer(tmp_path, pairs, max_steps=3, dataloader_num_workers=2, dataloader_prefetch_factor=2)
    assert trainer.get_train_dataloader().num_workers == workers
    trainer.train()
    assert trainer.state.global_step == 3


def test_number_of_shards_per_process():
    def shards(processes: int) -> int:
        return PairStream({"audio": rows("audio", 12, 4), "depth": rows("depth", 12, 6)}, 2, processes).num_shards

    # If the number of shards is not divisible, each process reads all shards and uses a part of the rows.
    assert [shards(1), shards(2), shards(5)] == [4, 2, 4]


def test_invalid_streams(tmp_path):
    stream = rows("audio", 4).images
    with pytest.raises(ValueError, match="fewer rows for this process than one batch of 5"):
        next(iter(PairStream({"audio": rows("audio", 4)}, batch_size=5)))
    with pytest.raises(ValueError, match="at least 2 pairs"):
        PairStream({"audio": rows("audio", 4)}, batch_size=1)
    with pytest.raises(ValueError, match="A stream must hold images and partners in the same rows"):
        Pairs("audio", stream, Dataset.from_dict({"audio": [1] * 4}))
    with pytest.raises(ValueError, match="'depth': If one kind of pairs is a stream"):
        labeled = Dataset.from_dict({"image": [1, 2], "depth": [1, 2], "label": [0, 1]})
        PairStream({"audio": rows("audio", 4), "depth": Pairs("depth", labeled, by_label=True)}, batch_size=2)
    with pytest.raises(TypeError, match="A stream has no length"):
        len(rows("audio", 4))
    pairs = {"imu": make_pairs("imu_values", (6, 200)).to_iterable_dataset()}
    with pytest.raises(ValueError, match="max_steps"):
        make_trainer(tmp_path, pairs)
    with pytest.raises(ValueError, match="Cannot cache embeddings of a stream"):
        make_trainer(tmp_path, pairs, max_steps=2, cache_frozen_embeddings=1)
