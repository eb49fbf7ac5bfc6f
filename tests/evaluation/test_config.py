# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
from importlib import resources

import pytest

from imagebind_hf.evaluation.config import benchmark_names, load_benchmark, load_templates

PACKAGED = sorted(entry.name for entry in (resources.files("imagebind_hf.evaluation") / "benchmarks").iterdir())


def test_all_of_the_papers_benchmarks_are_there():
    zero_shot = ["imagenet1k", "places365", "kinetics400", "msrvtt", "nyu_depth", "sunrgbd", "audioset", "vggsound"]
    expected = {*zero_shot, "esc50", "llvip", "ego4d", "clotho", "audiocaps"}
    assert {name.removesuffix(".yaml") for name in PACKAGED} == set(benchmark_names()) == expected


@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_benchmarks(name):
    benchmark = load_benchmark(name.removesuffix(".yaml"))
    assert benchmark.title and benchmark.protocol and benchmark.paper and benchmark.evaluation
    for config in benchmark.evaluation.values():
        assert config.templates == "imagenet" or config.against == "text"
        if config.groups:
            assert all(names for names in config.groups.values())


def test_prompts():
    templates = load_templates("imagenet")
    assert len(templates) == len(set(templates)) == 80
    assert all(template.count("{}") == 1 for template in templates)
    assert load_templates(["{}"]) == ["{}"]


def test_classes_of_the_papers_protocols():
    esc = load_benchmark("esc50").evaluation["audio"]
    assert len(esc.source.classes) == 50 and esc.folds == "fold"
    nyu = load_benchmark("nyu_depth").evaluation["depth"]
    assert len(nyu.source.classes) == 27 and len(set(nyu.source.classes.values())) == 10
    assert len(nyu.groups["others"]) == 18
    assert list(load_benchmark("msrvtt").evaluation["audio_and_video"].modality.values()) == [0.95, 0.05]


def test_bad_benchmarks(tmp_path):
    with pytest.raises(ValueError, match="no benchmark 'clothoo'. Did you mean 'clotho'"):
        load_benchmark("clothoo")
    (tmp_path / "bad.yaml").write_text("title: x\nevaluaton: {}")
    with pytest.raises(ValueError, match="unknown key 'evaluaton'. Did you mean 'evaluation'"):
        load_benchmark(tmp_path / "bad.yaml")
