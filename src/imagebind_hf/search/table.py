# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The table below a store: where it lies, its columns, and the rows that go in."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from .identity import ModelRecord

TABLE = "items"
# Key of the model's record in the table's metadata.
_RECORD = b"imagebind_hf"
# What is stored of an item beside its vector and thumbnail, as text.
_TEXTS = ("path", "stamp", "text")


def is_store(folder: str | Path) -> bool:
    """Tell whether there is a store in a folder; what a kill has left before its first commit is none."""
    return any((Path(folder) / f"{TABLE}.lance").glob("_versions/*.manifest"))


def create_table(folder: Path, model: ModelRecord) -> Any:
    """Make an empty table.

    Raises:
        ImportError: If LanceDB is not installed.
    """
    fields = [(name, pa.string()) for name in ("id", "modality", *_TEXTS)]
    fields += [("thumbnail", pa.binary()), ("vector", pa.list_(pa.float32(), model.dimension))]
    schema = pa.schema(fields, metadata={_RECORD: json.dumps(asdict(model))})
    return _connect(folder).create_table(TABLE, schema=schema)


def open_table(folder: Path) -> tuple[Any, ModelRecord]:
    """Open a table, and read which model it is of.

    Raises:
        ValueError: If there is none, it is damaged, or it is none of this package.
        ImportError: If LanceDB is not installed.
    """
    if not is_store(folder):
        raise ValueError(f"There is no store in {str(folder)!r}: make one with `imagebind-hf index`.")
    database = _connect(folder)
    try:
        table = database.open_table(TABLE)
        metadata = table.schema.metadata or {}
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"The store in {str(folder)!r} cannot be read: {error}") from error
    if _RECORD not in metadata:
        raise ValueError(f"The table in {str(folder)!r} is not a store of this package.")
    return table, ModelRecord(**json.loads(metadata[_RECORD]))


def make_rows(
    schema: pa.Schema,
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
    vectors, dimension = np.asarray(vectors, np.float32), schema.field("vector").type.list_size
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
    if len(set(columns["id"])) < count:
        raise ValueError(f"{count} items have only {len(set(columns['id']))} different ids.")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    bad = np.flatnonzero(~(np.isfinite(lengths[:, 0]) & (lengths[:, 0] > 0)))
    if len(bad):
        raise ValueError(f"The vector of {columns['id'][bad[0]]!r} is zero, or not finite.")
    columns["vector"] = pa.FixedSizeListArray.from_arrays(pa.array((vectors / lengths).ravel()), dimension)
    return pa.table(columns, schema=schema)


def quote(text: str) -> str:
    """Write a text as SQL does."""
    return "'" + text.replace("'", "''") + "'"


def _connect(folder: Path) -> Any:
    try:
        import lancedb
    except ImportError as error:
        raise ImportError("Search needs LanceDB: `pip install imagebind-hf[search]`.") from error
    # Whoever has a store open sees what others commit.
    return lancedb.connect(folder, read_consistency_interval=timedelta(0))
