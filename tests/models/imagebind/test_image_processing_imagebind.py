# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import io
import struct
import warnings
import zlib

import datasets
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoImageProcessor
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from conftest import FIXTURES
from imagebind_hf import (
    ImageBindDepthImageProcessor,
    ImageBindDepthImageProcessorPil,
    ImageBindImageProcessor,
    ImageBindImageProcessorPil,
    ImageBindThermalImageProcessor,
    ImageBindThermalImageProcessorPil,
)

IMAGES = sorted((FIXTURES / "images").glob("*.png"))
RGB = [ImageBindImageProcessorPil(), ImageBindImageProcessor()]
DEPTH = [ImageBindDepthImageProcessorPil(), ImageBindDepthImageProcessor()]
THERMAL = [ImageBindThermalImageProcessorPil(), ImageBindThermalImageProcessor()]

RNG = np.random.default_rng(0)
ARRAY = RNG.integers(0, 256, (50, 61, 3), dtype=np.uint8)
PICTURE = Image.fromarray(ARRAY)
METRES = RNG.uniform(0.5, 8, (224, 224))


def values(processor, images, **options) -> torch.Tensor:
    return processor(images, return_tensors="pt", **options)[processor.model_input_names[0]]


def encode(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims a size."""
    chunks = [(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b"\0" * 99))]
    chunks.append((b"IEND", b""))
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def backends(processors):
    return pytest.mark.parametrize("processor", processors, ids=["pil", "torchvision"])


@pytest.fixture(scope="module")
def published():
    return load_file(FIXTURES / "image_pixel_values.safetensors")


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.stem)
def test_parity(path, published):
    theirs = published[path.stem].float().reshape(1, 3, 224, 224)
    assert (values(RGB[0], str(path)) - theirs).abs().max() <= 2e-3
    difference = (values(RGB[1], str(path)) - theirs).abs()
    assert difference.max() <= 0.06 and difference.mean() <= 0.005


def test_every_published_image_is_compared(published):
    assert {path.stem for path in IMAGES} == set(published) and len(IMAGES) == 7


@backends(RGB)
def test_forms_of_one_image(processor, tmp_path):
    path = tmp_path / "picture.png"
    PICTURE.save(path)
    expected = values(processor, PICTURE)
    assert expected.shape == (1, 3, 224, 224) and expected.dtype == torch.float32
    data = path.read_bytes()
    references = [str(path), path, data, bytearray(data), io.BytesIO(data), {"bytes": data, "path": None}]
    references += [{"bytes": None, "path": str(path)}, Image.open(path)]
    first = ARRAY.transpose(2, 0, 1)
    arrays = [ARRAY, first, torch.from_numpy(ARRAY), torch.from_numpy(first), ARRAY[None], [ARRAY], (ARRAY,)]
    arrays += [ARRAY.astype(np.int64), ARRAY.astype(np.float32), (ARRAY / 255).astype(np.float16)]
    arrays += [ARRAY.astype(np.uint16) * 257, torch.from_numpy(first / 255).bfloat16(), np.asfortranarray(ARRAY)]
    for form in references + arrays:
        assert torch.equal(values(processor, form), expected)
    with path.open("rb") as file:
        assert torch.equal(values(processor, file), expected)


@backends(RGB)
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV"])
def test_modes(processor, mode):
    image = PICTURE.convert(mode)
    assert torch.equal(values(processor, image), values(processor, np.asarray(image.convert("RGB"))))


@backends(RGB)
def test_transparent_and_grey(processor):
    expected = values(processor, PICTURE)
    alpha = RNG.integers(0, 256, (50, 61, 1), dtype=np.uint8)
    four = np.concatenate([ARRAY, alpha], axis=2)
    assert torch.equal(values(processor, Image.fromarray(four)), expected), "alpha is dropped"
    assert torch.equal(values(processor, four), expected)
    grey = ARRAY[..., 0]
    expected = values(processor, np.stack([grey] * 3, axis=2))
    for form in (Image.fromarray(grey), grey, grey[None], grey[..., None], torch.from_numpy(grey)):
        assert torch.equal(values(processor, form), expected)


@backends(RGB)
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled(processor, kind):
    grey = ARRAY[..., 0].astype(np.uint16) * 256 + 255
    expected = values(processor, ARRAY[..., 0])
    assert torch.equal(values(processor, encode(Image.fromarray(grey), kind)), expected)
    for form in (Image.fromarray(grey.astype(np.int32)), grey, torch.from_numpy(grey)):
        assert torch.equal(values(processor, form), expected)


@backends(RGB)
def test_jpeg_and_its_rotation(processor):
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held upright: turn clockwise
    plain = Image.open(io.BytesIO(encode(PICTURE, "JPEG")))
    file = encode(PICTURE, "JPEG", exif=turned)
    assert torch.equal(values(processor, encode(PICTURE, "JPEG")), values(processor, np.asarray(plain)))
    expected = values(processor, np.rot90(np.asarray(plain), -1))
    assert torch.equal(values(processor, file), expected)
    assert torch.equal(values(processor, Image.open(io.BytesIO(file))), expected)
    assert not torch.equal(expected, values(processor, plain))


@backends(RGB)
def test_batches_of_mixed_sizes_are_each_alone(processor):
    images = [*map(str, IMAGES), PICTURE, PICTURE.convert("L"), ARRAY, torch.zeros(3, 5, 900)]
    batch = values(processor, images)
    assert batch.shape == (len(images), 3, 224, 224)
    for image, row in zip(images, batch, strict=True):
        torch.testing.assert_close(values(processor, image)[0], row, atol=1e-6, rtol=0)
    assert torch.equal(values(processor, [images[:2], images[2:]]), batch), "nested lists are flattened"
    assert torch.equal(values(processor, np.stack([ARRAY, ARRAY[::-1]]))[1:], values(processor, ARRAY[::-1].copy()))


@backends(RGB)
def test_columns_of_datasets(processor):
    table = datasets.Dataset.from_dict({"image": [{"bytes": encode(PICTURE), "path": None}] * 2})
    expected = values(processor, [PICTURE, PICTURE])
    for decode in (True, False):
        column = table.cast_column("image", datasets.Image(decode=decode))
        assert torch.equal(values(processor, column["image"]), expected), "a column"
        assert torch.equal(values(processor, column[:]["image"]), expected), "a list"
        assert torch.equal(values(processor, column[0]["image"])[0], expected[0])


@backends(RGB)
def test_where_the_channels_are(processor):
    image = RNG.integers(0, 256, (3, 40, 3), dtype=np.uint8)
    first = values(processor, image)
    assert torch.equal(first, values(processor, image, input_data_format="channels_first")), "if in doubt"
    last = values(processor, image, input_data_format="channels_last")
    assert torch.equal(last, values(processor, Image.fromarray(image))) and not torch.equal(last, first)


@backends(RGB)
def test_centre_crop_rounds_as_published(processor):
    for height, width in ((225, 224), (227, 224), (224, 229), (231, 240)):
        image = RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)
        top, left = round((height - 224) / 2), round((width - 224) / 2)
        expected = (image[top : top + 224, left : left + 224] / 255 - OPENAI_CLIP_MEAN) / OPENAI_CLIP_STD
        cropped = values(processor, image, do_resize=False)[0].permute(1, 2, 0)
        torch.testing.assert_close(cropped, torch.from_numpy(expected).float(), atol=1e-5, rtol=0)


@backends(RGB)
def test_flags_and_sizes(processor):
    image = RNG.integers(0, 256, (224, 224, 3), dtype=np.uint8)
    first = torch.from_numpy(image).permute(2, 0, 1)[None]
    raw = values(processor, image, do_rescale=False, do_normalize=False)
    assert torch.equal(raw.float(), first.float())
    scaled = values(processor, image, do_normalize=False)
    torch.testing.assert_close(scaled.float(), first / 255, atol=1e-6, rtol=0)
    half = values(processor, image, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    torch.testing.assert_close(half.float(), first / 127.5 - 1, atol=1e-5, rtol=0)
    assert values(processor, PICTURE, size={"shortest_edge": 32}, crop_size=32).shape == (1, 3, 32, 32)
    assert values(processor, PICTURE, size={"shortest_edge": 100}, do_center_crop=False).shape == (1, 3, 100, 122)
    size = {"height": 20, "width": 30}
    assert values(processor, PICTURE, size=size, do_center_crop=False).shape == (1, 3, 20, 30)
    assert values(processor, PICTURE, do_resize=False, do_center_crop=False).shape == (1, 3, 50, 61)
    corners = np.array([[0, 50], [100, 200]], np.uint8)
    nearest = values(processor, corners, resample=0, do_rescale=False, do_normalize=False)
    assert nearest.unique().tolist() == [0, 50, 100, 200]
    arrays = processor([PICTURE, PICTURE], return_tensors="np")["pixel_values"]
    assert isinstance(arrays, np.ndarray) and arrays.shape == (2, 3, 224, 224) and arrays.dtype == np.float32


@pytest.mark.parametrize("processor", [RGB[1], DEPTH[1], THERMAL[1]], ids=["rgb", "depth", "thermal"])
def test_device(processor):
    picture = ARRAY if processor is RGB[1] else METRES
    assert values(processor, picture, device="cpu").device.type == "cpu"
    moved = values(processor, picture, device="meta")
    assert moved.device.type == "meta" and moved.shape[-2:] == (224, 224)
    if torch.cuda.is_available():
        here, there = values(processor, picture), values(processor, picture, device="cuda")
        assert there.is_cuda and (there.cpu() - here).abs().max() <= 0.06


@pytest.mark.parametrize("processor", RGB + DEPTH + THERMAL, ids=lambda processor: type(processor).__name__)
def test_round_trip(processor, tmp_path):
    cls = type(processor)
    own = cls(size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32}, do_normalize=False)
    own.save_pretrained(tmp_path)
    loaded = cls.from_pretrained(tmp_path)
    assert loaded.to_dict() == own.to_dict() != processor.to_dict()
    picture = ARRAY if cls.__name__.startswith("ImageBindImage") else METRES
    assert torch.equal(values(loaded, picture), values(own, picture)) and values(own, picture).shape[-1] == 32


@backends(RGB)
def test_auto_class(processor, tmp_path):
    processor.save_pretrained(tmp_path)
    assert type(AutoImageProcessor.from_pretrained(tmp_path)) is ImageBindImageProcessor
    loaded = AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
    assert type(loaded) is ImageBindImageProcessorPil
    assert torch.equal(values(loaded, PICTURE), values(RGB[0], PICTURE))


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "cut.png").write_bytes(encode(PICTURE)[:-2000])
    (folder / "cut.jpg").write_bytes(encode(PICTURE, "JPEG")[:-500])
    (folder / "header.png").write_bytes(encode(PICTURE)[:20])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("This is no picture.")
    (folder / "bomb.png").write_bytes(claiming(50_000, 50_000))
    (folder / "smaller_bomb.png").write_bytes(claiming(12_000, 10_000))
    (folder / "nothing.png").write_bytes(claiming(0, 0))
    return folder


DAMAGED = ["cut.png", "cut.jpg", "header.png", "empty.png", "text.png", "bomb.png", "smaller_bomb.png", "nothing.png"]


@pytest.mark.parametrize("processor", RGB + DEPTH + THERMAL, ids=lambda processor: type(processor).__name__)
@pytest.mark.parametrize("name", [*DAMAGED, "missing.png"])
def test_damaged_files_are_named(processor, damaged, name):
    fine = METRES if processor in DEPTH else ARRAY[..., 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with pytest.raises(ValueError, match=f"Item 1 of 2: .*{name}"):
            processor([fine, str(damaged / name)])
        if name != "missing.png":
            data = (damaged / name).read_bytes()
            with pytest.raises(ValueError, match=f"Cannot read the image of {len(data)} bytes"):
                processor(data)
            if name.startswith("cut"):
                with pytest.raises(ValueError, match="truncated"):
                    processor(Image.open(damaged / name))


@backends(RGB)
@pytest.mark.parametrize(
    "images, message",
    [
        ([], "Got an empty list"),
        ([[]], "Item 0 of 1: Got an empty list"),
        ([PICTURE, []], "Item 1 of 2: Got an empty list"),
        (np.zeros((0, 9, 9, 3)), "Got an empty list"),
        (None, "Expected an image .*, got None"),
        ([PICTURE, None], "Item 1 of 2: Expected an image .*, got None"),
        (3, "Expected an image .*, got 3"),
        ({"path": None, "bytes": None}, "Expected an image .*, got a dict"),
        (np.full((9, 9, 3), np.nan), r"Item 0 of 1: The picture of shape \(9, 9, 3\) has values that are not finite"),
        (torch.full((3, 9, 9), torch.inf), "not finite"),
        ([ARRAY, np.array([[1.0, -np.inf]])], "Item 1 of 2: .*not finite"),
        (np.full((9, 9), 1e300), "not finite"),
        (np.zeros(9), r"Expected height, width and 1 or 3 or 4 channels, got the shape \(9,\)"),
        (np.zeros((2, 2, 2, 2, 2)), r"got the shape \(2, 2, 2, 2, 2\)"),
        (np.zeros((9, 9, 2)), r"got the shape \(9, 9, 2\)"),
        (torch.zeros(5, 9, 9), r"got the shape \(5, 9, 9\)"),
        (np.zeros((0, 9, 3), np.uint8), "picture of 0x9 is too small"),
        (torch.zeros(3, 9, 0), "picture of 9x0 is too small"),
        (Image.new("RGB", (0, 0)), "picture of 0x0 is too small"),
        (Image.new("RGB", (1, 500)), "picture of 500x1 is too small, or too long"),
        (np.full((9, 9), -1), r"Expected values in 0..255 or \[0, 1\], got -1 to -1"),
        (np.full((9, 9), 256.0), r"Expected values in 0..255 or \[0, 1\], got 256 to 256"),
        (np.zeros((9, 9), bool), "Expected numbers in a picture, got bool"),
        (np.zeros((9, 9), complex), "Expected numbers in a picture, got complex128"),
        (Image.new("F", (9, 9)), "got one of floats"),
    ],
)
def test_bad_images(processor, images, message):
    with pytest.raises(ValueError, match=message):
        processor(images, return_tensors="pt")


SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=12)
SHAPES |= st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3, 4]))
DTYPES = [np.uint8, np.int8, np.uint16, np.int64, np.float16, np.float32, np.float64]


def pictures(low: int, high: int, shapes: st.SearchStrategy[tuple] = SHAPES) -> st.SearchStrategy[np.ndarray]:
    """Arrays of all shapes and kinds of numbers, finite, many of them between `low` and `high`."""
    return st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(
            dtype,
            shapes,
            elements=st.integers(max(low, np.iinfo(dtype).min), min(high, np.iinfo(dtype).max))
            if np.issubdtype(dtype, np.integer)
            else st.floats(low, high, width=np.dtype(dtype).itemsize * 8),
        )
    )


@given(pictures(0, 255) | pictures(-50, 300))
@settings(max_examples=60, deadline=None)
def test_any_finite_image(image):
    shape_fits = image.ndim == 2 or (image.ndim == 3 and {image.shape[0], image.shape[-1]} & {1, 3, 4})
    numbers = image.astype(np.float32) if image.dtype == np.float64 else image  # in which tiny ones are 0
    fits = bool(shape_fits) and (image.dtype == np.uint16 or (numbers.min() >= 0 and numbers.max() <= 255))
    for processor in RGB:
        try:
            pixels = values(processor, image)
        except ValueError:
            assert not fits
        else:
            assert fits and pixels.shape == (1, 3, 224, 224) and pixels.dtype == torch.float32
            assert -2 <= pixels.min() and pixels.max() <= 2.5, "CLIP's range, so finite"


def naive_disparity(metres: np.ndarray, baseline=0.075, focal_length=518.86, scale=8.0) -> np.ndarray:
    disparity = np.array([[baseline * focal_length / (scale * d) if d > 0 else 0 for d in row] for row in metres])
    return (np.minimum(np.maximum(disparity, 0.01), 75) / 75 - 0.0418) / 0.0295


@backends(DEPTH)
def test_depth_formula(processor):
    metres = METRES.copy()
    metres[:5] = [[0], [-1], [1e-6], [1e6], [0.065]]
    assert processor.size.shortest_edge == 224, "no scaling here"
    for options in (
        {},
        {"baseline": 0.095, "focal_length": 600.0},
        {"scale": 1.0},
        {"baseline": 0.2, "focal_length": 300.0, "scale": 2.5},
    ):
        expected = torch.from_numpy(naive_disparity(metres, **options)).float()[None, None]
        given = {"depth_scale" if name == "scale" else name: value for name, value in options.items()}
        torch.testing.assert_close(values(processor, metres, **given), expected, atol=1e-5, rtol=1e-6)
    # Numbers that were worked out for Kinect v1, before this code was.
    for depth, expected in ((1, 0.78), (2, -0.32), (3, -0.68), (5, -0.98), (8, -1.14)):
        wall = values(processor, np.full((60, 80), float(depth)), baseline="kv1")
        assert wall.shape == (1, 1, 224, 224) and (wall - expected).abs().max() < 0.005


@backends(DEPTH)
def test_depth_units(processor):
    millimetres = (METRES * 1000).astype(np.uint16)
    expected = values(processor, millimetres / 1000)
    stored = (millimetres << 3) | (millimetres >> 13)
    disparity = 0.075 * 518.86 / (8 * millimetres / 1000)
    for picture, options in (
        (millimetres, {}),
        (millimetres.astype(np.int32), {}),
        (torch.from_numpy(millimetres), {}),
        (millimetres, {"depth_unit": "mm"}),
        (millimetres.astype(np.float32), {"depth_unit": "mm"}),
        (millimetres / 1000, {"depth_unit": "m"}),
        (disparity, {"depth_unit": "disparity"}),
        (disparity, {"depth_unit": "disparity", "baseline": 1.0, "depth_scale": 1.0}),
        (stored, {"bit_rotated": True}),
        (stored.astype(np.int64), {"bit_rotated": True}),
        (encode(Image.fromarray(millimetres)), {}),
        (encode(Image.fromarray(stored)), {"bit_rotated": True}),
        (encode(Image.fromarray((millimetres / 1000).astype(np.float32)), "TIFF"), {}),
    ):
        torch.testing.assert_close(values(processor, picture, **options), expected, atol=1e-5, rtol=1e-5)
    eight = np.full((9, 9), 2, np.uint8)
    assert torch.equal(values(processor, eight, depth_unit="m"), values(processor, np.full((9, 9), 2.0)))


@backends(DEPTH)
def test_depth_cameras(processor):
    for names, baseline in ((("kv1", "kv2"), 0.075), (("realsense", "xtion"), 0.095)):
        for name in names:
            assert torch.equal(values(processor, METRES, baseline=name), values(processor, METRES, baseline=baseline))
    maps = [METRES, METRES[:100], METRES[:, :50]]
    baselines, lengths = ["kv1", 0.1, "xtion"], [500.0, 518.86, 600]
    batch = values(processor, maps, baseline=baselines, focal_length=lengths)
    for i, picture in enumerate(maps):
        alone = values(processor, picture, baseline=baselines[i], focal_length=lengths[i])
        torch.testing.assert_close(batch[i], alone[0], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(batch, values(processor, maps))


@pytest.mark.parametrize("processors, name", [(DEPTH, "depth"), (THERMAL, "thermal")])
def test_backends_agree(processors, name):
    for shape in ((60, 80), (301, 240), (224, 500), (7, 900)):
        picture = RNG.uniform(0.5, 8, shape)
        ours, other = (values(processor, picture) for processor in processors)
        assert ours.shape == (1, 1, 224, 224)
        torch.testing.assert_close(ours, other, atol=2e-4, rtol=0)


@backends(DEPTH)
def test_depth_stays_in_its_range(processor):
    """Bicubic scaling shoots over edges."""
    step = np.full((40, 40), 0.01)
    step[:, 20:] = 0
    pixels = values(processor, step)
    assert pixels.max() <= (1 - 0.0418) / 0.0295 + 1e-4 and pixels.min() >= -0.0418 / 0.0295 - 1e-4


@backends(DEPTH)
@pytest.mark.parametrize(
    "picture, options, message",
    [
        (np.full((9, 9), 7, np.uint8), {}, "Item 0 of 1: Depth of 8 bits has no natural unit: pass depth_unit"),
        (Image.new("RGB", (9, 9)), {}, "Depth of 8 bits"),
        (METRES, {"depth_unit": "km"}, "depth_unit is 'km', expected 'm', 'mm', 'disparity'"),
        (METRES, {"bit_rotated": True}, "bit_rotated goes with integers in mm"),
        (np.ones((9, 9), int), {"bit_rotated": True, "depth_unit": "m"}, "bit_rotated goes with integers in mm"),
        (METRES, {"baseline": "kinect"}, "Unknown sensor 'kinect', expected one of .*kv1"),
        (METRES, {"baseline": 0.0}, "Expected positive constants, got baseline=0"),
        (METRES, {"focal_length": -500.0}, "Expected positive constants"),
        (METRES, {"focal_length": float("nan")}, "Expected positive constants"),
        (METRES, {"depth_scale": float("inf")}, "Expected positive constants"),
        (METRES, {"min_disparity": 80.0}, "Expected positive constants"),
        (METRES, {"max_disparity": float("inf")}, "Expected positive constants"),
        ([METRES] * 2, {"baseline": ["kv1"]}, "Got 1 values of baseline for 2 pictures"),
        ([METRES] * 2, {"focal_length": [500.0] * 3}, "Got 3 values of focal_length for 2 pictures"),
        ([METRES] * 2, {"baseline": ["kv1", "lidar"]}, "Item 1 of 2: Unknown sensor 'lidar'"),
        (METRES * np.nan, {}, "not finite"),
        (np.zeros((9, 9, 3)), {}, r"1 channels, got the shape \(9, 9, 3\)"),
        (np.zeros((9, 0)), {}, "picture of 9x0"),
        ([], {}, "Got an empty list"),
    ],
)
def test_bad_depth(processor, picture, options, message):
    with pytest.raises(ValueError, match=message):
        processor(picture, **options)


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=30),
        elements=st.floats(-1e3, 1e3, width=32),
    ),
    st.sampled_from(["m", "mm", "disparity"]),
)
@settings(max_examples=40, deadline=None)
def test_any_finite_depth(picture, unit):
    for processor in DEPTH:
        pixels = values(processor, picture, depth_unit=unit)
        assert pixels.shape == (1, 1, 224, 224) and torch.isfinite(pixels).all()
        assert pixels.min() >= -0.0418 / 0.0295 - 1e-4 and pixels.max() <= (1 - 0.0418) / 0.0295 + 1e-3


@backends(THERMAL)
def test_thermal_values(processor):
    eight = RNG.integers(0, 256, (224, 224), dtype=np.uint8)
    expected = torch.from_numpy(eight / 255).float()[None, None]
    coloured = Image.fromarray(np.stack([eight] * 3, axis=2))
    for form in (eight, Image.fromarray(eight), encode(Image.fromarray(eight)), coloured, torch.from_numpy(eight)):
        torch.testing.assert_close(values(processor, form), expected, atol=1e-6, rtol=0)

    kelvin = RNG.integers(27315, 31315, (224, 224), dtype=np.uint16)
    low, high = int(kelvin.min()), int(kelvin.max())
    expected = torch.from_numpy((kelvin.astype(float) - low) / (high - low)).float()[None, None]
    for form in (kelvin, encode(Image.fromarray(kelvin)), kelvin.astype(np.int64), kelvin.astype(np.float64)):
        torch.testing.assert_close(values(processor, form), expected, atol=1e-6, rtol=0)

    celsius = kelvin / 100 - 273.15
    expected = torch.from_numpy(((celsius - 5) / 20).clip(0, 1)).float()[None, None]
    torch.testing.assert_close(values(processor, celsius, value_range=(5, 25)), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(values(processor, kelvin, value_range=[27815, 29815]), expected, atol=1e-6, rtol=0)
    assert expected.min() == 0 and expected.max() == 1


@backends(THERMAL)
def test_thermal_constant_pictures(processor):
    assert not values(processor, np.full((30, 40), 300.0)).any()
    assert not values(processor, np.full((30, 40), 300, np.uint16)).any()
    for picture, options in (
        (np.full((30, 40), 51, np.uint8), {}),
        (np.full((30, 40), 8.0), {"value_range": (0, 40)}),
    ):
        torch.testing.assert_close(values(processor, picture, **options), torch.full((1, 1, 224, 224), 0.2))


@backends(THERMAL)
@pytest.mark.parametrize(
    "picture, value_range, message",
    [
        (METRES, (5, 5), r"Item 0 of 1: value_range must be finite and rise, got \(5, 5\)"),
        (METRES, (5.0, 1.0), "value_range must be finite and rise"),
        (METRES, (0.0, float("nan")), "value_range must be finite and rise"),
        (METRES, (float("-inf"), 0.0), "value_range must be finite and rise"),
        (METRES * np.inf, (0, 1), "not finite"),
        (np.zeros((9, 9, 4)), None, r"1 channels, got the shape \(9, 9, 4\)"),
        ([], None, "Got an empty list"),
    ],
)
def test_bad_thermal(processor, picture, value_range, message):
    with pytest.raises(ValueError, match=message):
        processor(picture, value_range=value_range)


@given(pictures(-1000, 1000, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20)))
@settings(max_examples=30, deadline=None)
def test_any_finite_thermal_picture(picture):
    for processor in THERMAL:
        pixels = values(processor, picture)
        assert pixels.shape == (1, 1, 224, 224) and 0 <= pixels.min() and pixels.max() <= 1
