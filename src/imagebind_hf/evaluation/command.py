# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The commands `imagebind-hf evaluate` and `imagebind-hf score`."""

from pathlib import Path
from typing import Any

from ..hub.checkpoints import load_model
from .config import Benchmark
from .imagebind_score import imagebind_score
from .measure import Measurement
from .report import format_results, model_index


def run_benchmark(
    benchmark: Benchmark,
    name: str,
    model: str,
    data: str | Path | None = None,
    dataset: str | None = None,
    batch_size: int = 64,
    device: str | None = None,
    dtype: str = "auto",
) -> tuple[str, dict[str, Any]]:
    """Evaluate a model on a benchmark.

    Args:
        benchmark: The benchmark. With `dataset`, its sources are changed in place.
        name: Name of the benchmark, for the results and the metadata of a model card.
        model: Folder or Hub id of the model.
        data: Folder that `data_files` and `data_dir` of the benchmark are relative to.
        dataset: Hub id of a data set that replaces the benchmark's own.
        batch_size: Number of items per forward pass.
        device: Device to run on. Defaults to an accelerator if one is available, else the CPU.
        dtype: Data type of the weights: `"auto"` or the name of a torch dtype.

    Returns:
        The results as text to print; and as a dictionary, together with the name of the benchmark, the model, and
        metadata for a model card.

    Raises:
        ValueError: If files or columns are missing, or the model lacks a tower that the benchmark needs.
    """
    if dataset is not None:
        sources = [config.source for config in benchmark.evaluation.values()]
        sources += [source for probe in benchmark.few_shot.values() for source in (probe.train, probe.test)]
        for source in sources:
            source.dataset, source.data_files, source.data_dir = dataset, None, None
    measurement = Measurement(benchmark.evaluation, benchmark.few_shot, data)
    loaded, processor = load_model(model, measurement.modalities, device=device, dtype=dtype)
    processor.configure(benchmark.processor)
    results = measurement.run(loaded, processor, batch_size)
    content = {
        "benchmark": name,
        "model": model,
        "protocol": benchmark.protocol,
        "paper": benchmark.paper,
        "reference": benchmark.reference,
        **results,
        "eval_results": [vars(entry) for entry in model_index(results, name)],
    }
    shown = [benchmark.title, *([f"Protocol: {benchmark.protocol.strip()}"] if benchmark.protocol else [])]
    return "\n".join([*shown, format_results(results, benchmark.paper, benchmark.reference)]), content


def run_score(folder: str | Path, model: str, batch_size: int = 4) -> tuple[str, dict[str, Any]]:
    """Compute the ImageBind score of a folder. Only the vision and the audio tower are loaded.

    Args:
        folder: Folder of videos; see [`~imagebind_hf.evaluation.imagebind_score.find_clips`].
        model: Folder or Hub id of the model.
        batch_size: Number of clips per forward pass.

    Returns:
        The score as text to print, and the result of [`imagebind_score`].

    Raises:
        ValueError: If the model lacks a tower, or no clip can be read.
    """
    loaded, processor = load_model(model, ["video", "audio"])
    result = imagebind_score(loaded, processor, folder, batch_size)
    low, high = result["interval"]
    lines = [f"{result['score']:.2f} (95 % interval: {low:.2f} to {high:.2f}), {len(result['clips'])} clips"]
    if result["unreadable"]:
        shown = ", ".join(list(result["unreadable"])[:5])
        lines.append(f"{len(result['unreadable'])} clips could not be read, for example {shown}")
    return "\n".join(lines), result
