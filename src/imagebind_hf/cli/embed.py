# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The command `embed`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import (
    BatchSizeOption,
    ColumnOption,
    DeviceOption,
    DtypeOption,
    JsonOption,
    ModalityOption,
    ModelOption,
    WorkersOption,
    check_device,
)
from .running import echo_json, running


def embed(
    inputs: Annotated[
        list[Path], typer.Argument(exists=True, help="Files, folders, tar archives, parquet files, saved data sets.")
    ],
    model: ModelOption,
    output: Annotated[Path, typer.Option(help="Folder for the embeddings. An interrupted run in it is resumed.")],
    modality: ModalityOption = None,
    column: ColumnOption = None,
    file_format: Annotated[
        Literal["parquet", "safetensors"], typer.Option("--format", help="Format of the output files.")
    ] = "parquet",
    part_size: Annotated[int, typer.Option(min=1, help="Items per output file.")] = 10_000,
    batch_size: BatchSizeOption = 64,
    workers: WorkersOption = 0,
    device: DeviceOption = None,
    dtype: DtypeOption = "auto",
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="local (also under accelerate launch), or ray.")
    ] = "local",
    actors: Annotated[int, typer.Option(min=1, help="With --engine ray: number of processes that compute.")] = 2,
    as_json: JsonOption = False,
) -> None:
    """Embed files and data sets to files on disk.

    Takes any modality. Running the same command again resumes an interrupted run.
    """
    if column is not None and modality is None:
        raise typer.BadParameter("It needs --modality, the modality of the column.", param_hint="'--column'")
    with running():
        # The devices of a Ray cluster are not those of this process.
        check_device(None if engine == "ray" else device)
        from ..embedding.command import run_embed

        result = run_embed(
            inputs,
            output,
            model,
            modality=modality,
            column=column,
            file_format=file_format,
            part_size=part_size,
            batch_size=batch_size,
            num_workers=workers,
            device=device,
            dtype=dtype,
            engine=engine,
            num_actors=actors,
        )
    # Only the main process of `accelerate launch` reports.
    if result is None:
        return
    if as_json:
        echo_json({"output": str(output), "embedded": result.embedded, "unreadable": result.unreadable})
    else:
        typer.echo(f"{result.embedded} vectors in {output}, {len(result.unreadable)} items could not be read")
        for entry in result.unreadable[:10]:
            typer.echo(f"  {entry['id']}: {entry['why']}", err=True)
    if not result.embedded:
        raise typer.Exit(1)
