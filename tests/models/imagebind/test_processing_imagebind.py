# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import inspect
import json

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
    SeamlessM4TFeatureExtractor,
    ViTImageProcessor,
)

from conftest import make_config
from imagebind_hf import (
    ImageBindConfig,
    ImageBindDepthImageProcessor,
    ImageBindImuFeatureExtractor,
    ImageBindProcessor,
    ImageBindTokenizer,
    ImageBindVideoProcessor,
)
from imagebind_hf.models.imagebind.modalities import MODALITIES

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
IMAGE = Image.fromarray(RNG.integers(0, 255, (50, 60, 3), dtype=np.uint8))
# By argument: two items, and the shapes of the outputs for `ImageBindConfig()`.
INPUTS = {
    "images": ([IMAGE, IMAGE.rotate(90)], {"pixel_values": (2, 3, 224, 224)}),
    "text": (["a dog", "two cats there"], {"input_ids": (2, 5), "attention_mask": (2, 5)}),
    "videos": ([np.zeros((8, 40, 30, 3), np.uint8)] * 2, {"pixel_values_videos": (2, 15, 2, 3, 224, 224)}),
    "audio": ([RNG.uniform(-1, 1, 8000), RNG.uniform(-1, 1, 50_000)], {"input_features": (2, 3, 128, 204)}),
    "depth": ([np.full((30, 40), 1.5), np.full((50, 40), 2)], {"pixel_values_depth": (2, 1, 224, 224)}),
    "thermal": ([IMAGE.convert("L"), np.ones((30, 40))], {"pixel_values_thermal": (2, 1, 224, 224)}),
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


def test_arguments_that_transformers_does_not_know(processor, caplog):
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


def test_a_rate_beside_audio_belongs_to_the_audio(processor):
    signal = {"imu": np.ones((6, 2000)), "return_tensors": "pt"}
    expected = processor(**signal)["imu_values"]
    clip = {"audio": np.ones(16_000), "sampling_rate": 16_000}
    both = processor(**signal, **clip)
    assert torch.equal(both["imu_values"], expected) and both["imu_values"].all()
    slow = processor(**signal, **clip, imu_kwargs={"sampling_rate": 400})["imu_values"]
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


TOUCH = {
    "model_type": "imagebind_depth_model",
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
}
SMALL = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
DEPTH = [np.full((40, 50), 1.5), np.full((33, 32), 2)]
# Parts for an extra modality, items, and the name that the part gives to its output.
EXTRA = {
    "ours": (lambda: ImageBindDepthImageProcessor(**SMALL), DEPTH, "pixel_values_depth"),
    "imu": (lambda: ImageBindImuFeatureExtractor(num_samples=300), [np.ones((6, 50))] * 2, "imu_values"),
    "videos": (
        lambda: ImageBindVideoProcessor(size={"shortest_edge": 32}, num_clips=1),
        [np.zeros((8, 40, 30, 3), np.uint8)] * 2,
        "pixel_values_videos",
    ),
    "transformers": (lambda: ViTImageProcessor(size={"height": 32, "width": 32}), [IMAGE] * 2, "pixel_values"),
    "audio": (lambda: SeamlessM4TFeatureExtractor(), [np.ones(16_000, np.float32)] * 2, "input_features"),
}
EXTRA_KWARGS = {"videos": {"fps": 8}, "audio": {"sampling_rate": 16_000}}


@pytest.mark.parametrize("kind", EXTRA)
def test_parts_of_extra_modalities(kind, tmp_path):
    make, items, output_name = EXTRA[kind]
    kwargs = EXTRA_KWARGS.get(kind, {})
    part = make()
    expected = part(items, return_tensors="pt", **kwargs)[output_name]
    processor = ImageBindProcessor(tokenizer=ImageBindTokenizer(), extra_processors={"touch": part})
    processor.save_pretrained(tmp_path)
    processor.save_modality_folders(tmp_path)
    loaded = AutoProcessor.from_pretrained(tmp_path)
    alone = AutoProcessor.from_pretrained(tmp_path, subfolder="touch")
    assert loaded.get_attributes() == ["tokenizer"] and alone.get_attributes() == []
    for each in (processor, loaded, alone):
        assert type(each) is ImageBindProcessor and type(each.extra_processors["touch"]) is type(part)
        inputs = each(touch=items, return_tensors="pt", **kwargs)
        assert list(inputs) == ["touch_values"] and torch.equal(inputs["touch_values"], expected)
        prepared = each.prepare("touch", items, return_tensors="pt", **kwargs)
        assert list(prepared) == ["touch_values"] and torch.equal(prepared["touch_values"], expected)
        assert "touch_values" in each.model_input_names
    both = loaded(text=["a", "b"], touch=items, return_tensors="pt", touch_kwargs=kwargs)
    assert set(both) == {"input_ids", "attention_mask", "touch_values"}
    assert torch.equal(both["touch_values"], expected)


def test_arguments_of_a_part_of_an_extra_modality(caplog):
    processor = ImageBindProcessor(extra_processors={"touch": ImageBindDepthImageProcessor(**SMALL)})
    plain = processor(touch=DEPTH, depth_scale=1.0, return_tensors="pt")["touch_values"]
    nested = processor(touch=DEPTH, touch_kwargs={"depth_scale": 1.0}, return_tensors="pt")["touch_values"]
    assert torch.equal(plain, nested)
    assert not torch.equal(plain, processor(touch=DEPTH, return_tensors="pt")["touch_values"])
    assert processor(touch=DEPTH, device="meta", return_tensors="pt")["touch_values"].is_meta
    assert not caplog.records, "no warning about unknown arguments"


def test_the_other_backend_of_an_extra_modality(tmp_path):
    ImageBindProcessor(extra_processors={"touch": ImageBindDepthImageProcessor()}).save_pretrained(tmp_path)
    loaded = AutoProcessor.from_pretrained(tmp_path, backend="pil")
    assert type(loaded.extra_processors["touch"]).__name__ == "ImageBindDepthImageProcessorPil"


def test_extra_modalities_of_a_configuration(tmp_path):
    config = make_config(extra_modalities={"touch": TOUCH, "smell": TOUCH}, modalities=["text", "touch"])
    assert ImageBindProcessor.from_config(config).extra_processors == {"touch": None}
    part = ImageBindDepthImageProcessor(**SMALL)
    assert ImageBindProcessor.from_config(config, extra_processors={"touch": part}).extra_processors["touch"] is part
    ImageBindProcessor.from_config(config).save_pretrained(tmp_path)
    loaded = AutoProcessor.from_pretrained(tmp_path)
    assert loaded.extra_processors == {"touch": None} and loaded.get_attributes() == ["tokenizer"]
    added = AutoProcessor.from_pretrained(tmp_path, extra_processors={"touch": part})
    assert added.extra_processors == {"touch": part}


@pytest.mark.parametrize("known", [True, False])
def test_extra_modalities_without_a_part(known):
    processor = ImageBindProcessor(tokenizer=ImageBindTokenizer(), extra_processors={"touch": None} if known else None)
    batch = np.random.default_rng(0).normal(size=(2, 1, 4, 4))
    expected = torch.from_numpy(batch).float()
    forms = [batch, list(batch), batch.tolist(), torch.from_numpy(batch), list(torch.from_numpy(batch))]
    for items in forms:
        values = processor.prepare("touch", items, return_tensors="pt")
        assert list(values) == ["touch_values"] and torch.equal(values["touch_values"], expected)
        if known:
            assert torch.equal(processor(touch=items, return_tensors="pt")["touch_values"], expected)
    assert processor.prepare("touch", batch)["touch_values"].dtype == np.float32
    assert processor.prepare("touch", batch, device="meta", return_tensors="pt")["touch_values"].is_meta
    for items, message in (
        ([np.zeros(3), np.zeros(4)], r"Expected items of 'touch' with the same shape, but got \[\(3,\), \(4,\)\]"),
        ([[1.0, 2.0], [1.0, [2.0]]], "Expected the items of 'touch' to be arrays of numbers"),
        (["a.npy"], "Expected the items of 'touch' to be arrays of numbers"),
        ([], r"Expected items of 'touch' with the same shape, but got \[\]"),
    ):
        with pytest.raises(ValueError, match=message):
            processor.prepare("touch", items)


def test_extra_parts_that_are_refused(tmp_path):
    with pytest.raises(TypeError, match=r"extra_processors\['touch'\]: expected an image processor.*got a str"):
        ImageBindProcessor(extra_processors={"touch": "a"})
    with pytest.raises(ValueError, match="'audio', which is a built-in one"):
        ImageBindProcessor(extra_processors={"audio": ImageBindDepthImageProcessor()})
    ImageBindProcessor(extra_processors={"touch": ImageBindDepthImageProcessor()}).save_pretrained(tmp_path)
    file = tmp_path / "processor_config.json"
    saved = json.loads(file.read_text())
    saved["extra_processors"]["touch"]["image_processor_type"] = "AutoModel"
    file.write_text(json.dumps(saved))
    with pytest.raises(ValueError, match="Expected the class of a processor for 'touch'.*AutoModel"):
        AutoProcessor.from_pretrained(tmp_path)
    del saved["extra_processors"]["touch"]["image_processor_type"]
    file.write_text(json.dumps(saved))
    with pytest.raises(ValueError, match="settings of 'touch' in processor_config.json have none of the keys"):
        AutoProcessor.from_pretrained(tmp_path)


def test_processor_follows_the_table_of_modalities(processor):
    assert set(processor.get_attributes()) == {row.processor_part for row in MODALITIES.values()}
    assert set(ImageBindProcessor.get_attributes()) == set(processor.get_attributes())
    arguments = list(inspect.signature(ImageBindProcessor.__call__).parameters)[1:-1]
    assert set(arguments) == {row.processor_argument for row in MODALITIES.values()}
    for row in MODALITIES.values():
        assert row.model_argument in getattr(processor, row.processor_part).model_input_names


def test_upstream_still_needs_our_lookup():
    """Fails when transformers finds classes in the dictionaries of AutoImageProcessor: then delete our override."""
    with pytest.raises(AttributeError):
        ProcessorMixin.get_possibly_dynamic_module("ImageBindDepthImageProcessor")
