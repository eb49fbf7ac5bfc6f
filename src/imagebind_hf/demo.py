# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The demo: train a small model on six digits, reload it, classify audio and plot what was learned."""

import io
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import soundfile
import torch
from transformers import AutoModel, AutoProcessor, pipeline

from .datasets.six_digits import CLASS_NAMES, TEMPLATES, load_six_digits
from .evaluation import embed_dataset, retrieval_by_class
from .evaluation.report import format_results
from .training.recipe import load_recipe
from .training.run import run_recipe
from .utils.extras import needs_extra

# Rows and columns of the plot, in this order.
MODALITIES = ("image", "text", "audio", "depth", "thermal", "imu")
_TRAINED, _EMERGENT = "#1b7f74", "#c2491d"


def run_demo(output: str | Path, seed: int = 0, say: Callable[[str], None] = print) -> Path:
    """Train the small model of `six_digits.yaml`, reload it with AutoModel, run a pipeline and plot the retrieval.

    Args:
        output: Folder for the checkpoint and `retrieval.png`.
        seed: Random seed of the data and the training.
        say: Called with each line of the report.

    Returns:
        The path of the plot.
    """
    with needs_extra("demo"):
        import matplotlib  # noqa: F401

    started = time.monotonic()
    say("Training a small ImageBind on six digits, a generated data set of six modalities.")
    say("This takes three to ten minutes on two CPU cores.")
    say("  Stage 1: images with text.")
    say("  Stage 2: images with audio, depth, thermal and IMU. No other two modalities are trained together.")
    results = run_recipe(load_recipe("six_digits", [f"seed={seed}"]), output=output)
    say("")
    say(format_results(results))

    say(f"\nReloading {output} with AutoModel")
    model = AutoModel.from_pretrained(output).eval()
    processor = AutoProcessor.from_pretrained(output)
    embeds, labels = {}, {}
    for modality in MODALITIES:
        pairs = load_six_digits("text" if modality == "image" else modality, "test")
        embeds[modality] = embed_dataset(model, processor, pairs, modality, progress=False)
        labels[modality] = torch.tensor(pairs["label"][:])
    plot = plot_matrix(embeds, labels, Path(output) / "retrieval.png")

    row = load_six_digits("audio", "test")[0]
    wave, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="float32")
    assert rate == processor.feature_extractor.sampling_rate
    classify = pipeline("zero-shot-audio-classification", model=str(output))
    best = classify(wave, candidate_labels=list(CLASS_NAMES), hypothesis_template=TEMPLATES[1])[:3]
    answers = ", ".join(f"{answer['label']} {answer['score']:.1%}" for answer in best)
    say(f"Zero-shot classification of a dial tone from the test set (label: {CLASS_NAMES[row['label']]}): {answers}")
    say(f"Plot: {plot}")
    say(f"Done in {time.monotonic() - started:.0f} s.")
    return plot


def plot_matrix(embeds: Mapping[str, torch.Tensor], labels: Mapping[str, torch.Tensor], path: str | Path) -> Path:
    """Plot how well every two modalities agree: cosine similarities of their classes, and retrieval by class.

    Args:
        embeds: Embeddings of shape `(rows, embedding_dim)` by modality.
        labels: Classes of shape `(rows,)` by modality.
        path: The PNG file to write.

    Returns:
        The path.
    """
    with needs_extra("demo"):
        from matplotlib.figure import Figure

    names = list(embeds)
    centers = {}
    for name in names:
        # Embeddings of a modality share an offset (the modality gap), which is removed.
        centered = embeds[name] - embeds[name].mean(dim=0)
        classes = [centered[labels[name] == label].mean(dim=0) for label in labels[name].unique()]
        centers[name] = torch.nn.functional.normalize(torch.stack(classes), dim=-1)
    figure = Figure(figsize=(11, 11.4), layout="constrained", facecolor="white")
    axes = figure.subplots(len(names), len(names))
    heat_map = None
    for i, query in enumerate(names):
        for j, gallery in enumerate(names):
            axis = axes[i, j]
            similarity = centers[query] @ centers[gallery].t()
            heat_map = axis.imshow(similarity, cmap="YlGnBu", vmin=-0.4, vmax=1)
            digits = range(len(similarity))
            axis.set_xticks(digits, digits if i == len(names) - 1 else [], fontsize=7)
            axis.set_yticks(digits, digits if j == 0 else [], fontsize=7)
            axis.tick_params(length=0, pad=2)
            color = _TRAINED if "image" in (query, gallery) else _EMERGENT
            axis.spines[:].set_color("#bbbbbb" if query == gallery else color)
            axis.spines[:].set_linewidth(2)
            if query != gallery:
                recall = retrieval_by_class(embeds[query], embeds[gallery], labels[query], labels[gallery])
                axis.set_title(f"{recall['recall@1']:.0%}", fontsize=11, color=color, pad=3)
            if i == len(names) - 1:
                axis.set_xlabel(_title(gallery), fontsize=14, labelpad=6)
            if j == 0:
                axis.set_ylabel(_title(query), fontsize=14, labelpad=6)
    bar = figure.colorbar(heat_map, ax=axes, shrink=0.45, aspect=30, pad=0.02)
    bar.set_label("Cosine similarity of class means", fontsize=12)
    figure.suptitle("Retrieval between six modalities of handwritten digits", fontsize=18)
    figure.supxlabel(
        "Each cell compares the digits 0-9 of two modalities. "
        "Percentages are recall@1 by class (row to column, chance 10 %).\n"
        "Green: trained together.   Orange: never trained together.",
        fontsize=11,
    )
    figure.savefig(path, dpi=110)
    return Path(path)


def _title(modality: str) -> str:
    return "IMU" if modality == "imu" else modality.capitalize()
