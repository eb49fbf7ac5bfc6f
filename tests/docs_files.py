# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The files that the pages of the documentation use: small models, media, tables, and four data sets in miniature."""

import io
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import soundfile
import torch
from datasets import ClassLabel, Dataset, Features, Image, Sequence, Value
from PIL import Image as PilImage
from scipy.io import savemat

from docs_sources import write_sources
from imagebind_hf import ImageBindConfig, ImageBindModel, ImageBindProcessor
from imagebind_hf.evaluation.config import load_benchmark

ROOT = Path(__file__).parents[1]
FIXTURES = Path(__file__).parent / "fixtures"
# Folders of models that pages load.
MODELS = ("imagebind-huge", "outputs/demo", "outputs/digits", "my-model")
IMAGES = ("dog.jpg", "car.jpg", "beach.jpg", "photos/a.jpg", "photos/b.jpg", "images/a.jpg", "images/b.jpg")
SOUNDS = ("bark.wav", "dog.wav", "barking.wav", "sounds/a.wav", "sounds/b.wav", "audio/a.wav", "recordings/a.wav")
RNG = np.random.default_rng(0)
DIGITS = ClassLabel(names=["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])


def random_image(width: int = 64, height: int = 48) -> PilImage.Image:
    return PilImage.fromarray(RNG.integers(0, 255, (height, width, 3), dtype=np.uint8))


def wave_bytes(rate: int = 8_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, RNG.uniform(-0.5, 0.5, rate // 2).astype(np.float32), rate, format="WAV")
    return file.getvalue()


def png_bytes(image: PilImage.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "png")
    return file.getvalue()


def write_models(folder: Path) -> None:
    """Save a model with random weights, small towers and the published sizes of inputs, under several names."""
    torch.manual_seed(0)
    config = ImageBindConfig.from_pretrained(ROOT / "hub_cards" / "imagebind-tiny-random")
    first = folder / MODELS[0]
    ImageBindModel(config).save_pretrained(first)
    processor = ImageBindProcessor.from_config(config)
    processor.save_pretrained(first)
    processor.save_modality_folders(first)
    for name in MODELS[1:]:
        shutil.copytree(first, folder / name)
    shutil.copy(FIXTURES / "imagebind_tiny_original.pth", folder / "imagebind_huge.pth")
    shutil.copy(FIXTURES / "imagebind_tiny_original.json", folder / "imagebind_tiny_original.json")


def write_media(folder: Path) -> None:
    for name in (*IMAGES, *SOUNDS, "videos/a.mp4"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    for name in IMAGES:
        random_image().save(folder / name)
    for name in SOUNDS:
        (folder / name).write_bytes(wave_bytes(16_000))
    for name in ("clip.mp4", "videos/a.mp4"):
        shutil.copy(FIXTURES / "video/clip_1p5s_10fps_120x160.mp4", folder / name)
    shutil.copy(folder / "sounds/a.wav", folder / "videos/a.wav")
    (folder / "captions.txt").write_text("a dog\nthe sea\n")
    (folder / "shards").mkdir()
    with tarfile.open(folder / "shards/000.tar", "w") as archive:
        archive.add(folder / "dog.jpg", "0.jpg")
        archive.add(folder / "bark.wav", "1.wav")
    Dataset.from_dict({"text": ["a dog", "rain"]}).to_parquet(folder / "rows.parquet")


def write_tables(folder: Path) -> None:
    """Write the parquet files of the recipe `digits`, two rows a class, and ESC-50 with two clips a class and fold."""
    labels = [number for number in range(10) for _ in range(2)]
    images = [{"path": None, "bytes": png_bytes(random_image(28, 28).convert("L"))} for _ in labels]
    clips = [{"path": None, "bytes": wave_bytes()} for _ in labels]
    strokes = [RNG.normal(size=(30, 2)).tolist() for _ in labels]
    speakers = {"speaker": ["george", "lucas"] * 10, "take": [5, 6] * 10}
    classes = load_benchmark("esc50").evaluation["audio"].source.classes
    for place in (folder, folder / "data"):
        place.mkdir(exist_ok=True)
        for split in ("train", "validation", "test"):
            pictures = Dataset.from_dict({"image": images, "label": labels}).cast_column("image", Image())
            pictures.cast_column("label", DIGITS).to_parquet(place / f"mnist-{split}.parquet")
            sounds = Dataset.from_dict({"audio": clips, "label": labels, **speakers}).cast_column("label", DIGITS)
            sounds.to_parquet(place / f"spoken-{split}.parquet")
            sounds.to_parquet(place / f"{split}.parquet")
            kind = Features({"stroke": Sequence(Sequence(Value("float32"))), "label": DIGITS})
            moves = Dataset.from_dict({"stroke": strokes, "label": labels}, features=kind)
            moves.to_parquet(place / f"wand_strokes-{split}.parquet")
    (folder / "ashraq/esc50").mkdir(parents=True)
    names = [name for name in classes for _ in range(10)]
    rows = {"audio": [{"path": None, "bytes": wave_bytes()} for _ in names], "category": names}
    rows["fold"] = [1, 2, 3, 4, 5] * 2 * len(classes)
    Dataset.from_dict(rows).to_parquet(folder / "ashraq/esc50/train.parquet")


def write_audioset(root: Path) -> None:
    for folder in ("clips", "frames"):
        (root / folder).mkdir(parents=True)
    head = "# created\n# num_ytids=1\n# YTID, start_seconds, end_seconds, positive_labels\n"
    for name in ("balanced_train", "unbalanced_train", "eval"):
        (root / f"{name}_segments.csv").write_text(head + '--PJHxphWEs, 30.000, 40.000, "/m/09x0r"\n')
    (root / "class_labels_indices.csv").write_text('index,mid,display_name\n0,/m/09x0r,"Speech"\n')
    soundfile.write(root / "clips/--PJHxphWEs.flac", np.sin(np.arange(16_000) / 9), 16_000)
    shutil.copy(FIXTURES / "video/clip_1p5s_10fps_120x160.mp4", root / "clips/--PJHxphWEs.mp4")
    random_image().save(root / "frames/--PJHxphWEs.jpg")


def write_sunrgbd(root: Path) -> None:
    # As many of each scene as the linear probes of the benchmark need.
    scenes = {"kv1/NYUdata/NYU": "lab", "xtion/sun3ddata/room": "office"}
    names = {f"{place}{number:04}": scene for place, scene in scenes.items() for number in range(8)}
    for name, scene in names.items():
        folder = root / "SUNRGBD" / name
        for part in ("image", "depth_bfx"):
            (folder / part).mkdir(parents=True)
        depth = RNG.integers(500, 9000, (40, 56), dtype=np.uint16)
        random_image(56, 40).save(folder / "image/0001.jpg")
        PilImage.fromarray((depth << 3) | (depth >> 13)).save(folder / "depth_bfx/0001.png")
        (folder / "intrinsics.txt").write_text("518.86 0 284.58 0 519.47 208.7 0 0 1 \n")
        (folder / "scene.txt").write_text(scene)
    split = root / "SUNRGBDtoolbox/traintestSUNRGBD"
    split.mkdir(parents=True)
    paths = [f"/n/fs/sun3d/data/SUNRGBD/{name}" for name in names]
    lists = {key: np.array(paths, dtype=object) for key in ("alltrain", "alltest")}
    savemat(split / "allsplit.mat", lists)


def write_llvip(root: Path) -> None:
    (root / "Annotations").mkdir(parents=True)
    box = "<bndbox><xmin>20</xmin><ymin>10</ymin><xmax>30</xmax><ymax>40</ymax></bndbox>"
    for split in ("train", "test"):
        for side in ("visible", "infrared"):
            (root / side / split).mkdir(parents=True)
            for number in range(4):
                random_image().save(root / side / split / f"{split}{number}.jpg")
                text = f"<annotation><object><name>person</name>{box}</object></annotation>"
                (root / f"Annotations/{split}{number}.xml").write_text(text)


def write_ego4d(root: Path, seconds: int = 20, rate: int = 200) -> None:
    for folder in ("annotations", "imu", "full_scale"):
        (root / "v2" / folder).mkdir(parents=True)
    uids = {"one": "train", "two": "val"}
    videos = [
        {"video_uid": uid, "duration_sec": seconds, "scenarios": ["Cooking"], "split_em": split, "has_imu": True}
        for uid, split in uids.items()
    ]
    (root / "ego4d.json").write_text(json.dumps({"version": "v2", "videos": videos}))
    head = "component_idx,component_timestamp_ms,canonical_timestamp_ms,gyro_x,gyro_y,gyro_z,accl_x,accl_y,accl_z"
    times = 1000 * np.arange(seconds * rate) / rate
    readings = "\n".join([head, *(f"0,{time},{time},0.1,0.2,0.3,0.0,9.8,0.5" for time in times)])
    entry = {"narration_pass_1": {"narrations": [{"timestamp_sec": 12.0, "narration_text": "#C C picks a cup"}]}}
    for uid in uids:
        (root / f"v2/imu/{uid}.csv").write_text(readings)
        write_video(root / f"v2/full_scale/{uid}.mp4", seconds)
    (root / "v2/annotations/narration.json").write_text(json.dumps(dict.fromkeys(uids, entry)))


def write_video(path: Path, seconds: int, rate: int = 5) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(seconds * rate):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(random_image()), format="rgb24")))
        container.mux(stream.encode())


def write_files(folder: Path) -> None:
    """Write all of it."""
    write_models(folder)
    write_media(folder)
    write_tables(folder)
    write_audioset(folder / "audioset")
    write_sunrgbd(folder / "data")
    write_llvip(folder / "LLVIP")
    write_ego4d(folder / "ego4d")
    write_sources(folder / "sources")
