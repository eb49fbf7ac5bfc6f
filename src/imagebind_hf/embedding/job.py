# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""A resumable embedding job that writes its result in parts.

Each part is one file that is written atomically. To resume a job, or to divide it among processes, the parts that do
not exist yet are made. Items that could not be read are tried again by the next run.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import safe_open
from safetensors.numpy import save_file

from ..hub.checkpoints import ModelRecord, record_of
from ..utils.atomic import replace_file, replace_text
from ..utils.digest import digest_lines
from ..utils.locks import one_writer
from ..utils.progress import progress_bar
from .items import Cell, Item, Row
from .worker import ItemEmbedder

MANIFEST = "job.json"


@dataclass
class JobResult:
    """The state of a job's folder.

    Args:
        embedded: Number of embedded items in the folder.
        unreadable: Ids of the items that could not be read (`id`), and the reasons (`why`).
        made: Number of parts that this call made, or whose unreadable items it tried again.
    """

    embedded: int
    unreadable: list[dict[str, str]]
    made: int


@dataclass
class EmbeddingJob:
    """Embeds items into the files `part-00000.parquet`, `part-00001.parquet` and so on of a folder.

    Each file has the columns `id`, `modality` and `embedding`.

    Args:
        items: The items.
        output: The folder. If it contains parts of the same job, the job is resumed.
        model: Folder or Hub id of the model.
        file_format: `"parquet"`, or `"safetensors"` (a tensor `embeddings`, with ids and modalities in the metadata).
        part_size: Number of items in a part.
        batch_size: Number of items in a batch.
        num_workers: Number of worker processes that read and decode.
        device: The model's device. Default: an accelerator if one is available.
        dtype: The model's dtype. Default: that of the checkpoint.
        model_kwargs: Further arguments of `from_pretrained`, for example `revision`.

    Raises:
        ValueError: If the folder contains another job, two items have the same id, or an argument is out of range.
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
            raise ValueError(f"Expected `file_format` to be 'parquet' or 'safetensors', but got {self.file_format!r}.")
        for name in ("part_size", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"Expected `{name}` to be at least 1, but got {getattr(self, name)}.")
        ids = {item.id for item in self.items}
        if len(ids) != len(self.items):
            raise ValueError(f"{len(self.items)} items have only {len(ids)} different ids. Is an input given twice?")
        self._check_manifest()

    @property
    def num_parts(self) -> int:
        """Number of parts."""
        return -(-len(self.items) // self.part_size)

    def path(self, part: int) -> Path:
        """Return the file of a part."""
        return self.output / f"part-{part:05d}.{self.file_format}"

    def is_due(self, part: int) -> bool:
        """Return whether a part does not exist yet, or lacks unreadable items."""
        return not self.path(part).is_file() or self._unreadable_path(part).is_file()

    def due_parts(self) -> list[int]:
        """Return the numbers of the parts that are due."""
        return [part for part in range(self.num_parts) if self.is_due(part)]

    def run(self, rank: int = 0, world_size: int = 1, progress: bool = True) -> JobResult:
        """Make the parts that are due, or this process's share of them.

        Args:
            rank, world_size: Number of this process, and number of processes that share the job.
            progress: Show a progress bar if the job takes longer than two seconds.

        Raises:
            ValueError: If another process is writing this share of the job.
        """
        with one_writer(self.output, f"writer-{rank}"):
            mine = [part for part in range(rank, self.num_parts, world_size) if self.is_due(part)]
            total = sum(len(self._items(part)) for part in mine)
            with progress_bar(description="Embedding", total=total, disable=not progress) as bar:
                for part in mine:
                    self.make_part(part, bar.update)
        return self.result(len(mine))

    def result(self, made: int = 0) -> JobResult:
        """Count the embedded and the unreadable items in the folder."""
        unreadable = []
        for file in sorted(self.output.glob("part-*.unreadable.jsonl")):
            unreadable += [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        present = [part for part in range(self.num_parts) if self.path(part).is_file()]
        return JobResult(sum(len(self._items(part)) for part in present) - len(unreadable), unreadable, made)

    def make_part(self, part: int, advance: Callable[[int], Any] = lambda count: None) -> None:
        """Make a part, or add the items that it lacks, and list the items that cannot be read.

        Args:
            part: Number of the part.
            advance: Called with the number of items that were processed.

        Raises:
            ImportError: If an item needs a package that is not installed.
        """
        items = self._items(part)
        embeds = np.zeros((len(items), self._embedder.model.config.projection_dim), np.float32)
        existing = self._read(part)
        kept = np.array([item.id in existing for item in items], bool)
        for number in np.flatnonzero(kept):
            embeds[number] = existing[items[number].id]
        lacking, errors = np.flatnonzero(~kept), []
        advance(len(items) - len(lacking))
        for numbers, vectors, failures in self._embedder([items[number] for number in lacking]):
            embeds[lacking[numbers]], kept[lacking[numbers]] = vectors, True
            errors += [(int(lacking[number]), why) for number, why in failures]
            advance(len(numbers) + len(failures))
        rows = [item for item, is_kept in zip(items, kept, strict=True) if is_kept]
        # The list of unreadable items is written before a new part and after an existing one. If the process is killed
        # in between, the list has too many items, which are tried again, but never too few.
        if not self.path(part).is_file():
            self._write_unreadable(part, errors)
        if len(rows) > len(existing) or not existing:
            replace_file(self.path(part), lambda path: self._write(path, rows, embeds[kept]))
        self._write_unreadable(part, errors)

    def _read(self, part: int) -> dict[str, np.ndarray]:
        """Return the vectors of an existing part by id."""
        if not self.path(part).is_file():
            return {}
        ids, _, vectors = _read_part(self.path(part))
        return dict(zip(ids, vectors, strict=True))

    def _unreadable_path(self, part: int) -> Path:
        return self.output / f"part-{part:05d}.unreadable.jsonl"

    def _write_unreadable(self, part: int, errors: Sequence[tuple[int, str]]) -> None:
        items = self._items(part)
        lines = [json.dumps({"id": items[number].id, "why": why}) + "\n" for number, why in sorted(errors)]
        if lines:
            replace_text(self._unreadable_path(part), "".join(lines))
        else:
            self._unreadable_path(part).unlink(missing_ok=True)

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
        manifest = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        known = ModelRecord(**manifest["model"]) if isinstance(manifest.get("model"), dict) else None
        model = record_of(self.model, self.model_kwargs.get("revision"), known)
        job = {
            "items": len(self.items),
            "digest": _digest(self.items),
            "fingerprint": model.fingerprint,
            "dtype": self.dtype,
            "part_size": self.part_size,
            "file_format": self.file_format,
        }
        if manifest:
            changed = {name: (manifest.get(name), value) for name, value in job.items() if manifest.get(name) != value}
            if changed:
                names = {"digest": "digest of the items", "fingerprint": "fingerprint of the model"}
                details = "; ".join(
                    f"{names.get(name, name)}: {old!r} in the folder, {new!r} now"
                    for name, (old, new) in changed.items()
                )
                raise ValueError(
                    f"{str(self.output)!r} contains another job ({details}). Choose another folder, or empty it."
                )
            return
        if self.output.is_dir() and any(self.output.glob("part-*")):
            raise ValueError(
                f"{str(self.output)!r} contains parts but no {MANIFEST}. Choose another folder, or empty it."
            )
        self.output.mkdir(parents=True, exist_ok=True)
        replace_text(file, json.dumps({**job, "model": asdict(model)}, indent=2) + "\n")


def _digest(items: Iterable[Item]) -> str:
    """Return a digest that identifies the items without reading them. It is the same for a copy of the files.

    A file with a single item counts by its path alone, so that an unreadable file can be repaired.
    """
    size_of = lru_cache(maxsize=None)(_size)

    def describe(item: Item) -> str:
        # A text, the path of a file, the range in an archive, or the column and the size of a data set.
        source = item.source
        if isinstance(source, Row):
            source = source, size_of(source.path)
        elif isinstance(source, Cell):
            source = source.dataset._fingerprint
        return f"{item.id}\0{item.modality}\0{source}"

    return digest_lines(map(describe, items))


def _size(path: str) -> int:
    files = Path(path).rglob("*") if Path(path).is_dir() else [Path(path)]
    return sum(file.stat().st_size for file in files)


def load_embeddings(folder: str | Path) -> tuple[list[str], list[str], np.ndarray]:
    """Read the embeddings that a job has written.

    Returns:
        Ids; modalities; vectors, float32 of shape `(items, E)`.

    Raises:
        ValueError: If the folder contains no parts.
    """
    files = sorted(file for file in Path(folder).glob("part-*") if file.suffix in (".parquet", ".safetensors"))
    if not files:
        raise ValueError(f"{str(folder)!r} contains no parts of embeddings (part-*.parquet or part-*.safetensors).")
    ids, modalities, embeds = zip(*map(_read_part, files), strict=True)
    return [*chain(*ids)], [*chain(*modalities)], np.concatenate(embeds)


def _read_part(file: Path) -> tuple[list[str], list[str], np.ndarray]:
    if file.suffix == ".parquet":
        table = pq.read_table(file)
        vectors = table["embedding"].combine_chunks()
        flat = vectors.flatten().to_numpy(zero_copy_only=False)
        return table["id"].to_pylist(), table["modality"].to_pylist(), flat.reshape(len(table), vectors.type.list_size)
    with safe_open(file, "numpy") as content:
        metadata = content.metadata()
        return json.loads(metadata["ids"]), json.loads(metadata["modalities"]), content.get_tensor("embeddings")
