# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share. Their checks run before torch is imported; a failed check exits with 2."""

import re
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import typer

from ..utils.names import nearest_name

# Device types of torch that can compute.
_DEVICE_TYPES = ("cpu", "cuda", "hpu", "mlu", "mps", "musa", "npu", "xla", "xpu")


def check_model(model: str | None) -> str | None:
    """Check that a model is an existing folder, or can be a Hub id.

    A Hub id is `org/name`. If the folder `org` exists, or is `outputs` (the default output folder), `org/name` is a
    local path.

    Args:
        model: The value of `--model` or of a MODEL argument.

    Returns:
        The same value.

    Raises:
        typer.BadParameter: If it is neither.
    """
    if model is None or Path(model).is_dir():
        return model
    match = re.fullmatch(r"([\w-][\w.-]*)/[\w-][\w.-]*", model)
    if match and match[1] != "outputs" and not Path(match[1]).exists():
        return model
    raise typer.BadParameter(f"There is no folder {model!r}. Expected a local folder or a Hub id such as org/name.")


def check_output_file(output: Path | None) -> Path | None:
    """Check that a file can be written at a path.

    Args:
        output: The path.

    Returns:
        The same value.

    Raises:
        typer.BadParameter: If its folder does not exist, or it exists and is not a regular file.
    """
    if output is not None and (not output.parent.is_dir() or (output.exists() and not output.is_file())):
        raise typer.BadParameter(f"Expected a file in an existing folder, but got {str(output)!r}.")
    return output


def check_settings(name: str | None, *folders: str) -> str | None:
    """Check that a settings file exists, or that one of this name ships with the package.

    Args:
        name: Path of a YAML file, or the name of a packaged one.
        folders: Folders of the package, such as `"training/recipes"`.

    Returns:
        The same value.

    Raises:
        typer.BadParameter: If there is neither.
    """
    if name is None or Path(name).is_file():
        return name
    entries = [entry for folder in folders for entry in (resources.files("imagebind_hf") / folder).iterdir()]
    known = sorted({entry.name.removesuffix(".yaml") for entry in entries if entry.name.endswith(".yaml")})
    if name not in known:
        raise typer.BadParameter(
            f"There is no file {name!r}, and no {name!r} in this package. {nearest_name(name, known)}"
        )
    return name


def check_override(overrides: list[str] | None) -> list[str]:
    """Check that every override has the form `key=value`.

    Args:
        overrides: The values of `--set`.

    Returns:
        The overrides.

    Raises:
        typer.BadParameter: If one has another form.
    """
    for entry in overrides or []:
        if not entry.partition("=")[1]:
            raise typer.BadParameter(f"Expected key=value, but got {entry!r}.")
    return overrides or []


def check_device_name(device: str | None) -> str | None:
    """Check the form of a device's name, such as `cpu` or `cuda:1`.

    Args:
        device: The value of `--device`.

    Returns:
        The same value.

    Raises:
        typer.BadParameter: If torch has no such type of device.
    """
    if device is not None and not re.fullmatch(rf"({'|'.join(_DEVICE_TYPES)})(:\d+)?", device):
        raise typer.BadParameter(f"Expected a device such as cpu, cuda, cuda:1 or mps, but got {device!r}.")
    return device


def check_device(device: str | None) -> None:
    """Check that a device exists on this machine. This imports torch.

    Args:
        device: The value of `--device`.

    Raises:
        typer.BadParameter: If nothing can be computed on it.
    """
    if device is None:
        return
    import torch

    try:
        # Copies a value back: torch accepts names of devices that do not exist.
        torch.zeros(1, device=device).item()
    # The exception depends on the type of device.
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().split("\n")[0]
        raise typer.BadParameter(
            f"The device {device!r} is not available: {reason}", param_hint="'--device'"
        ) from error


ModelOption = Annotated[
    str, typer.Option("--model", callback=check_model, help="Local folder or Hub id (org/name) of the model.")
]
ModelArgument = Annotated[
    str, typer.Argument(callback=check_model, help="Local folder or Hub id (org/name) of the model.")
]
ModalityOption = Annotated[
    str | None, typer.Option(help="Modality of image files, data set columns or archive members.")
]
ColumnOption = Annotated[
    str | None, typer.Option(help="Data set column to embed. Default: the column named like --modality.")
]
BatchSizeOption = Annotated[int, typer.Option(min=1, help="Items per forward pass.")]
WorkersOption = Annotated[int, typer.Option(min=0, help="Number of processes that read and decode files.")]
DeviceOption = Annotated[
    str | None,
    typer.Option(callback=check_device_name, help="Device to compute on. Default: an accelerator if available."),
]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
DtypeOption = Annotated[Dtype, typer.Option(help="Data type of the model. auto: that of the checkpoint.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
OutputFileOption = Annotated[Path | None, typer.Option(callback=check_output_file, help="JSON file for the results.")]
OverridesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", callback=check_override, help="Override a setting: a.b=value. Repeatable."
    ),
]
DataOption = Annotated[Path | None, typer.Option(exists=True, file_okay=False, help="Folder with the data files.")]
