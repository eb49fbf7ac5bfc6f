# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The demo: train on six digits, save, reload, ask, and draw what was learned."""

import io
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import soundfile
import torch
from datasets.utils.logging import disable_progress_bar
from transformers import AutoModel, AutoProcessor, pipeline

from .datasets.six_digits import CLASS_NAMES, TEMPLATES, load_six_digits
from .evaluation import embed_dataset, retrieval_by_class
from .evaluation.report import format_results
from .training.recipe import load_recipe
from .training.run import run_recipe

# Classes of a pair of modalities are compared in a picture of this order.
MODALITIES = ("image", "text", "audio", "depth", "thermal", "imu")


def run_demo(output: str | Path, seed: int = 0, say: Callable[[str], None] = print) -> Path:
    """Train the small model of `six_digits.yaml`, reload it with AutoModel, run a pipeline, draw the matrix.

    Args:
        output: Folder for the checkpoint and `retrieval.png`.
        seed: Seed of data and training.
        say: Where the report goes, line by line.

    Returns:
        The picture.
    """
    started = time.monotonic()
    disable_progress_bar()
    say("Six digits: image↔text first, then image↔{audio, depth, thermal, IMU}. No other two ever meet.")
    results = run_recipe(load_recipe("six_digits", [f"seed={seed}"]), output=output)
    say(format_results(results))

    say(f"\nReloading {output} with AutoModel …")
    model = AutoModel.from_pretrained(output).eval()
    processor = AutoProcessor.from_pretrained(output)
    embeds, labels = {}, {}
    for modality in MODALITIES:
        pairs = load_six_digits("text" if modality == "image" else modality, "test")
        embeds[modality] = embed_dataset(model, processor, pairs, modality, progress=False)
        labels[modality] = torch.tensor(pairs["label"][:])
    picture = plot_matrix(embeds, labels, Path(output) / "retrieval.png")

    row = load_six_digits("audio", "test")[0]
    wave, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="float32")
    assert rate == processor.feature_extractor.sampling_rate
    classify = pipeline("zero-shot-audio-classification", model=str(output))
    best = classify(wave, candidate_labels=list(CLASS_NAMES), hypothesis_template=TEMPLATES[1])[:3]
    answers = ", ".join(f"{answer['label']} {answer['score']:.1%}" for answer in best)
    say(f"A dial tone never heard before, in truth «{CLASS_NAMES[row['label']]}»: {answers}")
    say(f"The picture: {picture}   ({time.monotonic() - started:.0f} s in all)")
    return picture


def plot_matrix(embeds: Mapping[str, torch.Tensor], labels: Mapping[str, torch.Tensor], path: str | Path) -> Path:
    """Draw how every two modalities agree: the mean cosines of their classes, and retrieval by class.

    Args:
        embeds: Embeddings `(rows, E)` by modality.
        labels: Classes `(rows,)` by modality.
        path: The picture to write.

    Returns:
        The path.
    """
    from matplotlib.figure import Figure

    names = list(embeds)
    centres = {}
    for name in names:
        # Modalities lie apart as wholes; what counts is where a class lies within its own.
        own = embeds[name] - embeds[name].mean(dim=0)
        classes = [own[labels[name] == label].mean(dim=0) for label in labels[name].unique()]
        centres[name] = torch.nn.functional.normalize(torch.stack(classes), dim=-1)
    figure = Figure(figsize=(9.6, 10.2), layout="constrained")
    axes = figure.subplots(len(names), len(names))
    for i, query in enumerate(names):
        for j, gallery in enumerate(names):
            axis = axes[i, j]
            axis.imshow(centres[query] @ centres[gallery].t(), cmap="magma", vmin=-0.4, vmax=1)
            axis.set_xticks([])
            axis.set_yticks([])
            trained = "image" in (query, gallery)
            axis.spines[:].set_color("#2a9d8f" if trained else "#e76f51")
            axis.spines[:].set_linewidth(2.5)
            if query == gallery:
                axis.spines[:].set_color("#bbbbbb")
            else:
                recall = retrieval_by_class(embeds[query], embeds[gallery], labels[query], labels[gallery])
                colour = "#2a9d8f" if trained else "#c8502f"
                axis.set_xlabel(f"{recall['recall@1']:.0%}", fontsize=11, color=colour, labelpad=2)
            if i == 0:
                axis.set_title(gallery, fontsize=13)
            if j == 0:
                axis.set_ylabel(query, fontsize=13)
    figure.suptitle(
        "Ten classes of a row's modality against those of a column's: mean cosine\n"
        "below: how often the nearest of the column is of the class of the row, chance 10 %\n"
        "green: trained together        orange: never trained together",
        fontsize=12,
    )
    figure.savefig(path, dpi=110)
    return Path(path)
