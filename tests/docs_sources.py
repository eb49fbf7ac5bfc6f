# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The public sources of the small recipes in miniature, in the layouts that docs/datasets.md expects."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

LETTERS = "BIJLOSTVXZ"
THINGS = "cat dog bird cow lion sheep frog chicken monkey helicopter sea clock pig insect train keyboard airplane car"
PHOTOS = ("person", "car", "two-wheeler", "truck or bus", "background")
RNG = np.random.default_rng(0)


def save_image(file: Path, width: int = 40, height: int = 40, mode: str = "RGB") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    Image.fromarray(RNG.integers(0, 255, shape, dtype=np.uint8)).save(file)


def save_audio(file: Path, rate: int = 8_000) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    soundfile.write(content, RNG.uniform(-0.5, 0.5, rate // 2), rate, format="WAV")
    file.write_bytes(content.getvalue())


def write_digits(root: Path) -> None:
    strokes = root / "magic_wand_digit_data"
    strokes.mkdir(parents=True)
    for digit in range(10):
        for split in ("train", "test"):
            for number in range(2):
                save_image(root / f"mnist/{split}/{digit}/{number}.png", 28, 28, "L")
        for speaker in ("george", "lucas"):
            for take in (0, 5, 6):
                save_audio(root / f"free-spoken-digit-dataset/recordings/{digit}_{speaker}_{take}.wav")
        points = [{"x": float(x), "y": float(y)} for x, y in RNG.uniform(-1, 1, (30, 2))]
        lines = [{"index": index, "strokePoints": points, "label": str(digit)} for index in range(5)]
        (strokes / f"somebody_{digit}.json").write_text(json.dumps({"strokes": lines}))


def write_letters(root: Path) -> None:
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        for split in ("train", "test"):
            for number in range(2):
                save_image(root / f"handwriting/{split}/{letter}/{number}.png", 30, 30)
        for frame in (1, 2, 210) if letter not in "JZ" else ():
            folder = root / "fingerspelling/A" / letter.lower()
            save_image(folder / f"color_0_{frame:04}.png", 48, 64)
            depth = RNG.integers(750, 850, (64, 48), dtype=np.uint16)
            Image.fromarray(depth).save(folder / f"depth_0_{frame:04}.png")
    for letter in LETTERS:
        for split in ("train", "test"):
            folder = root / "air" / split / letter
            folder.mkdir(parents=True)
            for number in range(2):
                readings = RNG.normal(size=(120, 6))
                np.savetxt(folder / f"{number}.csv", readings, delimiter=",", header="ax,ay,az,gx,gy,gz", comments="")


def write_sounds(root: Path) -> None:
    categories = {"rooster", "hen", "chirping_birds", "sea_waves", "clock_tick", "insects", "keyboard_typing"}
    categories |= {"car_horn", "cat", "dog", "cow", "sheep", "frog", "helicopter", "pig", "train", "airplane", "rain"}
    (root / "ESC-50/meta").mkdir(parents=True)
    with open(root / "ESC-50/meta/esc50.csv", "w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(["filename", "fold", "target", "category", "esc10", "src_file", "take"])
        for number, category in enumerate(sorted(categories)):
            for fold in (1, 4):
                is_short = category in ("dog", "rooster", "helicopter", "sea_waves", "clock_tick")
                writer.writerow([f"{fold}-{number}-A-0.wav", fold, number, category, is_short, number, "A"])
                save_audio(root / f"ESC-50/audio/{fold}-{number}-A-0.wav")
    for split in ("train", "test"):
        for number, thing in enumerate(THINGS.split()):
            for item in range(2):
                save_image(root / f"things/{split}/{thing}/{item}.jpg")
                if number < 12:
                    save_audio(root / f"clips/{split}/{thing}/{item}.wav")


def write_thermal(root: Path) -> None:
    categories = ["Person", "Car", "Bicycle", "OtherVehicle", "DontCare"]
    (root / "HIT-UAV/normal_json/annotations").mkdir(parents=True)
    for split in ("train", "test"):
        for photo in PHOTOS:
            for number in range(2):
                save_image(root / f"photos/{split}/{photo}/{number}.jpg", 48, 48)
        for number in range(2):
            save_image(root / f"HIT-UAV/normal_json/{split}/{number}.jpg", 160, 128, "L")
        content = {
            "images": [{"filename": f"{number}.jpg", "id": number} for number in range(2)],
            "annotation": [
                {"image_id": number, "category_id": category, "bbox": [20 * category, 8, 18, 24]}
                for number in range(2)
                for category in range(5)
            ],
            "categories": [{"id": number, "name": name} for number, name in enumerate(categories)],
        }
        (root / f"HIT-UAV/normal_json/annotations/{split}.json").write_text(json.dumps(content))
        for time in ("day", "night"):
            for number in range(2):
                save_image(root / f"roadscene/{split}/{time}/visible/{number}.jpg", 80, 48)
                save_image(root / f"roadscene/{split}/{time}/infrared/{number}.jpg", 80, 48, "L")


def write_activities(root: Path) -> None:
    folder = root / "hapt/RawData"
    folder.mkdir(parents=True)
    lines = []
    for user in (1, 4):
        for sensor in ("acc", "gyro"):
            np.savetxt(folder / f"{sensor}_exp{user:02}_user{user:02}.txt", RNG.normal(size=(12 * 3 * 60, 3)))
        for number in range(36):
            lines.append([user, user, number % 12 + 1, 60 * number + 1, 60 * number + 50])
    np.savetxt(folder / "labels.txt", lines, fmt="%d")


def write_sources(root: Path) -> None:
    """Write all sources."""
    write_digits(root)
    write_letters(root)
    write_sounds(root)
    write_thermal(root)
    write_activities(root)
