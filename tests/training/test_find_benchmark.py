# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import pytest

from imagebind_hf.training.recipe import find_benchmark


def test_a_recipe_serves_as_a_benchmark():
    benchmark = find_benchmark("digits", ["evaluation.audio.templates=['{}']"])
    assert set(benchmark.evaluation) == {"image", "audio", "imu"} and benchmark.evaluation["audio"].templates == ["{}"]
    assert "digits" in benchmark.title and benchmark.reference
    assert find_benchmark("activities").few_shot


def test_a_benchmark_takes_precedence_over_a_recipe_of_the_same_name():
    assert find_benchmark("llvip").evaluation["thermal"].groups


def test_files_of_both_kinds(tmp_path):
    (tmp_path / "recipe.yaml").write_text("stages: []\nreference: {audio: 1}")
    assert find_benchmark(str(tmp_path / "recipe.yaml")).reference == {"audio": 1}
    (tmp_path / "benchmark.yaml").write_text("title: x")
    assert find_benchmark(str(tmp_path / "benchmark.yaml")).title == "x"


def test_unknown_names():
    with pytest.raises(ValueError, match="no benchmark 'clothoo'. Did you mean 'clotho'"):
        find_benchmark("clothoo")
