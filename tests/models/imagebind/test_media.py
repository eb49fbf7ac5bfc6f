# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import base64
import io
import re
import sys
import threading
import time
import tracemalloc
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, unquote, urlsplit

import huggingface_hub
import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from conftest import FIXTURES
from imagebind_hf.models.imagebind import download, media
from imagebind_hf.models.imagebind.media import (
    describe,
    for_each,
    is_list,
    is_reference,
    load_audio,
    load_image,
    open_video,
)
from imagebind_hf.models.imagebind.references import open_reference

IMAGE = FIXTURES / "images" / "tiny_40x33.png"
AUDIO = FIXTURES / "audio" / "short_0p8s_16k.wav"
VIDEO = FIXTURES / "video" / "clip_1p5s_10fps_120x160.mp4"
NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, (16_000, 2)).astype(np.float32)


def short(value: object) -> str | None:
    """Return a name for a parameter. Encoded files contain a time, so their default name differs between processes."""
    return f"{type(value).__name__}_{len(value)}" if isinstance(value, bytes) or len(str(value)) > 60 else None


def encode(waveform: np.ndarray, kind: str, subtype: str | None = None) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, waveform, 16_000, format=kind, subtype=subtype)
    return buffer.getvalue()


# For each loader, a file and a function that returns an array.
LOADERS = {
    "image": (IMAGE, lambda item: np.asarray(load_image(item))),
    "audio": (AUDIO, lambda item: load_audio(item)[0]),
    "video": (VIDEO, lambda item: open_video(item).read([0, 7])),
}


@pytest.fixture(params=LOADERS)
def loader(request):
    if request.param == "video":
        pytest.importorskip("av")
    return LOADERS[request.param]


@pytest.fixture(scope="module")
def server():
    """A server of the fixtures on this machine, with some routes that misbehave."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            path = AUDIO if "spaces" in parts.path else FIXTURES / unquote(parts.path).lstrip("/")
            data = path.read_bytes() if path.is_file() else b"nothing here"
            status, length, location = 200 if path.is_file() else 404, None, None
            if parts.path == "/silent":
                return time.sleep(0.5)
            if parts.path in ("/truncated", "/long", "/dripping"):
                status, length = 200, query.get("length", [1000])[0]
            elif parts.path == "/redirect":
                status, location = 302, query.get("to", ["/redirect"])[0].replace(" ", "%20")
            self.send_response(status)
            if length is not None:
                self.send_header("Content-Length", str(length))
            if location is not None:
                self.send_header("Location", location)
            self.end_headers()
            try:
                for _ in range(20 if parts.path == "/dripping" else 0):
                    self.wfile.write(b"x")
                    time.sleep(0.05)
                self.wfile.write(data)
            except (BrokenPipeError, ConnectionResetError):  # The client does not wait for the rest.
                pass

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def network(monkeypatch):
    """Allow requests of huggingface_hub's HTTP client, without a proxy."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("no_proxy", "*")
    huggingface_hub.close_session()
    yield
    huggingface_hub.close_session()


@pytest.mark.parametrize(
    "item, expected",
    [
        ("a/b.png", "'a/b.png'"),
        (Path("b.png"), "'b.png'"),
        ("a" * 200, f"'{'a' * 200}'"),
        ("a" * 201, f"'{'a' * 200}…'"),
        ("data:image/png;base64," + "A" * 10**6, "'data:image/png;base64," + "A" * 178 + "…'"),
        (b"1234", "of 4 bytes"),
        (bytearray(5), "of 5 bytes"),
        ({"bytes": b"1234", "path": None}, "of 4 bytes"),
        ({"bytes": b"", "path": None}, "of 0 bytes"),
        ({"bytes": b"1234", "path": "x.wav"}, "'x.wav'"),
        ({"array": [1.0], "sampling_rate": 8_000}, "a dict"),
        (np.zeros((2, 3)), "a ndarray of shape (2, 3)"),
        (torch.zeros(4), "a Tensor of shape (4,)"),
        (None, "None"),
        (3.5, "3.5"),
        ([1] * 1000, "a list"),
    ],
    ids=short,
)
def test_describe(item, expected):
    assert describe(item) == expected


def test_is_reference():
    for item in ("x", Path("x"), b"", bytearray(), io.BytesIO(), {"bytes": b""}, {"path": "x"}, {"path": Path("x")}):
        assert is_reference(item)
    for item in (None, 3, [], ["x"], {}, {"bytes": None, "path": None}, {"array": [1]}, np.zeros(3), object()):
        assert not is_reference(item)
    assert is_list([]) and is_list(()) and is_list(range(3))
    assert not any(map(is_list, ("x", b"x", bytearray(), {}, np.zeros(3), None, {1, 2})))


def test_for_each_names_the_item():
    def half(number):
        if number % 2:
            raise ValueError(f"{number} is odd.")
        return number // 2

    assert for_each(half, [2, 4]) == [1, 2]
    with pytest.raises(ValueError, match=r"^Item 2 of 4: 3 is odd\.$"):
        for_each(half, [2, 4, 3, 5])
    with pytest.raises(ValueError, match="Got an empty list"):
        for_each(half, [])
    with pytest.raises(TypeError):
        for_each(half, [None])


def test_references(loader, server, monkeypatch):
    path, load = loader
    expected, data = load(path), path.read_bytes()
    assert expected.size
    monkeypatch.chdir(path.parent)
    references = [str(path), path.name, data, bytearray(data), io.BytesIO(data)]
    references += [{"bytes": data, "path": None}, {"bytes": None, "path": str(path)}, {"bytes": data, "path": "gone"}]
    references += [f"{server}/{path.relative_to(FIXTURES)}", f"data:;base64,{base64.b64encode(data).decode()}"]
    for reference in references:
        assert is_reference(reference) and np.array_equal(load(reference), expected)
    with path.open("rb") as file:
        assert np.array_equal(load(file), expected)


@pytest.mark.parametrize(
    "item, message",
    [
        ("no/such/file", "There is no file 'no/such/file'"),
        ("", "There is no file ''"),
        (str(FIXTURES), "There is no file '.*fixtures'"),
        ("with\0zero", "There is no file"),
        ("x" * 10_000, "There is no file 'x{200}…'"),
        ("ftp://127.0.0.1/x", "There is no file"),
        ("file:///dev/zero", "There is no file"),
        (b"", "of 0 bytes"),
        ({"bytes": b"", "path": None}, "of 0 bytes"),
        (b"This is neither. " * 100, "of 1700 bytes"),
        (bytes(range(256)) * 20, "of 5120 bytes"),
        (io.StringIO("text"), "Expected a file opened in binary mode, but got a StringIO"),
        ({"bytes": None, "path": None}, "Expected a path, a URL or bytes, but got None"),
        (None, "Expected a path, a URL or bytes, but got None"),
        (7, "Expected a path, a URL or bytes, but got 7"),
        (["a.png"], "Expected a path, a URL or bytes, but got a list"),
        ("http://127.0.0.1:1/x", "Cannot download 'http://127.0.0.1:1/x': .*refused"),
        ("http://[bad", r"Cannot download 'http://\[bad'"),
        ("data:text/plain", "Cannot download 'data:text/plain'"),
    ],
    ids=short,
)
def test_bad_references(loader, item, message):
    with pytest.raises(ValueError, match=message):
        loader[1](item)


def test_downloads_that_fail(loader, server, monkeypatch):
    path, load = loader
    url = f"{server}/{path.relative_to(FIXTURES)}"
    with pytest.raises(ValueError, match=f"Cannot download '{server}/gone': HTTP status 404"):
        load(f"{server}/gone")
    size = path.stat().st_size
    monkeypatch.setattr(download, "MAX_DOWNLOAD", size)
    assert load(url).size
    monkeypatch.setattr(download, "MAX_DOWNLOAD", size - 1)
    with pytest.raises(ValueError, match=f"Cannot download '{url}': it has more than the maximum of {size - 1} bytes"):
        load(url)


@pytest.mark.parametrize(
    "path, message",
    [
        ("silent", "timed out"),
        ("truncated", "truncated|incomplete|peer closed connection"),
        ("long?length=1099511627776", "it has 1099511627776 bytes, more than the maximum of 1073741824"),
        ("redirect?to=ftp://127.0.0.1/x", "ftp"),
        ("redirect?to=file:///etc/passwd", "file"),
        ("redirect?to=/redirect", "redirects"),
        ("dripping", "it took longer than 0.2 seconds"),
    ],
)
def test_downloads_from_bad_servers(server, monkeypatch, path, message):
    monkeypatch.setattr(download, "DOWNLOAD_TIMEOUT", 0.25)
    monkeypatch.setattr(download, "DOWNLOAD_DEADLINE", 0.2)
    url = f"{server}/{path}"
    with pytest.raises(ValueError, match=f"Cannot download '{re.escape(url)}': .*({message})"):
        load_audio(url)


def test_downloads_with_spaces_and_redirects(server):
    expected = AUDIO.read_bytes()
    for path in ("a file with spaces.wav", "a%20file%20with%20spaces.wav", "redirect?to=/a file with spaces.wav"):
        assert open_reference(f"{server}/{path}").getvalue() == expected


def test_no_downloads_in_offline_mode(server, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match=f"Cannot download '{server}/gone': .*offline mode is enabled"):
        load_image(f"{server}/gone")


def test_image_limit(monkeypatch):
    assert load_image(IMAGE).size == (40, 33)
    monkeypatch.setattr(media, "MAX_IMAGE_PIXELS", 40 * 33 - 1)
    for item in (IMAGE, Image.open(IMAGE)):
        with pytest.raises(
            ValueError, match="Cannot read the image .*: it has 40x33 pixels, more than the maximum of 1319"
        ):
            load_image(item)


def test_images_are_rotated_and_keep_their_mode():
    image = Image.new("CMYK", (5, 3))
    assert load_image(image).mode == "CMYK" and load_image(image).size == (5, 3)
    image.getexif()[0x0112] = 8
    assert load_image(image).size == (3, 5)


@pytest.mark.parametrize(
    "kind, subtype", [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", "PCM_24"), ("AIFF", "PCM_16")]
)
def test_audio_values(kind, subtype):
    waveform, rate = load_audio(encode(NOISE, kind, subtype))
    assert rate == 16_000 and waveform.shape == (2, 16_000) and waveform.dtype == np.float32
    assert np.abs(waveform - NOISE.T).max() <= 2**-15


@pytest.mark.parametrize("kind", ["OGG", "MP3"])
def test_lossy_audio(kind):
    tone = 0.3 * np.sin(np.arange(16_000) * 0.1)
    waveform, rate = load_audio(encode(tone, kind))
    assert rate == 16_000 and waveform.shape == (1, 16_000)
    assert np.corrcoef(waveform[0], tone)[0, 1] > 0.99


def test_decoded_audio():
    waveform, rate = load_audio({"array": NOISE[:, 0].tolist(), "sampling_rate": 8_000.0})
    assert rate == 8_000 and isinstance(rate, int) and np.array_equal(waveform, NOISE[None, :, 0])
    samples = SimpleNamespace(data=torch.from_numpy(NOISE.T.copy()), sample_rate=44_100)
    waveform, rate = load_audio(SimpleNamespace(get_all_samples=lambda: samples))
    assert rate == 44_100 and np.array_equal(waveform, NOISE.T)


@pytest.mark.parametrize("part", [0.999, 0.7, 0.05])
@pytest.mark.parametrize("kind", ["WAV", "FLAC", "MP3", "OGG", "AIFF"])
def test_truncated_audio(kind, part, tmp_path):
    data = encode(NOISE, kind)
    assert load_audio(data + bytes(64))[0].shape == (2, 16_000), "bytes after the end are ignored"
    data = data[: int(len(data) * part)]
    (tmp_path / f"cut.{kind}").write_bytes(data)
    with pytest.raises(ValueError, match=f"Cannot read the audio of {len(data)} bytes: "):
        load_audio(data)
    with pytest.raises(ValueError, match=f"Cannot read the audio '.*cut.{kind}': "):
        load_audio(tmp_path / f"cut.{kind}")


def mp3_without_length(tag: bytes = b"") -> bytes:
    """Return an MP3 with a constant bit rate and without its length in the first frame, as in streams."""
    buffer = io.BytesIO()
    soundfile.write(buffer, NOISE[:, 0], 44_100, format="MP3", bitrate_mode="CONSTANT", compression_level=0.5)
    data = buffer.getvalue()
    assert b"Info" in data[:200]
    return tag + data[data.index(data[:2], 4) :]


def test_mp3_without_its_length():
    plain = load_audio(mp3_without_length())[0]
    assert plain.shape[0] == 1 and 16_000 <= plain.shape[1] <= 18_000, "the padding of the encoder is not removed"
    # A large tag, for example with an image, must not increase the estimated length.
    size = 30_000
    tag = b"ID3\x04\x00\x00" + bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127]) + bytes(size)
    assert np.array_equal(load_audio(mp3_without_length(tag))[0], plain)
    data = tag + encode(NOISE[:, 0], "MP3")
    assert load_audio(data)[0].shape == (1, 16_000)
    with pytest.raises(ValueError, match="truncated: it has .* of 16000 samples"):
        load_audio(data[:-1000])


def wav_header(data_size: int, riff_size: int) -> bytes:
    head = bytearray(encode(np.zeros(800), "WAV"))
    head[4:8], head[40:44] = riff_size.to_bytes(4, "little"), data_size.to_bytes(4, "little")
    return bytes(head)


def flac_header(num_samples: int) -> bytes:
    data = bytearray(encode(NOISE[:, 0], "FLAC"))
    packed = int.from_bytes(data[18:26], "big") >> 36 << 36 | num_samples
    data[18:26] = packed.to_bytes(8, "big")
    return bytes(data)


TEN_HOURS = 36_000 * 16_000


@pytest.mark.parametrize(
    "data, message",
    [
        (wav_header(2 * TEN_HOURS, 2 * TEN_HOURS + 36), "truncated: 1151998400 bytes are missing"),
        (flac_header(TEN_HOURS), "it has 576000000 samples of 1 channels, more than the maximum"),
        (flac_header(2**36 - 1), "more than the maximum"),
    ],
    ids=short,
)
def test_headers_with_wrong_lengths_do_not_allocate_memory(data, message):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message):
            load_audio(data)
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()


def test_wav_from_a_pipe_has_unknown_size():
    assert load_audio(wav_header(0xFFFFFFFF, 0xFFFFFFFF))[0].shape == (1, 800)


def test_audio_limit():
    data = encode(NOISE, "FLAC")
    assert load_audio(data, max_samples=32_000)[0].shape == (2, 16_000)
    with pytest.raises(ValueError, match="it has 16000 samples of 2 channels, more than the maximum of 31999"):
        load_audio(data, max_samples=31_999)


@pytest.mark.parametrize(
    "item, message",
    [
        (encode(np.zeros(0), "WAV"), "The audio of 44 bytes has no samples"),
        (encode(np.array([0.1, np.nan]), "WAV", "FLOAT"), "has values that are not finite"),
        (encode(np.array([0.1, np.inf]), "WAV", "FLOAT"), "has values that are not finite"),
        ({"array": np.zeros(0), "sampling_rate": 16_000}, "The audio a dict has no samples"),
        ({"array": [0.0, np.nan], "sampling_rate": 16_000}, "not finite"),
        ({"array": np.zeros((2, 2, 2)), "sampling_rate": 16_000}, r"got \(2, 2, 2\) at 16000 Hz"),
        ({"array": np.zeros(9)}, r"got \(1, 9\) at None Hz"),
        ({"array": np.zeros(9), "sampling_rate": -1}, "at -1 Hz"),
    ],
    ids=short,
)
def test_bad_audio(item, message):
    with pytest.raises(ValueError, match=message):
        load_audio(item)


@pytest.fixture
def av(monkeypatch):
    """Return PyAV, and hide torchcodec."""
    monkeypatch.setitem(sys.modules, "torchcodec", None)
    return pytest.importorskip("av")


def film(av, kind: str = "mp4", codec: str = "mpeg4", num_frames: int = 24) -> bytes:
    """Return a video whose frame i has gray values of about 10 i, with a key frame every 5 frames."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=12)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 64, 48, "yuv420p", 5
        stream.thread_count = 1  # the same file on any machine
        stream.options = {"bf": "2", "qmin": "1", "qmax": "2"} if codec == "mpeg4" else {"crf": "1"}
        for i in range(num_frames):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 10 * i, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["mp4", "mov", "avi", "matroska", "mpegts", "asf", "m4v"])
def test_frames_in_any_order(av, kind):
    check_frames(open_video(film(av, kind)), None if kind == "m4v" else 12)


def test_frames_without_times(av):
    if "libx264" not in av.codecs_available:
        pytest.skip("PyAV without an encoder of H.264")
    data = film(av, "h264", "libx264")
    with av.open(io.BytesIO(data)) as container:
        assert {packet.pts for packet in container.demux(video=0)} == {None}
    check_frames(open_video(data), None)


def check_frames(video, fps) -> None:
    assert video.num_frames == 24 and video.backend == "pyav"
    assert fps is None or video.fps == pytest.approx(fps, rel=1e-3), "a bare stream does not contain its rate"
    for numbers in ([0], [23], [7, 7, 3, 22, 0], list(range(24)), [4, 5, 6]):
        frames = video.read(numbers)
        assert frames.shape == (len(numbers), 3, 48, 64) and frames.dtype == np.uint8
        assert np.abs(frames.mean(axis=(1, 2, 3)) - 10 * np.array(numbers)).max() < 5


@pytest.mark.parametrize("kind", ["mp4", "avi", "mov"])
def test_truncated_video(av, kind):
    data = film(av, kind)
    # An AVI file ends with an index, which may be missing.
    for length in (data.index(b"movi" if kind == "avi" else b"mdat") + 99, len(data) - (999 if kind == "avi" else 1)):
        with pytest.raises(ValueError, match=f"Cannot read the video of {length} bytes: it is truncated"):
            open_video(data[:length])


def test_video_without_frames(av):
    with pytest.raises(ValueError, match="Cannot read the video '.*wav': it has no video stream"):
        open_video(AUDIO)
    with pytest.raises(ValueError, match="Cannot read the video of .* bytes: "):
        open_video(film(av, num_frames=0))


def test_frames_that_do_not_exist(av):
    video = open_video(film(av))
    with pytest.raises(IndexError):
        video.read([24])


def test_decoder_of_torchcodec():
    frames = torch.arange(8 * 3 * 2 * 2, dtype=torch.uint8).reshape(8, 3, 2, 2)

    class Decoder:
        metadata = SimpleNamespace(num_frames=8, average_fps_from_header=None, average_fps=5)

        def get_frames_at(self, numbers):
            if max(numbers) >= 8:
                raise RuntimeError("no such frame")
            return SimpleNamespace(data=frames[numbers])

    video = open_video(Decoder())
    assert (video.num_frames, video.fps, video.backend) == (8, 5.0, "torchcodec")
    assert np.array_equal(video.read([7, 0]), frames[[7, 0]].numpy())
    with pytest.raises(ValueError, match="Cannot decode the video a Decoder: no such frame"):
        video.read([9])
    Decoder.metadata = SimpleNamespace(num_frames=0, average_fps_from_header=5, average_fps=5)
    with pytest.raises(ValueError, match="Cannot read the video a Decoder: it has no frames"):
        open_video(Decoder())


def test_no_decoder(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchcodec", None)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ImportError, match=r"pip install imagebind-hf\[video\]"):
        open_video(VIDEO)


def test_formats_that_start_a_program_are_refused(tmp_path):
    (tmp_path / "image.png").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    )
    with pytest.raises(ValueError, match="unknown format. Supported are .*PNG.*; for HEIC"):
        media.load_image(str(tmp_path / "image.png"))
