# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The cache of embeddings: results of a function over the rows of a data set, kept on disk in chunks."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import datasets
from datasets import Dataset, Features, Value, concatenate_datasets
from datasets.fingerprint import Hasher
from torch import nn

from .. import __version__
from ..models.imagebind.modalities import tower_name
from ..utils.digest import digest_tensors
from ..utils.progress import progress_bar, quiet_datasets

# Rows per cache file. An interrupted run repeats at most this many rows.
CHUNK = 2_048


def cached_map(
    dataset: Dataset,
    function: Callable[[dict[str, Any], list[int]], dict[str, Any]],
    features: Features,
    key: Sequence[Any],
    *,
    media: str | None = None,
    keep: Sequence[str] = (),
    batch_size: int = 64,
    chunk_size: int | None = None,
    description: str = "Embedding",
    progress: bool = True,
) -> Dataset:
    """Apply a function to the rows of a data set and keep the result on disk, in chunks of rows.

    A later call with the same data and key reads the cache files instead. An interrupted call resumes after its last
    complete chunk. The files are `imagebind_hf/embeddings-<fingerprint>.arrow` in the cache folder of `datasets`. The
    fingerprint covers the data, `key`, the features, the chunk, this package's version, and the sizes and modification
    times of the media files that the rows refer to.

    Args:
        dataset: The data set. Its format determines what the function gets.
        function: Called with a batch, as columns, and the row numbers of the batch in `dataset`. Returns the columns
            of `features`, except those of `keep`.
        features: Columns of the result.
        key: Everything else that the result depends on, for example [`tower_digest`], `repr(processor)` and settings.
        media: Column that may refer to media files by path.
        keep: Columns of `dataset` to copy to the result.
        batch_size: Number of rows per call of the function. It is not part of the fingerprint.
        chunk_size: Number of rows per cache file. Defaults to `CHUNK`.
        description: Label of the progress bar.
        progress: Whether to show a progress bar.

    Returns:
        A data set with the columns of `features`, in the order of the rows, without a format.

    Raises:
        OSError: If the disk is full.
    """
    chunk_size = CHUNK if chunk_size is None else chunk_size
    folder = Path(datasets.config.HF_DATASETS_CACHE) / "imagebind_hf"
    folder.mkdir(parents=True, exist_ok=True)
    key = [__version__, dataset._fingerprint, str(features), *key]
    files = [] if media is None else _media_files(dataset, media)
    chunks = []
    with quiet_datasets(), progress_bar(None, description, len(dataset), disable=not progress) as bar:
        for start in range(0, len(dataset), chunk_size):
            end = min(start + chunk_size, len(dataset))
            fingerprint = Hasher.hash([*key, start, chunk_size, *map(_stamp, files[start:end])])

            def process(columns: dict[str, Any], rows: list[int], start: int) -> dict[str, Any]:
                result = function(columns, [start + row for row in rows])
                bar.update(len(rows))
                return result

            chunk = dataset.select(range(start, end)).map(
                process,
                fn_kwargs={"start": start},
                with_indices=True,
                batched=True,
                batch_size=batch_size,
                remove_columns=[name for name in dataset.column_names if name not in keep],
                features=features,
                cache_file_name=str(folder / f"embeddings-{fingerprint}.arrow"),
                new_fingerprint=fingerprint,
            )
            chunks.append(chunk)
            # Rows that came from the cache.
            bar.update(end - bar.n)
    return concatenate_datasets(chunks).with_format(None)


def tower_digest(model: nn.Module, modality: str) -> str:
    """Return a digest of everything in a model that an embedding of a modality depends on.

    Args:
        model: An [`ImageBindModel`], with or without adapters.
        modality: Name of the modality.
    """
    tower = tower_name(modality)
    parts = [getattr(model, f"{tower}_model"), getattr(model, f"{tower}_projection")]
    tensors = [entry for part in parts for entry in part.state_dict().items()]
    settings = [model.config.tower_configs[tower].to_dict(), model.config.normalize_clip_mean, model.dtype]
    return digest_tensors((tensor for _, tensor in tensors), *settings, [name for name, _ in tensors])


def _media_files(dataset: Dataset, column: str) -> list[str | None]:
    """Return the paths in a column of media, without reading their bytes; an empty list if it has none."""
    feature = dataset.features[column]
    if isinstance(feature, (datasets.Audio, datasets.Image, datasets.Video)):
        dataset = dataset.cast_column(column, type(feature)(decode=False))
    # A format may refer to columns that `flatten` renames.
    dataset = dataset.select_columns([column]).with_format(None).flatten()
    name = column if column in dataset.column_names else f"{column}.path"
    feature = dataset.features.get(name)
    return dataset[name][:] if isinstance(feature, Value) and feature.dtype in ("string", "large_string") else []


def _stamp(file: str | None) -> tuple[int, int] | None:
    """Return the size and modification time of a file, or `None` if there is no such file, as for bytes and URLs."""
    try:
        status = os.stat(file or "")
    # A ValueError for strings that cannot be a path.
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns
