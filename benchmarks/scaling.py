# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Throughput over batch size, clips, text length, number of labels and processes: tables and `scaling.png`.

python benchmarks/scaling.py [--device cuda|cpu] [--dtype bfloat16|float32]

Our towers and the peer have the same weights. Labels: one depth map is classified among N labels, by the pipeline
after its first call (it embeds the labels once), and by a model that embeds all labels each time. Processes:
independent processes share the cores equally.
"""

import argparse
import multiprocessing
import os
import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from cases import make_config, make_pair, make_values, pad_text, to_device
from timing import alternate, make_parser, record

from imagebind_hf import ImageBindModel, ImageBindProcessor

BATCH_SIZES = {"cpu": (1, 2, 4, 8, 16), "cuda": (1, 4, 16, 64, 256, 1024)}
CLIPS = (1, 2, 3, 6)
LENGTHS = (8, 16, 32, 48, 77)
LABELS = (1, 10, 100, 1000, 10_000)
# With more labels, embedding them each time only takes longer.
MOST_LABELS = 10

Curve = dict[str, list[tuple[float, float]]]


@torch.inference_mode()
def sweep(arguments: argparse.Namespace, modality: str, sizes: Sequence[dict], axis: str) -> Curve:
    """Measure items per second over sizes. The peer always pads texts to the full length."""
    dtype = getattr(torch, arguments.dtype)
    ours, peer, config = make_pair(arguments.size, modality, dtype, arguments.device)
    curve: Curve = {"ours": [], "peer": []}
    for size in sizes:
        values = to_device(make_values(config, modality, **size), dtype, arguments.device)
        padded = values
        if modality == "text":
            padded = pad_text(values, config.text_config.max_position_embeddings)
        functions = {"ours": lambda v=values: ours(v), "peer": lambda v=padded: peer(v)}
        for name, seconds in alternate(functions, arguments.repeats).items():
            curve[name].append((size[axis], size["batch_size"] / statistics.median(seconds)))
    return curve


@torch.inference_mode()
def sweep_labels(arguments: argparse.Namespace) -> Curve:
    """Measure depth maps per second, one at a time, over the number of labels."""
    from transformers import pipeline

    dtype = getattr(torch, arguments.dtype)
    config = make_config(arguments.size, "depth", "text")
    torch.manual_seed(0)
    model = ImageBindModel(config).eval().to(arguments.device, dtype)
    processor = ImageBindProcessor.from_config(config)
    classify = pipeline("zero-shot-depth-classification", model=model, processor=processor, device=arguments.device)
    depth = torch.rand(224, 224).numpy()
    template = "A photo of a {}."

    def embed_all(labels: list[str]) -> None:
        inputs = processor(text=[template.format(label) for label in labels], depth=depth, return_tensors="pt")
        model(**{name: to_device(value, dtype, arguments.device) for name, value in inputs.items()})

    curve: Curve = {"labels embedded once": [], "labels embedded each time": []}
    for count in LABELS[: 3 if arguments.size == "tiny" else None]:
        labels = [f"thing {number}" for number in range(count)]
        # The cache of the pipeline after its first call, with random vectors: embedding 10,000 labels takes minutes.
        classify(depth, candidate_labels=["a thing"], hypothesis_template=template)
        vectors = torch.nn.functional.normalize(torch.randn(count, config.projection_dim), dim=-1)
        classify._label_embeds[tuple(labels), (template,)] = to_device(vectors, dtype, arguments.device)
        functions = {
            "labels embedded once": partial(classify, depth, candidate_labels=labels, hypothesis_template=template)
        }
        if count <= MOST_LABELS:
            functions["labels embedded each time"] = partial(embed_all, labels)
        for name, seconds in alternate(functions, arguments.repeats).items():
            curve[name].append((count, 1 / statistics.median(seconds)))
    return curve


def run_rank(size: str, threads: int, repeats: int, barrier: "multiprocessing.Barrier", queue) -> None:
    torch.set_num_threads(threads)
    config = make_config(size, "imu")
    model, values = ImageBindModel(config).eval(), make_values(config, "imu", 4)
    with torch.inference_mode():
        model(imu_values=values)
        barrier.wait()
        seconds = alternate({"ours": lambda: model(imu_values=values)}, repeats)["ours"]
    queue.put(len(values) * len(seconds) / sum(seconds))


def sweep_ranks(arguments: argparse.Namespace) -> Curve:
    """Measure the IMU signals per second of several processes that share the cores of a CPU."""
    context, curve = multiprocessing.get_context("spawn"), []
    cores = torch.get_num_threads()
    for ranks in (1, 2) if arguments.size == "tiny" else range(1, min(cores, 4) + 1):
        queue, barrier = context.Queue(), context.Barrier(ranks)
        work = (arguments.size, max(cores // ranks, 1), arguments.repeats, barrier, queue)
        processes = [context.Process(target=run_rank, args=work) for _ in range(ranks)]
        for process in processes:
            process.start()
        curve.append((ranks, sum(queue.get(timeout=600) for _ in processes)))
        for process in processes:
            process.join()
    return {"ours": curve}


def draw(curves: dict[str, Curve], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 3, figsize=(12, 6.5), layout="constrained")
    colors = {"ours": "#0072b2", "labels embedded once": "#0072b2"}
    for axis, (title, curve) in zip(axes.flat, curves.items(), strict=False):
        for name, points in curve.items():
            axis.plot(*zip(*points, strict=True), marker="o", label=name, color=colors.get(name, "#d55e00"))
        axis.set(title=title, xlabel=title.partition(" by ")[2], ylabel="items per second")
        axis.set_ylim(0)
        if "labels" in title:
            axis.set_xscale("log")
        else:
            axis.set_xticks([x for x, _ in curve["ours"]])
        axis.grid(alpha=0.3)
        axis.legend(frameon=False)
    for axis in axes.flat[len(curves) :]:
        axis.remove()
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def table(title: str, curve: Curve) -> str:
    sizes = [x for x, _ in next(iter(curve.values()))]
    rows = [f"| {title} | " + " | ".join(f"{size:,}" for size in sizes) + " |", "|---" * (len(sizes) + 1) + "|"]
    for name, points in curve.items():
        cells = [f"{y:,.1f}" for _, y in points] + ["–"] * (len(sizes) - len(points))
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    parser = make_parser(__doc__)
    parser.set_defaults(repeats=3)
    cuda = torch.cuda.is_available()
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda" if cuda else "cpu")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="bfloat16" if cuda else "float32")
    arguments = parser.parse_args()
    batches = BATCH_SIZES[arguments.device]
    size = 256 if arguments.device == "cuda" else 4
    lengths = LENGTHS if arguments.size == "huge" else LENGTHS[:2]
    curves = {
        "depth maps by batch size": sweep(arguments, "depth", [{"batch_size": b} for b in batches], "batch_size"),
        "audio by clips": sweep(arguments, "audio", [{"batch_size": 1, "clips": c} for c in CLIPS], "clips"),
        "texts by tokens": sweep(arguments, "text", [{"batch_size": size, "length": n} for n in lengths], "length"),
        "depth maps by labels": sweep_labels(arguments),
    }
    if arguments.device == "cpu":
        curves["IMU signals by processes"] = sweep_ranks(arguments)
    image = arguments.results.with_name("scaling.png" if arguments.device == "cpu" else "scaling-cuda.png")
    draw(curves, image)
    tables = "\n\n".join(table(title, curve) for title, curve in curves.items())
    record(
        f"scaling-{arguments.device}",
        f"""
## Scaling: items per second ({arguments.size}, {arguments.dtype})

![Items per second over batch size, clips, tokens, labels and processes]({image.name})

{tables}
""",
        arguments.results,
        f"--device {arguments.device} --dtype {arguments.dtype}",
    )


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()
