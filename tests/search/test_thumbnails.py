# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from imagebind_hf.search.thumbnails import thumbnail, try_thumbnail

RNG = np.random.default_rng(0)
AXES = ["accl_x", "accl_y", "accl_z", "gyro_x", "gyro_y", "gyro_z"]


def drawn(modality: str, item) -> np.ndarray:
    data = thumbnail(modality, item)
    image = Image.open(io.BytesIO(data))
    assert image.format == "JPEG" and image.mode == "RGB" and image.width <= 192 and image.height <= 144
    assert len(data) < 20_000
    return np.asarray(image).astype(int)


def test_images(fixtures, tmp_path):
    assert drawn("image", str(fixtures / "images" / "large_601x467.png")).shape[:2] in ((144, 185), (144, 186))
    assert drawn("image", str(fixtures / "images" / "tiny_40x33.png")).shape == (33, 40, 3), "never enlarged"
    # Transparent pixels become white.
    clear = Image.new("RGBA", (60, 60), (0, 0, 0, 0))
    assert drawn("image", clear).min() > 250
    grey = np.linspace(0, 60_000, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / "sixteen.png")
    light = drawn("image", str(tmp_path / "sixteen.png"))
    assert light[0].mean() < 20 and light[-1].mean() > 235
    assert drawn("image", np.full((3, 20, 20), 200, np.uint8)).mean() == pytest.approx(200, abs=3)
    assert drawn("image", np.full((20, 20, 3), 0.5, np.float32)).mean() == pytest.approx(127, abs=3)


def test_videos(fixtures):
    pytest.importorskip("av")
    assert drawn("video", str(fixtures / "video" / "clip_6s_8fps_160x120.mp4")).shape == (120, 160, 3)
    frames = np.zeros((5, 30, 40, 3), np.uint8)
    frames[2] = 255
    assert drawn("video", frames).min() > 250, "the middle frame"


def test_audio(fixtures, tmp_path):
    for file in (fixtures / "audio").glob("*.wav"):
        assert drawn("audio", str(file)).shape == (72, 192, 3)
    # A low tone is bright in the lower half, the high tone after it in the upper half.
    time = np.arange(16_000) / 16_000
    wave = np.concatenate([np.sin(2 * np.pi * 200 * time), np.sin(2 * np.pi * 6000 * time)])
    soundfile.write(tmp_path / "tones.wav", 0.5 * wave, 16_000)
    light = drawn("audio", str(tmp_path / "tones.wav")).sum(axis=2)
    assert light[36:, 10:80].max() > light[:36, 10:80].max() + 200
    assert light[:36, 110:180].max() > light[36:, 110:180].max() + 200
    for short in (np.zeros(3, np.float32), np.zeros((2, 50_000), np.float32)):
        assert drawn("audio", short).shape == (72, 192, 3)
    assert drawn("audio", {"array": wave, "sampling_rate": 16_000}).shape == (72, 192, 3)


@pytest.mark.parametrize("modality", ["depth", "thermal"])
def test_planes(modality, tmp_path):
    slope = np.linspace(500, 4000, 48 * 64).reshape(48, 64)
    Image.fromarray(slope.astype(np.uint16)).save(tmp_path / "plane.png")
    from_file, from_array = drawn(modality, str(tmp_path / "plane.png")), drawn(modality, slope.astype(np.float32))
    assert from_file.shape == (48, 64, 3) and np.abs(from_file - from_array).mean() < 3
    assert np.abs(from_file[2] - from_file[-3]).mean() > 40
    holes = slope.copy()
    holes[:10] = np.nan
    assert drawn(modality, holes).shape == (48, 64, 3)
    assert drawn(modality, np.full((5, 5), 3.0)).shape == (5, 5, 3)
    with pytest.raises(ValueError, match="no finite value"):
        thumbnail(modality, np.full((5, 5), np.nan))
    with pytest.raises(ValueError, match="plane of values"):
        thumbnail(modality, np.zeros(5))


def test_imu(tmp_path):
    values = RNG.standard_normal((50, 6))
    lines = [f"{20 * n}," + ",".join(map(str, row)) for n, row in enumerate(values)]
    (tmp_path / "imu.csv").write_text("\n".join(["canonical_timestamp_ms," + ",".join(AXES), *lines]))
    from_file = drawn("imu", str(tmp_path / "imu.csv"))
    assert from_file.shape == (96, 192, 3) and np.array_equal(from_file, drawn("imu", values.T))
    signals = {"accel": values.T[:3], "gyro": values.T[3:]}
    assert np.array_equal(from_file, drawn("imu", signals))
    drawn("imu", np.zeros((6, 1)))
    with pytest.raises(ValueError, match="IMU data of shape .6, T., but got .3, 5."):
        thumbnail("imu", np.zeros((3, 5)))


def test_extra_modalities():
    touch = np.linspace(0, 1, 32 * 32).reshape(1, 32, 32)
    plane = drawn("touch", touch.tolist())
    assert plane.shape == (32, 32, 3) and np.abs(plane[2] - plane[-3]).mean() > 40
    assert drawn("touch", np.zeros((3, 20, 30), np.float32)).shape == (20, 30, 3)
    assert drawn("touch", Image.new("RGB", (30, 20))).shape == (20, 30, 3)
    for signal in (np.sin(np.arange(100)), RNG.standard_normal((4, 100)), RNG.standard_normal((100, 4))):
        assert drawn("pulse", signal).shape == (48, 192, 3)
    for other in (
        b"raw",
        "a.bin",
        {"a": 1},
        [[1.0], [1.0, 2.0]],
        [],
        1j,
        np.full((9, 9), np.nan),
        np.zeros((2, 9, 9)),
    ):
        assert thumbnail("smell", other) is None


def test_items_without_a_thumbnail():
    assert thumbnail("text", "a dog") is None
    for modality in ("image", "audio", "video", "depth", "imu"):
        with pytest.raises(ValueError, match="Cannot read"):
            thumbnail(modality, b"nothing")
        assert try_thumbnail(modality, lambda: b"nothing", "name") is None
    assert try_thumbnail("image", lambda: 1 / 0, "name") is None
    assert try_thumbnail("image", lambda: np.zeros((9, 9, 3), np.uint8), "name")
