# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Identity of checkpoints: embeddings of two models must not be mixed."""

import dataclasses

import pytest
import torch

from imagebind_hf import ImageBindModel
from imagebind_hf.hub import push_folder
from imagebind_hf.hub.checkpoints import load_model, record_of

NAME = "org/my-model"


def test_a_hub_id_is_identified_by_its_commit(hub, checkpoint):
    first = push_folder(checkpoint, NAME).oid
    record = record_of(NAME)
    assert (record.model, record.fingerprint, record.commit, record.dimension) == (NAME, first, first, 16)
    model = ImageBindModel.from_pretrained(checkpoint)
    with torch.no_grad():
        model.imu_projection.weight.zero_()
    model.save_pretrained(checkpoint)
    second = push_folder(checkpoint, NAME, overwrite=True).oid
    assert record_of(NAME).fingerprint == second != first
    assert record_of(NAME, revision=first) == record
    with pytest.raises(ValueError, match="holds vectors of 'org/my-model'"):
        record.check(record_of(NAME), "store")
    loaded, processor = load_model(NAME, ["imu"], revision=first)
    assert list(loaded.config.tower_configs) == ["imu"] and loaded.imu_projection.weight.any()
    assert processor.imu_feature_extractor is not None


def test_a_folder_is_identified_by_its_files(checkpoint, tmp_path):
    record = record_of(checkpoint)
    assert record.commit is None and record.model == str(checkpoint)
    (checkpoint / "README.md").write_text("a card")
    assert record_of(checkpoint) == record, "a card does not change the embeddings"
    (checkpoint / "config.json").write_text((checkpoint / "config.json").read_text() + " ")
    assert record_of(checkpoint).fingerprint != record.fingerprint
    checkpoint.rename(tmp_path / "moved")
    with pytest.raises(ValueError, match="no longer exists"):
        record_of(record.model, known=record)
    assert record_of(tmp_path / "moved").fingerprint == record_of(tmp_path / "moved", known=record).fingerprint


def test_unchanged_files_are_not_read_again(checkpoint, monkeypatch):
    record = record_of(checkpoint)
    monkeypatch.setattr("imagebind_hf.hub.checkpoints.digest_files", lambda files: pytest.fail("files were read"))
    assert record_of(checkpoint, known=record) == record
    changed = dataclasses.replace(record, files={})
    with pytest.raises(pytest.fail.Exception, match="files were read"):
        record_of(checkpoint, known=changed)
