# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Commands that measure a model: `evaluate` and `score`."""

from pathlib import Path
from typing import Annotated

import typer

from .options import (
    BatchSizeOption,
    DataOption,
    DeviceOption,
    DtypeOption,
    ModelOption,
    OutputFileOption,
    OverridesOption,
    check_device,
    check_settings,
)
from .running import running, write_json


def _check_benchmark(benchmark: str) -> str:
    return check_settings(benchmark, "evaluation/benchmarks", "training/recipes")


def evaluate(
    benchmark: Annotated[
        str,
        typer.Argument(callback=_check_benchmark, help="YAML file, or name of a packaged benchmark or recipe."),
    ],
    model: ModelOption,
    data: DataOption = None,
    dataset: Annotated[str | None, typer.Option(help="Hub id of a data set that replaces the benchmark's.")] = None,
    output: OutputFileOption = None,
    batch_size: BatchSizeOption = 64,
    device: DeviceOption = None,
    dtype: DtypeOption = "auto",
    overrides: OverridesOption = None,
) -> None:
    """Evaluate a model on a benchmark.

    Measures zero-shot classification, retrieval and few-shot probes, and shows the paper's results beside them.
    """
    with running():
        check_device(device)
        from ..evaluation.command import run_benchmark
        from ..training.recipe import find_benchmark

        found = find_benchmark(benchmark, overrides)
        shown, results = run_benchmark(found, benchmark, model, data, dataset, batch_size, device, dtype)
        # Results are printed first: a full disk does not lose them.
        typer.echo(shown)
        write_json(results, output)


def score(
    folder: Annotated[
        Path,
        typer.Argument(
            exists=True,
            file_okay=False,
            help="Folder of videos with audio tracks or audio files of the same name.",
        ),
    ],
    model: ModelOption,
    output: OutputFileOption = None,
    batch_size: BatchSizeOption = 4,
) -> None:
    """Compute the ImageBind score of videos.

    The score is the mean cosine similarity of videos and their audio, times 100.
    """
    with running():
        from ..evaluation.command import run_score

        shown, result = run_score(folder, model, batch_size)
        typer.echo(shown)
        write_json(result, output)
