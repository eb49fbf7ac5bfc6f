# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The commands `imagebind-hf evaluate` and `imagebind-hf score`."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from ..hub.checkpoints import load_model
from ..utils.schema import read_yaml
from .config import Benchmark, load_benchmark
from .imagebind_score import imagebind_score
from .measure import Measurement, format_results, model_index


def find_benchmark(name: str, overrides: Sequence[str] | None = None) -> Benchmark:
    """Read a benchmark, or what a recipe measures in the end.

    Raises:
        ValueError: If there is neither, where near names are suggested, or a file is no valid YAML.
    """
    from ..training.recipe import load_recipe

    benchmarks, recipes = (
        {entry.name.removesuffix(".yaml") for entry in (resources.files("imagebind_hf") / folder).iterdir()}
        for folder in ("evaluation/benchmarks", "training/recipes")
    )
    file = Path(name)
    is_recipe = name in recipes - benchmarks
    if file.is_file():
        values = read_yaml(file)
        is_recipe = isinstance(values, dict) and "stages" in values
    if not is_recipe:
        return load_benchmark(name, list(overrides or []))
    recipe = load_recipe(name, list(overrides or []))
    title = f"What the recipe {name} measures"
    return Benchmark(title, recipe.evaluation, recipe.few_shot, reference=recipe.reference)


def run_benchmark(
    benchmark: str,
    model: str,
    data: str | Path | None = None,
    dataset: str | None = None,
    batch_size: int = 64,
    device: str | None = None,
    dtype: str = "auto",
    overrides: Sequence[str] | None = None,
) -> tuple[str, dict[str, Any]]:
    """Measure a model.

    Args:
        benchmark: Name or file of a benchmark, or of a recipe, whose test sets are measured.
        model: Folder or Hub id.
        data: Folder that files are relative to.
        dataset: A Hub id to take instead of the benchmark's own.
        batch_size: Items that are computed together.
        device: Where to compute; an accelerator if there is one.
        dtype: The model's type.
        overrides: `a.b=value` each.

    Returns:
        What to print; and results, benchmark, model, and metadata for a model card.

    Raises:
        ValueError: For an unknown benchmark, missing files or columns, or a model without a tower that is asked for.
    """
    found = find_benchmark(benchmark, overrides)
    if dataset is not None:
        sources = [config.source for config in found.evaluation.values()]
        for source in [*sources, *(each for probe in found.few_shot.values() for each in (probe.train, probe.test))]:
            source.dataset, source.data_files, source.data_dir = dataset, None, None
    measurement = Measurement(found.evaluation, found.few_shot, data)
    loaded, processor = load_model(model, measurement.modalities, device=device, dtype=dtype)
    results = measurement.run(loaded, processor, batch_size)
    content = {
        "benchmark": benchmark,
        "model": model,
        "paper": found.paper,
        "reference": found.reference,
        **results,
        "eval_results": [vars(entry) for entry in model_index(results, benchmark)],
    }
    return f"{found.title}\n{format_results(results, found.paper, found.reference)}", content


def run_score(folder: str | Path, model: str, batch_size: int = 4) -> tuple[str, dict[str, Any]]:
    """Compute the ImageBind score of a folder, with only the towers that it takes.

    Args:
        folder: Folder of videos, with sounds of their names or with their own.
        model: Folder or Hub id.
        batch_size: Clips that are computed together.

    Returns:
        What to print, and what [`imagebind_score`] returned.

    Raises:
        ValueError: If the model lacks a tower, or no clip can be read.
    """
    loaded, processor = load_model(model, ["video", "audio"])
    result = imagebind_score(loaded, processor, folder, batch_size)
    low, high = result["interval"]
    lines = [f"{result['score']:.2f} (95 %: {low:.2f} to {high:.2f}) of {len(result['clips'])} clips"]
    if result["unreadable"]:
        lines.append(f"{len(result['unreadable'])} could not be read: {', '.join(list(result['unreadable'])[:5])}")
    return "\n".join(lines), result
