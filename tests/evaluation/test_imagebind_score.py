# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner

from conftest import make_config
from imagebind_hf import ImageBindModel, ImageBindProcessor
from imagebind_hf.cli import app
from imagebind_hf.evaluation.imagebind_score import find_clips, imagebind_score, read_track

av = pytest.importorskip("av")
RATE = 16_000


def tone(frequency: float, seconds: float = 3.0) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE).astype(np.float32)


def write_film(path: Path, grey: int, sound: np.ndarray | None) -> None:
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=8)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        audio = None if sound is None else container.add_stream("pcm_f32le", rate=RATE, layout="mono")
        for number in range(24):
            picture = np.full((64, 64, 3), grey + 4 * number, dtype=np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        if audio is not None:
            frame = av.AudioFrame.from_ndarray(sound[None], format="flt", layout="mono")
            frame.rate = RATE
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    write_film(folder / "own.mkv", 20, tone(300))
    write_film(folder / "beside.mkv", 90, None)
    soundfile.write(folder / "beside.wav", tone(900), RATE, subtype="FLOAT")
    write_film(folder / "silent.mkv", 90, None)
    (folder / "broken.mp4").write_bytes(b"no film")
    soundfile.write(folder / "alone.wav", tone(500), RATE)
    return folder


@pytest.fixture(scope="module")
def model() -> ImageBindModel:
    torch.manual_seed(0)
    return ImageBindModel(make_config(modalities=["vision", "audio"])).eval()


def test_score(model, folder):
    processor = ImageBindProcessor.from_config(model.config)
    result = imagebind_score(model, processor, folder, batch_size=3, progress=False)
    expected = {}
    for name, sound in (("own", tone(300)), ("beside", tone(900))):
        inputs = processor(videos=[str(folder / f"{name}.mkv")], return_tensors="pt")
        inputs |= processor(audio=[sound], sampling_rate=RATE, return_tensors="pt")
        assert inputs["pixel_values_videos"].shape[1] == 15 and inputs["input_features"].shape[1] == 3
        with torch.no_grad():
            outputs = model(**inputs)
        # The published output: means over views and clips, scaled; a cosine does not see the scale.
        video, audio = outputs.video_embeds[0], 20 * outputs.audio_embeds[0]
        expected[str(folder / f"{name}.mkv")] = 100 * float(video @ audio / video.norm() / audio.norm())
    assert result["clips"] == pytest.approx(expected, abs=1e-3)
    assert result["score"] == pytest.approx(np.mean(list(expected.values())), abs=1e-3)
    assert {Path(name).name for name in result["unreadable"]} == {"silent.mkv", "broken.mp4"}
    assert "no audio track" in result["unreadable"][str(folder / "silent.mkv")]


def test_pairs_of_one_video_all_count(model, folder):
    processor = ImageBindProcessor.from_config(model.config)
    video, sounds = str(folder / "own.mkv"), [tone(300), tone(900), tone(2000)]
    alone = [imagebind_score(model, processor, [(video, sound)], progress=False)["clips"][video] for sound in sounds]
    pairs = [(video, sound) for sound in sounds] + [(folder / "beside.mkv", tone(500)), (video, tone(1)[:0])]
    result = imagebind_score(model, processor, pairs, batch_size=2, progress=False)
    assert list(result["clips"]) == [f"{video} #0", f"{video} #1", f"{video} #2", str(folder / "beside.mkv")]
    assert list(result["unreadable"]) == [f"{video} #4"]
    scores = list(result["clips"].values())
    assert scores[:3] == pytest.approx(alone, abs=1e-3) and result["score"] == pytest.approx(np.mean(scores))
    assert len(set(scores)) == 4 and result["interval"][0] < result["score"] < result["interval"][1]


def test_the_track_of_a_video(folder):
    track = read_track(folder / "own.mkv")
    assert track["sampling_rate"] == RATE
    np.testing.assert_allclose(track["array"][0], tone(300), atol=1e-6)


def test_the_command(model, folder, tmp_path, monkeypatch):
    model.save_pretrained(tmp_path)
    ImageBindProcessor.from_config(model.config).save_pretrained(tmp_path)
    arguments = ["score", str(folder), "--model", str(tmp_path), "--output", str(tmp_path / "scores.json")]
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 0 and ", 2 clips" in shown.output and "2 clips could not be read" in shown.output, (
        shown.output
    )
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert len(scores["clips"]) == 2 and f"{scores['score']:.2f} (95 %" in shown.output

    def fail(file: Path, text: str) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("imagebind_hf.cli.running.replace_text", fail)
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 1 and "Error: No space left on device" in shown.output
    assert f"{scores['score']:.2f} (95 %" in shown.output, "what was computed is not lost"


def test_the_command_makes_no_tower_up(folder, tmp_path):
    model = ImageBindModel(make_config(modalities=["vision", "text"]))
    model.save_pretrained(tmp_path)
    ImageBindProcessor.from_config(model.config).save_pretrained(tmp_path)
    shown = CliRunner().invoke(app, ["score", str(folder), "--model", str(tmp_path)])
    assert shown.exit_code == 1 and "has no tower for ['audio']" in shown.output, shown.output


def test_bad_input(model, folder, tmp_path):
    processor = ImageBindProcessor.from_config(model.config)
    with pytest.raises(ValueError, match="does not exist"):
        find_clips(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="contains no videos"):
        find_clips(tmp_path)
    with pytest.raises(ValueError, match="any of the 1 clips. The first error: .*broken.mp4: .*Cannot read"):
        imagebind_score(model, processor, [(folder / "broken.mp4", folder / "alone.wav")], progress=False)
    with pytest.raises(ValueError, match=r"no tower for \['audio'\]"):
        imagebind_score(ImageBindModel(make_config(modalities=["vision"])), processor, [], progress=False)
