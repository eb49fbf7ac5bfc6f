# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Digests: equal for equal content, different for any difference."""

import hashlib

import torch

from imagebind_hf.utils.digest import digest_file, digest_files, digest_lines, digest_tensors, digest_text


def test_a_file_has_the_standard_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc" * 1000)
    assert digest_file(tmp_path / "a") == hashlib.sha256(b"abc" * 1000).hexdigest()


def test_files_differ_by_name_content_and_order(tmp_path):
    files = {"a": b"1", "b": b"2", "c": b"1", "d": b"12", "e": b""}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    lists = ["a", "b", "c", "ab", "ba", "d", "e", "ae", ""]
    digests = {names: digest_files(tmp_path / name for name in names) for names in lists}
    assert len(set(digests.values())) == len(lists)
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "a").write_bytes(b"1")
    assert digest_files([tmp_path / "copy" / "a"]) == digests["a"]
    (tmp_path / "copy" / "a").write_bytes(b"3")
    assert digest_files([tmp_path / "copy" / "a"]) != digests["a"]


def test_texts_differ_by_their_boundaries():
    assert digest_text("a", 1) == digest_text("a", "1") == digest_lines(iter(["a", "1"]))
    assert len({digest_text(*parts) for parts in [(), ("",), ("ab",), ("a", "b"), ("b", "a"), ("a\0b",)]}) == 6
    # File names on disk may hold bytes that are not UTF-8.
    assert digest_text("\udcff") != digest_text("\udcfe")


def test_tensors_differ_by_value_shape_and_further_values():
    ones = torch.ones(2, 3)
    digests = [
        digest_tensors([ones]),
        digest_tensors([ones * 2]),
        digest_tensors([ones.reshape(3, 2)]),
        digest_tensors([ones, ones]),
        digest_tensors([ones], "float32"),
        digest_tensors([]),
    ]
    assert len(set(digests)) == len(digests)
    assert digest_tensors([torch.ones(3, 2, dtype=torch.bfloat16).t()]) == digests[0]
