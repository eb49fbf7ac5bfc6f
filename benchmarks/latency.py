# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Latency of one item: our towers, our towers after `compile_towers`, and the peer.

python benchmarks/latency.py [--device cuda|cpu] [--dtype bfloat16|float32] [--modalities image text …]

On a GPU, `compile_towers` replays CUDA graphs; on a CPU, it fuses operations and packs weights (`freeze=True`).
"""

import argparse
import time

import torch
from cases import MODALITIES, PROMPT_LENGTH, make_pair, make_values, pad_text, to_device
from timing import Comparison, alternate, make_parser, record

from imagebind_hf import compile_towers

# Upper limits in milliseconds that we aim for on one H200 in bfloat16.
TARGETS = {"image": 2.4, "text": 1.1, "audio": 1.0, "depth": 0.6, "thermal": 0.65, "imu": 0.34}


def row(arguments: argparse.Namespace, modality: str, dtype: torch.dtype) -> str:
    device = arguments.device
    ours, peer, config = make_pair(arguments.size, modality, dtype, device)
    values = make_values(config, modality, 1, PROMPT_LENGTH if modality == "text" else None, clips=1)
    inputs = padded = to_device(values, dtype, device)
    if modality == "text":
        padded = pad_text(inputs, config.text_config.max_position_embeddings)
    functions = {"ours": lambda: ours(inputs), "peer": lambda: peer(padded)}
    # Not inference mode, because inference tensors cannot be packed.
    with torch.no_grad():
        plain = alternate(functions, arguments.repeats)
        compile_towers(ours.model, freeze=device == "cpu")
        started = time.perf_counter()
        ours(inputs)
        first = time.perf_counter() - started
        compiled = alternate(functions, arguments.repeats, warmup=3)
    before, after = (Comparison.of(times["ours"], times["peer"]) for times in (plain, compiled))
    goal = f" {TARGETS[modality]} |" if device == "cuda" else ""
    name = {"text": f"text, {PROMPT_LENGTH} tokens", "audio": "audio, 1 clip"}.get(modality, modality)
    return (
        f"| {name} | {1000 * before.ours:.2f} | {1000 * after.ours:.2f} |{goal} {1000 * after.peer:.2f} "
        f"| {before.ratio:.2f}× | {after.faster} | {first:.0f} s |"
    )


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], help="by default bfloat16 on a GPU, else float32")
    parser.add_argument("--modalities", nargs="+", choices=MODALITIES, default=MODALITIES)
    arguments = parser.parse_args()
    device = arguments.device
    dtype = getattr(torch, arguments.dtype or ("bfloat16" if device == "cuda" else "float32"))
    rows = [row(arguments, modality, dtype) for modality in arguments.modalities]
    name = str(dtype).removeprefix("torch.")
    goal = " target |" if device == "cuda" else ""
    dashes = "|---" * (8 if device == "cuda" else 7)
    record(
        f"latency-{device}-{name}",
        f"""
## Latency of one item in ms ({arguments.size}, {name})

| | ours | `compile_towers` |{goal} peer | speed-up | speed-up, compiled | time to compile |
{dashes}|
{chr(10).join(rows)}
""",
        arguments.results,
        f"--device {device} --dtype {name}",
    )


if __name__ == "__main__":
    main()
