# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
from importlib import resources

import numpy as np
import pytest

from conftest import make_config
from imagebind_hf import ImageBindProcessor
from imagebind_hf.datasets.sunrgbd import to_disparity
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


@pytest.mark.parametrize(("metres", "expected"), [(1, 0.78), (2, -0.32), (3, -0.68)])
def test_sunrgbd_reads_disparity(metres, expected):
    """A closer wall has a larger disparity. Read as metres, the order would be inverted."""
    processor = ImageBindProcessor.from_config(make_config(modalities=["depth"]))
    processor.configure(load_benchmark("sunrgbd").processor)
    wall = to_disparity(np.full((64, 64), metres, dtype=np.float32), 518.86, 0.075)
    values = processor(depth=wall, return_tensors="pt")["pixel_values_depth"]
    assert values.mean().item() == pytest.approx(expected, abs=0.01)


def test_settings_of_a_processor_that_do_not_exist():
    processor = ImageBindProcessor.from_config(make_config(modalities=["depth"]))
    with pytest.raises(ValueError, match="Did you mean 'depth_image_processor'"):
        processor.configure({"depth_processor": {}})
    with pytest.raises(ValueError, match="no setting 'depth_units'. Did you mean 'depth_unit'"):
        processor.configure({"depth_image_processor": {"image_mean": 0, "depth_units": "m"}})
    assert processor.depth_image_processor.image_mean != 0


def test_bad_benchmarks(tmp_path):
    with pytest.raises(ValueError, match="no benchmark 'clothoo'. Did you mean 'clotho'"):
        load_benchmark("clothoo")
    (tmp_path / "bad.yaml").write_text("title: x\nevaluaton: {}")
    with pytest.raises(ValueError, match="unknown key 'evaluaton'. Did you mean 'evaluation'"):
        load_benchmark(tmp_path / "bad.yaml")
