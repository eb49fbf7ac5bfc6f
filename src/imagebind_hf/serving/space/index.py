# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The folder that the app searches: how it is read, and the generated default."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...datasets import load_six_digits
from ...datasets.six_digits import CLASS_NAMES
from ...datasets.six_digits_signals import IMU_RATE
from ...embedding import Item, Unreadable, find_items
from ...embedding.items import list_files
from ...models.imagebind.modalities import MODALITIES

# File names do not identify these modalities; the name of the folder does.
FOLDER_MODALITIES = ("depth", "thermal", "imu")
CSV_COLUMNS = "canonical_timestamp_ms,accl_x,accl_y,accl_z,gyro_x,gyro_y,gyro_z"


def read_index(folder: str | Path, modalities: Sequence[str]) -> list[Item]:
    """List the files and texts of a folder that a model can embed.

    Images, audio, videos and `.txt` files (one text per line) are recognized by their names, files of other modalities
    by the folder that they are in: `depth`, `thermal`, `imu`, or the name of an extra modality.

    Args:
        folder: The folder.
        modalities: Modalities of the model.

    Raises:
        ValueError: If the folder has no items of these modalities.
    """
    items: list[Item] = []
    for path in sorted(Path(folder).iterdir()):
        by_folder = path.is_dir() and path.name in (*FOLDER_MODALITIES, *modalities)
        if by_folder and path.name not in MODALITIES:
            items += [Item(str(file), path.name, str(file), str(file)) for file in list_files([path])]
            continue
        try:
            items += find_items([path], path.name if by_folder else None)
        except ValueError:
            # Nothing in it can be embedded, for example a README.
            continue
    items = [item for item in items if isinstance(item.source, (str, Unreadable)) and item.modality in modalities]
    if not items:
        raise ValueError(
            f"Expected the folder {str(folder)!r} to have items of the modalities {list(modalities)}, but found none."
        )
    return items


def write_six_digits(folder: str | Path, each: int = 3) -> Path:
    """Write test items of the six-digits data set, in one folder per modality.

    Args:
        folder: The folder to create.
        each: Number of items of each digit in each modality.

    Returns:
        The folder.
    """
    folder = Path(folder)
    for modality in ("image", "text", "audio", "depth", "thermal", "imu"):
        (folder / modality).mkdir(parents=True)
        pairs = load_six_digits("text" if modality == "image" else modality, "test")
        labels, captions = np.array(pairs["label"][:]), []
        # The digits take turns, so that the first ten files of a modality are the ten digits.
        rows = [np.flatnonzero(labels == digit)[place] for place in range(each) for digit in range(10)]
        for number, row in enumerate(rows):
            value = pairs[int(row)][modality]
            file = folder / modality / f"{number // 10 + 1}-{number % 10}-{CLASS_NAMES[number % 10]}"
            if modality == "text":
                captions.append(value)
            elif modality == "audio":
                file.with_suffix(".wav").write_bytes(value["bytes"])
            elif modality == "imu":
                signal = np.asarray(value)
                times = np.arange(signal.shape[1]) * 1000 / IMU_RATE
                table = np.column_stack([times, signal.T])
                np.savetxt(file.with_suffix(".csv"), table, "%.5g", ",", header=CSV_COLUMNS, comments="")
            else:
                value.save(file.with_suffix(".png"))
        if captions:
            lines = "\n".join(dict.fromkeys(captions)) + "\n"
            (folder / modality / "captions.txt").write_text(lines, encoding="utf-8")
    return folder
