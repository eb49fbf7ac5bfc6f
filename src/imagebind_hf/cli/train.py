# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Commands that train: `train` and `demo`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
import yaml

from .options import DataOption, OverridesOption, check_settings
from .running import running


def _check_recipe(recipe: str) -> str:
    return check_settings(recipe, "training/recipes")


def train(
    recipe: Annotated[str, typer.Argument(callback=_check_recipe, help="YAML file, or name of a packaged recipe.")],
    data: DataOption = None,
    output: Annotated[Path, typer.Option(help="Folder for the trained model.")] = Path("outputs"),
    overrides: OverridesOption = None,
    print_config: Annotated[bool, typer.Option("--print-config", help="Print the resolved recipe and exit.")] = False,
) -> None:
    """Train a model with a recipe, save it and evaluate it."""
    with running():
        from ..evaluation.report import format_results
        from ..training.recipe import load_recipe
        from ..training.run import run_recipe

        loaded = load_recipe(recipe, overrides)
        if print_config:
            typer.echo(yaml.safe_dump(asdict(loaded), sort_keys=False))
            return
        results = run_recipe(loaded, data, output)
    # Only the main process of `accelerate launch` has results.
    if results:
        typer.echo(format_results(results, reference=loaded.reference))
        typer.echo(f"Saved {output}")


def demo(
    output: Annotated[Path, typer.Option(help="Folder for the model and the plot.")] = Path("outputs/demo"),
    seed: Annotated[int, typer.Option(help="Random seed of the data and the training.")] = 0,
) -> None:
    """Train a small model and plot what it learned.

    Trains on six digits, a generated data set of six modalities, in three to ten minutes on a CPU.
    """
    with running():
        from ..demo import run_demo

        run_demo(output, seed, typer.echo)
