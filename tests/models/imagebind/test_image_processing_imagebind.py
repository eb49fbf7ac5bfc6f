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
IMAGE = Image.fromarray(ARRAY)
METERS = RNG.uniform(0.5, 8, (224, 224))


def values(processor, images, **options) -> torch.Tensor:
    return processor(images, return_tensors="pt", **options)[processor.model_input_names[0]]


def encode(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def claiming(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes with a size in its header."""
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


def test_all_published_images_are_compared(published):
    assert {path.stem for path in IMAGES} == set(published) and len(IMAGES) == 7


@backends(RGB)
def test_forms_of_one_image(processor, tmp_path):
    path = tmp_path / "image.png"
    IMAGE.save(path)
    expected = values(processor, IMAGE)
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
    image = IMAGE.convert(mode)
    assert torch.equal(values(processor, image), values(processor, np.asarray(image.convert("RGB"))))


@backends(RGB)
def test_transparent_and_gray(processor):
    expected = values(processor, IMAGE)
    alpha = RNG.integers(0, 256, (50, 61, 1), dtype=np.uint8)
    four = np.concatenate([ARRAY, alpha], axis=2)
    assert torch.equal(values(processor, Image.fromarray(four)), expected), "alpha is dropped"
    assert torch.equal(values(processor, four), expected)
    gray = ARRAY[..., 0]
    expected = values(processor, np.stack([gray] * 3, axis=2))
    for form in (Image.fromarray(gray), gray, gray[None], gray[..., None], torch.from_numpy(gray)):
        assert torch.equal(values(processor, form), expected)


@backends(RGB)
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled(processor, kind):
    gray = ARRAY[..., 0].astype(np.uint16) * 256 + 255
    expected = values(processor, ARRAY[..., 0])
    assert torch.equal(values(processor, encode(Image.fromarray(gray), kind)), expected)
    for form in (Image.fromarray(gray.astype(np.int32)), gray, torch.from_numpy(gray)):
        assert torch.equal(values(processor, form), expected)


@backends(RGB)
def test_jpeg_and_its_rotation(processor):
    turned = Image.Exif()
    turned[0x0112] = 6  # portrait format: rotate clockwise
    plain = Image.open(io.BytesIO(encode(IMAGE, "JPEG")))
    file = encode(IMAGE, "JPEG", exif=turned)
    assert torch.equal(values(processor, encode(IMAGE, "JPEG")), values(processor, np.asarray(plain)))
    expected = values(processor, np.rot90(np.asarray(plain), -1))
    assert torch.equal(values(processor, file), expected)
    assert torch.equal(values(processor, Image.open(io.BytesIO(file))), expected)
    assert not torch.equal(expected, values(processor, plain))


@backends(RGB)
def test_batches_of_mixed_sizes_are_each_alone(processor):
    images = [*map(str, IMAGES), IMAGE, IMAGE.convert("L"), ARRAY, torch.zeros(3, 5, 900)]
    batch = values(processor, images)
    assert batch.shape == (len(images), 3, 224, 224)
    for image, row in zip(images, batch, strict=True):
        torch.testing.assert_close(values(processor, image)[0], row, atol=1e-6, rtol=0)
    assert torch.equal(values(processor, [images[:2], images[2:]]), batch), "nested lists are flattened"
    assert torch.equal(values(processor, np.stack([ARRAY, ARRAY[::-1]]))[1:], values(processor, ARRAY[::-1].copy()))


@backends(RGB)
def test_columns_of_datasets(processor):
    table = datasets.Dataset.from_dict({"image": [{"bytes": encode(IMAGE), "path": None}] * 2})
    expected = values(processor, [IMAGE, IMAGE])
    for decode in (True, False):
        column = table.cast_column("image", datasets.Image(decode=decode))
        assert torch.equal(values(processor, column["image"]), expected), "a column"
        assert torch.equal(values(processor, column[:]["image"]), expected), "a list"
        assert torch.equal(values(processor, column[0]["image"])[0], expected[0])


@backends(RGB)
def test_position_of_the_channels(processor):
    image = RNG.integers(0, 256, (3, 40, 3), dtype=np.uint8)
    first = values(processor, image)
    assert torch.equal(first, values(processor, image, input_data_format="channels_first")), "the default"
    last = values(processor, image, input_data_format="channels_last")
    assert torch.equal(last, values(processor, Image.fromarray(image))) and not torch.equal(last, first)


@backends(RGB)
def test_center_crop_rounds_as_published(processor):
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
    assert values(processor, IMAGE, size={"shortest_edge": 32}, crop_size=32).shape == (1, 3, 32, 32)
    assert values(processor, IMAGE, size={"shortest_edge": 100}, do_center_crop=False).shape == (1, 3, 100, 122)
    size = {"height": 20, "width": 30}
    assert values(processor, IMAGE, size=size, do_center_crop=False).shape == (1, 3, 20, 30)
    assert values(processor, IMAGE, do_resize=False, do_center_crop=False).shape == (1, 3, 50, 61)
    corners = np.array([[0, 50], [100, 200]], np.uint8)
    nearest = values(processor, corners, resample=0, do_rescale=False, do_normalize=False)
    assert nearest.unique().tolist() == [0, 50, 100, 200]
    arrays = processor([IMAGE, IMAGE], return_tensors="np")["pixel_values"]
    assert isinstance(arrays, np.ndarray) and arrays.shape == (2, 3, 224, 224) and arrays.dtype == np.float32


@pytest.mark.parametrize("processor", [RGB[1], DEPTH[1], THERMAL[1]], ids=["rgb", "depth", "thermal"])
def test_device(processor):
    image = ARRAY if processor is RGB[1] else METERS
    assert values(processor, image, device="cpu").device.type == "cpu"
    moved = values(processor, image, device="meta")
    assert moved.device.type == "meta" and moved.shape[-2:] == (224, 224)
    if torch.cuda.is_available():
        here, there = values(processor, image), values(processor, image, device="cuda")
        assert there.is_cuda and (there.cpu() - here).abs().max() <= 0.06


@pytest.mark.parametrize("processor", RGB + DEPTH + THERMAL, ids=lambda processor: type(processor).__name__)
def test_round_trip(processor, tmp_path):
    cls = type(processor)
    own = cls(size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32}, do_normalize=False)
    own.save_pretrained(tmp_path)
    loaded = cls.from_pretrained(tmp_path)
    assert loaded.to_dict() == own.to_dict() != processor.to_dict()
    image = ARRAY if cls.__name__.startswith("ImageBindImage") else METERS
    assert torch.equal(values(loaded, image), values(own, image)) and values(own, image).shape[-1] == 32


@backends(RGB)
def test_auto_class(processor, tmp_path):
    processor.save_pretrained(tmp_path)
    assert type(AutoImageProcessor.from_pretrained(tmp_path)) is ImageBindImageProcessor
    loaded = AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
    assert type(loaded) is ImageBindImageProcessorPil
    assert torch.equal(values(loaded, IMAGE), values(RGB[0], IMAGE))


@pytest.fixture(scope="module")
def corrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corrupted")
    (folder / "cut.png").write_bytes(encode(IMAGE)[:-2000])
    (folder / "cut.jpg").write_bytes(encode(IMAGE, "JPEG")[:-500])
    (folder / "header.png").write_bytes(encode(IMAGE)[:20])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("This is not an image.")
    (folder / "bomb.png").write_bytes(claiming(50_000, 50_000))
    (folder / "smaller_bomb.png").write_bytes(claiming(12_000, 10_000))
    (folder / "nothing.png").write_bytes(claiming(0, 0))
    return folder


CORRUPTED = [
    "cut.png",
    "cut.jpg",
    "header.png",
    "empty.png",
    "text.png",
    "bomb.png",
    "smaller_bomb.png",
    "nothing.png",
]


@pytest.mark.parametrize("processor", RGB + DEPTH + THERMAL, ids=lambda processor: type(processor).__name__)
@pytest.mark.parametrize("name", [*CORRUPTED, "missing.png"])
def test_corrupted_files_are_named(processor, corrupted, name):
    fine = METERS if processor in DEPTH else ARRAY[..., 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with pytest.raises(ValueError, match=f"Item 1 of 2: .*{name}"):
            processor([fine, str(corrupted / name)])
        if name != "missing.png":
            data = (corrupted / name).read_bytes()
            with pytest.raises(ValueError, match=f"Cannot read the image of {len(data)} bytes"):
                processor(data)
            if name.startswith("cut"):
                with pytest.raises(ValueError, match="truncated"):
                    processor(Image.open(corrupted / name))


@backends(RGB)
@pytest.mark.parametrize(
    "images, message",
    [
        ([], "Got an empty list"),
        ([[]], "Item 0 of 1: Got an empty list"),
        ([IMAGE, []], "Item 1 of 2: Got an empty list"),
        (np.zeros((0, 9, 9, 3)), "Got an empty list"),
        (None, "Expected an image .*, but got None"),
        ([IMAGE, None], "Item 1 of 2: Expected an image .*, but got None"),
        (3, "Expected an image .*, but got 3"),
        ({"path": None, "bytes": None}, "Expected an image .*, but got a dict"),
        (np.full((9, 9, 3), np.nan), r"Item 0 of 1: The image of shape \(9, 9, 3\) has values that are not finite"),
        (torch.full((3, 9, 9), torch.inf), "not finite"),
        ([ARRAY, np.array([[1.0, -np.inf]])], "Item 1 of 2: .*not finite"),
        (np.full((9, 9), 1e300), "not finite"),
        (np.zeros(9), r"Expected height, width and 1 or 3 or 4 channels, but got the shape \(9,\)"),
        (np.zeros((2, 2, 2, 2, 2)), r"got the shape \(2, 2, 2, 2, 2\)"),
        (np.zeros((9, 9, 2)), r"got the shape \(9, 9, 2\)"),
        (torch.zeros(5, 9, 9), r"got the shape \(5, 9, 9\)"),
        (np.zeros((0, 9, 3), np.uint8), "non-empty image .*, but got 0x9"),
        (torch.zeros(3, 9, 0), "non-empty image .*, but got 9x0"),
        (Image.new("RGB", (0, 0)), "non-empty image .*, but got 0x0"),
        (Image.new("RGB", (1, 500)), "aspect ratio up to 256, but got 500x1"),
        (np.full((9, 9), -1), r"Expected values in 0..255 or \[0, 1\], but got -1 to -1"),
        (np.full((9, 9), 256.0), r"Expected values in 0..255 or \[0, 1\], but got 256 to 256"),
        (np.zeros((9, 9), bool), "Expected an image of integers or floats, but got bool"),
        (np.zeros((9, 9), complex), "Expected an image of integers or floats, but got complex128"),
        (Image.new("F", (9, 9)), "8 or 16 bits, but got floats"),
    ],
)
def test_bad_images(processor, images, message):
    with pytest.raises(ValueError, match=message):
        processor(images, return_tensors="pt")


SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=12)
SHAPES |= st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3, 4]))
DTYPES = [np.uint8, np.int8, np.uint16, np.int64, np.float16, np.float32, np.float64]


def images_of(low: int, high: int, shapes: st.SearchStrategy[tuple] = SHAPES) -> st.SearchStrategy[np.ndarray]:
    """Finite arrays of all shapes and types, with values between `low` and `high`."""
    return st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(
            dtype,
            shapes,
            elements=st.integers(max(low, np.iinfo(dtype).min), min(high, np.iinfo(dtype).max))
            if np.issubdtype(dtype, np.integer)
            else st.floats(low, high, width=np.dtype(dtype).itemsize * 8),
        )
    )


@given(images_of(0, 255) | images_of(-50, 300))
@settings(max_examples=60, deadline=None)
def test_any_finite_image(image):
    shape_fits = image.ndim == 2 or (image.ndim == 3 and {image.shape[0], image.shape[-1]} & {1, 3, 4})
    numbers = image.astype(np.float32) if image.dtype == np.float64 else image  # where tiny values are 0
    fits = bool(shape_fits) and (image.dtype == np.uint16 or (numbers.min() >= 0 and numbers.max() <= 255))
    for processor in RGB:
        try:
            pixels = values(processor, image)
        except ValueError:
            assert not fits
        else:
            assert fits and pixels.shape == (1, 3, 224, 224) and pixels.dtype == torch.float32
            assert -2 <= pixels.min() and pixels.max() <= 2.5, "the range of CLIP, so finite"


def naive_disparity(meters: np.ndarray, baseline=0.075, focal_length=518.86, scale=8.0) -> np.ndarray:
    disparity = np.array([[baseline * focal_length / (scale * d) if d > 0 else 0 for d in row] for row in meters])
    return (np.minimum(np.maximum(disparity, 0.01), 75) / 75 - 0.0418) / 0.0295


@backends(DEPTH)
def test_depth_formula(processor):
    meters = METERS.copy()
    meters[:5] = [[0], [-1], [1e-6], [1e6], [0.065]]
    assert processor.size.shortest_edge == 224, "no resizing in this test"
    for options in (
        {},
        {"baseline": 0.095, "focal_length": 600.0},
        {"scale": 1.0},
        {"baseline": 0.2, "focal_length": 300.0, "scale": 2.5},
    ):
        expected = torch.from_numpy(naive_disparity(meters, **options)).float()[None, None]
        given = {"depth_scale" if name == "scale" else name: value for name, value in options.items()}
        torch.testing.assert_close(values(processor, meters, **given), expected, atol=1e-5, rtol=1e-6)
    # Values for Kinect v1, computed independently of this code.
    for depth, expected in ((1, 0.78), (2, -0.32), (3, -0.68), (5, -0.98), (8, -1.14)):
        wall = values(processor, np.full((60, 80), float(depth)), baseline="kv1")
        assert wall.shape == (1, 1, 224, 224) and (wall - expected).abs().max() < 0.005


@backends(DEPTH)
def test_depth_units(processor):
    millimeters = (METERS * 1000).astype(np.uint16)
    expected = values(processor, millimeters / 1000)
    stored = (millimeters << 3) | (millimeters >> 13)
    disparity = 0.075 * 518.86 / (8 * millimeters / 1000)
    for image, options in (
        (millimeters, {}),
        (millimeters.astype(np.int32), {}),
        (torch.from_numpy(millimeters), {}),
        (millimeters, {"depth_unit": "mm"}),
        (millimeters.astype(np.float32), {"depth_unit": "mm"}),
        (millimeters / 1000, {"depth_unit": "m"}),
        (disparity, {"depth_unit": "disparity"}),
        (disparity, {"depth_unit": "disparity", "baseline": 1.0, "depth_scale": 1.0}),
        (stored, {"bit_rotated": True}),
        (stored.astype(np.int64), {"bit_rotated": True}),
        (encode(Image.fromarray(millimeters)), {}),
        (encode(Image.fromarray(stored)), {"bit_rotated": True}),
        (encode(Image.fromarray((millimeters / 1000).astype(np.float32)), "TIFF"), {}),
    ):
        torch.testing.assert_close(values(processor, image, **options), expected, atol=1e-5, rtol=1e-5)
    eight = np.full((9, 9), 2, np.uint8)
    assert torch.equal(values(processor, eight, depth_unit="m"), values(processor, np.full((9, 9), 2.0)))


@backends(DEPTH)
def test_depth_cameras(processor):
    for names, baseline in ((("kv1", "kv2"), 0.075), (("realsense", "xtion"), 0.095)):
        for name in names:
            assert torch.equal(values(processor, METERS, baseline=name), values(processor, METERS, baseline=baseline))
    maps = [METERS, METERS[:100], METERS[:, :50]]
    baselines, lengths = ["kv1", 0.1, "xtion"], [500.0, 518.86, 600]
    batch = values(processor, maps, baseline=baselines, focal_length=lengths)
    for i, image in enumerate(maps):
        alone = values(processor, image, baseline=baselines[i], focal_length=lengths[i])
        torch.testing.assert_close(batch[i], alone[0], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(batch, values(processor, maps))


@pytest.mark.parametrize("processors, name", [(DEPTH, "depth"), (THERMAL, "thermal")])
def test_backends_agree(processors, name):
    for shape in ((60, 80), (301, 240), (224, 500), (7, 900)):
        image = RNG.uniform(0.5, 8, shape)
        ours, other = (values(processor, image) for processor in processors)
        assert ours.shape == (1, 1, 224, 224)
        torch.testing.assert_close(ours, other, atol=2e-4, rtol=0)


@backends(DEPTH)
def test_depth_stays_in_its_range(processor):
    """Bicubic interpolation overshoots at edges."""
    step = np.full((40, 40), 0.01)
    step[:, 20:] = 0
    pixels = values(processor, step)
    assert pixels.max() <= (1 - 0.0418) / 0.0295 + 1e-4 and pixels.min() >= -0.0418 / 0.0295 - 1e-4


@backends(DEPTH)
@pytest.mark.parametrize(
    "image, options, message",
    [
        (np.full((9, 9), 7, np.uint8), {}, "Item 0 of 1: Expected depth_unit .* for 8-bit depth"),
        (Image.new("RGB", (9, 9)), {}, "Expected depth_unit .* for 8-bit depth"),
        (METERS, {"depth_unit": "km"}, "Expected depth_unit to be 'm', 'mm', 'disparity' or None, but got 'km'"),
        (METERS, {"bit_rotated": True}, "Expected integers in mm with bit_rotated=True"),
        (
            np.ones((9, 9), int),
            {"bit_rotated": True, "depth_unit": "m"},
            "Expected integers in mm with bit_rotated=True",
        ),
        (METERS, {"baseline": "kinect"}, "Expected baseline in meters or one of .*kv1.*, but got 'kinect'"),
        (METERS, {"baseline": 0.0}, "Expected positive constants, but got baseline=0"),
        (METERS, {"focal_length": -500.0}, "Expected positive constants"),
        (METERS, {"focal_length": float("nan")}, "Expected positive constants"),
        (METERS, {"depth_scale": float("inf")}, "Expected positive constants"),
        (METERS, {"min_disparity": 80.0}, "Expected positive constants"),
        (METERS, {"max_disparity": float("inf")}, "Expected positive constants"),
        ([METERS] * 2, {"baseline": ["kv1"]}, "Expected one baseline per image, but got 1 for 2 images"),
        ([METERS] * 2, {"focal_length": [500.0] * 3}, "Expected one focal_length per image, but got 3 for 2 images"),
        ([METERS] * 2, {"baseline": ["kv1", "lidar"]}, "Item 1 of 2: Expected baseline .*, but got 'lidar'"),
        (METERS * np.nan, {}, "not finite"),
        (np.zeros((9, 9, 3)), {}, r"1 channels, but got the shape \(9, 9, 3\)"),
        (np.zeros((9, 0)), {}, "non-empty image .*, but got 9x0"),
        ([], {}, "Got an empty list"),
    ],
)
def test_bad_depth(processor, image, options, message):
    with pytest.raises(ValueError, match=message):
        processor(image, **options)


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=30),
        elements=st.floats(-1e3, 1e3, width=32),
    ),
    st.sampled_from(["m", "mm", "disparity"]),
)
@settings(max_examples=40, deadline=None)
def test_any_finite_depth(image, unit):
    for processor in DEPTH:
        pixels = values(processor, image, depth_unit=unit)
        assert pixels.shape == (1, 1, 224, 224) and torch.isfinite(pixels).all()
        assert pixels.min() >= -0.0418 / 0.0295 - 1e-4 and pixels.max() <= (1 - 0.0418) / 0.0295 + 1e-3


@backends(THERMAL)
def test_thermal_values(processor):
    eight = RNG.integers(0, 256, (224, 224), dtype=np.uint8)
    expected = torch.from_numpy(eight / 255).float()[None, None]
    rgb = Image.fromarray(np.stack([eight] * 3, axis=2))
    for form in (eight, Image.fromarray(eight), encode(Image.fromarray(eight)), rgb, torch.from_numpy(eight)):
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
def test_thermal_constant_images_of(processor):
    assert not values(processor, np.full((30, 40), 300.0)).any()
    assert not values(processor, np.full((30, 40), 300, np.uint16)).any()
    for image, options in (
        (np.full((30, 40), 51, np.uint8), {}),
        (np.full((30, 40), 8.0), {"value_range": (0, 40)}),
    ):
        torch.testing.assert_close(values(processor, image, **options), torch.full((1, 1, 224, 224), 0.2))


@backends(THERMAL)
@pytest.mark.parametrize(
    "image, value_range, message",
    [
        (METERS, (5, 5), r"Item 0 of 1: Expected a finite, increasing value_range, but got \(5, 5\)"),
        (METERS, (5.0, 1.0), "Expected a finite, increasing value_range"),
        (METERS, (0.0, float("nan")), "Expected a finite, increasing value_range"),
        (METERS, (float("-inf"), 0.0), "Expected a finite, increasing value_range"),
        (METERS * np.inf, (0, 1), "not finite"),
        (np.zeros((9, 9, 4)), None, r"1 channels, but got the shape \(9, 9, 4\)"),
        ([], None, "Got an empty list"),
    ],
)
def test_bad_thermal(processor, image, value_range, message):
    with pytest.raises(ValueError, match=message):
        processor(image, value_range=value_range)


@given(images_of(-1000, 1000, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20)))
@settings(max_examples=30, deadline=None)
def test_any_finite_thermal_image(image):
    for processor in THERMAL:
        pixels = values(processor, image)
        assert pixels.shape == (1, 1, 224, 224) and 0 <= pixels.min() and pixels.max() <= 1
