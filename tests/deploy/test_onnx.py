# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch.nn.functional import cosine_similarity
from transformers import AutoProcessor
from typer.testing import CliRunner

from conftest import make_config, make_inputs
from imagebind_hf import ImageBindModel, ImageBindProcessor
from imagebind_hf.cli import app
from imagebind_hf.deploy.onnx import export_onnx
from imagebind_hf.models.imagebind.modalities import MODALITIES

onnxruntime = pytest.importorskip("onnxruntime")


def run(file, name: str, values: torch.Tensor) -> torch.Tensor:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(["embeds"], {name: values.numpy()})[0])


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> tuple[ImageBindModel, dict]:
    torch.manual_seed(0)
    model = ImageBindModel(make_config()).eval()
    return model, export_onnx(model, tmp_path_factory.mktemp("onnx"), int8=True)


@pytest.mark.slow
@pytest.mark.parametrize("modality", MODALITIES)
def test_files_compute_what_the_model_does(exported, modality):
    model, files = exported
    name = MODALITIES[modality].model_argument
    values = make_inputs(5)[name]
    for inputs in (values, values[:1], values.repeat(2, *[1] * (values.ndim - 1))):
        with torch.no_grad():
            expected = model(**{name: inputs})[f"{modality}_embeds"]
        torch.testing.assert_close(run(files[modality], name, inputs), expected, atol=1e-5, rtol=0)
        quantised = run(files[f"{modality}.int8"], name, inputs)
        assert cosine_similarity(quantised, expected).min() > 0.99
    assert files[f"{modality}.int8"].stat().st_size < files[modality].stat().st_size


@pytest.mark.slow
def test_texts_and_clips_of_any_number(exported):
    model, files = exported
    ids = torch.tensor([[49406, *range(1, 40), 49407]])
    with torch.no_grad():
        assert torch.allclose(run(files["text"], "input_ids", ids), model(input_ids=ids).text_embeds, atol=1e-5)
        features = torch.randn(2, 5, 32, 44)
        expected = model(input_features=features).audio_embeds
    assert torch.allclose(run(files["audio"], "input_features", features), expected, atol=1e-5)


def test_the_command(tmp_path):
    config = make_config(modalities=["text", "imu"])
    ImageBindModel(config).save_pretrained(tmp_path / "model")
    ImageBindProcessor.from_config(config).save_pretrained(tmp_path / "model")
    arguments = ["export", str(tmp_path / "model"), str(tmp_path / "onnx"), "--modality"]
    shown = CliRunner().invoke(app, [*arguments, "text"])
    assert shown.exit_code == 0 and "text.onnx" in shown.output, shown.output
    inputs = AutoProcessor.from_pretrained(tmp_path / "onnx")(text=["a dog", "one more"], return_tensors="pt")
    assert run(tmp_path / "onnx" / "text.onnx", "input_ids", inputs["input_ids"]).shape == (2, 16)
    shown = CliRunner().invoke(app, [*arguments, "audio"])
    assert shown.exit_code == 1 and "no modalities ['audio']. It has ['text', 'imu']" in shown.output


def test_the_model_stays_as_it_is(tmp_path):
    model = ImageBindModel(make_config(modalities=["imu"])).bfloat16().train()
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    export_onnx(model, tmp_path)
    assert model.training and {value.dtype for value in model.parameters()} == {torch.bfloat16}
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


def test_a_file_that_differs_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("imagebind_hf.deploy.onnx.TOLERANCE", -1.0)
    model = ImageBindModel(make_config(modalities=["imu"])).eval()
    with pytest.raises(ValueError, match="imu.onnx differs from the model by"):
        export_onnx(model, tmp_path)
