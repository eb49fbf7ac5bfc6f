# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Six digits: a small generated data set with six modalities, for demonstrations.

The handwritten digits are those of scikit-learn's `load_digits` (1,797 images of 8x8 pixels, part of the library).
Everything else is generated from them. The data set shows that binding works, not how well ImageBind works.
"""

from pathlib import Path
from typing import Any

import datasets
import numpy as np
from PIL import Image

from ..utils.extras import needs_extra
from ..utils.names import nearest_name
from . import six_digits_signals as signals

CLASS_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TEMPLATES = (
    "a photo of the digit {}",
    "the number {}",
    "a handwritten {}",
    "the digit {} on a wall",
    "somebody wrote a {}",
    "{}",
)
MODALITIES = ("text", "audio", "depth", "thermal", "imu")
_SPLITS = ("train", "test")
_TEST_SHARE = 0.2

_FEATURES: dict[str, Any] = {
    "text": datasets.Value("string"),
    "audio": {"bytes": datasets.Value("binary"), "path": datasets.Value("string")},
    "depth": datasets.Image(),
    "thermal": datasets.Image(),
    "imu": datasets.Array2D((6, signals.IMU_SAMPLES), "float32"),
}


def load_six_digits(modality: str, split: str = "train", *, seed: int = 0, repeats: int = 1) -> datasets.Dataset:
    """Generate pairs of images and another modality.

    Args:
        modality: `"text"`, `"audio"`, `"depth"`, `"thermal"` or `"imu"`.
        split: `"train"` (80 % of the handwritten digits of every class) or `"test"` (the other 20 %).
        seed: Seed. The same arguments always give the same rows.
        repeats: Number of pairs per handwritten digit.

    Returns:
        Data set with the columns `image` (RGB, 64x64), `label`, and one of

        - `text`: a caption;
        - `audio`: the telephone dial tone of the digit with noise, one second at 16 kHz, as a WAV file;
        - `depth`: a relief of the digit on a wall, 0.5 to 1.2 m away, 16 bits, in millimeters, aligned with the image;
        - `thermal`: the fading warm trace of a finger that drew the digit, 8 bits, aligned with the image;
        - `imu`: a phone in a hand that writes the digit, `(6, 2000)`: accelerometer in m/s², gyroscope in rad/s, 10 s
          at 200 Hz.

    Raises:
        ValueError: If the modality or the split is unknown.
        ImportError: If scipy or scikit-learn is not installed.

    Example:
        >>> from imagebind_hf.datasets import load_six_digits
        >>> pairs = load_six_digits("depth", "test")
        >>> pairs.column_names, len(pairs), pairs[0]["image"].size, pairs[0]["depth"].mode
        (['image', 'depth', 'label'], 359, (64, 64), 'I;16')
    """
    if modality not in MODALITIES:
        raise ValueError(f"Unknown modality {modality!r}. {nearest_name(modality, MODALITIES)}")
    if split not in _SPLITS:
        raise ValueError(f"Unknown split {split!r}. {nearest_name(split, _SPLITS)}")
    digits, labels = originals(split)
    rows: dict[str, list] = {"image": [], modality: [], "label": []}
    for index in np.repeat(np.arange(len(digits)), repeats):
        key = [seed, _SPLITS.index(split), MODALITIES.index(modality), len(rows["label"])]
        rng = np.random.default_rng(key)
        label = int(labels[index])
        mask = signals.draw_mask(digits[index], rng)
        rows["image"].append(Image.fromarray(signals.draw_image(mask, rng)))
        rows["label"].append(label)
        rows[modality].append(_partner(modality, label, mask, rng))
    names = datasets.ClassLabel(names=list(CLASS_NAMES))
    features = {"image": datasets.Image(), modality: _FEATURES[modality], "label": names}
    dataset = datasets.Dataset.from_dict(rows, features=datasets.Features(features))
    if modality == "audio":
        # Encoding Audio needs torchcodec, a cast does not.
        dataset = dataset.cast_column("audio", datasets.Audio(sampling_rate=signals.AUDIO_RATE, decode=False))
    return dataset


def originals(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the handwritten digits of a split, of shape `(num_rows, 8, 8)` in [0, 1], and their classes."""
    with needs_extra("demo"):
        from sklearn.datasets import load_digits

    digits = load_digits()
    rng = np.random.default_rng(0)
    chosen = []
    for label in range(10):
        members = rng.permutation(np.flatnonzero(digits.target == label))
        cut = round(len(members) * _TEST_SHARE)
        chosen.append(members[:cut] if split == "test" else members[cut:])
    rows = rng.permutation(np.concatenate(chosen))
    return digits.images[rows] / 16, digits.target[rows]


def _partner(modality: str, label: int, mask: np.ndarray, rng: np.random.Generator) -> Any:
    if modality == "text":
        return rng.choice(TEMPLATES).format(CLASS_NAMES[label])
    if modality == "audio":
        return {"bytes": signals.encode_wav(signals.dial(label, rng)), "path": None}
    if modality == "depth":
        return Image.fromarray(signals.draw_depth(mask, rng))
    if modality == "thermal":
        return Image.fromarray(signals.draw_thermal(mask, rng))
    return signals.write_in_air(label, rng)


def plot_six_digits(path: str | Path, seed: int = 0) -> Path:
    """Plot examples of all modalities, with one column per digit.

    Args:
        path: The image file to write.
        seed: Seed of the examples.

    Returns:
        The path.

    Raises:
        ImportError: If matplotlib is not installed.
    """
    import io

    import soundfile

    with needs_extra("demo"):
        from matplotlib.figure import Figure

    sets = {modality: load_six_digits(modality, "test", seed=seed) for modality in MODALITIES}
    figure = Figure(figsize=(12, 7.6), layout="constrained")
    axes = figure.subplots(6, 10)
    for row, name in enumerate(("image", "depth", "thermal", "audio", "imu", "text")):
        pairs = sets["depth" if name == "image" else name]
        labels = pairs["label"][:]
        for digit in range(10):
            axis = axes[row, digit]
            value = pairs[labels.index(digit)][name]
            if name in ("image", "depth", "thermal"):
                colors = {"depth": "viridis_r", "thermal": "inferno"}.get(name)
                axis.imshow(np.asarray(value), cmap=colors)
            elif name == "audio":
                wave, rate = soundfile.read(io.BytesIO(value["bytes"]))
                axis.specgram(wave, NFFT=512, Fs=rate, noverlap=384, cmap="magma")
                axis.set_ylim(500, 1700)
            elif name == "imu":
                signal = np.asarray(value)
                axis.plot(signal[:2].T - signal[:2].mean(axis=1), linewidth=0.6)
            else:
                axis.text(0.5, 0.5, value.replace(" ", "\n"), ha="center", va="center", fontsize=8)
            axis.set_xticks([])
            axis.set_yticks([])
            axis.spines[:].set_visible(False)
        axes[row, 0].set_ylabel(name, fontsize=12)
    figure.savefig(path, dpi=110)
    return Path(path)
