# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The files of a store: a record of its model, and one LanceDB table per modality."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..hub.checkpoints import ModelRecord
from ..utils.atomic import replace_text

RECORD = "store.json"
# Columns of text beside the id, the modality, the thumbnail and the vector.
_TEXTS = ("path", "stamp", "text")
# Vectors of at least this many dimensions are quantized to one bit per dimension. The quantized vectors select ten
# times as many candidates as requested, whose full vectors are then compared.
BITS_FROM, REFINE = 256, 10
# Number of partitions of an index that a search reads. A partition has about 4,096 vectors.
PROBES = 30


def is_store(folder: str | Path) -> bool:
    """Return whether a folder contains a store."""
    return (Path(folder) / RECORD).is_file()


def write_record(folder: Path, model: ModelRecord) -> None:
    """Write the record of a store's model, which makes a folder a store."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_text(folder / RECORD, json.dumps(asdict(model), indent=2) + "\n")


def read_record(folder: Path) -> ModelRecord:
    """Read the record of a store's model.

    Raises:
        ValueError: If there is no store, or it is corrupted.
    """
    if not is_store(folder):
        raise ValueError(f"There is no store in {str(folder)!r}. Make one with `imagebind-hf index`.")
    try:
        return ModelRecord(**json.loads((folder / RECORD).read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise ValueError(f"Cannot read the store {str(folder)!r}: {error}") from error


def connect(folder: Path) -> Any:
    """Open a folder of LanceDB tables.

    Raises:
        ImportError: If LanceDB is not installed.
    """
    try:
        import lancedb
    except ImportError as error:
        raise ImportError("Search needs LanceDB: `pip install imagebind-hf[search]`.") from error
    # With an interval of zero, an open store sees the commits of other processes.
    return lancedb.connect(folder, read_consistency_interval=timedelta(0))


def table_names(folder: Path) -> list[str]:
    """List the tables that have at least one commit."""
    return sorted(path.stem for path in folder.glob("*.lance") if any(path.glob("_versions/*.manifest")))


def schema(dimension: int) -> pa.Schema:
    """Return the columns of a table."""
    fields = [(name, pa.string()) for name in ("id", "modality", *_TEXTS)]
    return pa.schema([*fields, ("thumbnail", pa.binary()), ("vector", pa.list_(pa.float32(), dimension))])


def make_rows(
    dimension: int,
    vectors: Any,
    ids: Sequence[str],
    modalities: Sequence[str] | str,
    thumbnails: Sequence[bytes | None] | None,
    texts: Mapping[str, Sequence[str | None]],
) -> pa.Table:
    """Validate the arguments of `SearchIndex.add`, and return them as rows with normalized vectors.

    Raises:
        ValueError: If lengths or shapes do not match, an id occurs twice, or a vector is zero or not finite.
    """
    vectors = np.asarray(vectors, np.float32)
    if vectors.ndim != 2 or vectors.shape[1] != dimension:
        raise ValueError(f"Expected vectors of shape (items, {dimension}), but got {vectors.shape}.")
    unknown = sorted(set(texts) - set(_TEXTS))
    if unknown:
        raise ValueError(f"Unknown columns {unknown}. Expected some of {list(_TEXTS)}.")
    count = len(vectors)
    columns = {"id": list(ids), "modality": [modalities] * count if isinstance(modalities, str) else list(modalities)}
    columns |= {name: list(texts.get(name, [None] * count)) for name in _TEXTS}
    columns["thumbnail"] = [None] * count if thumbnails is None else list(thumbnails)
    wrong = {name: len(values) for name, values in columns.items() if len(values) != count}
    if wrong:
        raise ValueError(f"Expected {count} values in each column, as there are vectors, but got {wrong}.")
    names = set(zip(columns["id"], columns["modality"], strict=True))
    if len(names) < count:
        raise ValueError(f"{count} items have only {len(names)} different ids.")
    # The name of a modality is the name of its table's folder.
    invalid = [name for name in dict.fromkeys(columns["modality"]) if not re.fullmatch(r"\w+", name)]
    if invalid:
        raise ValueError(f"Expected names of modalities to have only letters, digits and underscores, got {invalid}.")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    bad = np.flatnonzero(~(np.isfinite(lengths[:, 0]) & (lengths[:, 0] > 0)))
    if len(bad):
        raise ValueError(f"The vector of {columns['id'][bad[0]]!r} is zero or not finite.")
    columns["vector"] = pa.FixedSizeListArray.from_arrays(pa.array((vectors / lengths).ravel()), dimension)
    return pa.table(columns, schema=schema(dimension))


def has_index(table: Any) -> bool:
    """Return whether a table has an index for approximate search."""
    return any(entry.columns == ["vector"] for entry in table.list_indices())


def build_index(table: Any, dimension: int) -> None:
    """Build a table's index for approximate search, and an index of its ids."""
    from lancedb.index import BTree, IvfRq, IvfSq

    # One bit per dimension (RaBitQ) loses too much of short vectors, which get one byte per dimension.
    kind = IvfSq if dimension % 8 or dimension < BITS_FROM else IvfRq
    # A quarter of LanceDB's default sample and fewer iterations: four times faster with the same recall.
    table.create_index("vector", config=kind(distance_type="cosine", sample_rate=64, max_iterations=15))
    table.create_index("id", config=BTree())


def nearest(table: Any, vector: np.ndarray, k: int, exact: bool) -> list[dict[str, Any]]:
    """Return the rows of the nearest vectors with their distances, which are 1 minus the cosine similarity."""
    query = table.search(vector, vector_column_name="vector").distance_type("cosine").limit(k)
    query = query.select(["id", "modality", "path", "text", "thumbnail", "_distance"])
    if exact:
        return query.bypass_vector_index().to_arrow().to_pylist()
    # Without an index, this compares all vectors.
    query = query.refine_factor(REFINE)
    rows = query.nprobes(PROBES).to_arrow().to_pylist()
    # The partitions may have fewer than k vectors. Then all partitions are read.
    return rows if len(rows) == k else query.minimum_nprobes(1).maximum_nprobes(0).to_arrow().to_pylist()


def named(name: str) -> str:
    """Return the SQL condition for the items with an id, or the items in a file or a folder."""
    path = os.path.abspath(name)
    inside = f"path = {quote(path)} OR starts_with(path, {quote(path.rstrip('/') + '/')})"
    return f"(id = {quote(name)} OR id = {quote(path)} OR {inside})"


def quote(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
