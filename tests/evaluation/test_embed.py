# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Embeddings that are kept on disk, and rows that cannot be measured."""

import errno
import io
import os

import datasets
import numpy as np
import pytest
import soundfile
import torch
from datasets import Audio, ClassLabel, Dataset, Features, Image, List, Value, Video
from datasets.arrow_writer import ArrowWriter
from PIL import Image as PILImage

import imagebind_hf.models.imagebind.media
from conftest import make_config
from imagebind_hf import ImageBindModel, ImageBindProcessor
from imagebind_hf.datasets.sources import SourceConfig
from imagebind_hf.evaluation import Measurement
from imagebind_hf.evaluation.config import EvaluationConfig
from imagebind_hf.evaluation.embed import embed_dataset, embed_dataset_cached

MOTION = List(List(Value("float32")))
STORED = {"bytes": Value("binary"), "path": Value("string")}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def processor() -> ImageBindProcessor:
    return ImageBindProcessor.from_config(make_config())


@pytest.fixture
def calls(monkeypatch) -> list[int]:
    """How many rows went through the model, call by call."""
    sizes, forward = [], ImageBindModel.forward

    def spy(self, **inputs):
        sizes.append(len(next(iter(inputs.values()))))
        return forward(self, **inputs)

    monkeypatch.setattr(ImageBindModel, "forward", spy)
    return sizes


def signals(rows: int) -> list:
    return np.random.default_rng(0).standard_normal((rows, 6, 50)).astype(np.float32).tolist()


def motion(path=None, rows: int = 10) -> Dataset:
    dataset = Dataset.from_dict({"imu": signals(rows)}, features=Features({"imu": MOTION}))
    if path is None:
        return dataset
    dataset.save_to_disk(path)
    return datasets.load_from_disk(path)


@pytest.mark.parametrize("is_on_disk", [True, False])
def test_a_second_run_embeds_nothing(model, processor, calls, tmp_path, is_on_disk):
    def rows() -> Dataset:
        return motion(tmp_path / "rows" if is_on_disk else None)

    plain = embed_dataset(model, processor, rows(), "imu", progress=False)
    calls.clear()
    first, unreadable = embed_dataset_cached(model, processor, rows(), "imu", batch_size=4)
    assert calls == [4, 4, 2] and not unreadable
    torch.testing.assert_close(first, plain)
    again, _ = embed_dataset_cached(model, processor, rows(), "imu", batch_size=3)
    assert calls == [4, 4, 2] and torch.equal(again, first)
    processor.imu_feature_extractor.sampling_rate = 100
    embed_dataset_cached(model, processor, rows(), "imu")
    assert sum(calls) == 20, "other settings"
    with torch.no_grad():
        model.imu_projection.weight.mul_(1.5)
    embed_dataset_cached(model, processor, rows(), "imu")
    assert sum(calls) == 30, "other weights"
    embed_dataset_cached(model, processor, motion(rows=9), "imu")
    assert sum(calls) == 39, "other rows"


def test_an_interrupted_run_goes_on(model, processor, monkeypatch, tmp_path):
    monkeypatch.setattr("imagebind_hf.evaluation.embed_cache.CHUNK", 4)
    sizes, forward = [], ImageBindModel.forward

    def spy(self, **inputs):
        sizes.append(len(inputs["imu_values"]))
        if len(sizes) == 3:
            raise KeyboardInterrupt
        return forward(self, **inputs)

    monkeypatch.setattr(ImageBindModel, "forward", spy)
    rows = motion(tmp_path / "rows")
    with pytest.raises(KeyboardInterrupt):
        embed_dataset_cached(model, processor, rows, "imu")
    embeds, _ = embed_dataset_cached(model, processor, rows, "imu")
    assert sizes == [4, 4, 2, 2], "only what was missing"
    torch.testing.assert_close(embeds, embed_dataset(model, processor, rows, "imu", progress=False))


def test_a_full_disk(model, processor, calls, monkeypatch, tmp_path):
    rows, write = motion(tmp_path / "rows"), ArrowWriter.write_batch

    def fail(self, *args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ArrowWriter, "write_batch", fail)
    with pytest.raises(OSError, match="No space left on device"):
        embed_dataset_cached(model, processor, rows, "imu")
    # No half of a file is taken for a whole one.
    monkeypatch.setattr(ArrowWriter, "write_batch", write)
    calls.clear()
    embeds, _ = embed_dataset_cached(model, processor, rows, "imu")
    assert sum(calls) == 10 and embeds.isfinite().all()


def picture(number: int) -> bytes:
    file = io.BytesIO()
    PILImage.fromarray(np.full((40, 40, 3), 40 * number, np.uint8)).save(file, "PNG")
    return file.getvalue()


def sound(number: int) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.sin(np.arange(16_000) / (10 + number)), 16_000, format="WAV")
    return file.getvalue()


def film(number: int) -> bytes:
    av, file = pytest.importorskip("av"), io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(8):
            values = np.full((48, 64, 3), 40 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(values, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize(
    "modality, feature, make", [("image", Image(), picture), ("audio", Audio(), sound), ("video", Video(), film)]
)
def test_media_are_decoded_by_the_processor(model, processor, tmp_path, modality, feature, make):
    media = [{"bytes": b"broken" if row == 2 else make(row), "path": None} for row in range(4)]
    rows = Dataset.from_dict({modality: media}, features=Features({modality: STORED})).cast_column(modality, feature)
    embeds, unreadable = embed_dataset_cached(model, processor, rows, modality)
    assert list(unreadable) == [2] and "Cannot read" in unreadable[2] and embeds[2].isnan().all()
    good = rows.select([0, 1, 3])
    torch.testing.assert_close(embeds[[0, 1, 3]], embed_dataset(model, processor, good, modality, progress=False))
    with pytest.raises(ValueError, match=r"Cannot read any of the 1 items of .*\. The first error: "):
        embed_dataset_cached(model, processor, rows.select([2]), modality)


@torch.no_grad()
def test_an_item_in_several_views_is_the_mean_over_them(model, processor, calls):
    rng = np.random.default_rng(0)
    rows = Dataset.from_dict(
        {"image": [PILImage.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)) for _ in range(3)]}
    )
    views = [[], [{"RandomHorizontalFlip": {"p": 1}}]]
    pixels = processor(images=rows["image"][:], return_tensors="pt")["pixel_values"]
    one, other = (model.get_image_features(values).pooler_output for values in (pixels, pixels.flip(-1)))
    assert (one - other).abs().max() > 0.01
    torch.testing.assert_close(embed_dataset(model, processor, rows, "image", 2, False, views), (one + other) / 2)
    torch.testing.assert_close(embed_dataset(model, processor, rows, "image", 2, False, views[1:]), other)
    calls.clear()
    for each, wanted in ((views, (one + other) / 2), ((), one), (views, (one + other) / 2)):
        torch.testing.assert_close(embed_dataset_cached(model, processor, rows, "image", views=each)[0], wanted)
    assert sum(calls) == 6, "views are told apart, and found again"


@torch.no_grad()
def test_views_of_an_item_that_has_clips(model, processor):
    media = [{"bytes": sound(number), "path": None} for number in range(2)]
    rows = Dataset.from_dict({"audio": media}, features=Features({"audio": STORED})).cast_column("audio", Audio())
    values = embed_dataset(model, processor, rows, "audio", progress=False)
    twice = embed_dataset(model, processor, rows, "audio", progress=False, views=[[], []])
    torch.testing.assert_close(twice, values)
    with pytest.raises(ValueError, match="has a transform 'Flip'"):
        embed_dataset(model, processor, rows, "audio", progress=False, views=[[{"Flip": {}}]])
    for transform in ({"CenterCrop": {"size": 8}}, {"FiveCrop": {"size": 8}}):
        with pytest.raises(ValueError, match=r"Expected views of audio to keep the shape \(2, .*, but got \[\(2, "):
            embed_dataset(model, processor, rows, "audio", progress=False, views=[[], [transform]])


@pytest.mark.parametrize("feature", [Value("string"), Image(), STORED])
def test_files_that_rows_name_may_change(model, processor, calls, tmp_path, feature):
    files = [tmp_path / f"{number}.png" for number in range(4)]

    def rows() -> Dataset:
        named = [str(file) if feature == Value("string") else {"bytes": None, "path": str(file)} for file in files]
        features = Features({"image": Value("string") if feature == Value("string") else STORED})
        return Dataset.from_dict({"image": named}, features=features).cast_column("image", feature)

    files[0].write_bytes(picture(0))
    assert list(embed_dataset_cached(model, processor, rows(), "image")[1]) == [1, 2, 3]
    for number, file in enumerate(files):
        file.write_bytes(picture(number))
    first, unreadable = embed_dataset_cached(model, processor, rows(), "image")
    assert not unreadable
    torch.testing.assert_close(first, embed_dataset(model, processor, rows(), "image", progress=False))
    calls.clear()
    assert torch.equal(embed_dataset_cached(model, processor, rows(), "image")[0], first) and not calls
    os.utime(files[0], ns=(0, 0))
    files[2].write_bytes(picture(5))
    other, _ = embed_dataset_cached(model, processor, rows(), "image")
    torch.testing.assert_close(other[[0, 1, 3]], first[[0, 1, 3]])
    assert not torch.equal(other[2], first[2])


def test_what_could_not_be_read_is_tried_again(model, processor, calls, monkeypatch):
    rows = Dataset.from_dict({"image": [{"bytes": picture(row), "path": None} for row in range(4)]})
    load = imagebind_hf.models.imagebind.media.load_image

    def fail(item):
        if item["bytes"] == picture(2):
            raise ValueError("no decoder")
        return load(item)

    with monkeypatch.context() as patch:
        patch.setattr("imagebind_hf.models.imagebind.image_processing_utils.load_image", fail)
        assert embed_dataset_cached(model, processor, rows, "image")[1] == {2: "Item 0 of 1: no decoder"}
    calls.clear()
    embeds, unreadable = embed_dataset_cached(model, processor, rows, "image")
    assert not unreadable and calls == [1], "only this one"
    torch.testing.assert_close(embeds, embed_dataset(model, processor, rows, "image", progress=False))


def measure(model, processor, folder, rows: dict, features: dict, **config) -> dict:
    dataset = Dataset.from_dict({"imu": signals(3), **rows}, features=Features({"imu": MOTION, **features}))
    dataset.to_parquet(folder / "rows.parquet")
    source = SourceConfig(data_files=str(folder / "rows.parquet"))
    return Measurement({"imu": EvaluationConfig(source, **config)}).run(model, processor)


@pytest.mark.parametrize("labels, shown", [([0, -1, 1], "row 1: -1"), ([0, 1, None], "row 2: None")])
def test_rows_of_no_class(model, processor, tmp_path, labels, shown):
    features = {"label": ClassLabel(names=["a", "b"])}
    with pytest.raises(ValueError, match=f"imu: 1 of 3 rows have no valid class, for example {shown}"):
        measure(model, processor, tmp_path, {"label": labels}, features, templates=["{}"])
    features = {"label": List(ClassLabel(names=["a", "b"]))}
    with pytest.raises(ValueError, match="1 of 3 rows have no valid class"):
        rows = {"label": [[label] for label in labels]}
        measure(model, processor, tmp_path, rows, features, templates=["{}"], multi_label=True)


def test_rows_without_tags_are_of_none_of_the_classes(model, processor, tmp_path):
    features = {"label": List(ClassLabel(names=["a", "b", "c"]))}
    tags = {"label": [[0], [], [0, 2]]}
    entry = measure(model, processor, tmp_path, tags, features, templates=["{}"], multi_label=True)["zero_shot"]["imu"]
    assert entry["classes"] == 2 and entry["chance"] == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert entry["interval"][0] <= entry["mean_average_precision"] <= entry["interval"][1]


def test_rows_without_captions_are_left_out(model, processor, tmp_path):
    # As many captions as rows, which nevertheless do not pair up.
    rows = {"text": [["a dog", "a cat"], [], ["a cow"]]}
    results = measure(model, processor, tmp_path, rows, {"text": List(Value("string"))}, against="text")
    assert results["unreadable"] == {"imu": {"1": "The row has no text."}}
    rows = {"text": [["a dog", "a cat"], ["a cow"], []]}
    other = measure(model, processor, tmp_path, rows, {"text": List(Value("string"))}, against="text")
    assert other["unreadable"] == {"imu": {"2": "The row has no text."}}
    assert results["retrieval"]["imu: text to imu"]["chance"] == 0.5
