# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Commands around checkpoints and the Hub: `info` and `push`."""

from pathlib import Path
from textwrap import indent
from typing import Annotated

import typer
import yaml

from .options import JsonOption, ModelArgument
from .running import echo_json, running


def info(
    model: ModelArgument,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit on the Hub.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Describe a model without loading its weights.

    Shows modalities, sizes, license and training facts.
    """
    with running():
        from ..hub.info import model_info

        facts = model_info(model, revision)
    if as_json:
        echo_json(facts)
        return
    for name in ("model", "revision", "license", "base_model", "projection_dim", "dtype"):
        if facts[name] is not None:
            typer.echo(f"{name.replace('_', ' ')}: {facts[name]}")
    typer.echo(f"modalities: {', '.join(facts['modalities'])}")
    typer.echo(f"parameters: {facts['parameters']:,} ({facts['bytes'] / 2**20:,.1f} MiB)")
    for name, tower in facts["towers"].items():
        typer.echo(f"  {name}: {tower['parameters']:,} ({tower['bytes'] / 2**20:,.1f} MiB)")
    if facts["training"] is not None:
        typer.echo("training:")
        typer.echo(indent(yaml.safe_dump(facts["training"], sort_keys=False, allow_unicode=True), "  ").rstrip())


def push(
    folder: Annotated[
        Path,
        typer.Argument(exists=True, file_okay=False, help="Saved model, adapter or processor."),
    ],
    repo_id: Annotated[str, typer.Argument(help="Repository on the Hub (org/name), created if it does not exist.")],
    message: Annotated[str, typer.Option(help="Commit message.")] = "Upload ImageBind",
    private: Annotated[bool | None, typer.Option("--private/--public", help="Visibility of a new repository.")] = None,
    revision: Annotated[str | None, typer.Option(help="Branch, created if it does not exist.")] = None,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request instead.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that differ.")] = False,
    base_model: Annotated[str | None, typer.Option(help="Hub id of the base model of an adapter.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the files to upload and exit.")] = False,
) -> None:
    """Publish a checkpoint on the Hub.

    Makes one commit. Log in first with `hf auth login`, or set HF_TOKEN.
    """
    with running():
        from ..hub.push import check_files, find_files, push_folder

        if dry_run:
            files = find_files(folder)
            check_files(folder, files)
            for name, file in files.items():
                typer.echo(f"{file.stat().st_size / 2**20:10.2f} MiB  {name}")
            return
        commit = push_folder(
            folder,
            repo_id,
            commit_message=message,
            private=private,
            revision=revision,
            create_pr=create_pr,
            overwrite=overwrite,
            base_model=base_model,
        )
    typer.echo(commit.pr_url or commit.commit_url)
