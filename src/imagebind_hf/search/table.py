# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""What lies below a store: a record of its model, a LanceDB table for each modality, and the rows that go in."""

import json
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
# What is stored of an item beside its vector and thumbnail, as text.
_TEXTS = ("path", "stamp", "text")
# Vectors of so many dimensions are told apart by one bit of each, with which those are chosen that are looked at in
# full: ten times as many as are wanted.
BITS_FROM, REFINE = 256, 10
# Parts of an index, of about 4,096 vectors each, that are looked into.
PROBES = 30


def is_store(folder: str | Path) -> bool:
    """Tell whether there is a store in a folder."""
    return (Path(folder) / RECORD).is_file()


def write_record(folder: Path, model: ModelRecord) -> None:
    """Write which model a store is of, which makes it a store."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_text(folder / RECORD, json.dumps(asdict(model), indent=2) + "\n")


def read_record(folder: Path) -> ModelRecord:
    """Read which model a store is of.

    Raises:
        ValueError: If there is no store, or it is damaged.
    """
    if not is_store(folder):
        raise ValueError(f"There is no store in {str(folder)!r}: make one with `imagebind-hf index`.")
    try:
        return ModelRecord(**json.loads((folder / RECORD).read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise ValueError(f"The store in {str(folder)!r} cannot be read: {error}") from error


def connect(folder: Path) -> Any:
    """Open a folder of tables.

    Raises:
        ImportError: If LanceDB is not installed.
    """
    try:
        import lancedb
    except ImportError as error:
        raise ImportError("Search needs LanceDB: `pip install imagebind-hf[search]`.") from error
    # Whoever has a store open sees what others commit.
    return lancedb.connect(folder, read_consistency_interval=timedelta(0))


def table_names(folder: Path) -> list[str]:
    """List the tables; what a kill has left before a first commit is none."""
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
    """Check what is to be added, as `SearchIndex.add` says, and bring vectors to length 1.

    Raises:
        ValueError: If numbers or shapes do not fit, an id is there twice, or a vector is zero or not finite.
    """
    vectors = np.asarray(vectors, np.float32)
    if vectors.ndim != 2 or vectors.shape[1] != dimension:
        raise ValueError(f"Expected vectors of shape (items, {dimension}), got {vectors.shape}.")
    unknown = sorted(set(texts) - set(_TEXTS))
    if unknown:
        raise ValueError(f"Unknown columns {unknown}, expected some of {list(_TEXTS)}.")
    count = len(vectors)
    columns = {"id": list(ids), "modality": [modalities] * count if isinstance(modalities, str) else list(modalities)}
    columns |= {name: list(texts.get(name, [None] * count)) for name in _TEXTS}
    columns["thumbnail"] = [None] * count if thumbnails is None else list(thumbnails)
    wrong = {name: len(values) for name, values in columns.items() if len(values) != count}
    if wrong:
        raise ValueError(f"There are {count} vectors, but of other columns {wrong}.")
    names = set(zip(columns["id"], columns["modality"], strict=True))
    if len(names) < count:
        raise ValueError(f"{count} items have only {len(names)} different ids.")
    strange = [name for name in dict.fromkeys(columns["modality"]) if not re.fullmatch(r"\w+", name)]
    if strange:
        raise ValueError(f"Expected names of modalities, of letters and digits, got {strange}.")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    bad = np.flatnonzero(~(np.isfinite(lengths[:, 0]) & (lengths[:, 0] > 0)))
    if len(bad):
        raise ValueError(f"The vector of {columns['id'][bad[0]]!r} is zero, or not finite.")
    columns["vector"] = pa.FixedSizeListArray.from_arrays(pa.array((vectors / lengths).ravel()), dimension)
    return pa.table(columns, schema=schema(dimension))


def has_index(table: Any) -> bool:
    """Tell whether a table has an index for approximate search."""
    return any(entry.columns == ["vector"] for entry in table.list_indices())


def build_index(table: Any, dimension: int) -> None:
    """Make the index for approximate search, and one of ids."""
    from lancedb.index import BTree, IvfRq, IvfSq

    # A bit a dimension; too little of short vectors, which have a byte.
    kind = IvfSq if dimension % 8 or dimension < BITS_FROM else IvfRq
    # A quarter of the vectors that LanceDB would train on, and fewer rounds: no worse, and faster by as much.
    table.create_index("vector", config=kind(distance_type="cosine", sample_rate=64, max_iterations=15))
    table.create_index("id", config=BTree())


def nearest(table: Any, vector: np.ndarray, k: int, exact: bool) -> list[dict[str, Any]]:
    """Find the rows of a table whose vectors are nearest, with their distances, 1 less the cosine."""
    query = table.search(vector, vector_column_name="vector").distance_type("cosine").limit(k)
    query = query.select(["id", "modality", "path", "text", "thumbnail", "_distance"])
    if exact:
        return query.bypass_vector_index().to_arrow().to_pylist()
    # Where there is no index, all vectors are compared.
    query = query.refine_factor(REFINE)
    rows = query.nprobes(PROBES).to_arrow().to_pylist()
    # There are too few in these parts: all of them, then.
    return rows if len(rows) == k else query.minimum_nprobes(1).maximum_nprobes(0).to_arrow().to_pylist()


def quote(text: str) -> str:
    """Write a text as SQL does."""
    return "'" + text.replace("'", "''") + "'"
