# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Run an embedding job on Ray Data: actors make the parts. If an actor dies, another one makes its part."""

from typing import Any

import torch

from ..utils.locks import one_writer
from .job import EmbeddingJob, JobResult


class _PartMaker:
    def __init__(self, job: EmbeddingJob):
        self.job = job

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        for part in batch["part"]:
            if self.job.is_due(int(part)):
                self.job.make_part(int(part))
        return batch


def run_with_ray(job: EmbeddingJob, num_actors: int = 2) -> JobResult:
    """Make the parts that are due on Ray, on the connected cluster or on this machine.

    Args:
        job: The job. All nodes must be able to read its inputs and its model, and to write to its folder.
        num_actors: Number of actors. Each one loads the model and takes one GPU if there are GPUs.

    Raises:
        ImportError: If Ray is not installed.
        ValueError: If another process is writing to the folder.
    """
    try:
        import ray
    except ImportError as error:
        raise ImportError("`--engine ray` needs Ray: `pip install imagebind-hf[ray]`.") from error
    with one_writer(job.output, "writer-0"):
        due = job.due_parts()
        if not due:
            return job.result()
        parts = ray.data.from_items([{"part": part} for part in due], override_num_blocks=len(due))
        parts.map_batches(
            _PartMaker,
            fn_constructor_args=(job,),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=num_actors),
            num_gpus=1 if torch.cuda.is_available() else 0,
        ).materialize()
        return job.result(len(due))
