# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The work of `imagebind-hf embed`."""

from collections.abc import Sequence
from pathlib import Path

import torch
from accelerate import PartialState

from .items import find_items
from .job import EmbeddingJob, JobResult


def run_embed(
    inputs: Sequence[Path],
    output: Path,
    model: str,
    modality: str | None = None,
    column: str | None = None,
    file_format: str = "parquet",
    part_size: int = 10_000,
    batch_size: int = 64,
    num_workers: int = 0,
    device: str | None = None,
    dtype: str = "auto",
    engine: str = "local",
    num_actors: int = 2,
) -> JobResult | None:
    """Embed files and data sets, on this machine (also under `accelerate launch`) or on a Ray cluster.

    Args:
        inputs: Files, folders, archives and data sets.
        output: Folder for the embeddings.
        model: Local folder or Hub id.
        modality, column: Arguments of [`find_items`]: the modality of the items, and the data set column with them.
        file_format, part_size, batch_size, num_workers, device, dtype: Arguments of [`EmbeddingJob`].
        engine: `"local"` or `"ray"`.
        num_actors: Number of Ray actors.

    Returns:
        The result; `None` in every process of `accelerate launch` but the first.
    """
    items = find_items(inputs, modality, None if column is None else {modality: column})
    # Each process of `accelerate launch` computes its share on its own device.
    state = PartialState(cpu=device == "cpu" or not torch.accelerator.is_available())
    if device is None and state.num_processes > 1:
        device = str(state.device)
    job = EmbeddingJob(items, output, model, file_format, part_size, batch_size, num_workers, device, dtype)
    if engine == "ray":
        from .ray import run_with_ray

        return run_with_ray(job, num_actors)
    job.run(state.process_index, state.num_processes, progress=state.is_local_main_process)
    state.wait_for_everyone()
    return job.result() if state.is_main_process else None
