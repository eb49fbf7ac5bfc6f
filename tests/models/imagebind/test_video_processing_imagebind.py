# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import io
import math
import shutil
from fractions import Fraction

import datasets
import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoVideoProcessor
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD
from transformers.video_utils import VideoMetadata

from conftest import FIXTURES
from imagebind_hf import ImageBindVideoProcessor
from imagebind_hf.models.imagebind.media import open_video

VIDEOS = sorted((FIXTURES / "video").glob("*.mp4"))
PROCESSOR = ImageBindVideoProcessor()
SMALL = {"size": {"shortest_edge": 16}}

RNG = np.random.default_rng(0)
FRAMES = RNG.integers(0, 256, (16, 40, 52, 3), dtype=np.uint8)  # two seconds at 8 frames per second


def values(videos, **options) -> torch.Tensor:
    return PROCESSOR(videos, return_tensors="pt", **{"fps": 8, **options})["pixel_values_videos"]


def chosen(num_frames: int, fps: float, **options) -> list[list[int]]:
    return PROCESSOR.sample_frames(VideoMetadata(total_num_frames=num_frames, fps=fps), **options).tolist()


@pytest.fixture
def decoder():
    pytest.importorskip("av")


@pytest.fixture(scope="module")
def published():
    return load_file(FIXTURES / "video_pixel_values.safetensors")


@pytest.mark.parametrize("path", VIDEOS, ids=lambda path: path.stem)
def test_parity(path, published, decoder):
    views = PROCESSOR(str(path), return_tensors="pt")["pixel_values_videos"]
    assert views.shape == (1, 15, 2, 3, 224, 224) and views.dtype == torch.float32
    # The published arrays have channels before frames, and only four of the fifteen views.
    theirs = published[path.stem].float().transpose(1, 2)
    assert (views[0, [0, 4, 8, 14]] - theirs).abs().max() <= 2e-3


def test_every_published_video_is_compared(published):
    assert {path.stem for path in VIDEOS} == set(published) and len(VIDEOS) == 2


@pytest.mark.parametrize("path", VIDEOS, ids=lambda path: path.stem)
def test_forms_of_one_file(path, decoder):
    expected = values(str(path), **SMALL)
    data = path.read_bytes()
    forms = [path, data, bytearray(data), io.BytesIO(data), {"bytes": data, "path": None}, [str(path)]]
    forms += [{"bytes": None, "path": str(path)}, {"bytes": data, "path": "elsewhere.mp4"}]
    for form in forms:
        assert torch.equal(values(form, **SMALL), expected)
    video = open_video(path)
    frames = video.read(range(video.num_frames))
    assert frames.dtype == np.uint8 and frames.shape[:2] == (video.num_frames, 3)
    assert torch.equal(values(frames, fps=video.fps, **SMALL), expected)
    assert torch.equal(values(frames, video_metadata=[{"fps": video.fps}], **SMALL), expected)
    assert torch.equal(values(path, fps=99, **SMALL), expected), "the rate in the file has priority"
    column = datasets.Dataset.from_dict({"video": [{"bytes": data, "path": None}]})
    assert torch.equal(values(column["video"], **SMALL), expected)


def test_forms_of_frames():
    expected = values(FRAMES)
    assert expected.shape == (1, 15, 2, 3, 224, 224)
    first, images = FRAMES.transpose(0, 3, 1, 2), [Image.fromarray(frame) for frame in FRAMES]
    forms = [
        first,
        torch.from_numpy(FRAMES),
        torch.from_numpy(first),
        FRAMES[None],
        [FRAMES],
        list(FRAMES),
        list(first),
    ]
    forms += [images, [images], tuple(images), list(torch.from_numpy(FRAMES)), FRAMES.astype(np.float64)]
    forms += [FRAMES / 255, FRAMES.astype(np.uint16) * 257, torch.from_numpy(FRAMES / 255).float(), [FRAMES / 255]]
    forms += [np.concatenate([FRAMES, FRAMES[..., :1]], axis=3), [image.convert("RGBA") for image in images]]
    for form in forms:
        assert torch.equal(values(form), expected)


def test_gray_frames():
    gray = FRAMES[..., 0]
    expected = values(np.stack([gray] * 3, axis=3))
    for form in (gray[..., None], gray[:, None], list(gray), [Image.fromarray(frame) for frame in gray]):
        assert torch.equal(values(form), expected)


def test_values():
    """Without resizing, crops are slices of the normalized frames. Views are ordered by clip, then crop."""
    for height, width in ((32, 45), (51, 32), (32, 32)):
        frames = RNG.integers(0, 256, (24, height, width, 3), dtype=np.uint8)
        pixels = values(frames, num_clips=2, size={"shortest_edge": 32})[0]
        assert pixels.shape == (6, 2, 3, 32, 32)
        middle = math.ceil(abs(height - width) / 2)
        for view, (clip, start) in enumerate((c, s) for c in (0, 1) for s in (0, middle, abs(height - width))):
            top, left = (start, 0) if height > width else (0, start)
            cut = frames[[[0, 15], [8, 23]][clip], top : top + 32, left : left + 32]
            expected = torch.from_numpy((cut / 255 - OPENAI_CLIP_MEAN) / OPENAI_CLIP_STD).float().permute(0, 3, 1, 2)
            torch.testing.assert_close(pixels[view], expected, atol=1e-5, rtol=0)
        alone = values(frames, num_clips=2, num_crops=1, size={"shortest_edge": 32})[0]
        assert torch.equal(alone, pixels[[1, 4]]), "a single crop is the center crop"


def test_resizing_is_bilinear_without_antialiasing():
    frames = torch.from_numpy(RNG.integers(0, 256, (2, 3, 90, 113), dtype=np.uint8))
    options = {"num_clips": 1, "num_crops": 1, "do_normalize": False, "size": {"shortest_edge": 20}}
    scaled = torch.nn.functional.interpolate(frames / 255, (20, 25), mode="bilinear", align_corners=False)
    torch.testing.assert_close(values(frames, **options)[0, 0], scaled[..., 3:23], atol=1e-5, rtol=0)


def test_chosen_frames():
    assert chosen(48, 8) == [[0, 15], [8, 23], [16, 31], [24, 39], [32, 47]]
    assert chosen(48, 8, num_clips=1) == [[0, 15]]
    assert chosen(48, 8, num_clips=2, clip_duration=1.0, frames_per_clip=4) == [[0, 2, 4, 7], [40, 42, 44, 47]]
    assert chosen(15, 10) == [[0, 14]] * 5, "shorter than a clip"
    assert chosen(1, 25) == [[0, 0]] * 5
    assert chosen(3, 0.5, frames_per_clip=3)[-1] == [2, 2, 2], "one frame for two seconds"
    assert chosen(480, 239.76)[0] == [0, 479]


@given(
    num_frames=st.integers(1, 2000),
    fps=st.integers(1, 240),
    ntsc=st.booleans(),
    num_clips=st.integers(1, 12),
    clip_duration=st.integers(1, 60).map(lambda tenths: tenths / 10),
    frames_per_clip=st.integers(1, 16),
)
@settings(max_examples=100, deadline=None)
def test_chosen_frames_as_published(num_frames, fps, ntsc, num_clips, clip_duration, frames_per_clip):
    rate = fps * 1000 / 1001 if ntsc else float(fps)
    plan = chosen(num_frames, rate, num_clips=num_clips, clip_duration=clip_duration, frames_per_clip=frames_per_clip)
    assert len(plan) == num_clips
    last_start = Fraction(max(num_frames / rate - clip_duration, 0))
    for number, frames in enumerate(plan):
        start = last_start * number / max(num_clips - 1, 1)
        inside = [i for i in range(num_frames) if rate * start <= i < rate * (start + clip_duration)]
        assert len(frames) == frames_per_clip and frames == sorted(frames)
        if inside:
            assert frames[0] == inside[0] and frames[-1] == (inside[-1] if frames_per_clip > 1 else inside[0])
            steps = np.diff(frames) if frames_per_clip > 1 else np.zeros(1)
            assert steps.max() - steps.min() <= 1, "even"
        else:
            assert len(set(frames)) == 1 and 0 <= frames[0] < num_frames


@pytest.mark.parametrize("num_frames", [1, 2, 3, 15, 16, 17, 100])
def test_any_length(num_frames):
    frames = np.resize(FRAMES, (num_frames, 40, 52, 3))
    pixels = values(frames, **SMALL)
    assert pixels.shape == (1, 15, 2, 3, 16, 16)
    if num_frames <= 16:
        assert torch.equal(pixels[:, :3], pixels[:, 12:]), "all clips of a short video are the whole video"
    if num_frames == 1:
        assert torch.equal(pixels[:, :, 0], pixels[:, :, 1])
        for single in (frames[0], Image.fromarray(frames[0]), torch.from_numpy(frames[0])):
            assert torch.equal(values(single, **SMALL), pixels)


def test_clips_frames_and_crops():
    options = {"num_clips": 4, "clip_duration": 0.5, "frames_per_clip": 3, "num_crops": 1}
    pixels = values(FRAMES, **options, **SMALL)
    assert pixels.shape == (1, 4, 3, 3, 16, 16)
    by_hand = values(FRAMES[[4, 5, 7]], **{**options, "num_clips": 1}, do_sample_frames=False, **SMALL)
    assert chosen(16, 8, num_clips=4, clip_duration=0.5, frames_per_clip=3)[1] == [4, 5, 7]
    assert torch.equal(pixels[:, 1], by_hand[:, 0])
    own = ImageBindVideoProcessor(**options, **SMALL)
    assert torch.equal(own(FRAMES, fps=8, return_tensors="pt")["pixel_values_videos"], pixels)


def test_rates():
    slow, fast = values([FRAMES, FRAMES], video_metadata=[{"fps": 2}, {"fps": 8}], **SMALL)
    assert torch.equal(fast, values(FRAMES, **SMALL)[0]) and not torch.equal(slow, fast)
    assert torch.equal(slow, values(FRAMES, fps=2, **SMALL)[0])
    one = values(FRAMES, fps=None, video_metadata={"fps": 2}, **SMALL)
    assert torch.equal(one[0], slow)


def test_missing_rate_warns(monkeypatch):
    import imagebind_hf.models.imagebind.video_processing_imagebind as module

    said = []
    monkeypatch.setattr(module.logger, "warning_once", said.append)
    pixels = values(FRAMES, fps=None, **SMALL)
    assert torch.equal(pixels, values(FRAMES, fps=24, **SMALL)) and said[0].startswith("No fps was given")


def test_without_sampling():
    pixels = values(FRAMES, do_sample_frames=False, **SMALL)
    assert pixels.shape == (1, 3, 16, 3, 16, 16)
    assert torch.equal(pixels[:, :, [0, 15]], values(FRAMES, num_clips=1, **SMALL))


def test_batches_are_each_alone():
    videos = [FRAMES, FRAMES[:5, :30], [Image.fromarray(frame[:, :20]) for frame in FRAMES], FRAMES[:1], FRAMES / 255]
    batch = values(videos, **SMALL)
    assert batch.shape == (5, 15, 2, 3, 16, 16)
    assert torch.equal(values([videos[:2], videos[2:]], **SMALL), batch), "nested lists are flattened"
    for video, row in zip(videos, batch, strict=True):
        assert torch.equal(values([video], **SMALL)[0], row)


def test_batches_of_files_and_frames(decoder):
    videos = [str(VIDEOS[0]), FRAMES, VIDEOS[1].read_bytes()]
    batch = values(videos, **SMALL)
    for video, row in zip(videos, batch, strict=True):
        assert torch.equal(values([video], **SMALL)[0], row)


def test_metadata(decoder):
    output = PROCESSOR([str(VIDEOS[0]), FRAMES], fps=8, return_metadata=True, **SMALL)
    file, frames = output["video_metadata"]
    assert (file.total_num_frames, file.fps) == (15, 10) and file.frames_indices == [0, 14] * 5
    assert frames.total_num_frames == 16 and frames.frames_indices == [0, 15] * 5


def test_flags():
    frames = RNG.integers(0, 256, (4, 24, 24, 3), dtype=np.uint8)
    options = {"num_clips": 1, "num_crops": 1, "frames_per_clip": 4, "size": {"shortest_edge": 24}}
    raw = torch.from_numpy(frames).permute(0, 3, 1, 2)[None, None].float()
    assert torch.equal(values(frames, **options, do_rescale=False, do_normalize=False), raw)
    torch.testing.assert_close(values(frames, **options, do_normalize=False), raw / 255)
    half = values(frames, **options, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    torch.testing.assert_close(half, raw / 127.5 - 1)
    free = values(frames / 50 - 3, **options, do_rescale=False, do_normalize=False)
    torch.testing.assert_close(free, raw / 50 - 3, msg="without rescaling, any values are allowed")
    ten = {"height": 10, "width": 10}
    assert torch.equal(
        values(frames, **options, do_resize=False, crop_size=ten, do_normalize=False, do_rescale=False),
        raw[..., 7:17, 7:17],
    )
    assert values(FRAMES, size={"height": 20, "width": 30}).shape[-2:] == (20, 30)
    assert values(FRAMES, size={"shortest_edge": 30}, crop_size=ten).shape[-2:] == (10, 10)
    nearest = values(FRAMES, resample=0, size={"shortest_edge": 80}, num_crops=1, do_normalize=False, do_rescale=False)
    assert torch.equal(nearest[..., ::2, ::2], nearest[..., 1::2, 1::2]), "each pixel four times"
    assert PROCESSOR(FRAMES, fps=8, return_tensors="np", **SMALL)["pixel_values_videos"].dtype == np.float32
    lists = PROCESSOR([FRAMES, FRAMES], fps=8, **SMALL)["pixel_values_videos"]
    assert [tuple(video.shape) for video in lists] == [(15, 2, 3, 16, 16)] * 2


def test_device():
    assert values(FRAMES, device="meta").device.type == "meta"
    if torch.cuda.is_available():
        assert (values(FRAMES, device="cuda").cpu() - values(FRAMES)).abs().max() <= 0.02


def test_num_frames_is_refused_in_a_configuration_too():
    with pytest.raises(ValueError, match="num_frames=8"):
        ImageBindVideoProcessor(num_frames=8)(FRAMES, fps=8)


def test_round_trip(tmp_path):
    own = ImageBindVideoProcessor(num_clips=2, num_crops=1, frames_per_clip=4, clip_duration=0.5, **SMALL)
    own.save_pretrained(tmp_path)
    for loaded in (ImageBindVideoProcessor.from_pretrained(tmp_path), AutoVideoProcessor.from_pretrained(tmp_path)):
        assert type(loaded) is ImageBindVideoProcessor and loaded.to_dict() == own.to_dict() != PROCESSOR.to_dict()
        assert loaded(FRAMES, fps=8, return_tensors="pt")["pixel_values_videos"].shape == (1, 2, 4, 3, 16, 16)


@pytest.fixture(scope="module")
def corrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corrupted")
    data = VIDEOS[0].read_bytes()
    (folder / "cut.mp4").write_bytes(data[: len(data) // 2])
    (folder / "almost.mp4").write_bytes(data[:-8])
    (folder / "header.mp4").write_bytes(data[:20])
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("This is not a video. " * 50)
    soundfile.write(folder / "audio.wav", np.zeros(1600), 16_000)
    shutil.copy(folder / "audio.wav", folder / "audio.mp4")
    return folder


@pytest.mark.parametrize(
    "name, message",
    [
        ("cut.mp4", "truncated"),
        ("almost.mp4", "truncated: 8 bytes are missing"),
        ("header.mp4", ""),
        ("empty.mp4", ""),
        ("text.mp4", ""),
        ("audio.wav", ""),
        ("audio.mp4", ""),
        ("missing.mp4", "There is no file"),
    ],
)
def test_corrupted_files_are_named(corrupted, decoder, name, message):
    with pytest.raises(ValueError, match=f"Item 1 of 2: Cannot read the video '.*{name}': .*{message}"):
        values([FRAMES, corrupted / name])
    if name != "missing.mp4":
        data = (corrupted / name).read_bytes()
        with pytest.raises(ValueError, match=f"Cannot read the video of {len(data)} bytes: .*{message}"):
            values(data)


def test_the_content_matters_and_not_the_name(tmp_path, decoder):
    shutil.copy(VIDEOS[0], tmp_path / "image.jpg")
    assert torch.equal(values(tmp_path / "image.jpg", **SMALL), values(VIDEOS[0], **SMALL))


@pytest.mark.parametrize(
    "videos, options, message",
    [
        ([], {}, "Got an empty list"),
        ([[]], {}, "Item 0 of 1: Expected a video as a list of images"),
        ([FRAMES, []], {}, "Item 1 of 2: Expected a video as a list of images"),
        ([FRAMES, None], {}, "Item 1 of 2: Expected a video .*, but got None"),
        (None, {}, "Expected a video .*, but got None"),
        (3, {}, "Expected a video .*, but got 3"),
        ({"bytes": None, "path": None}, {}, "Expected a video .*, but got a dict"),
        (
            [FRAMES[0], FRAMES[0, :20]],
            {},
            r"Expected frames of the same shape, but got \[\(20, 52, 3\), \(40, 52, 3\)\]",
        ),
        ([FRAMES[0], "frame.png"], {}, "Expected a video as a list of images"),
        (FRAMES[:0], {}, "Expected clips and frames, but got .* for 0 frames"),
        (FRAMES[:, :0], {}, "non-empty image .*, but got 0x52"),
        (FRAMES[..., :2], {}, r"got the shape \(40, 52, 2\)"),
        (np.zeros(9), {}, r"got a ndarray of shape \(9,\)"),
        (np.zeros((1, 1, 1, 1, 1, 1)), {}, r"got a ndarray of shape \(1, 1, 1, 1, 1, 1\)"),
        ([FRAMES, FRAMES * np.nan], {}, "Item 1 of 2: .*not finite"),
        ([FRAMES, FRAMES - 300.0], {}, r"Item 1 of 2: Expected values in 0..255 or \[0, 1\]"),
        (FRAMES > 5, {}, "Expected an image of integers or floats, but got bool"),
        (FRAMES, {"num_crops": 2}, "Expected num_crops to be 1 or 3, but got 2"),
        (FRAMES, {"num_clips": 0}, "got num_clips=0"),
        (FRAMES, {"frames_per_clip": 0}, "frames_per_clip=0"),
        (FRAMES, {"num_frames": 8}, "Got num_frames=8, .* Expected frames_per_clip, num_clips and clip_duration"),
        (FRAMES, {"clip_duration": 0.0}, "clip_duration=0"),
        (FRAMES, {"clip_duration": float("inf")}, "clip_duration=inf"),
        (FRAMES, {"fps": -1}, "at -1 fps"),
        (FRAMES, {"fps": float("nan")}, "at nan fps"),
        (
            [FRAMES, FRAMES],
            {"video_metadata": [{"fps": 8}]},
            "Expected one video_metadata per video, but got 1 for 2 videos",
        ),
        (FRAMES, {"do_resize": False}, "Expected frames of at least 224x224 for the crops, but got 40x52"),
        ([FRAMES, FRAMES[:3]], {"do_sample_frames": False}, "Expected videos of the same shape for a batch"),
    ],
)
def test_bad_videos(videos, options, message):
    with pytest.raises(ValueError, match=message):
        values(videos, **options)


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.int64, np.float32]),
        st.tuples(st.integers(1, 6), st.integers(1, 20), st.integers(1, 20), st.sampled_from([1, 3, 4])),
        elements=st.integers(0, 255),
    ),
    st.floats(0.1, 200),
)
@settings(max_examples=40, deadline=None)
def test_any_video(frames, fps):
    pixels = values(frames, fps=fps, **SMALL)
    assert pixels.shape == (1, 15, 2, 3, 16, 16)
    assert -2 <= pixels.min() and pixels.max() <= 2.2, "the range of CLIP, so finite"
