# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Commands of the search index: `index` and `search`."""

from pathlib import Path
from typing import Annotated

import typer

from .options import (
    BatchSizeOption,
    ColumnOption,
    DeviceOption,
    DtypeOption,
    JsonOption,
    ModalityOption,
    WorkersOption,
    check_device,
    check_model,
    check_output_file,
)
from .running import echo_json, running


def index(
    store: Annotated[Path, typer.Option(help="Folder of the index. An existing one is updated.")],
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(exists=True, help="Files, folders, tar archives, parquet files, saved data sets."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(callback=check_model, help="Local folder or Hub id of the model. Default: that of the index."),
    ] = None,
    modality: ModalityOption = None,
    column: ColumnOption = None,
    remove: Annotated[list[str] | None, typer.Option(metavar="ID", help="Id, file or folder to remove.")] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Remove items whose files no longer exist.")] = False,
    approximate: Annotated[
        bool,
        typer.Option("--approximate", help="Build the approximate index now. Default: from 5,000 items on."),
    ] = False,
    part_size: Annotated[int, typer.Option(min=1, help="Items per commit; a killed run loses at most one.")] = 1000,
    batch_size: BatchSizeOption = 64,
    workers: WorkersOption = 0,
    device: DeviceOption = None,
    dtype: DtypeOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Add files and data sets to a search index.

    Takes any modality. Only new and changed items are embedded.
    """
    if not (inputs or remove or prune or approximate):
        raise typer.BadParameter("Name files or folders to add, or use --remove, --prune or --approximate.")
    if column is not None and modality is None:
        raise typer.BadParameter("It needs --modality, the modality of the column.", param_hint="'--column'")
    with running():
        check_device(device)
        from ..search.command import run_index

        options = {"batch_size": batch_size, "num_workers": workers, "device": device, "dtype": dtype}
        arguments = (store, inputs or (), model, modality, column, remove or (), prune, approximate, part_size)
        summary = run_index(*arguments, **options)
    if as_json:
        echo_json(summary.to_dict())
    else:
        typer.echo("\n".join(summary.lines()))
    if summary.failed:
        raise typer.Exit(1)


def search(
    store: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder of the index.")],
    text: Annotated[list[str] | None, typer.Option(metavar="TEXT", help="Query text. Queries are repeatable.")] = None,
    image: Annotated[list[str] | None, typer.Option(metavar="FILE", help="Query image.")] = None,
    video: Annotated[list[str] | None, typer.Option(metavar="FILE", help="Query video.")] = None,
    audio: Annotated[list[str] | None, typer.Option(metavar="FILE", help="Query audio.")] = None,
    depth: Annotated[list[str] | None, typer.Option(metavar="FILE", help="Query depth map.")] = None,
    thermal: Annotated[list[str] | None, typer.Option(metavar="FILE", help="Query thermal image.")] = None,
    imu: Annotated[list[str] | None, typer.Option(metavar="FILE", help="Query IMU recording (CSV file).")] = None,
    minus_text: Annotated[list[str] | None, typer.Option(metavar="TEXT", help="Text to subtract.")] = None,
    weight: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=NUMBER", help="Weight of a query option (audio=0.5, minus-text=0.3). Default: 1."),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Number of results.")] = 10,
    only: Annotated[list[str] | None, typer.Option(metavar="MODALITY", help="Return only this modality.")] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Compare with every item, without the approximate index.")
    ] = False,
    html: Annotated[Path | None, typer.Option(callback=check_output_file, help="HTML file for the results.")] = None,
    embed_media: Annotated[
        bool, typer.Option("--embed-media", help="With --html: embed small images and audio files in the page.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(callback=check_model, help="New place of the index's model, if it has moved.")
    ] = None,
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search an index with items of any modality.

    A query is a weighted sum of texts, images, audio and other items.
    """
    given = {"text": text, "image": image, "video": video, "audio": audio, "depth": depth, "thermal": thermal}
    given |= {"imu": imu, "minus-text": minus_text}
    if not any(given.values()):
        raise typer.BadParameter("Give at least one query option, such as --text or --image.")
    if embed_media and html is None:
        raise typer.BadParameter("It needs --html, the file of the page.", param_hint="'--embed-media'")
    with running():
        check_device(device)
        from ..search.command import run_search, weigh

        result = run_search(store, weigh(given, weight or []), model, k, only, exact, html, device, embed_media)
        # Results are printed first: a page that cannot be written does not lose them.
        if as_json:
            echo_json(result.to_dict())
        else:
            typer.echo("\n".join(result.lines()))
        if html is not None:
            typer.echo(f"Wrote {result.write_page()}", err=as_json)
