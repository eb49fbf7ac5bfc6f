# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Quantized towers: throughput, and the lowest cosine to the embeddings of the tower that is not quantized.

python benchmarks/quantised.py [--device cuda|cpu] [--modalities image text …]

On a GPU: bfloat16, int8 and float8 (torchao), all compiled. On a CPU: float32, bfloat16, int8 with
`torch.ao.quantization.quantize_dynamic`, and int8 with torchao, compiled (it is not faster otherwise).
"""

import copy
import gc
import statistics
from collections.abc import Callable

import torch
from cases import MODALITIES, PROMPT_LENGTH, Ours, make_config, make_values, to_device
from timing import alternate, make_parser, record
from torchao.quantization import (
    Float8DynamicActivationFloat8WeightConfig,
    Int8DynamicActivationInt8WeightConfig,
    PerRow,
    quantize_,
)
from towers import CPU_BATCHES

from imagebind_hf import ImageBindModel, compile_towers


def with_torchao(config: object) -> Callable[[Ours], Ours]:
    def quantize(model: Ours) -> Ours:
        # Only the encoder layers; stems and projections are not quantized.
        for name in model.model.config.tower_configs:
            quantize_(getattr(model.model, f"{name}_model").encoder, config)
        return compiled(model)

    return quantize


def compiled(model: Ours) -> Ours:
    compile_towers(model.model, mode="default")
    return model


def quantize_dynamic(model: Ours) -> Ours:
    for name in model.model.config.tower_configs:
        encoder = getattr(model.model, f"{name}_model").encoder
        torch.ao.quantization.quantize_dynamic(encoder, {torch.nn.Linear}, dtype=torch.qint8, inplace=True)
    return model


INT8 = "int8, torchao, compiled"
CPU_VARIANTS = {
    "float32": lambda model: model,
    "bfloat16": lambda model: model.bfloat16(),
    "int8, quantize_dynamic": quantize_dynamic,
    INT8: with_torchao(Int8DynamicActivationInt8WeightConfig()),
}
CUDA_VARIANTS = {
    "bfloat16, compiled": compiled,
    INT8: with_torchao(Int8DynamicActivationInt8WeightConfig()),
    "float8, torchao, compiled": with_torchao(Float8DynamicActivationFloat8WeightConfig(granularity=PerRow())),
}


@torch.no_grad()
def rows_of(size: str, modality: str, device: str, batch_size: int, repeats: int) -> list[str]:
    torch.manual_seed(0)
    config = make_config(size, modality)
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    plain = Ours(ImageBindModel(config), modality).eval().to(device, dtype).requires_grad_(False)
    length = PROMPT_LENGTH if modality == "text" else None
    inputs = to_device(make_values(config, modality, batch_size, length), dtype, device)
    variants = CUDA_VARIANTS if device == "cuda" else CPU_VARIANTS
    models = {name: make(copy.deepcopy(plain)) for name, make in variants.items()}
    expected = plain(inputs).float()
    expected, cosines = torch.nn.functional.normalize(expected, dim=-1), {}
    for name, model in models.items():
        vectors = torch.nn.functional.normalize(model(inputs).float(), dim=-1)
        cosines[name] = (vectors * expected).sum(dim=-1).min().item()
    times = alternate({name: lambda model=model: model(inputs) for name, model in models.items()}, repeats)
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    first = next(iter(medians.values()))
    label = f"text, {PROMPT_LENGTH} tokens" if modality == "text" else modality
    start = f"| {label} | {batch_size} |"
    return [
        f"{start} {name} | {batch_size / seconds:,.1f} | {first / seconds:.2f}× | {cosines[name]:.5f} |"
        for name, seconds in medians.items()
    ]


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--modalities", nargs="+", choices=MODALITIES, default=MODALITIES)
    parser.add_argument("--batch-size", type=int)
    arguments = parser.parse_args()
    rows = []
    for modality in arguments.modalities:
        batch_size = arguments.batch_size or (256 if arguments.device == "cuda" else CPU_BATCHES[modality])
        rows += rows_of(arguments.size, modality, arguments.device, batch_size, arguments.repeats)
        gc.collect()
    record(
        f"quantised-{arguments.device}",
        f"""
## Quantized towers ({arguments.size}, {arguments.device})

| | batch | type | items/s | speed-up | lowest cosine |
|---|---|---|---|---|---|
{chr(10).join(rows)}

The weights are random: check the cosines of a trained tower on your own data.
""",
        arguments.results,
        f"--device {arguments.device}",
    )


if __name__ == "__main__":
    main()
