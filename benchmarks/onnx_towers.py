# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Exported towers in ONNX Runtime, in float32 and int8, compared with torch on a CPU.

python benchmarks/onnx_towers.py [--modalities image text …]
"""

import gc
import statistics
import tempfile

import onnxruntime
import torch
from cases import MODALITIES, PROMPT_LENGTH, Ours, make_config, make_values
from timing import alternate, make_parser, record
from towers import CPU_BATCHES

from imagebind_hf import ImageBindModel
from imagebind_hf.deploy.onnx import export_onnx
from imagebind_hf.models.imagebind.modalities import model_argument


@torch.no_grad()
def row(size: str, modality: str, repeats: int) -> str:
    torch.manual_seed(0)
    config = make_config(size, modality)
    model = ImageBindModel(config).eval()
    values = make_values(config, modality, CPU_BATCHES[modality], PROMPT_LENGTH if modality == "text" else None)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    # Threads that spin while they wait would slow torch down, which alternates with ONNX Runtime.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    ours, inputs = Ours(model, modality), {model_argument(modality): values.numpy()}
    functions = {"torch": lambda: ours(values)}
    with tempfile.TemporaryDirectory() as folder:
        files = export_onnx(model, folder, [modality], int8=True)
        for name, file in files.items():
            session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
            functions[name] = lambda session=session: session.run(["embeds"], inputs)[0]
    expected = torch.nn.functional.normalize(functions["torch"](), dim=-1)
    times = alternate(functions, repeats)
    first = statistics.median(times["torch"])
    cells = []
    for name in files:
        vectors = torch.nn.functional.normalize(torch.from_numpy(functions[name]()), dim=-1)
        cosine, seconds = (vectors * expected).sum(dim=-1).min().item(), statistics.median(times[name])
        cells.append(f"{len(values) / seconds:,.1f} | {first / seconds:.2f}× | {cosine:.5f}")
    label = f"text, {PROMPT_LENGTH} tokens" if modality == "text" else modality
    return f"| {label} | {len(values)} | {len(values) / first:,.1f} | {' | '.join(cells)} |"


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--modalities", nargs="+", choices=MODALITIES, default=MODALITIES)
    arguments = parser.parse_args()
    rows = []
    for modality in arguments.modalities:
        rows.append(row(arguments.size, modality, arguments.repeats))
        gc.collect()
    record(
        "onnx_towers",
        f"""
## ONNX Runtime {onnxruntime.__version__} compared with torch on a CPU ({arguments.size})

| | batch | torch float32, items/s | ONNX float32 | speed-up | cosine | ONNX int8 | speed-up | cosine |
|---|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}
""",
        arguments.results,
    )


if __name__ == "__main__":
    main()
