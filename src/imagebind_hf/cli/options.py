# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share, checked before any work is done."""

from pathlib import Path

DTYPES = ("auto", "float32", "bfloat16", "float16")


def check_options(
    device: str | None = None, dtype: str = "auto", batch_size: int = 1, output: str | Path | None = None
) -> None:
    """Refuse what would fail only when a model is loaded, or when its results are written.

    Args:
        device: Where to compute; `None` for an accelerator, if there is one.
        dtype: The model's type, of `DTYPES`.
        batch_size: Items that are computed together.
        output: File to write.

    Raises:
        ValueError: If a device is not there, a type unknown, a batch empty, or a file has no folder to lie in.
    """
    if dtype not in DTYPES:
        raise ValueError(f"--dtype is {dtype!r}, expected one of {', '.join(DTYPES)}.")
    if batch_size < 1:
        raise ValueError(f"--batch-size is {batch_size}, expected at least 1.")
    if output is not None:
        file = Path(output)
        # What is there is replaced: no folder, and no device either.
        if (file.exists() and not file.is_file()) or not file.parent.is_dir():
            raise ValueError(f"--output is {str(output)!r}, expected a file in a folder that is there.")
    if device is not None:
        import torch

        try:
            # A value that comes back: a name may be known without a device behind it.
            torch.zeros(1, device=device).item()
        # What is raised depends on the kind of device.
        except (RuntimeError, AssertionError) as error:
            reason = str(error).strip().split("\n")[0]
            raise ValueError(f"--device is {device!r}, on which nothing can be computed here: {reason}") from error
