# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Search in a million vectors on two cores: time of a query, and how many of the ten nearest vectors are found.

python benchmarks/search.py [--count 1000000] [--dimension 1024] [--folder FOLDER]

The vectors are random, but have meaningful neighbors: points around 5,000 centers (of unequal sizes) in 48 dimensions
are mapped to the full space by a random network, with noise in all dimensions, and shifted by a constant for each
modality, because the embeddings of modalities occupy different regions.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

# Use two cores, also on larger machines. Must come before other modules count the cores.
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])

import numpy as np  # noqa: E402
from timing import record  # noqa: E402

from imagebind_hf.search import ModelRecord, SearchIndex  # noqa: E402

CENTERS, INTRINSIC, HIDDEN, K = 5_000, 48, 256, 10
SHARES = {"image": 0.6, "audio": 0.3, "text": 0.1}
BATCH, QUERIES, EXACT_QUERIES, WARMUP = 20_000, 300, 8, 30


class World:
    """The random distribution of the vectors."""

    def __init__(self, dimension: int):
        rng = np.random.default_rng(0)
        self.centers = rng.standard_normal((CENTERS, INTRINSIC), np.float32)
        sizes = 1 / np.sqrt(np.arange(1, CENTERS + 1))
        self.sizes = sizes / sizes.sum()
        self.bend = rng.standard_normal((INTRINSIC, HIDDEN), np.float32) * (1.5 / INTRINSIC**0.5)
        self.spread = rng.standard_normal((HIDDEN, dimension), np.float32) / HIDDEN**0.5
        self.apart = rng.standard_normal((len(SHARES), dimension), np.float32) / 2

    def draw(self, count: int, rng: np.random.Generator, modality: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Draw unit vectors `(count, dimension)` and the index of the modality of each."""
        about = self.centers[rng.choice(CENTERS, count, p=self.sizes)]
        points = about + 0.5 * rng.standard_normal(about.shape, np.float32)
        modalities = np.full(count, modality)
        if modality is None:
            modalities = rng.choice(len(SHARES), count, p=list(SHARES.values()))
        vectors = np.tanh(points @ self.bend) @ self.spread + self.apart[modalities]
        vectors += 0.2 * rng.standard_normal(vectors.shape, np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), modalities


def chunks(world: World, count: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Generate all vectors of the store, the same ones in every run."""
    for start in range(0, count, BATCH):
        yield start, *world.draw(min(BATCH, count - start), np.random.default_rng([1, start]))


def build(folder: Path, world: World, count: int, dimension: int) -> dict[str, float]:
    """Create the store, and return the seconds that each step took."""
    index, names = SearchIndex.create(folder, ModelRecord("benchmark", "none", dimension)), np.array(list(SHARES))
    adding = 0.0
    for start, vectors, modalities in chunks(world, count):
        ids = [str(number) for number in range(start, start + len(vectors))]
        began = time.perf_counter()
        index.add(vectors, ids, names[modalities].tolist())
        adding += time.perf_counter() - began
    began = time.perf_counter()
    # Delete old versions of files, so that only the store itself is measured.
    index.optimize(timedelta(0))
    optimizing, began = time.perf_counter() - began, time.perf_counter()
    index.build_index()
    return {"adding": adding + optimizing, "index": time.perf_counter() - began}


def nearest(world: World, count: int, queries: np.ndarray, only: np.ndarray) -> np.ndarray:
    """Compare all queries with all vectors in numpy; returns the indices of the nearest, `(queries, K)`.

    Args:
        world, count: Distribution and number of the vectors.
        queries: Of shape `(queries, dimension)`.
        only: The modality that each query is limited to, or -1.
    """
    scores = np.full((len(queries), K), -2, np.float32)
    numbers = np.full((len(queries), K), -1)
    for start, vectors, modalities in chunks(world, count):
        new = queries @ vectors.T
        new[(only[:, None] >= 0) & (only[:, None] != modalities)] = -2
        # Keep only the best of the chunk before merging, so that little remains to be sorted.
        best = np.argpartition(-new, K, axis=1)[:, :K]
        scores = np.concatenate([scores, np.take_along_axis(new, best, 1)], axis=1)
        numbers = np.concatenate([numbers, start + best], axis=1)
        best = np.argpartition(-scores, K, axis=1)[:, :K]
        scores, numbers = np.take_along_axis(scores, best, 1), np.take_along_axis(numbers, best, 1)
    return numbers


def measure(
    index: SearchIndex, queries: np.ndarray, truth: np.ndarray, only: str | None, exact: bool
) -> tuple[float, float, float]:
    """Return median and 95th percentile in milliseconds, and recall."""
    times, found = [], []
    for number, query in enumerate(queries):
        began = time.perf_counter()
        hits = index.search(query, K, only, exact)
        times.append(1000 * (time.perf_counter() - began))
        found.append(len({int(hit.id) for hit in hits} & set(truth[number].tolist())) / K)
    warm = min(WARMUP, len(times) // 4)
    return float(np.median(times[warm:])), float(np.quantile(times[warm:], 0.95)), float(np.mean(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=1024)
    parser.add_argument("--folder", type=Path, help="Folder of the store; created and kept if it does not exist.")
    arguments = parser.parse_args()
    count, dimension, world = arguments.count, arguments.dimension, World(arguments.dimension)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary) / "store"
        report = folder / "seconds.json"
        if not report.is_file():
            seconds = build(folder, world, count, dimension)
            report.write_text(json.dumps(seconds))
        seconds, index = json.loads(report.read_text()), SearchIndex.open(folder)
        assert len(index) == count
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 2**30
        rng, names, rows = np.random.default_rng(2), list(SHARES), []
        cases = [("any modality, in all", world.draw(QUERIES, rng)[0], None)]
        cases += [(f"{name}, in images", world.draw(QUERIES, rng, names.index(name))[0], "image") for name in names]
        wanted = [np.full(QUERIES, -1 if only is None else names.index(only)) for _, _, only in cases]
        if not (folder / "truth.npy").is_file():
            every_query = np.concatenate([queries for _, queries, _ in cases])
            np.save(folder / "truth.npy", nearest(world, count, every_query, np.concatenate(wanted)))
        truth = np.load(folder / "truth.npy")
        for (title, queries, only), numbers in zip(cases, np.split(truth, len(cases)), strict=True):
            figures = measure(index, queries, numbers, only, exact=False)
            rows.append("| {} | approximate | {:.1f} ms | {:.1f} ms | {:.3f} |".format(title, *figures))
            print(rows[-1], flush=True)
        for (title, queries, only), numbers in list(zip(cases, np.split(truth, len(cases)), strict=True))[:2]:
            figures = measure(index, queries[:EXACT_QUERIES], numbers, only, exact=True)
            rows.append("| {} | exact | {:.0f} ms | {:.0f} ms | {:.3f} |".format(title, *figures))
            print(rows[-1], flush=True)
    shares = ", ".join(f"{share:.0%} {name}" for name, share in SHARES.items())
    table = "\n".join(rows)
    if count < 1_000_000:
        print(f"{count} vectors; {seconds}; RESULTS.md is not changed.")
        return
    record(
        "search",
        f"""
## Search in {count:,} vectors of {dimension} dimensions, two cores

| query | search | median | 95th percentile | recall@{K} |
|---|---|---|---|---|
{table}

`SearchIndex.search`, {QUERIES} queries one after another ({EXACT_QUERIES} for exact search), with the files in the
page cache, without the time to embed the queries. Each modality has its own index. Recall is relative to an exhaustive
comparison in numpy. Adding the vectors took {seconds["adding"]:.0f} s ({-(-count // BATCH)} batches of {BATCH:,}), the
approximate indexes {seconds["index"]:.0f} s; {size:.1f} GiB on disk without thumbnails.

The vectors are random, not embeddings: {CENTERS:,} clusters of unequal size in {INTRINSIC} dimensions, mapped to
{dimension} by a random network, with noise (the nearest neighbor of a vector has a cosine of about 0.85), of three
modalities in separate regions ({shares}). LanceDB {version("lancedb")}.
""",
    )


if __name__ == "__main__":
    main()
