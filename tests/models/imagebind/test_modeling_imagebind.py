# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import json

import pytest
import torch
from transformers import AutoModel

import imagebind_hf
from conftest import make_config, make_inputs
from imagebind_hf import ImageBindConfig, ImageBindModel

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
        ({}, "Nothing to embed: give at least one of"),
        ({"pixel_values": torch.zeros(2, 1, 32, 32)}, r"\(2, 1, 32, 32\), expected \(B, 3, H, W\)"),
        ({"pixel_values": torch.zeros(32, 32)}, r"pixel_values has the shape \(32, 32\), expected 4 axes"),
        ({"pixel_values": torch.zeros(1, 3, 4, 4)}, "smaller than a patch of 8"),
        ({"pixel_values": torch.zeros(0, 3, 32, 32)}, "pixel_values is empty"),
        ({"pixel_values_videos": torch.zeros(1, 3, 3, 32, 32)}, r"expected \(B, 2, 3, H, W\)"),
        ({"input_features": torch.zeros(2, 16, 44)}, r"expected \(B, 32, frames\)"),
        ({"imu_values": torch.zeros(2, 6, 100)}, r"imu_values has the shape \(2, 6, 100\), expected \(B, 6, 200\)"),
        ({"imu_values": torch.zeros(2, 3, 200)}, r"expected \(B, 6, 200\)"),
        ({"input_ids": torch.ones(2, 78, dtype=torch.long)}, "78 tokens, at most 77 fit"),
        ({"imu_values": torch.zeros(2, 6, 200), "return_loss": True}, "needs images or videos and another"),
        (
            {"imu_values": torch.zeros(1, 6, 200), "pixel_values": torch.zeros(1, 3, 32, 32), "return_loss": True},
            "at least 2 pairs in a batch, got 1",
        ),
        (
            {"imu_values": torch.zeros(2, 6, 200), "pixel_values": torch.zeros(3, 3, 32, 32), "return_loss": True},
            "3 images and 2 partners",
        ),
    ],
)
def test_bad_input(model, inputs, message):
    with pytest.raises(ValueError, match=message):
        model(**inputs)


def test_missing_tower_is_named():
    model = ImageBindModel(make_config(modalities=["vision", "text"]))
    with pytest.raises(ValueError, match=r"No tower for audio: the model's modalities are \['text', 'vision'\]"):
        model(input_features=INPUTS["input_features"])
    with pytest.raises(ValueError, match="No tower for imu"):
        model.logit_scale("imu")
    with pytest.raises(ValueError, match="No tower for depth"):
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
    with pytest.raises(ValueError, match=r"Unknown modalities \['smell'\]"):
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


def test_from_config_and_initialisation():
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
    assert torch.equal(output.audio_embeds, expected.audio_embeds), "and stays where it was"


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


def test_frozen_towers_stay_still(model):
    model.freeze(["text", "vision", "audio", "depth", "thermal"])
    model.train()
    assert {name.split("_")[0] for name, p in model.named_parameters() if p.requires_grad} == {"imu"}
    assert model.imu_model.training and not model.audio_model.training
    assert not model(pixel_values=INPUTS["pixel_values"]).image_embeds.requires_grad
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


@torch.no_grad()
def test_extra_modality(tmp_path):
    touch = {
        "model_type": "imagebind_depth_model",
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    config = make_config(extra_modalities={"touch": {**touch, "image_size": 32, "patch_size": 8}})
    assert ImageBindConfig.from_dict(config.to_dict()).extra_modalities["touch"].num_hidden_layers == 1
    model = ImageBindModel(config).eval()
    inputs = {"touch_values": torch.randn(3, 1, 32, 32), "pixel_values": INPUTS["pixel_values"]}
    output = model(**inputs, input_ids=INPUTS["input_ids"], return_loss=True)
    assert output["touch_embeds"].shape == (3, 16) and output["logits_per_touch"].shape == (3, 3)
    model.save_pretrained(tmp_path)
    assert (tmp_path / "model-touch.safetensors").is_file()
    loaded = AutoModel.from_pretrained(tmp_path)
    assert torch.equal(loaded(**inputs)["touch_embeds"], output["touch_embeds"])


@pytest.mark.parametrize("chosen", ["eager", {"": "eager", "text_config": "sdpa", "touch": "eager"}])
@torch.no_grad()
def test_attention_implementation_reaches_extra_modalities(chosen, tmp_path):
    touch = {"model_type": "imagebind_imu_model", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = make_config(extra_modalities={"touch": {**touch, "num_samples": 200}}, modalities=["text", "touch"])
    model = ImageBindModel(config)
    assert model.touch_model.config._attn_implementation == "sdpa", "by default as transformers has it"
    model.save_pretrained(tmp_path)
    for model in (
        AutoModel.from_config(config, attn_implementation=chosen),
        AutoModel.from_pretrained(tmp_path, attn_implementation=chosen),
    ):
        found = {name: tower._attn_implementation for name, tower in model.config.tower_configs.items()}
        assert found == {"text": "eager" if chosen == "eager" else "sdpa", "touch": "eager"}
        output = model._features("touch", INPUTS["imu_values"], output_attentions=True)
        assert [weights.shape[:2] for weights in output.attentions] == [(3, 2)]


def test_stand_alone_towers_leave_the_configuration_as_it_was():
    config = make_config()
    before = config.to_dict()
    model = imagebind_hf.ImageBindAudioModelWithProjection(config)
    assert config.to_dict() == before and model.config.modalities == ["audio"]


def test_save_refuses_a_file_and_leaves_no_half(model, tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(ValueError, match="it is a file"):
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
