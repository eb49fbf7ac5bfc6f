# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The command `app`."""

from pathlib import Path
from typing import Annotated

import typer

from .options import ModelOption
from .running import running


def app(
    model: ModelOption,
    index: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Folder of files to search. Default: examples."),
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the server. Default: 7860.")] = None,
    share: Annotated[bool, typer.Option("--share", help="Create a public link through Gradio.")] = False,
) -> None:
    """Open the browser app.

    It compares modalities, classifies with your labels and searches a folder.
    """
    with running():
        from ..serving.space import launch

        launch(model, index=index, server_port=port, share=share)
