# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The same job on Ray Data: parts are dealt out to actors, and a part whose actor dies is dealt out again."""

from typing import Any

import torch

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
    """Make the parts that are due on Ray, on a cluster that is connected or on this machine.

    Args:
        job: The job. Its folder, inputs and model are reachable from everywhere.
        num_actors: Actors, each with the model and, where there are some, a GPU.

    Raises:
        ImportError: If Ray is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise ImportError("This engine needs Ray: `pip install ray[data]`.") from error
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
