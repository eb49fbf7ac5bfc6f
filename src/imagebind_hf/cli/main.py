# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The application: its global options and the list of commands."""

from typing import Annotated

import typer

from .. import __version__
from .convert import convert, export
from .embed import embed
from .evaluate import evaluate, score
from .hub import info, push
from .search import index, search
from .space import app as space
from .train import demo, train

app = typer.Typer(
    help="ImageBind as a native Hugging Face model.",
    epilog="Exit codes: 0 success, 1 failure or no result, 2 wrong usage.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Plain text: error messages and paths are not broken into a box.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"imagebind-hf {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """ImageBind as a native Hugging Face model."""


for command in (demo, train, evaluate, score, embed, index, search, convert, export, info, push):
    app.command()(command)
app.command("app")(space)
