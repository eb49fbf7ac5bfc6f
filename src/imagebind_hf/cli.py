# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The command line: `imagebind-hf convert | train | demo`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="ImageBind as a native Hugging Face model.", no_args_is_help=True, pretty_exceptions_enable=False
)


@contextmanager
def _errors() -> Iterator[None]:
    """Show bad input as a message, not a traceback."""
    try:
        yield
    except (ValueError, OSError, ImportError, FloatingPointError) as error:
        typer.secho(f"Error: {error}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error


@app.command()
def convert(
    checkpoint: Annotated[Path, typer.Argument(help="A published checkpoint (.pth); with --to-original a folder.")],
    output: Annotated[Path, typer.Argument(help="The folder to make; with --to-original a .pth file.")],
    original_config: Annotated[
        Path | None, typer.Option(help="JSON with the published constructor's arguments. Default: imagebind_huge.")
    ] = None,
    to_original: Annotated[bool, typer.Option("--to-original", help="Convert back to the published format.")] = False,
) -> None:
    """Convert the published checkpoint to a repository of ours, or back, bit for bit."""
    from .convert import convert_checkpoint, convert_to_original

    with _errors():
        if to_original:
            written = convert_to_original(checkpoint, output)
        else:
            written = convert_checkpoint(checkpoint, output, original_config)
    typer.echo(f"Wrote {written}")


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="A YAML file, or the name of a recipe of this package.")],
    data: Annotated[Path | None, typer.Option(help="Folder with the recipe's data files.")] = None,
    output: Annotated[Path, typer.Option(help="Folder for the trained model.")] = Path("outputs"),
    overrides: Annotated[list[str] | None, typer.Option("--set", help="Change the recipe: a.b=value.")] = None,
    print_config: Annotated[bool, typer.Option("--print-config", help="Show the recipe as it would run.")] = False,
) -> None:
    """Train as a recipe says, save the model, and measure it."""
    from dataclasses import asdict

    import yaml

    from .training.measure import format_results
    from .training.recipe import load_recipe
    from .training.run import run_recipe

    with _errors():
        loaded = load_recipe(recipe, overrides)
        if print_config:
            typer.echo(yaml.safe_dump(asdict(loaded), sort_keys=False))
            return
        results = run_recipe(loaded, data, output)
    if results:
        typer.echo(format_results(results))
        typer.echo(f"Saved {output}")


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="Folder for the model and the picture.")] = Path("outputs/demo"),
    seed: Annotated[int, typer.Option(help="Seed of data and training.")] = 0,
) -> None:
    """Train a small model on six digits, reload it, ask it, draw what it learned. Two and a half minutes on a CPU."""
    from .demo import run_demo

    with _errors():
        run_demo(output, seed, typer.echo)


if __name__ == "__main__":
    app()
