# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import copy
import inspect
import json
import pickle
import warnings

import pytest
import torch
from transformers import AutoModel

import imagebind_hf
from conftest import make_config, make_inputs
from imagebind_hf import ImageBindConfig, ImageBindModel
from imagebind_hf.models.imagebind import modalities
from imagebind_hf.models.imagebind.modeling_imagebind_towers import TOWER_CLASSES
from imagebind_hf.models.imagebind.modeling_outputs import ImageBindOutput, ImageBindProjectionOutput

MODALITIES = ("text", "vision", "audio", "depth", "thermal", "imu")
INPUTS = make_inputs()


@torch.no_grad()
def test_output_holds_all_modalities_in_order(model):
    output = model(**INPUTS)
    names = ["image", "video", "audio", "depth", "thermal", "imu"]
    expected = [f"logits_per_{name}" for name in [*names, "text"]]
    expected += [f"{name}_embeds" for name in ("image", "video", "text", "audio", "depth", "thermal", "imu")]
    assert list(output) == expected
    for name in names:
        embeds = output[f"{name}_embeds"]
        logits = embeds @ output.text_embeds.t() * model.logit_scale("text")
        torch.testing.assert_close(output[f"logits_per_{name}"], logits)
    torch.testing.assert_close(output.logits_per_text, output.logits_per_image.t())


@pytest.mark.parametrize("name", INPUTS)
@torch.no_grad()
def test_one_modality_alone(model, name):
    output = model(**{name: INPUTS[name]})
    (embeds,) = output.values()
    assert output[0] is embeds
    assert embeds.shape == (3, 16)
    if name in ("pixel_values_videos", "input_features"):
        assert (embeds.norm(dim=-1) < 1).all()
    else:
        torch.testing.assert_close(embeds.norm(dim=-1), torch.ones(3))


@torch.no_grad()
def test_mean_of_clips_and_its_length(model):
    clips = INPUTS["input_features"]
    each = torch.stack([model.get_audio_features(clip).pooler_output for clip in clips.unbind(1)])
    mean = model.get_audio_features(clips)
    torch.testing.assert_close(mean.pooler_output, each.mean(0))
    assert mean.last_hidden_state.shape[:2] == (3, 2)
    model.config.normalize_clip_mean = True
    torch.testing.assert_close(model.get_audio_features(clips).pooler_output.norm(dim=-1), torch.ones(3))


@torch.no_grad()
def test_still_image_is_a_clip_of_equal_frames(model):
    image = INPUTS["pixel_values"]
    video = image.unsqueeze(1).expand(-1, 2, -1, -1, -1)
    torch.testing.assert_close(
        model.get_image_features(image).pooler_output, model.get_video_features(video).pooler_output
    )


def test_logit_scales_are_the_published_ones():
    scales = {"text": 1 / 0.07, "image": 1, "video": 1, "audio": 20, "depth": 5, "thermal": 10, "imu": 5}
    model = ImageBindModel(make_config())
    for modality, scale in scales.items():
        assert model.logit_scale(modality).item() == pytest.approx(scale)
    with torch.no_grad():
        model.text_logit_scale.fill_(10.0)
    assert model.logit_scale("text").item() == 100
    assert [name for name, _ in model.named_parameters() if "logit_scale" in name] == ["text_logit_scale"]


def test_loss_is_the_sum_over_modalities(model):
    pairs = {"pixel_values": INPUTS["pixel_values"]}
    parts = [
        model(**pairs, **{name: INPUTS[name]}, return_loss=True).loss for name in ("input_features", "imu_values")
    ]
    both = {name: INPUTS[name] for name in ("input_features", "imu_values")}
    torch.testing.assert_close(model(**pairs, **both, return_loss=True).loss, parts[0] + parts[1])
    cached = model.get_image_features(INPUTS["pixel_values"]).pooler_output
    torch.testing.assert_close(model(image_embeds=cached, **both, return_loss=True).loss, parts[0] + parts[1])


@pytest.mark.parametrize(
    "inputs, message",
    [
        ({}, "Expected at least one of .*, but got no input"),
        (
            {"pixel_values": torch.zeros(2, 1, 32, 32)},
            r"pixel_values with the shape \(B, 3, H, W\), but got \(2, 1, 32, 32\)",
        ),
        (
            {"pixel_values": torch.zeros(32, 32)},
            r"pixel_values with 4 axes, or 5 with clips, but got the shape \(32, 32\)",
        ),
        ({"pixel_values": torch.zeros(1, 3, 4, 4)}, "smaller than a patch of 8"),
        ({"pixel_values": torch.zeros(0, 3, 32, 32)}, r"at least one item, but pixel_values has the shape \(0, 3"),
        ({"pixel_values_videos": torch.zeros(1, 3, 3, 32, 32)}, r"with the shape \(B, 2, 3, H, W\)"),
        ({"input_features": torch.zeros(2, 16, 44)}, r"with the shape \(B, 32, frames\)"),
        ({"imu_values": torch.zeros(2, 6, 100)}, r"imu_values with the shape \(B, 6, 200\), but got \(2, 6, 100\)"),
        ({"imu_values": torch.zeros(2, 3, 200)}, r"with the shape \(B, 6, 200\)"),
        ({"input_ids": torch.ones(2, 78, dtype=torch.long)}, "at most 77 tokens, but got 78"),
        ({"imu_values": torch.zeros(2, 6, 200), "return_loss": True}, "Expected images or videos and another"),
        (
            {"imu_values": torch.zeros(1, 6, 200), "pixel_values": torch.zeros(1, 3, 32, 32), "return_loss": True},
            "at least 2 pairs in a batch, .*, but got 1",
        ),
        (
            {"imu_values": torch.zeros(2, 6, 200), "pixel_values": torch.zeros(3, 3, 32, 32), "return_loss": True},
            "as many images as items of the other modality, but got 3 and 2",
        ),
    ],
)
def test_bad_input(model, inputs, message):
    with pytest.raises(ValueError, match=message):
        model(**inputs)


def test_missing_tower_is_named():
    model = ImageBindModel(make_config(modalities=["vision", "text"]))
    with pytest.raises(ValueError, match=r"No tower for 'audio': the model has the towers \['text', 'vision'\]"):
        model(input_features=INPUTS["input_features"])
    with pytest.raises(ValueError, match="No tower for 'imu'"):
        model.logit_scale("imu")
    with pytest.raises(ValueError, match="No tower for 'depth'"):
        model.freeze(["depth"])


@torch.no_grad()
def test_save_and_load(model, tmp_path):
    expected = model(**INPUTS)
    model.save_pretrained(tmp_path)
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {
        "config.json",
        "model.safetensors.index.json",
        *(f"model-{name}.safetensors" for name in MODALITIES),
    }
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"]) == set(model.state_dict())
    assert index["metadata"]["total_size"] == 4 * sum(value.numel() for value in model.state_dict().values())
    loaded = AutoModel.from_pretrained(tmp_path)
    assert type(loaded) is ImageBindModel
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    for name, value in loaded.eval()(**INPUTS).items():
        assert torch.equal(value, expected[name]), name


@torch.no_grad()
def test_load_some_modalities_and_save_them(model, tmp_path):
    model.save_pretrained(tmp_path / "all")
    part = ImageBindModel.from_pretrained(tmp_path / "all", modalities=("text", "audio"))
    assert [name for name, _ in part.named_children()] == [
        "text_model", "text_projection", "audio_model", "audio_projection",
    ]  # fmt: skip
    expected = model(input_features=INPUTS["input_features"], input_ids=INPUTS["input_ids"])
    part.save_pretrained(tmp_path / "part")
    again = AutoModel.from_pretrained(tmp_path / "part")
    assert again.config.modalities == ["text", "audio"]
    output = again(input_features=INPUTS["input_features"], input_ids=INPUTS["input_ids"])
    assert torch.equal(output.logits_per_audio, expected.logits_per_audio)
    vision = ImageBindModel.from_pretrained(tmp_path / "all", modalities=["image", "video"])
    assert [name for name, _ in vision.named_children()] == ["vision_model", "vision_projection"]
    with pytest.raises(ValueError, match="Unknown modality 'smell'"):
        ImageBindModel.from_pretrained(tmp_path / "all", modalities=("text", "smell"))


@pytest.mark.parametrize("modality", MODALITIES)
@torch.no_grad()
def test_stand_alone_towers(model, modality, tmp_path, caplog):
    model.save_pretrained(tmp_path)
    name = {"vision": "image"}.get(modality, modality)
    argument = model.inputs[name].model_argument
    expected = model(**{argument: INPUTS[argument]})[f"{name}_embeds"]
    camel = modality.capitalize()
    projected = getattr(imagebind_hf, f"ImageBind{camel}ModelWithProjection").from_pretrained(tmp_path).eval()
    output = projected(INPUTS[argument])
    # Not equal to the last bit: the model's last layer makes the class token alone.
    torch.testing.assert_close(output[f"{name}_embeds"], expected, atol=1e-6, rtol=0)
    assert output[0] is output[f"{name}_embeds"]
    assert output.last_hidden_state.shape[0] == 3
    projected.save_pretrained(tmp_path / "alone")
    alone = AutoModel.from_pretrained(tmp_path / "alone")
    assert torch.equal(alone(**{argument: INPUTS[argument]})[0], expected)

    tower = getattr(imagebind_hf, f"ImageBind{camel}Model").from_pretrained(tmp_path).eval()
    for key, value in tower.state_dict().items():
        assert torch.equal(value, model.state_dict()[f"{modality}_model.{key}"]), key


def test_from_config_and_initialization():
    torch.manual_seed(0)
    model = AutoModel.from_config(make_config())
    assert type(model) is ImageBindModel
    layer = model.audio_model.encoder.layers[0].self_attn
    assert layer.q_proj.weight.abs().max() <= (6 / (4 * 32)) ** 0.5
    assert layer.bias_k.std().item() == pytest.approx(32**-0.5, rel=0.5)
    assert layer.q_proj.bias.abs().max() == 0
    for name, value in model.state_dict().items():
        assert torch.isfinite(value).all(), name
        assert value.numel() == 1 or "bias" in name or value.std() > 0 or (value == 1).all(), name


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@torch.no_grad()
def test_half_precision(model, dtype, tmp_path):
    expected = model(**INPUTS)
    model.save_pretrained(tmp_path)
    for half in (model.to(dtype), AutoModel.from_pretrained(tmp_path, dtype=dtype)):
        output = half(**INPUTS)
        for name, value in output.items():
            assert value.dtype == dtype, name
            if name.endswith("_embeds"):
                cosine = torch.nn.functional.cosine_similarity(value.float(), expected[name].float())
                assert cosine.min() > 0.999, name


@torch.no_grad()
def test_device_map(model, tmp_path):
    expected = model(**INPUTS)
    model.save_pretrained(tmp_path)
    for device_map in ("cpu", "auto"):
        loaded = AutoModel.from_pretrained(tmp_path, device_map=device_map)
        assert torch.equal(loaded(**INPUTS).logits_per_audio, expected.logits_per_audio)


@pytest.mark.parametrize(
    "given, dtype", [(torch.float64, torch.float32), (torch.float32, torch.bfloat16), (torch.bfloat16, torch.float32)]
)
@torch.no_grad()
def test_image_embeds_of_another_dtype(model, given, dtype):
    model.to(dtype)
    inputs = {name: INPUTS[name] for name in ("input_ids", "imu_values")}
    image_embeds = model(pixel_values=INPUTS["pixel_values"]).image_embeds.to(given)
    expected = model(image_embeds=image_embeds.to(dtype), **inputs, return_loss=True)
    output = model(image_embeds=image_embeds, **inputs, return_loss=True)
    assert output.image_embeds.dtype == dtype
    for name, value in output.items():
        assert torch.equal(value, expected[name]), name


@torch.no_grad()
def test_towers_on_two_devices(model):
    expected = model(**INPUTS, return_loss=True)
    parts = ("text_model", "text_projection", "text_logit_scale", "imu_model", "imu_projection", "imu_logit_scale")
    for part in parts:
        moved = getattr(model, part).to("meta")
        setattr(model, part, torch.nn.Parameter(moved) if part == "text_logit_scale" else moved)
    inputs = {name: INPUTS[name].to("meta") for name in ("input_ids", "imu_values")}
    output = model(**{**INPUTS, **inputs}, return_loss=True)
    assert {name: value.shape for name, value in output.items()} == {n: v.shape for n, v in expected.items()}
    assert output.logits_per_audio.device == output.loss.device == torch.device("meta")
    assert torch.equal(output.audio_embeds, expected.audio_embeds), "the device does not change"


@pytest.mark.slow
@torch.no_grad()
def test_compile(model):
    expected = model(**INPUTS)
    compiled = torch.compile(model, fullgraph=True)
    output = compiled(**INPUTS)
    for name in output:
        torch.testing.assert_close(output[name], expected[name], atol=1e-5, rtol=1e-4)


def test_gradient_checkpointing_gives_the_same_gradients(model):
    model.train()
    inputs = {name: INPUTS[name] for name in ("pixel_values", "pixel_values_depth")}

    def gradients() -> dict[str, torch.Tensor]:
        model.zero_grad()
        model(**inputs, return_loss=True).loss.backward()
        return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}

    plain = gradients()
    model.gradient_checkpointing_enable()
    checkpointed = gradients()
    assert plain.keys() == checkpointed.keys() and len(plain) > 40
    for name, value in plain.items():
        torch.testing.assert_close(checkpointed[name], value)


def test_frozen_towers(model):
    model.freeze(["text", "vision", "audio", "depth", "thermal"])
    model.train()
    assert {name.split("_")[0] for name, p in model.named_parameters() if p.requires_grad} == {"imu"}
    assert model.imu_model.training and not model.audio_model.training
    assert not model(pixel_values=INPUTS["pixel_values"]).image_embeds.requires_grad
    model.freeze(["image"])
    assert {name.split("_")[0] for name, p in model.named_parameters() if not p.requires_grad} == {"vision"}
    model.freeze([])
    assert all(p.requires_grad for p in model.parameters()) and model.audio_model.training


def test_drop_path_is_unbiased():
    from imagebind_hf.models.imagebind.modeling_imagebind_towers import ImageBindDropPath

    torch.manual_seed(0)
    drop = ImageBindDropPath(0.3).train()
    output = drop(torch.ones(20_000, 2, 2))
    kept = output[:, 0, 0] != 0
    assert kept.float().mean().item() == pytest.approx(0.7, abs=0.02)
    assert (output[kept] == 1 / 0.7).all() and (output[~kept] == 0).all()
    assert torch.equal(drop.eval()(torch.ones(3, 2, 2)), torch.ones(3, 2, 2))


TOUCH = {
    "model_type": "imagebind_depth_model",
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
}


@pytest.fixture
def touch_model() -> ImageBindModel:
    torch.manual_seed(0)
    return ImageBindModel(make_config(extra_modalities={"touch": TOUCH}, modalities=["text", "image", "touch"])).eval()


@torch.no_grad()
def test_extra_modality(touch_model, tmp_path):
    config = touch_model.config
    assert ImageBindConfig.from_dict(config.to_dict()).extra_modalities["touch"].num_hidden_layers == 1
    inputs = {"touch_values": torch.randn(3, 1, 32, 32), "pixel_values": INPUTS["pixel_values"]}
    output = touch_model(**inputs, input_ids=INPUTS["input_ids"], return_loss=True)
    assert output["touch_embeds"].shape == (3, 16) and output["logits_per_touch"].shape == (3, 3)
    touch_model.save_pretrained(tmp_path)
    assert (tmp_path / "model-touch.safetensors").is_file()
    loaded = AutoModel.from_pretrained(tmp_path)
    assert torch.equal(loaded(**inputs)["touch_embeds"], output["touch_embeds"])
    part = AutoModel.from_pretrained(tmp_path, modalities=["touch"])
    assert list(part.inputs) == ["touch"]
    assert torch.equal(part(touch_values=inputs["touch_values"])["touch_embeds"], output["touch_embeds"])


@torch.no_grad()
def test_features_of_an_extra_modality(touch_model, tmp_path):
    values = torch.randn(3, 2, 1, 32, 32)
    expected = touch_model(touch_values=values)["touch_embeds"]
    touch_model.save_pretrained(tmp_path)
    models = [touch_model, copy.deepcopy(touch_model), pickle.loads(pickle.dumps(touch_model))]
    for model in [*models, AutoModel.from_pretrained(tmp_path)]:
        output = model.get_touch_features(values)
        torch.testing.assert_close(output.pooler_output, expected, atol=1e-6, rtol=0)
        assert output.last_hidden_state.shape[:2] == (3, 2)
        assert torch.equal(model.get_features("touch", values).pooler_output, output.pooler_output)
        assert torch.equal(model.get_touch_features(touch_values=values).pooler_output, output.pooler_output)
        assert model.get_touch_features(values, return_dict=False)[1].shape == (3, 16)
    projected = touch_model.get_touch_features(values[:, 0], normalize=False).pooler_output
    assert (projected.norm(dim=-1) - 1).abs().min() > 1e-3
    assert hasattr(touch_model, "get_touch_features") and not hasattr(touch_model, "get_smell_features")
    copied = copy.deepcopy(touch_model)
    copied.touch_projection.weight.zero_()
    assert not copied.get_touch_features(values, normalize=False).pooler_output.any()
    assert touch_model.get_touch_features(values, normalize=False).pooler_output.any(), "copies are independent"


@pytest.mark.parametrize("name", modalities.MODALITIES)
@torch.no_grad()
def test_features_by_the_name_of_a_modality(model, name):
    values = INPUTS[modalities.model_argument(name)]
    expected = getattr(model, f"get_{name}_features")(values).pooler_output
    assert torch.equal(model.get_features(name, values).pooler_output, expected)


def test_features_of_unknown_modalities(model):
    with pytest.raises(ValueError, match="No tower for 'audoi'.*Did you mean 'audio'?"):
        model.get_features("audoi", INPUTS["input_features"])
    with pytest.raises(ValueError, match="Unknown modality 'vision'. Choose from"):
        model.get_features("vision", INPUTS["pixel_values"])


@pytest.mark.slow
@torch.no_grad()
def test_compiled_features_of_an_extra_modality(touch_model):
    values = torch.randn(3, 1, 32, 32)
    expected = touch_model.get_touch_features(values).pooler_output

    def embed(values):
        return touch_model.get_touch_features(values).pooler_output

    torch.testing.assert_close(torch.compile(embed, fullgraph=True)(values), expected, atol=1e-5, rtol=1e-4)
    compiled = torch.compile(touch_model, fullgraph=True)
    torch.testing.assert_close(compiled(touch_values=values)["touch_embeds"], expected, atol=1e-5, rtol=1e-4)
    assert compiled.get_touch_features(values).pooler_output.shape == (3, 16)


def test_attention_implementation_by_name(touch_model):
    def found():
        return {name: tower._attn_implementation for name, tower in touch_model.config.tower_configs.items()}

    touch_model.set_attn_implementation({"touch": "eager"})
    assert found() == {"text": "sdpa", "vision": "sdpa", "touch": "eager"}
    touch_model.set_attn_implementation({"image": "eager"})
    assert found() == {"text": "sdpa", "vision": "eager", "touch": "eager"}
    touch_model.set_attn_implementation({"": "eager", "vision_config": "sdpa", "touch_config": "sdpa"})
    assert found() == {"text": "sdpa", "vision": "sdpa", "touch": "sdpa"}
    touch_model.set_attn_implementation("eager")
    assert found() == {"text": "eager", "vision": "eager", "touch": "eager"}
    assert touch_model.touch_model.config is touch_model.config.tower_configs["touch"]


def test_classes_follow_the_table_of_modalities(model):
    rows = modalities.MODALITIES
    arguments = [row.model_argument for row in rows.values()]
    assert sorted(list(inspect.signature(ImageBindModel.forward).parameters)[1:8]) == sorted(arguments)
    for output_class in (ImageBindOutput, ImageBindProjectionOutput):
        fields = output_class.__dataclass_fields__
        assert {name for name in fields if name.endswith("_embeds")} == {f"{name}_embeds" for name in rows}
    assert set(model.input_modalities) == set(rows)
    for tower in modalities.TOWERS:
        own = [row for row in rows.values() if row.tower == tower]
        tower_class = TOWER_CLASSES[getattr(model, f"{tower}_model").config.model_type]
        projected = getattr(imagebind_hf, f"ImageBind{tower.capitalize()}ModelWithProjection")
        for cls in (tower_class, projected):
            assert cls.main_input_name == own[0].model_argument
            assert cls.input_modalities == tuple(row.name for row in own)
        assert tower_class.input_ndim == own[0].ndim and tower_class.base_model_prefix == f"{tower}_model"
    assert model.inputs == rows


@torch.no_grad()
def test_no_warnings(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(**INPUTS)


@pytest.mark.parametrize("chosen", ["eager", {"": "eager", "text_config": "sdpa", "touch": "eager"}])
@torch.no_grad()
def test_attention_implementation_reaches_extra_modalities(chosen, tmp_path):
    touch = {"model_type": "imagebind_imu_model", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = make_config(extra_modalities={"touch": {**touch, "num_samples": 200}}, modalities=["text", "touch"])
    model = ImageBindModel(config)
    assert model.touch_model.config._attn_implementation == "sdpa", "the default of transformers"
    model.save_pretrained(tmp_path)
    for model in (
        AutoModel.from_config(config, attn_implementation=chosen),
        AutoModel.from_pretrained(tmp_path, attn_implementation=chosen),
    ):
        found = {name: tower._attn_implementation for name, tower in model.config.tower_configs.items()}
        assert found == {"text": "eager" if chosen == "eager" else "sdpa", "touch": "eager"}
        output = model.get_touch_features(INPUTS["imu_values"], output_attentions=True)
        assert [weights.shape[:2] for weights in output.attentions] == [(3, 2)]


def test_stand_alone_towers_leave_the_configuration_as_it_was():
    config = make_config()
    before = config.to_dict()
    model = imagebind_hf.ImageBindAudioModelWithProjection(config)
    assert config.to_dict() == before and model.config.modalities == ["audio"]


def test_save_refuses_a_file_and_is_atomic(model, tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(ValueError, match="Expected a folder to save to, but .* is a file"):
        model.save_pretrained(file)
    assert file.read_text() == "mine"

    import transformers.modeling_utils

    written = []

    def full_disk(tensors, filename, metadata=None):
        if written:
            raise OSError(28, "No space left on device")
        written.append(filename)
        open(filename, "w").close()

    monkeypatch.setattr(transformers.modeling_utils, "safe_save_file", full_disk)
    with pytest.raises(OSError, match="No space left"):
        model.save_pretrained(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
