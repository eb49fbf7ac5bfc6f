# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Throughput of each tower, compared with the peer with the same weights, and with CLIP ViT-H for images.

python benchmarks/towers.py [--device cuda|cpu] [--dtype bfloat16|float32] [--compile MODE] [--modalities image text …]

Items per second with random data; only the class prompts are real. The peer always pads texts to 77 tokens, ours
runs them at their own length. On a GPU, memory is the peak of a run beyond the weights. On a CPU, the share of the
matrix peak is the speed of the matrix products of a tower relative to that of one large matrix product in the same
process.
"""

import gc

import torch
from cases import (
    MODALITIES,
    PROMPT_LENGTH,
    class_prompts,
    make_config,
    make_pair,
    make_values,
    matrix_peak,
    operations,
    pad_text,
    to_device,
)
from timing import Comparison, alternate, make_parser, peak_memory, record
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from imagebind_hf import compile_towers

# Items per second that we aim for on one H200 in bfloat16 with batches of 256.
TARGETS = {"image": 1450, "text": 36_000, "audio": 3500, "depth": 30_000, "thermal": 11_800, "imu": 36_000}
# Batch sizes that take about a second on a CPU.
CPU_BATCHES = {"image": 1, "text": 8, "audio": 1, "depth": 8, "thermal": 2, "imu": 8}
# Class prompts are embedded once for all items, so in larger batches.
CPU_PROMPTS = 32


class Runner:
    """Measures the rows of the table, with the same settings for all."""

    def __init__(self, device: str, dtype: torch.dtype, repeats: int, size: str):
        self.device, self.dtype, self.repeats = device, dtype, repeats
        self.peak = matrix_peak(dtype, device, size)

    @torch.no_grad()
    def row(self, name: str, ours, peer, inputs, counts, target: int | None) -> str:
        """Time ours and the peer, each with its own batches and operations per item, and compare their embeddings."""
        functions = {
            "ours": lambda: torch.cat([ours(values) for values in inputs[0]]),
            "peer": lambda: torch.cat([peer(values) for values in inputs[1]]),
        }
        difference = "–"
        if counts:
            vectors = [torch.nn.functional.normalize(function().float(), dim=-1) for function in functions.values()]
            difference = f"{1 - (vectors[0] * vectors[1]).sum(dim=-1).min().item():.0e}"
        times = alternate(functions, self.repeats)
        comparison, size = Comparison.of(times["ours"], times["peer"]), sum(map(len, inputs[0]))
        if self.device == "cuda":
            notes = [f"{peak_memory(function):.2f} GiB" for function in functions.values()]
        else:
            seconds = (comparison.ours, comparison.peer)
            speeds = [size * count / each for count, each in zip(counts, seconds, strict=True)] if counts else ()
            notes = [f"{100 * speed / self.peak:.0f} %" for speed in speeds] or ["–", "–"]
        rates = (size / comparison.ours, size / comparison.peer)
        digits = 1 if min(rates) < 100 else 0
        goal = f" {target:,} |" if target else " – |"
        batch_size = len(inputs[0][0])
        return (
            f"| {name} | {batch_size} | {rates[0]:,.{digits}f} |{goal if self.device == 'cuda' else ''} {notes[0]} "
            f"| {rates[1]:,.{digits}f} | {notes[1]} | {comparison.faster} | {difference} |"
        )


def make_clip(size: str, device: str, dtype: torch.dtype):
    """Make the image tower of CLIP ViT-H of transformers, with random weights."""
    huge = {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 16}
    tiny = {"hidden_size": 32, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision = make_config(size, "image").vision_config
    planes = {"image_size": vision.image_size, "patch_size": vision.patch_size, "hidden_act": "gelu"}
    config = CLIPVisionConfig(**(huge if size == "huge" else tiny), **planes, projection_dim=1024)
    model = CLIPVisionModelWithProjection(config).eval().to(device, dtype).requires_grad_(False)
    return lambda values: model(values).image_embeds


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], help="by default bfloat16 on a GPU, else float32")
    parser.add_argument(
        "--compile", nargs="?", const="default", help="compile our towers: a mode of torch.compile, or freeze"
    )
    parser.add_argument(
        "--batch-size", type=int, help="by default 256 on a GPU, else so that a batch takes about a second"
    )
    parser.add_argument("--modalities", nargs="+", choices=MODALITIES, default=MODALITIES)
    arguments = parser.parse_args()
    device = arguments.device
    dtype = getattr(torch, arguments.dtype or ("bfloat16" if device == "cuda" else "float32"))
    runner = Runner(device, dtype, arguments.repeats, arguments.size)
    rows = []
    for modality in arguments.modalities:
        batch_size = arguments.batch_size or (256 if device == "cuda" else CPU_BATCHES[modality])
        ours, peer, config = make_pair(arguments.size, modality, dtype, device)
        if arguments.compile == "freeze":
            compile_towers(ours.model, freeze=True)
        elif arguments.compile:
            compile_towers(ours.model, mode=arguments.compile)

        values = to_device(make_values(config, modality, batch_size), dtype, device)
        target, counts = TARGETS[modality], (operations(config, modality),) * 2
        if modality == "text":
            longest = values.shape[1]
            prompts = class_prompts(config, arguments.batch_size or (256 if device == "cuda" else CPU_PROMPTS))
            short = make_values(config, modality, batch_size, PROMPT_LENGTH)
            cases = {f"{PROMPT_LENGTH} tokens": ([short], None), f"{longest} tokens": ([values], None)}
            # Last, because torch compiles for any length once it has seen several, which is slower.
            cases["class prompts"] = (prompts, target)
            for name, (batches, goal) in cases.items():
                batches = [ids.to(device) for ids in batches]
                own = sum(operations(config, modality, ids.shape[1]) for ids in batches) / len(batches)
                inputs = (batches, [pad_text(ids, longest) for ids in batches])
                rows.append(runner.row(f"text, {name}", ours, peer, inputs, (own, counts[1]), goal))
        else:
            name = "audio, 3 clips" if modality == "audio" else modality
            rows.append(runner.row(name, ours, peer, ([values], [values]), counts, target))
        if modality == "image":
            peer = make_clip(arguments.size, device, dtype)
            rows.append(runner.row("image; peer: CLIP ViT-H", ours, peer, ([values], [values]), (), None))
        del ours, peer
        gc.collect()
    name = str(dtype).removeprefix("torch.")
    how = f", ours compiled ({arguments.compile})" if arguments.compile else ""
    note = "memory" if device == "cuda" else "of the matrix peak"
    goal = " target |" if device == "cuda" else ""
    dashes = "|---" * (9 if device == "cuda" else 8)
    options = f"--device {device} --dtype {name}" + (f" --compile {arguments.compile}" if arguments.compile else "")
    record(
        f"towers-{device}-{name}" + (f"-{arguments.compile}" if arguments.compile else ""),
        f"""
## Throughput of the towers ({arguments.size}, {name}{how})

| | batch | ours, items/s |{goal} {note} | peer, items/s | {note} | speed-up | 1 − cosine |
{dashes}|
{chr(10).join(rows)}

One large matrix product runs at {runner.peak / 1e12:,.2f} TFLOP/s.
""",
        arguments.results,
        options,
    )


if __name__ == "__main__":
    main()
