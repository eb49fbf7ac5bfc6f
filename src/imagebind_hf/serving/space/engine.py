# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""What the Space computes: embeddings of what visitors bring, answers by text, and a small index."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.special import softmax
from transformers import pipeline

from ...datasets import load_six_digits
from ...datasets.six_digits import CLASS_NAMES
from ...datasets.six_digits_signals import IMU_RATE
from ...embedding import Item, Unreadable, find_items
from ...embedding.worker import ItemEmbedder
from ...hub.checkpoints import load_model
from ...pipelines import ImageBindZeroShotPipeline

# In this order they are offered.
NAMES = {
    "image": "Image",
    "video": "Video",
    "text": "Text",
    "audio": "Audio",
    "depth": "Depth",
    "thermal": "Thermal",
    "imu": "Motion (IMU)",
}
# File names do not tell these; a folder of that name does.
FOLDER_MODALITIES = ("depth", "thermal", "imu")
BATCH = 16
CSV_COLUMNS = "canonical_timestamp_ms,accl_x,accl_y,accl_z,gyro_x,gyro_y,gyro_z"


class Engine:
    """A checkpoint, and the index that it has embedded.

    Args:
        model: Folder or Hub id of the checkpoint.
        index: Folder of the index: pictures, sounds, videos and texts (`.txt`, an item a line), and in folders named
            `depth`, `thermal` and `imu` what goes by these names.
    """

    def __init__(self, model: str, index: str | Path):
        self.model, self.processor = load_model(model)
        self.modalities = [name for name in NAMES if name in self.model.inputs]
        parts = {"model": self.model, "processor": self.processor, "device": self.model.device}
        self._embed = pipeline("multimodal-embedding", **parts)
        self._classify = {
            name: ImageBindZeroShotPipeline(task=f"zero-shot-{name}-classification", **parts)
            for name in (self.modalities if "text" in self.modalities else ())
        }
        self.items, self.vectors, self.unreadable = self._read_index(Path(index))

    def embed(self, modality: str, values: Sequence[str]) -> np.ndarray:
        """Embed texts or files of one modality: unit vectors, float32 of shape `(len(values), E)`.

        Raises:
            ValueError: If something cannot be read.
        """
        vectors = self._embed([{modality: value} for value in values], batch_size=BATCH, return_tensors=True)
        return np.stack([vector[modality].cpu().numpy() for vector in vectors])

    def compare(
        self, rows: tuple[str, Sequence[str]], columns: tuple[str, Sequence[str]], shares: bool = False
    ) -> tuple[np.ndarray, str]:
        """Compare two sets of items.

        Args:
            rows, columns: Modality and items.
            shares: Give each row as shares that add up to 1: the softmax of the cosines times a scale, that of text
                where it takes part, else the larger of the two.

        Returns:
            Cosines or shares, `(rows, columns)`; and what they are, in words.

        Raises:
            ValueError: If something cannot be read.
        """
        cosines = self.embed(*rows) @ self.embed(*columns).T
        if not shares:
            return cosines, "Cosines"
        names = (rows[0], columns[0])
        with torch.no_grad():
            scale = max(self.model.logit_scale(name).item() for name in (["text"] if "text" in names else names))
        return softmax(scale * cosines, axis=1), f"Softmax of each row of cosines × {scale:.3g}"

    def classify(self, modality: str, value: str, labels: Sequence[str], template: str) -> dict[str, float]:
        """Return the share of each label, as texts made by the template.

        Raises:
            ValueError: If the item cannot be read, or the template has no `{}`.
        """
        answers = self._classify[modality](value, candidate_labels=list(labels), hypothesis_template=template)
        return {answer["label"]: answer["score"] for answer in answers}

    def search(self, modality: str, value: str, wanted: str, count: int) -> list[tuple[Item, float]]:
        """Return the items of a modality in the index that are nearest, with their cosines, the best first."""
        rows = np.array([row for row, item in enumerate(self.items) if item.modality == wanted], dtype=int)
        cosines = self.vectors[rows] @ self.embed(modality, [value])[0]
        best = np.argsort(-cosines, kind="stable")[:count]
        return [(self.items[rows[place]], float(cosines[place])) for place in best]

    def examples(self, modality: str, count: int) -> list[str]:
        """Return the first texts or files of a modality in the index, in the order of their names."""
        return [item.source for item in self.items if item.modality == modality][:count]

    def _read_index(self, folder: Path) -> tuple[list[Item], np.ndarray, list[str]]:
        special = [folder / name for name in FOLDER_MODALITIES if (folder / name).is_dir()]
        items = []
        for path in sorted(folder.iterdir()):
            modality = path.name if path in special else None
            try:
                items += find_items([path], modality)
            except ValueError:
                # Nothing in it that can be embedded: a readme, an empty folder.
                continue
        items = [item for item in items if isinstance(item.source, (str, Unreadable))]
        items = [item for item in items if item.modality in self.modalities]
        if not items:
            raise ValueError(
                f"There is nothing in {str(folder)!r} that the model can embed: it has {self.modalities}."
            )
        vectors = np.zeros((len(items), self.model.config.projection_dim), np.float32)
        kept, unreadable = [], []
        for rows, embeds, errors in ItemEmbedder(self.model, self.processor, BATCH)(items):
            vectors[rows] = embeds
            kept += rows
            unreadable += [why for _, why in errors]
        kept.sort()
        return [items[row] for row in kept], vectors[kept], unreadable


def write_six_digits(folder: str | Path, each: int = 3) -> Path:
    """Write test items of six digits as an index: of each modality and digit so many.

    Args:
        folder: Where to write them; a folder a modality.
        each: How many of a digit.

    Returns:
        The folder.
    """
    folder = Path(folder)
    for modality in ("image", "text", "audio", "depth", "thermal", "imu"):
        (folder / modality).mkdir(parents=True)
        pairs = load_six_digits("text" if modality == "image" else modality, "test")
        labels, captions = np.array(pairs["label"][:]), []
        # All zeros, ones, … would stand together otherwise: the first ten of a modality are the ten digits.
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
            (folder / modality / "captions.txt").write_text(
                "\n".join(dict.fromkeys(captions)) + "\n", encoding="utf-8"
            )
    return folder
