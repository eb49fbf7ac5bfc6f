# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Configuration of an evaluation: benchmarks and their test sets, read from YAML."""

from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from ..datasets.sources import SourceConfig
from ..utils.names import nearest_name
from ..utils.schema import load_settings


@dataclass
class EvaluationConfig:
    """A test set for zero-shot classification, retrieval, or both.

    Args:
        source: Source of the rows. Classification needs a column `label`.
        templates: Prompt templates with `{}` for the class name, or the name of a packaged set: `imagenet`. Enables
            zero-shot classification.
        modality: The modality to embed. Defaults to the name of the entry. With `{modality: weight}`, the embeddings
            of several modalities of a row are combined.
        against: Another modality of the same rows, for example `image` or `text`. Enables retrieval between the two
            modalities, in both directions. A row may have a list of texts.
        groups: Several names for a class, whose score is the maximum over them. By default, a class has its own name.
        multi_label: Whether `label` is a list of classes. The metric is then mean average precision.
        folds: Column of the fold number. Results are means over folds, as for the five folds of ESC-50.
        views: Test-time augmentation of the items, but not of the items of `against`; see
            [`~imagebind_hf.evaluation.embed_dataset`].
    """

    source: SourceConfig
    templates: list[str] | str | None = None
    modality: str | dict[str, float] | None = None
    against: str | None = None
    groups: dict[str, list[str]] | None = None
    multi_label: bool = False
    folds: str | None = None
    views: list[list[dict[str, Any]]] = field(default_factory=list)


@dataclass
class FewShotConfig:
    """A linear probe on embeddings, trained on a few items per class.

    Classes of the two sources are matched by name. Their numbers may differ.

    Args:
        train: Source of the training items, with a column `label`.
        test: Source of the test items, with a column `label`.
        shots: Numbers of training items per class. `all` trains on every item.
        seeds: Number of random draws of the training items.
        modality: The modality to embed. Defaults to the name of the entry.
    """

    train: SourceConfig
    test: SourceConfig
    shots: list[int | str] = field(default_factory=lambda: [1, 2, 4, 8, "all"])
    seeds: int = 5
    modality: str | None = None


@dataclass
class Benchmark:
    """A benchmark.

    Args:
        title: Title to print above the results.
        evaluation: Test sets, by name.
        few_shot: Linear probes, by name.
        processor: Settings of the processor that the data needs, by part; see
            [`~imagebind_hf.ImageBindProcessor.configure`].
        protocol: Description of the evaluation protocol, including what the paper does not specify.
        paper: Results of the paper and the chance level, by metric.
        reference: Other results to compare with, by name.
    """

    title: str
    evaluation: dict[str, EvaluationConfig] = field(default_factory=dict)
    few_shot: dict[str, FewShotConfig] = field(default_factory=dict)
    processor: dict[str, dict[str, Any]] = field(default_factory=dict)
    protocol: str = ""
    paper: dict[str, Any] = field(default_factory=dict)
    reference: dict[str, Any] = field(default_factory=dict)


def load_benchmark(path: str | Path, overrides: list[str] | None = None) -> Benchmark:
    """Read a benchmark.

    Args:
        path: A YAML file, or the name of a benchmark of this package.
        overrides: Changes of the form `a.b=value`, with the value in YAML. List items are addressed by number.

    Raises:
        ValueError: If there is no such benchmark, the file is not valid YAML, or a key is unknown.
    """
    return load_settings(Benchmark, path, resources.files(__package__) / "benchmarks", overrides, what="benchmark")


def benchmark_names() -> list[str]:
    """Return the names of the benchmarks of this package."""
    files = (resources.files(__package__) / "benchmarks").iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def load_templates(templates: list[str] | str) -> list[str]:
    """Return a list of prompt templates, or the packaged list with a name.

    Raises:
        ValueError: If there is no list with this name.
    """
    if not isinstance(templates, str):
        return templates
    known = yaml.safe_load((resources.files(__package__) / "prompts.yaml").read_text(encoding="utf-8"))
    if templates not in known:
        raise ValueError(f"Unknown set of prompt templates {templates!r}. {nearest_name(templates, known)}")
    return known[templates]
