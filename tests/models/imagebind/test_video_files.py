# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Video files from the field: rotation, formats that open other files, streams without an index."""

import subprocess

import imageio_ffmpeg
import numpy as np
import pytest

from conftest import FIXTURES
from imagebind_hf.models.imagebind.video import open_video

CLIP = FIXTURES / "video" / "clip_1p5s_10fps_120x160.mp4"


def ffmpeg(*arguments) -> None:
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *map(str, arguments)], check=True)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_frames_are_rotated_as_the_display_matrix_says(tmp_path, degrees):
    file = tmp_path / "phone.mp4"
    ffmpeg("-display_rotation", degrees, "-i", CLIP, "-codec", "copy", file)
    expected = np.rot90(open_video(str(CLIP)).read([0, 7]), degrees // 90, axes=(2, 3))
    np.testing.assert_array_equal(open_video(str(file)).read([0, 7]), expected)
    np.testing.assert_array_equal(open_video(file.read_bytes()).read([0, 7]), expected)


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile {clip}\n",
        "#EXTM3U\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5000 RTP/AVP 96\n",
        "Gibberish that begins as a transport stream does",
        "",
    ],
    ids=["concat", "hls", "sdp", "text", "empty"],
)
def test_formats_that_open_other_files_are_refused(tmp_path, text):
    (tmp_path / "clip.mp4").write_bytes(CLIP.read_bytes())
    data = text.format(clip=tmp_path / "clip.mp4").encode()
    (tmp_path / "video.mp4").write_bytes(data)
    for item in (data, str(tmp_path / "video.mp4")):
        with pytest.raises(ValueError, match="not in a known video format|empty"):
            open_video(item)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm", "avi", "ts", "m2ts", "mpg", "flv", "wmv", "gif"])
def test_known_formats_are_read(tmp_path, suffix):
    file = tmp_path / f"clip.{suffix}"
    ffmpeg("-i", CLIP, "-r", 25, "-frames:v", 20, file)
    video = open_video(str(file))
    assert video.num_frames == 20
    assert video.read([0, 10]).shape == (2, 3, 160, 120)


def test_a_stream_without_an_index_is_decoded_from_the_start(tmp_path):
    file = tmp_path / "camera.mjpeg"
    ffmpeg("-i", CLIP, "-codec:v", "mjpeg", "-f", "mjpeg", file)
    video = open_video(str(file))
    assert video.num_frames == 15 and video.read([14, 3]).shape == (2, 3, 160, 120)
