# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import doctest
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from imagebind_hf.search import ModelRecord, SearchIndex, mix

pytest.importorskip("lancedb")

D, COUNT = 24, 600
MODALITIES = np.array(["image", "audio", "text"])


def record(dimension: int = D, fingerprint: str = "f" * 64) -> ModelRecord:
    return ModelRecord("model", fingerprint, dimension)


def clustered(count: int = COUNT, dimension: int = D) -> np.ndarray:
    """Clusters in 8 of the dimensions, because real embeddings also vary in few directions."""
    rng = np.random.default_rng(0)
    points = rng.standard_normal((12, 8))[rng.integers(0, 12, count)] + 0.3 * rng.standard_normal((count, 8))
    return (points @ rng.standard_normal((8, dimension))).astype(np.float32)


VECTORS = clustered()
KINDS = MODALITIES[np.random.default_rng(1).choice(3, COUNT, p=[0.7, 0.27, 0.03])]


def filled(folder, vectors=VECTORS, kinds=KINDS) -> SearchIndex:
    index = SearchIndex.create(folder, record(vectors.shape[1]))
    for start in range(0, len(vectors), 250):
        part = slice(start, min(start + 250, len(vectors)))
        index.add(vectors[part], [f"item {n}" for n in range(part.start, part.stop)], kinds[part].tolist())
    return index


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> SearchIndex:
    return filled(tmp_path_factory.mktemp("store") / "store")


def oracle(
    query: np.ndarray, k: int, only: str | None = None, vectors=VECTORS, kinds=KINDS
) -> list[tuple[str, float]]:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = unit @ (query / np.linalg.norm(query))
    order = [n for n in np.argsort(-scores) if only in (None, kinds[n])][:k]
    return [(f"item {n}", float(scores[n])) for n in order]


def check(hits, expected) -> None:
    np.testing.assert_allclose([hit.score for hit in hits], [score for _, score in expected], atol=1e-6)
    # Items whose scores differ only by rounding may change places.
    for hit, (name, score) in zip(hits, expected, strict=True):
        assert hit.id == name or any(hit.id == other and abs(each - score) < 1e-6 for other, each in expected)


@pytest.mark.parametrize("only", [None, "image", "audio", "text"])
@pytest.mark.parametrize("k", [1, 7, 40])
def test_exact_search_is_the_full_matrix(index, only, k):
    for query in np.random.default_rng(2).standard_normal((5, D)).astype(np.float32):
        hits = index.search(query, k, only, exact=True)
        check(hits, oracle(query, k, only))
        assert only is None or {hit.modality for hit in hits} == {only}


def test_more_results_than_items(index):
    assert len(index.search(VECTORS[0], 10_000)) == COUNT
    assert len(index.search(VECTORS[0], 10_000, ["audio", "text"])) == (KINDS != "image").sum()


def test_the_length_of_vectors_does_not_matter(index):
    check(index.search(VECTORS[3] * 1000, 5), oracle(VECTORS[3], 5))


# Short vectors get another kind of index.
@pytest.mark.parametrize("dimension", [256, 20])
def test_approximate_search(tmp_path, dimension):
    vectors = clustered(2000, dimension)
    kinds = MODALITIES[np.arange(2000) % 3]
    index = filled(tmp_path / "store", vectors, kinds)
    assert not index.is_approximate
    index.build_index()
    assert index.is_approximate and SearchIndex.open(tmp_path / "store").is_approximate
    queries = vectors[::100] + np.float32(0.1)
    for only in (None, "audio"):
        found = 0
        for query in queries:
            expected = {name for name, _ in oracle(query, 10, only, vectors, kinds)}
            found += len(expected & {hit.id for hit in index.search(query, 10, only)})
            check(index.search(query, 10, only, exact=True), oracle(query, 10, only, vectors, kinds))
        assert found >= 0.95 * 10 * len(queries)
    # Scores are those of the full vectors, not of the quantized ones.
    best = index.search(vectors[5], 1)[0]
    assert best.id == "item 5" and best.score == pytest.approx(1, abs=1e-5)


def test_items_that_are_added_after_the_index_is_built(tmp_path):
    index = filled(tmp_path / "store")
    index.build_index()
    new = np.eye(D, dtype=np.float32)[:1]
    index.add(new, ["new"], "depth")
    assert index.search(new[0], 1)[0].id == "new"
    assert [hit.id for hit in index.search(-new[0], 3, "depth")] == ["new"], "also on the opposite side of the space"
    assert index.remove(["item 7"]) == 1
    assert "item 7" not in {hit.id for hit in index.search(VECTORS[7], 50)}
    index.add(-new, ["item 8"], str(KINDS[8]))
    assert index.search(-new[0], 1)[0].id == "item 8"
    index.optimize()
    assert index.search(new[0], 1)[0].id == "new" and len(index) == COUNT
    assert index.search(-new[0], 1)[0].id == "item 8"


def test_adding_replaces(tmp_path):
    index = SearchIndex.create(tmp_path / "store", record(2))
    index.add([[1, 0], [0, 1]], ["a", "b"], ["image", "text"], [b"jpeg", None], text=[None, "old"], path=["/a", "/b"])
    index.add([[-1, 0], [1, 1]], ["b", "c"], "text", text=["newer", "new"])
    assert len(index) == 3 and index.counts() == {"image": 1, "text": 2}
    rows = {row["id"]: row for row in index.rows(["id", "modality", "path", "text", "thumbnail", "vector"])}
    assert rows["a"]["thumbnail"] == b"jpeg" and rows["a"]["path"] == "/a"
    assert rows["b"]["text"] == "newer" and rows["b"]["path"] is None and rows["b"]["vector"] == [-1, 0]
    np.testing.assert_allclose(rows["c"]["vector"], [0.5**0.5] * 2)
    index.add(np.zeros((0, 2)), [], [])
    assert len(index) == 3
    # An image may be indexed as an image and as depth. Removing its id removes both.
    index.add([[0, 1]], ["a"], "depth")
    assert index.counts() == {"depth": 1, "image": 1, "text": 2} and index.remove(["a"]) == 2


def test_removing(tmp_path):
    index = SearchIndex.create(tmp_path / "store", record(2))
    root = str(tmp_path)
    names = ["deep/a.png", "deep/b.txt#0", "deep/b.txt#1", "deeper.png", "it's.png"]
    paths = [f"{root}/{name.partition('#')[0]}" for name in names]
    index.add(np.ones((5, 2)), [f"{root}/{name}" for name in names], "image", path=paths)
    assert index.remove([f"{root}/deep/b.txt"]) == 2
    assert index.remove([f"{root}/it's.png"]) == 1
    with pytest.raises(ValueError, match=r"store '.*store' has no item, file or folder \['nothing'\]"):
        index.remove([f"{root}/deep", "nothing"])
    assert len(index) == 2, "nothing is removed if a name is unknown"
    assert index.remove([f"{root}/deep"]) == 1
    assert [row["id"] for row in index.rows(["id"])] == [f"{root}/deeper.png"]


def test_an_open_store_sees_the_commits_of_others(tmp_path):
    mine = filled(tmp_path / "store")
    theirs = SearchIndex.open(tmp_path / "store")
    assert theirs.model == record() and len(theirs) == COUNT
    mine.add(np.ones((1, D)), ["new"], "image")
    assert len(theirs) == COUNT + 1 and theirs.search(np.ones(D), 1)[0].id == "new"
    theirs.remove(["new"])
    assert mine.search(np.ones(D), 1)[0].id != "new"


def test_one_process_writes_to_a_store(tmp_path, monkeypatch):
    monkeypatch.setattr("imagebind_hf.search.store.WAIT", 0.2)
    index = filled(tmp_path / "store")
    script = f"""
import sys
from imagebind_hf.search import SearchIndex
with SearchIndex.open({str(tmp_path / "store")!r}).writing():
    print("writing", flush=True)
    sys.stdin.readline()
"""
    other = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "writing\n"
        message = "Another process is writing to '.*store'. Wait until it has finished, or choose another folder"
        for change in (
            lambda: index.add(VECTORS[:1], ["new"], "image"),
            lambda: index.remove(["item 1"]),
            lambda: index.remove_ids(["item 1"], str(KINDS[1])),
            index.build_index,
            index.optimize,
            index.tidy,
        ):
            with pytest.raises(ValueError, match=message):
                change()
        check(index.search(VECTORS[0], 3), oracle(VECTORS[0], 3))
        assert len(SearchIndex.open(tmp_path / "store")) == COUNT
    finally:
        other.communicate("end\n")
    with index.writing():
        index.add(VECTORS[:1], ["new"], "image")
    assert len(index) == COUNT + 1


def test_bad_input(index, tmp_path):
    for vector, message in (
        (np.ones(D + 1), rf"shape \({D},\), but got \({D + 1},\)"),
        (np.ones((1, D)), "Expected a vector of shape"),
        (np.zeros(D), "query is zero or not finite"),
        (np.full(D, np.nan), "query is zero or not finite"),
    ):
        with pytest.raises(ValueError, match=message):
            index.search(vector)
    with pytest.raises(ValueError, match="`k` to be at least 1, but got 0"):
        index.search(VECTORS[0], 0)
    with pytest.raises(ValueError, match="no items of .'imag'.. It has {'audio': "):
        index.search(VECTORS[0], only="imag")
    for arguments, message in (
        ((np.ones((1, 3)), ["a"], "image"), rf"shape \(items, {D}\), but got \(1, 3\)"),
        ((np.ones((1, D)), ["a"], "../image"), r"only letters, digits and underscores, got .'../image'."),
        (
            (np.ones((2, D)), ["a"], "image"),
            "Expected 2 values in each column, as there are vectors, but got {'id': 1}",
        ),
        ((np.ones((2, D)), ["a", "a"], "image"), "only 1 different ids"),
        ((np.zeros((1, D)), ["a"], "image"), "vector of 'a' is zero"),
        ((np.full((1, D), np.inf), ["a"], "image"), "vector of 'a' is zero or not finite"),
    ):
        with pytest.raises(ValueError, match=message):
            index.add(*arguments)
    with pytest.raises(ValueError, match="Unknown columns .'pth'."):
        index.add(np.ones((1, D)), ["a"], "image", pth=["x"])
    assert len(index) == COUNT


def test_missing_and_damaged_stores(tmp_path):
    with pytest.raises(ValueError, match="There is no store in '.*nowhere'"):
        SearchIndex.open(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    empty = SearchIndex.create(tmp_path / "empty", record())
    for use in (lambda: empty.search(np.ones(D)), empty.build_index, lambda: empty.query({"text": "a"})):
        with pytest.raises(ValueError, match="The store '.*empty' is empty"):
            use()
    assert empty.counts() == {} and len(empty) == 0
    with pytest.raises(ValueError, match="There is a store in '.*empty' already"):
        SearchIndex.create(tmp_path / "empty", record())
    # A table that was killed before its first commit.
    (tmp_path / "empty" / "image.lance" / "_versions").mkdir(parents=True)
    assert empty.counts() == {}
    empty.add(np.ones((1, D)), ["a"], "image")
    assert SearchIndex.open(tmp_path / "empty").counts() == {"image": 1}
    for manifest in (tmp_path / "empty" / "image.lance" / "_versions").glob("*.manifest"):
        manifest.write_bytes(b"damaged")
    with pytest.raises(ValueError, match="Cannot read the store '.*empty'"):
        len(SearchIndex.open(tmp_path / "empty"))
    (tmp_path / "empty" / "store.json").write_text("{}")
    with pytest.raises(ValueError, match="Cannot read the store '.*empty'"):
        SearchIndex.open(tmp_path / "empty")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="to be a folder, but it is a file"):
        SearchIndex.create(tmp_path / "file", record())


def test_another_model_is_refused():
    record().check(ModelRecord("moved", "f" * 64, D), "store")
    with pytest.raises(ValueError, match="'store' holds vectors of 'model' .ffffffffffff., not of 'other' .eeeeeeeee"):
        record().check(ModelRecord("other", "e" * 64, D), "store")


def test_mix():
    vectors = np.random.default_rng(0).standard_normal((3, 8))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    total = unit[0] + 0.5 * unit[1] - 2 * unit[2]
    np.testing.assert_allclose(mix(vectors, [1, 0.5, -2]), total / np.linalg.norm(total), atol=1e-6)
    for weights in ([1, -1], [0, 0]):
        with pytest.raises(ValueError, match="cancel out"):
            mix(vectors[[0, 0]], weights)
    with pytest.raises(ValueError, match="not finite"):
        mix(vectors[:1], [np.nan])
    with pytest.raises(ValueError, match="zero or not finite"):
        mix(np.zeros((1, 8)), [1])


def test_searching_vectors_needs_no_torch(tmp_path):
    filled(tmp_path / "store")
    script = f"""
import sys
from imagebind_hf.search import SearchIndex
index = SearchIndex.open({str(tmp_path / "store")!r})
assert len(index.search([1.0] * {D}, 3)) == 3
index.add([[1.0] * {D}], ["new"], "image")
assert "torch" not in sys.modules and "datasets" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_examples_of_the_documentation():
    page = Path(__file__).parents[2] / "docs" / "search.md"
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted >= 8 and not result.failed
