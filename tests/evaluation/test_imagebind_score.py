# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch.nn.functional import normalize

from conftest import make_config
from imagebind_hf import ImageBindProcessor
from imagebind_hf.evaluation.imagebind_score import imagebind_score, load_soundtrack

RATE = 16_000


@pytest.fixture
def processor() -> ImageBindProcessor:
    return ImageBindProcessor.from_config(make_config())


def tones(number: int, channels: int = 1, seconds: float = 3.0) -> np.ndarray:
    """A sound of 16 bits; every channel another tone."""
    time = np.arange(int(seconds * RATE)) / RATE
    waves = [np.sin(2 * np.pi * 220 * (1 + number + 3 * channel) * time) for channel in range(channels)]
    return (8000 * np.stack(waves)).astype(np.int16)


def film(path: Path, number: int, sound: np.ndarray | None = None, codec: str = "pcm_s16le") -> Path:
    """A video of 3 s that is unlike one of another number."""
    av = pytest.importorskip("av")
    rng = np.random.default_rng(number)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=8)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        if sound is not None:
            track = container.add_stream(codec, rate=RATE, layout="mono" if len(sound) == 1 else "stereo")
        for _ in range(24):
            values = np.full((48, 64, 3), rng.integers(0, 255, 3), np.uint8)
            container.mux(picture.encode(av.VideoFrame.from_ndarray(values, format="rgb24")))
        container.mux(picture.encode(None))
        if sound is not None:
            frame = av.AudioFrame.from_ndarray(sound.T.reshape(1, -1), "s16", "mono" if len(sound) == 1 else "stereo")
            frame.sample_rate = RATE
            container.mux(track.encode(frame))
            container.mux(track.encode(None))
    return path


@pytest.fixture
def folder(tmp_path) -> Path:
    """Four videos; the sound of the second and fourth is in the file, that of the others beside it."""
    for number in range(4):
        file = film(tmp_path / "set" / f"{number}.mov", number, tones(number) if number % 2 else None)
        if number % 2 == 0:
            soundfile.write(file.with_suffix(".wav"), tones(number).T, RATE)
    return tmp_path / "set"


def expected(model, processor, video: Path, sound: np.ndarray) -> float:
    """As in papers: one clip, the cosine of the means over unit vectors of 15 views, and of 3 clips."""
    with torch.no_grad():
        views = processor(videos=[str(video)], return_tensors="pt")["pixel_values_videos"][0]
        heard = {"array": sound.astype(np.float32) / 2**15, "sampling_rate": RATE}
        clips = processor(audio=[heard], return_tensors="pt")["input_features"][0]
        assert len(views) == 15 and len(clips) == 3
        means = [
            torch.stack([model(pixel_values_videos=view[None, None]).video_embeds[0] for view in views]).mean(dim=0),
            torch.stack([model(input_features=clip[None, None]).audio_embeds[0] for clip in clips]).mean(dim=0),
        ]
    return 100 * float(normalize(means[0], dim=0) @ normalize(means[1], dim=0))


def test_beside_one_clip_at_a_time(model, processor, folder):
    result = imagebind_score(model, processor, folder)
    wanted = {str(n): expected(model, processor, folder / f"{n}.mov", tones(n)) for n in range(4)}
    assert result["scores"] == pytest.approx(wanted, abs=1e-3)
    assert result["imagebind_score"] == pytest.approx(np.mean(list(wanted.values())), abs=1e-3)
    assert result["clips"] == 4 and result["unreadable"] == {}
    assert result["interval"][0] <= result["imagebind_score"] <= result["interval"][1]
    assert np.ptp(list(wanted.values())) > 0.05, "clips differ, or else nothing is told by this test"


def test_neither_batches_nor_order_nor_workers_matter(model, processor, folder):
    whole = imagebind_score(model, processor, folder)
    pairs = [(file, next(iter(folder.glob(f"{file.stem}.wav")), file)) for file in sorted(folder.glob("*.mov"))]
    for size, workers in ((1, 0), (3, 2)):
        again = imagebind_score(model, processor, pairs[::-1], batch_size=size, num_workers=workers)
        assert {Path(name).stem: value for name, value in again["scores"].items()} == pytest.approx(
            whole["scores"], abs=1e-3
        )
        assert again["imagebind_score"] == pytest.approx(whole["imagebind_score"], abs=1e-3)


def test_sounds_in_another_folder(model, processor, folder, tmp_path):
    other = tmp_path / "generated"
    other.mkdir()
    for number in range(4):
        soundfile.write(other / f"{number}.flac", tones(number + 5).T, RATE)
    result = imagebind_score(model, processor, folder, other)
    # The folder's own sounds are not heard.
    assert result["scores"]["1"] == pytest.approx(expected(model, processor, folder / "1.mov", tones(6)), abs=1e-3)


def test_channels(model, processor, tmp_path):
    file = film(tmp_path / "a.mov", 0, tones(0, channels=2))
    both = imagebind_score(model, processor, tmp_path)["imagebind_score"]
    left = imagebind_score(model, processor, tmp_path, left_channel=True)["imagebind_score"]
    assert both == pytest.approx(expected(model, processor, file, tones(0, channels=2)), abs=1e-3)
    assert left == pytest.approx(expected(model, processor, file, tones(0)), abs=1e-3)
    assert abs(both - left) > 0.01


@pytest.mark.parametrize("codec, suffix, tolerance", [("pcm_s16le", ".mov", 0), ("aac", ".mp4", 0.05)])
def test_soundtracks(tmp_path, codec, suffix, tolerance):
    sound = tones(1, channels=2, seconds=0.7)
    waveform, rate = load_soundtrack(film(tmp_path / f"a{suffix}", 0, sound, codec))
    assert rate == RATE and waveform.dtype == np.float32 and len(waveform) == 2
    # AAC comes in frames of 1,024 samples.
    assert sound.shape[1] <= waveform.shape[1] <= sound.shape[1] + (2048 if tolerance else 0)
    # Its first frames swing in.
    part = slice(2048 if tolerance else 0, sound.shape[1] - (2048 if tolerance else 0))
    np.testing.assert_allclose(waveform[:, part], (sound / 2**15)[:, part], atol=tolerance)


def test_what_cannot_be_read_is_listed(model, processor, folder):
    film(folder / "mute.mp4", 7)
    (folder / "broken.mp4").write_bytes(b"no video")
    soundfile.write(folder / "broken.wav", tones(0).T, RATE)
    film(folder / "deaf.mp4", 8)
    (folder / "deaf.wav").write_bytes(b"no sound")
    soundfile.write(folder / "alone.wav", tones(0).T, RATE)
    result = imagebind_score(model, processor, folder)
    assert set(result["scores"]) == {"0", "1", "2", "3"} and result["clips"] == 4
    reasons = {Path(name).name: why for name, why in result["unreadable"].items()}
    assert set(reasons) == {"mute", "broken", "deaf", "alone.wav"}
    assert "has none" in reasons["mute"] and "Cannot read the video" in reasons["broken"]
    assert "Cannot read the audio" in reasons["deaf"] and reasons["alone.wav"] == "There is no video of its name."
    wanted = [expected(model, processor, folder / f"{n}.mov", tones(n)) for n in range(4)]
    assert result["imagebind_score"] == pytest.approx(np.mean(wanted), abs=1e-3)


def test_bad_input(model, processor, folder, tmp_path):
    for bad, message in ((tmp_path / "missing", "There is no folder"), ([], "There are no clips")):
        with pytest.raises(ValueError, match=message):
            imagebind_score(model, processor, bad)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"There are no videos \(.*\.mp4.*\) in '.*empty'"):
        imagebind_score(model, processor, tmp_path / "empty")
    with pytest.raises(ValueError, match="pairs name their sounds themselves"):
        imagebind_score(model, processor, [("a.mp4", "a.wav")], folder)
    with pytest.raises(ValueError, match="None of 1 clips can be read: .*There is no file 'a.mp4'"):
        imagebind_score(model, processor, [("a.mp4", "a.wav")])
    soundfile.write(folder / "0.flac", tones(0).T, RATE)
    with pytest.raises(ValueError, match=r"0\.flac' and .*0\.wav' are of one name"):
        imagebind_score(model, processor, folder)
    (folder / "0.flac").unlink()
    with torch.no_grad():
        model.audio_projection.weight.fill_(torch.nan)
    with pytest.raises(ValueError, match="embeddings are not finite; it computes in torch.float32"):
        imagebind_score(model, processor, folder)
