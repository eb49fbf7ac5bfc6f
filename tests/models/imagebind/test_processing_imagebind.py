# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    AutoFeatureExtractor,
    AutoImageProcessor,
    AutoProcessor,
    AutoTokenizer,
    AutoVideoProcessor,
    BatchFeature,
    ProcessorMixin,
)

from conftest import make_config
from imagebind_hf import (
    ImageBindConfig,
    ImageBindDepthImageProcessor,
    ImageBindImuFeatureExtractor,
    ImageBindProcessor,
)

FOLDERS = {
    "text": "tokenizer",
    "vision": "image_processor",
    "video": "video_processor",
    "audio": "feature_extractor",
    "depth": "depth_image_processor",
    "thermal": "thermal_image_processor",
    "imu": "imu_feature_extractor",
}
RNG = np.random.default_rng(0)
PICTURE = Image.fromarray(RNG.integers(0, 255, (50, 60, 3), dtype=np.uint8))
# By argument: two items and the shapes of what comes out for `ImageBindConfig()`.
INPUTS = {
    "images": ([PICTURE, PICTURE.rotate(90)], {"pixel_values": (2, 3, 224, 224)}),
    "text": (["a dog", "two cats there"], {"input_ids": (2, 5), "attention_mask": (2, 5)}),
    "videos": ([np.zeros((8, 40, 30, 3), np.uint8)] * 2, {"pixel_values_videos": (2, 15, 2, 3, 224, 224)}),
    "audio": ([RNG.uniform(-1, 1, 8000), RNG.uniform(-1, 1, 50_000)], {"input_features": (2, 3, 128, 204)}),
    "depth": ([np.full((30, 40), 1.5), np.full((50, 40), 2)], {"pixel_values_depth": (2, 1, 224, 224)}),
    "thermal": ([PICTURE.convert("L"), np.ones((30, 40))], {"pixel_values_thermal": (2, 1, 224, 224)}),
    "imu": ([np.ones((6, 400)), np.ones((6, 4000))], {"imu_values": (2, 6, 2000)}),
}
KWARGS = {"sampling_rate": 16_000, "fps": 8}


@pytest.fixture(scope="module")
def processor() -> ImageBindProcessor:
    return ImageBindProcessor.from_config(ImageBindConfig())


@pytest.fixture(scope="module")
def saved(processor, tmp_path_factory):
    folder = tmp_path_factory.mktemp("processor")
    processor.save_pretrained(folder)
    processor.save_modality_folders(folder)
    return folder


@pytest.mark.parametrize("argument", INPUTS)
def test_one_modality(processor, argument):
    items, shapes = INPUTS[argument]
    inputs = processor(**{argument: items}, **KWARGS, return_tensors="pt")
    assert isinstance(inputs, BatchFeature)
    assert {name: tuple(values.shape) for name, values in inputs.items()} == shapes
    alone = processor(**{argument: items[0]}, **KWARGS, return_tensors="pt")
    for name in shapes:
        length = alone[name].shape[-1] if argument == "text" else None
        torch.testing.assert_close(alone[name][0], inputs[name][0, ..., :length], atol=1e-5, rtol=1e-5)


def test_all_modalities_at_once(processor):
    inputs = processor(**{name: items for name, (items, _) in INPUTS.items()}, **KWARGS, return_tensors="pt")
    expected = {name: shape for _, shapes in INPUTS.values() for name, shape in shapes.items()}
    assert {name: tuple(values.shape) for name, values in inputs.items()} == expected
    assert set(processor.model_input_names) == set(expected)


def test_arguments_of_parts(processor):
    audio = processor(audio=np.ones(16_000), sampling_rate=16_000, audio_kwargs={"num_clips": 5}, return_tensors="np")
    assert audio["input_features"].shape == (1, 5, 128, 204) and isinstance(audio["input_features"], np.ndarray)
    text = processor(text=["a"], padding="max_length", return_tensors="pt")
    assert text["input_ids"].shape == (1, 77)


def test_arguments_of_parts_that_transformers_does_not_know(processor, caplog):
    depth = np.full((9, 9), 500, np.uint16)
    whole = processor(depth=depth, depth_unit="m", depth_scale=1.0, return_tensors="pt")
    nested = processor(depth=depth, depth_kwargs={"depth_unit": "m", "depth_scale": 1.0}, return_tensors="pt")
    assert torch.equal(whole["pixel_values_depth"], nested["pixel_values_depth"])
    assert not torch.equal(
        whole["pixel_values_depth"], processor(depth=depth, return_tensors="pt")["pixel_values_depth"]
    )
    both = processor(imu=np.ones((6, 50)), sampling_rate=50, accel_unit="g", text="a", return_tensors="pt")[
        "imu_values"
    ]
    assert both[0, 0, 100] == pytest.approx(9.80665) and both[0, 3, 100] == 1 and not both[0, :, 200:].any()
    assert not caplog.records, "no warning about unknown arguments"


def test_a_rate_beside_audio_is_the_audio_s(processor):
    signal = {"imu": np.ones((6, 2000)), "return_tensors": "pt"}
    expected = processor(**signal)["imu_values"]
    sound = {"audio": np.ones(16_000), "sampling_rate": 16_000}
    both = processor(**signal, **sound)
    assert torch.equal(both["imu_values"], expected) and both["imu_values"].all()
    slow = processor(**signal, **sound, imu_kwargs={"sampling_rate": 400})["imu_values"]
    assert torch.equal(slow, processor(**signal, sampling_rate=400)["imu_values"])
    assert not torch.equal(slow, expected)


def test_device(processor):
    given = {name: items for name, (items, _) in INPUTS.items()}
    there = processor(**given, **KWARGS, device="meta", return_tensors="pt")
    assert {values.device.type for values in there.values()} == {"meta"}
    alone = processor(text="a", device="meta", return_tensors="pt")["input_ids"]
    here = processor(text="a", imu=np.ones((6, 9)), device="cpu")
    assert alone.is_meta and isinstance(here["imu_values"], np.ndarray) and isinstance(here["input_ids"], list)


def test_outputs_fit_a_model_of_the_configuration():
    config = make_config()
    inputs = ImageBindProcessor.from_config(config)(
        **{name: items for name, (items, _) in INPUTS.items()}, **KWARGS, return_tensors="pt"
    )
    assert inputs["pixel_values"].shape == (2, 3, 32, 32) and inputs["pixel_values_videos"].shape[-2:] == (32, 32)
    assert inputs["input_features"].shape == (2, 3, 32, 44) and inputs["imu_values"].shape == (2, 6, 200)
    some = ImageBindProcessor.from_config(make_config(modalities=["imu", "vision"]))
    assert some.get_attributes() == ["image_processor", "video_processor", "imu_feature_extractor"]


def assert_same(one: ProcessorMixin, other: ProcessorMixin, arguments: list[str]) -> None:
    given = {name: INPUTS[name][0] for name in arguments}
    first, second = (part(**given, **KWARGS, return_tensors="pt") for part in (one, other))
    assert set(first) == set(second)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_round_trip(processor, saved):
    loaded = AutoProcessor.from_pretrained(saved)
    assert type(loaded) is ImageBindProcessor and loaded.get_attributes() == processor.get_attributes()
    assert_same(processor, loaded, list(INPUTS))


@pytest.mark.parametrize("folder, part", FOLDERS.items())
def test_one_modality_from_its_folder(processor, saved, folder, part):
    loaded = AutoProcessor.from_pretrained(saved, subfolder=folder)
    assert type(loaded) is ImageBindProcessor and loaded.get_attributes() == [part]
    argument = {"vision": "images", "video": "videos"}.get(folder, folder)
    assert_same(processor, loaded, [argument])


@pytest.mark.parametrize(
    "auto, part",
    [
        (AutoTokenizer, "tokenizer"),
        (AutoImageProcessor, "image_processor"),
        (AutoVideoProcessor, "video_processor"),
        (AutoFeatureExtractor, "feature_extractor"),
    ],
)
def test_parts_by_their_auto_classes(processor, saved, auto, part):
    assert type(auto.from_pretrained(saved)) is type(getattr(processor, part))


@pytest.mark.parametrize(
    "auto, name",
    [
        (AutoImageProcessor, "image_processor"),
        (AutoImageProcessor, "depth_image_processor"),
        (AutoImageProcessor, "thermal_image_processor"),
        (AutoFeatureExtractor, "feature_extractor"),
        (AutoFeatureExtractor, "imu_feature_extractor"),
    ],
)
def test_parts_saved_alone(processor, tmp_path, auto, name):
    part = getattr(processor, name)
    part.save_pretrained(tmp_path)
    loaded = auto.from_pretrained(tmp_path)
    assert type(loaded) is type(part) and loaded.to_dict() == part.to_dict()


def test_the_other_backend(saved):
    loaded = AutoProcessor.from_pretrained(saved, backend="pil")
    names = ("image_processor", "depth_image_processor", "thermal_image_processor")
    assert all(type(getattr(loaded, name)).__name__.endswith("Pil") for name in names)
    assert type(AutoImageProcessor.from_pretrained(saved, backend="pil")).__name__ == "ImageBindImageProcessorPil"


def test_own_settings_survive(tmp_path):
    depth = ImageBindDepthImageProcessor(baseline=0.1, depth_scale=1.0)
    imu = ImageBindImuFeatureExtractor(num_samples=500)
    ImageBindProcessor(depth_image_processor=depth, imu_feature_extractor=imu).save_pretrained(tmp_path)
    loaded = AutoProcessor.from_pretrained(tmp_path)
    assert loaded.depth_image_processor.baseline == 0.1 and loaded.depth_image_processor.depth_scale == 1.0
    assert loaded(imu=np.ones((6, 100)), return_tensors="pt")["imu_values"].shape == (1, 6, 500)


def test_bad_input(processor):
    with pytest.raises(ValueError, match="You need to provide at least one input"):
        processor()
    depth = ImageBindProcessor(depth_image_processor=ImageBindDepthImageProcessor())
    with pytest.raises(ValueError, match="Got text, but this processor has no tokenizer"):
        depth(text="a")
    for argument in INPUTS:
        with pytest.raises(ValueError, match="empty list"):
            processor(**{argument: []}, return_tensors="pt")


def test_upstream_still_needs_our_lookup():
    """Fails once transformers looks into the dicts that AutoImageProcessor registers: drop our override then."""
    with pytest.raises(AttributeError):
        ProcessorMixin.get_possibly_dynamic_module("ImageBindDepthImageProcessor")
