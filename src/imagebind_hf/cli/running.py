# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""What surrounds the work of a command: error messages and quiet libraries."""

import json
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from ..utils.atomic import replace_text

# Seconds before a progress bar of transformers appears.
BAR_DELAY = 2
# Read by the libraries in worker processes, and in this one if they are not imported yet.
_ENVIRONMENT = {
    "TRANSFORMERS_VERBOSITY": "error",
    "DATASETS_VERBOSITY": "error",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
}


@contextmanager
def running() -> Iterator[None]:
    """Run the work of a command: silence other libraries, and turn expected errors into a message and exit code 1."""
    try:
        with quiet():
            yield
    except (ValueError, OSError, ImportError, FloatingPointError) as error:
        typer.secho(f"Error: {error}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings and progress bars of other libraries, and restore their settings at the end.

    Settings that the user has made in the environment or with `python -W` stay.
    """
    ours = {name: value for name, value in _ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(ours)
    torch_logger = logging.getLogger("torch.utils._pytree")
    torch_logger.addFilter(_is_not_about_enums)
    try:
        with warnings.catch_warnings(), _quiet_transformers("TRANSFORMERS_VERBOSITY" in ours):
            if not sys.warnoptions:
                for category in (FutureWarning, DeprecationWarning, PendingDeprecationWarning):
                    warnings.simplefilter("ignore", category)
            yield
    finally:
        torch_logger.removeFilter(_is_not_about_enums)
        for name in ours:
            os.environ.pop(name, None)


@contextmanager
def _quiet_transformers(set_verbosity: bool) -> Iterator[None]:
    from transformers.utils import logging as transformers_logging

    verbosity = transformers_logging.get_verbosity()
    if set_verbosity:
        transformers_logging.set_verbosity_error()
    hook = transformers_logging.set_tqdm_hook(_delay_bar)
    try:
        yield
    finally:
        transformers_logging.set_tqdm_hook(hook)
        transformers_logging.set_verbosity(verbosity)


def _delay_bar(factory: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Create a progress bar of transformers (loading weights) that appears only if the work takes long."""
    return factory(*args, **{"delay": BAR_DELAY, **kwargs})


def _is_not_about_enums(record: logging.LogRecord) -> bool:
    """Drop two records that torch emits because transformers imports an installed torchao."""
    return "register_constant() on Enum subclasses" not in str(record.msg)


def write_json(results: dict[str, Any], output: Path | None) -> None:
    """Write results to a file, if one is given.

    Args:
        results: The results.
        output: The file.
    """
    if output is not None:
        replace_text(output, json.dumps(results, indent=2, default=str) + "\n")


def echo_json(value: Any) -> None:
    """Print a value as JSON.

    Args:
        value: The value.
    """
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
