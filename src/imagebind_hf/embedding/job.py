# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""A job of embedding, in parts: each a file that is there whole or not at all, whoever makes it, however often.

That is all there is to resuming after a kill and to dividing the work: what is missing is made. Items that could not
be read are missing too, and join their part when they can be.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import safe_open
from safetensors.numpy import save_file
from tqdm.auto import tqdm

from ..hub.checkpoints import ModelRecord, record_of
from ..utils.atomic import replace_file, replace_text
from .items import Cell, Item, Row
from .worker import ItemEmbedder

MANIFEST = "job.json"


@dataclass
class JobResult:
    """What became of a job.

    Args:
        embedded: Items with a vector, in the whole folder.
        unreadable: Items without, and why.
        made: Parts that this call made, or in which it tried again what could not be read.
    """

    embedded: int
    unreadable: list[dict[str, str]]
    made: int


@dataclass
class EmbeddingJob:
    """Embeds items to files in a folder: `part-00000.parquet` with `id`, `modality` and `embedding`, and so on.

    Args:
        items: The items.
        output: The folder. One that holds parts of the same job is completed.
        model: Folder or Hub id of the model.
        file_format: `"parquet"`, or `"safetensors"` (`embeddings`; ids and modalities in the metadata).
        part_size: Items in a part.
        batch_size: Items that go through the model together.
        num_workers: Processes that read and decode.
        device: Where to compute; by default an accelerator where there is one.
        dtype: The model's type; by default that of the checkpoint.
        model_kwargs: Further arguments of `from_pretrained`: `revision`, `attn_implementation`, …

    Raises:
        ValueError: If the folder holds another job, two items have one id, or a setting is out of range.
    """

    items: Sequence[Item]
    output: str | Path
    model: str
    file_format: str = "parquet"
    part_size: int = 10_000
    batch_size: int = 64
    num_workers: int = 0
    device: str | None = None
    dtype: str = "auto"
    model_kwargs: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.output = Path(self.output)
        if self.file_format not in ("parquet", "safetensors"):
            raise ValueError(f"file_format is {self.file_format!r}, expected 'parquet' or 'safetensors'.")
        for name in ("part_size", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least 1.")
        ids = {item.id for item in self.items}
        if len(ids) != len(self.items):
            raise ValueError(f"{len(self.items)} items have only {len(ids)} different ids: is an input named twice?")
        self._check_manifest()

    @property
    def num_parts(self) -> int:
        """Number of parts."""
        return -(-len(self.items) // self.part_size)

    def path(self, part: int) -> Path:
        """Return the file of a part."""
        return self.output / f"part-{part:05d}.{self.file_format}"

    def is_due(self, part: int) -> bool:
        """Tell whether a part is not there yet, or lacks items that could not be read."""
        return not self.path(part).is_file() or self._list_path(part).is_file()

    def due_parts(self) -> list[int]:
        """Return the parts that are due."""
        return [part for part in range(self.num_parts) if self.is_due(part)]

    def run(self, rank: int = 0, world_size: int = 1, progress: bool = True) -> JobResult:
        """Make the parts that are due, or this process's share of them.

        Args:
            rank, world_size: This process's number, and how many divide the work.
            progress: Show a progress bar, with items a second.
        """
        mine = [part for part in range(rank, self.num_parts, world_size) if self.is_due(part)]
        total = sum(len(self._items(part)) for part in mine)
        with tqdm(total=total, desc="Embedding", unit="item", disable=not progress) as bar:
            for part in mine:
                self.make_part(part, bar.update)
        return self.result(len(mine))

    def result(self, made: int = 0) -> JobResult:
        """Count what is there."""
        unreadable = []
        for file in sorted(self.output.glob("part-*.unreadable.jsonl")):
            unreadable += [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        present = [part for part in range(self.num_parts) if self.path(part).is_file()]
        return JobResult(sum(len(self._items(part)) for part in present) - len(unreadable), unreadable, made)

    def make_part(self, part: int, advance: Any = lambda count: None) -> None:
        """Make one part, or read what it lacks, and list what cannot be read.

        Raises:
            ImportError: If something takes a package that is not installed.
        """
        items = self._items(part)
        embeds = np.zeros((len(items), self._embedder.model.config.projection_dim), np.float32)
        known = self._read(part)
        kept = np.array([item.id in known for item in items], bool)
        for number in np.flatnonzero(kept):
            embeds[number] = known[items[number].id]
        lacking, errors = np.flatnonzero(~kept), []
        advance(len(items) - len(lacking))
        for numbers, vectors, failures in self._embedder([items[number] for number in lacking]):
            embeds[lacking[numbers]], kept[lacking[numbers]] = vectors, True
            errors += [(int(lacking[number]), why) for number, why in failures]
            advance(len(numbers) + len(failures))
        rows = [item for item, is_kept in zip(items, kept, strict=True) if is_kept]
        # Of a new part the list comes first, and of one that is there last: a kill in between leaves a list that names
        # too much, not too little.
        if not self.path(part).is_file():
            self._list(part, errors)
        if len(rows) > len(known) or not known:
            replace_file(self.path(part), lambda path: self._write(path, rows, embeds[kept]))
        self._list(part, errors)

    def _read(self, part: int) -> dict[str, np.ndarray]:
        """Return the vectors of a part that is there, by id."""
        if not self.path(part).is_file():
            return {}
        return {
            name: vector
            for ids, _, vectors in _parts(self.path(part))
            for name, vector in zip(ids, vectors, strict=True)
        }

    def _list_path(self, part: int) -> Path:
        return self.output / f"part-{part:05d}.unreadable.jsonl"

    def _list(self, part: int, errors: Sequence[tuple[int, str]]) -> None:
        items = self._items(part)
        lines = [json.dumps({"id": items[number].id, "why": why}) + "\n" for number, why in sorted(errors)]
        if lines:
            replace_text(self._list_path(part), "".join(lines))
        else:
            self._list_path(part).unlink(missing_ok=True)

    def _items(self, part: int) -> Sequence[Item]:
        return self.items[part * self.part_size : (part + 1) * self.part_size]

    @cached_property
    def _embedder(self) -> ItemEmbedder:
        modalities = {item.modality for item in self.items}
        return ItemEmbedder.from_pretrained(
            self.model, modalities, self.batch_size, self.num_workers, self.device, self.dtype, **self.model_kwargs
        )

    def _write(self, path: Path, rows: Sequence[Item], embeds: np.ndarray) -> None:
        ids, modalities = [item.id for item in rows], [item.modality for item in rows]
        if self.file_format == "safetensors":
            save_file({"embeddings": embeds}, path, {"ids": json.dumps(ids), "modalities": json.dumps(modalities)})
            return
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(embeds.ravel()), embeds.shape[1])
        table = pa.table({"id": ids, "modality": pa.array(modalities).dictionary_encode(), "embedding": vectors})
        pq.write_table(table, path)

    def _check_manifest(self) -> None:
        file = self.output / MANIFEST
        there = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        known = ModelRecord(**there["model"]) if isinstance(there.get("model"), dict) else None
        model = record_of(self.model, self.model_kwargs.get("revision"), known)
        job = {
            "items": len(self.items),
            "digest": _digest(self.items),
            "fingerprint": model.fingerprint,
            "dtype": self.dtype,
            "part_size": self.part_size,
            "file_format": self.file_format,
        }
        if there:
            other = {name: (there.get(name), value) for name, value in job.items() if there.get(name) != value}
            if other:
                names = {"digest": "digest of the items", "fingerprint": "fingerprint of the model"}
                said = ", ".join(
                    f"{names.get(name, name)} {was!r} there, {now!r} now" for name, (was, now) in other.items()
                )
                raise ValueError(f"{str(self.output)!r} holds another job ({said}): name another folder, or empty it.")
            return
        if self.output.is_dir() and any(self.output.glob("part-*")):
            raise ValueError(f"{str(self.output)!r} holds parts but no {MANIFEST}: name another folder, or empty it.")
        self.output.mkdir(parents=True, exist_ok=True)
        replace_text(file, json.dumps({**job, "model": asdict(model)}, indent=2) + "\n")


def _digest(items: Iterable[Item]) -> str:
    """Tell items from others by what is known of them unread, the same for a copy of the files, whatever its time.

    A file of its own counts by its path alone: one that could not be read may be repaired.
    """
    digest, size_of = hashlib.sha256(), lru_cache(maxsize=None)(_size)
    for item in items:
        # A text, or the path of a file; the place in an archive; the column of a data set.
        source = item.source
        if isinstance(source, Row):
            source = source, size_of(source.path)
        elif isinstance(source, Cell):
            source = source.dataset._fingerprint
        digest.update(f"{item.id}\0{item.modality}\0{source}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _size(path: str) -> int:
    files = Path(path).rglob("*") if Path(path).is_dir() else [Path(path)]
    return sum(file.stat().st_size for file in files)


def load_embeddings(folder: str | Path) -> tuple[list[str], list[str], np.ndarray]:
    """Read what a job has made.

    Returns:
        Ids; modalities; vectors, float32 of shape `(items, E)`.

    Raises:
        ValueError: If there are no parts in the folder.
    """
    ids, modalities, embeds = [], [], []
    files = sorted(file for file in Path(folder).glob("part-*") if file.suffix in (".parquet", ".safetensors"))
    if not files:
        raise ValueError(f"There are no parts in {str(folder)!r}.")
    for file in files:
        for name, modality, vectors in _parts(file):
            ids += name
            modalities += modality
            embeds.append(vectors)
    return ids, modalities, np.concatenate(embeds)


def _parts(file: Path) -> Iterable[tuple[list[str], list[str], np.ndarray]]:
    if file.suffix == ".parquet":
        table = pq.read_table(file)
        vectors = table["embedding"].combine_chunks()
        flat = vectors.flatten().to_numpy(zero_copy_only=False)
        yield table["id"].to_pylist(), table["modality"].to_pylist(), flat.reshape(len(table), vectors.type.list_size)
        return
    with safe_open(file, "numpy") as content:
        metadata = content.metadata()
        yield json.loads(metadata["ids"]), json.loads(metadata["modalities"]), content.get_tensor("embeddings")
