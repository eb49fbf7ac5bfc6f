# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The browser app without a browser: its functions, compared with the outputs of the model."""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from conftest import make_config
from imagebind_hf import ImageBindModel, ImageBindProcessor
from imagebind_hf.datasets.six_digits import CLASS_NAMES
from imagebind_hf.models.imagebind.feature_extraction_imagebind import ImageBindImuFeatureExtractor

gr = pytest.importorskip("gradio")

from space_page import CAPTIONS, SPACE, Oracle, indexed, make_folder, softmax  # noqa: E402, F401

from imagebind_hf.serving.space import views  # noqa: E402
from imagebind_hf.serving.space.about import describe_model  # noqa: E402
from imagebind_hf.serving.space.app import App  # noqa: E402
from imagebind_hf.serving.space.engine import Engine  # noqa: E402
from imagebind_hf.serving.space.index import CSV_COLUMNS, write_six_digits  # noqa: E402


@pytest.fixture(scope="module")
def space(folder) -> App:
    return App(Engine(str(folder / "tiny-model"), folder / "index"))


def test_only_modalities_of_the_checkpoint_are_offered(space):
    assert space.engine.modalities == ["image", "video", "text", "audio", "depth"]
    assert space.indexed == ["image", "video", "text", "audio", "depth"]
    assert len(space.engine.items) == 3 + 1 + 3 + 4 + 4
    assert len(space.engine.unreadable) == 2 and "broken.png" in space.engine.unreadable[0]
    assert "latin.txt" in space.engine.unreadable[1]


def test_shares_are_a_softmax(space, folder):
    sounds = list(map(str, indexed(folder)["audio"]))
    shares, note = space.engine.compare(("audio", sounds), ("text", CAPTIONS), shares=True)
    oracle = Oracle(folder)
    scale = oracle.model.logit_scale("text").item()
    expected = softmax(scale * oracle("audio", sounds) @ oracle("text", CAPTIONS).T)
    np.testing.assert_allclose(shares, expected, atol=1e-5)
    assert f"{scale:.3g}" in note
    picture = str(folder / "visitor" / "picture 3.png")
    assert space.engine.compare(("audio", sounds), ("image", [picture]), shares=True)[1].endswith("× 20)")


@pytest.mark.parametrize(
    "modality, value, excluded",
    [
        ("text", f" {CAPTIONS[1]} ", CAPTIONS[1]),
        ("image", "visitor/copy.png", "index/picture 1.png"),
        ("image", "index/picture 0.png", "index/picture 0.png"),
        ("image", "visitor/picture 3.png", None),
    ],
)
def test_query_is_not_its_own_hit(space, folder, modality, value, excluded):
    items = list(map(str, indexed(folder)[modality]))
    is_text = modality == "text"
    found = space.engine.search(modality, value if is_text else str(folder / value), modality, 10)
    absolute = excluded if is_text or excluded is None else str(folder / excluded)
    assert {item.source for item, _ in found} == set(items) - {absolute}
    cosines = [cosine for _, cosine in found]
    assert cosines == sorted(cosines, reverse=True)
    # Other modalities are complete.
    assert len(space.engine.search(modality, value if is_text else str(folder / value), "depth", 10)) == 4


@pytest.mark.parametrize(
    "method, arguments, message",
    [
        ("compare", ("image", "", None, "text", "a", None, "Cosine"), "Image: expected 1 to 24 items, but got none"),
        ("compare", ("text", "a\n" * 25, None, "text", "a", None, "Cosine"), "1 to 24 items, but got 25"),
        ("classify", ("text", "a", *[None] * 4, " , \n", ""), "Expected 2 to 200 labels.* got 0"),
        ("classify", ("text", "a", *[None] * 4, "a, a", ""), "got 1"),
        ("classify", ("text", "a", *[None] * 4, "a, b", "a photo"), "template to have {}.* got &#x27;a photo&#x27;"),
        ("classify", ("text", "a", *[None] * 4, "a, b", "{} {x}"), "no other braces"),
        ("classify", ("audio", "a", *[None] * 4, "a, b", ""), "Audio: add an item"),
        ("search", ("text", "a", *[None] * 4, [], 3), "at least one modality"),
        ("search", ("image", "", "/no/where/x.png", *[None] * 3, ["text"], 3), "&#x27;x.png&#x27;"),
    ],
)
def test_bad_input_gives_a_message_in_place_of_the_result(space, method, arguments, message):
    result = getattr(space, method)(*arguments)
    if method == "classify":
        assert result[1] is None
        result = result[0]
    assert result.startswith('<div class="ib-error" role="alert">')
    assert re.search(message, result) and "/no/where" not in result


def test_a_checkpoint_without_text(tmp_path, folder):
    torch.manual_seed(0)
    config = make_config(modalities=["vision", "thermal"])
    ImageBindModel(config).save_pretrained(tmp_path)
    ImageBindProcessor.from_config(config).save_pretrained(tmp_path)
    blocks = App(Engine(str(tmp_path), folder / "index"), is_six_digits=True).build().blocks.values()
    assert [block.label for block in blocks if isinstance(block, gr.Tab)] == ["Compare", "Search"]
    choices = [block.choices for block in blocks if isinstance(block, gr.Dropdown)]
    assert choices == [[("Image", "image"), ("Video", "video"), ("Thermal", "thermal")]] * 3


@pytest.mark.parametrize("with_part", [True, False])
def test_extra_modalities_are_offered_if_the_processor_has_a_part(tmp_path, folder, with_part):
    torch.manual_seed(0)
    tower = {"model_type": "imagebind_imu_model", **make_config().imu_config.to_diff_dict()}
    config = make_config(modalities=["text", "touch"], extra_modalities={"touch": tower})
    ImageBindModel(config).save_pretrained(tmp_path / "model")
    part = ImageBindImuFeatureExtractor(num_samples=config.extra_modalities["touch"].num_samples)
    extra = {"touch": part if with_part else None}
    ImageBindProcessor.from_config(config, extra_processors=extra).save_pretrained(tmp_path / "model")
    index = tmp_path / "index"
    (index / "touch").mkdir(parents=True)
    (index / "captions.txt").write_text("\n".join(CAPTIONS))
    for number in range(2):
        table = np.random.default_rng(number).normal(size=(50, 7))
        table[:, 0] = np.arange(50) * 5
        np.savetxt(index / "touch" / f"{number}.csv", table, "%.5g", ",", header=CSV_COLUMNS, comments="")
    page = App(Engine(str(tmp_path / "model"), index))
    page.build()
    if not with_part:
        assert page.engine.modalities == ["text"]
        return
    assert page.engine.modalities == page.indexed == ["text", "touch"]
    found = page.search("touch", "", None, None, None, str(index / "touch" / "0.csv"), ["text", "touch"], 3)
    assert found.count("<li>") == 3 + 1 and "1.csv" in found and "0.csv" not in found
    message, answer = page.classify("touch", "", None, None, None, str(index / "touch" / "0.csv"), "a, b", "")
    assert message == "" and sum(answer.values()) == pytest.approx(1)


def test_an_index_without_items(tmp_path, folder):
    (tmp_path / "notes.md").write_text("x")
    with pytest.raises(ValueError, match="to have items of the modalities .*, but found none"):
        Engine(str(folder / "tiny-model"), tmp_path)


def test_facts_about_the_model(folder, tmp_path):
    facts = describe_model(str(folder / "tiny-model"), ["image", "imu", "my_sensor"])
    assert re.fullmatch(r"tiny-model \(1\.\d\d million parameters\)", facts.pop("Model"))
    assert facts == {
        "Modalities": "Image, IMU, My sensor",
        "Trained on": "pairs of image–audio (1,234), starting from org/base",
        "License": "cc-by-nc-4.0 (no commercial use)",
    }
    # An adapter has no configuration of its own.
    assert describe_model(str(tmp_path), ["image"]) == {"Model": tmp_path.name, "Modalities": "Image"}


def test_missing_gradio_names_the_extra():
    code = "import sys; sys.modules['gradio'] = None; import imagebind_hf.serving.space"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.strip().endswith("Install it with `pip install imagebind-hf[space]`.")


@pytest.mark.slow
def test_six_digits_as_an_index(tmp_path):
    folder = write_six_digits(tmp_path / "digits", each=2)
    for modality, suffix in (("image", "png"), ("audio", "wav"), ("depth", "png"), ("thermal", "png"), ("imu", "csv")):
        files = sorted(file.name for file in (folder / modality).iterdir())
        assert files == [f"{n}-{digit}-{name}.{suffix}" for n in (1, 2) for digit, name in enumerate(CLASS_NAMES)]
        assert views.thumbnail(modality, str(folder / modality / files[0])).startswith('<img class="ib-thumb"')
    captions = (folder / "text" / "captions.txt").read_text().splitlines()
    assert all(name in caption for name, caption in zip(CLASS_NAMES, captions, strict=False))
    processor = ImageBindProcessor.from_config(make_config())
    values = processor(imu=[str(folder / "imu" / "1-3-three.csv")], return_tensors="np")["imu_values"]
    assert values[0, 1].mean() == pytest.approx(9.6, abs=0.5)  # gravity


def test_the_card():
    text = (SPACE / "README.md").read_text()
    facts = yaml.safe_load(text.split("---")[1])
    assert facts["sdk"] == "gradio" and (SPACE / facts["app_file"]).is_file() and facts["license"] == "apache-2.0"
    assert "(screenshot.png)" in text
    with Image.open(SPACE / "screenshot.png") as picture:
        assert picture.width >= 800
    assert (SPACE / "screenshot.png").stat().st_size < 200_000
