# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Commands that convert weights: `convert` and `export`."""

from pathlib import Path
from typing import Annotated

import typer

from .options import ModelArgument
from .running import running


def convert(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="[CHECKPOINT] OUTPUT",
            help="Published checkpoint (.pth) and output folder. With --to-original: folder and output .pth file. "
            "With --download: the output folder alone.",
        ),
    ],
    original_config: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="JSON with the arguments of the original model. Default: imagebind_huge.",
        ),
    ] = None,
    to_original: Annotated[bool, typer.Option("--to-original", help="Convert back to the published format.")] = False,
    download: Annotated[
        bool,
        typer.Option(
            "--download",
            help="Download the published checkpoint (4.8 GB) next to OUTPUT first.",
        ),
    ] = False,
    accept_license: Annotated[
        bool,
        typer.Option("--accept-license", help="Accept the license of the weights (non-commercial use)."),
    ] = False,
) -> None:
    """Convert the published checkpoint, or back.

    The conversion is exact in both directions.
    """
    if download and (to_original or original_config is not None):
        raise typer.BadParameter("Use it without --to-original and --original-config.", param_hint="'--download'")
    expected = 1 if download else 2
    if len(paths) != expected:
        names = "OUTPUT" if download else "CHECKPOINT OUTPUT"
        raise typer.BadParameter(f"Expected {names}, but got {len(paths)} paths.", param_hint=f"'{names}'")
    output = paths[-1]
    if not download and not paths[0].exists():
        raise typer.BadParameter(f"There is no checkpoint {str(paths[0])!r}.", param_hint="'CHECKPOINT'")
    if output.is_file() or (output.is_dir() and (to_original or any(output.iterdir()))):
        raise typer.BadParameter(f"{str(output)!r} exists already.", param_hint="'OUTPUT'")
    with running():
        if to_original:
            from ..hub.convert import convert_to_original

            written = convert_to_original(*paths)
        else:
            from ..hub.convert import convert_checkpoint
            from ..hub.download import download_published

            checkpoint = download_published(output.absolute().parent, accept_license) if download else paths[0]
            written = convert_checkpoint(checkpoint, output, original_config)
    typer.echo(f"Wrote {written}")


def export(
    model: ModelArgument,
    output: Annotated[Path, typer.Argument(help="Folder for the ONNX files.")],
    modality: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Modality. Repeatable. Default: all.")
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="Also write files with weights quantized to 8 bits.")] = False,
) -> None:
    """Export a model to ONNX, one file per modality.

    Outputs are compared with those of the model.
    """
    with running():
        from ..deploy.onnx import export_onnx

        files = export_onnx(model, output, modality, int8)
    for name, file in files.items():
        typer.echo(f"{name}: {file}, {file.stat().st_size / 2**20:.1f} MiB")
