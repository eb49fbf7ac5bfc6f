# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""What to measure, as data (YAML): the test sets of benchmarks, and of recipes."""

from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from ..datasets.sources import SourceConfig
from ..utils.schema import load_settings


@dataclass
class EvaluationConfig:
    """A test set, for zero-shot classification and retrieval.

    Args:
        source: Where the rows come from. For classification they have a column `label`.
        templates: Sentences with `{}` for the class names, or the name of a set of them: `imagenet`.
        modality: The modality; by default the name of the entry. `{modality: weight}` adds embeddings of several in
            the same rows up.
        against: A modality in the same rows, `image` or `text` for instance: row by row retrieval, both ways. Several
            texts of a row, as a list, are all right.
        groups: What each class is asked by: its score is that of the best of these names. By default its own name.
        multi_label: The column `label` lists classes: mean average precision.
        folds: A column; results are means over its values (ESC-50's five folds).
        views: Embed each item, but not what is retrieved `against`, as the mean of so many views; see
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
    """A linear probe on embeddings, trained on few items of each class.

    The classes of both sources, in the column `label`, are the same by their names, whatever their order.

    Args:
        train: Source of the items that are drawn from.
        test: Source of the test items.
        shots: Items of each class; `all` for all there are.
        seeds: Number of draws.
        modality: The modality; by default the name of the entry.
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
        title: What it is called.
        evaluation: Its test sets, by name.
        few_shot: Its linear probes, by name.
        protocol: How it is done, and what is not known of how the authors did it.
        paper: The paper's figures, and its chance level, by what they are of.
        reference: Other figures to compare with.
    """

    title: str
    evaluation: dict[str, EvaluationConfig] = field(default_factory=dict)
    few_shot: dict[str, FewShotConfig] = field(default_factory=dict)
    protocol: str = ""
    paper: dict[str, Any] = field(default_factory=dict)
    reference: dict[str, Any] = field(default_factory=dict)


def load_benchmark(path: str | Path, overrides: list[str] | None = None) -> Benchmark:
    """Read a benchmark; arguments and errors as for [`~imagebind_hf.training.recipe.load_recipe`]."""
    return load_settings(Benchmark, path, resources.files(__package__) / "benchmarks", overrides, what="benchmark")


def benchmark_names() -> list[str]:
    """Return the names of the benchmarks that this package contains."""
    files = (resources.files(__package__) / "benchmarks").iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def load_templates(templates: list[str] | str) -> list[str]:
    """Return prompts: those given, or a set by its name.

    Raises:
        ValueError: If there is no such set.
    """
    if not isinstance(templates, str):
        return templates
    known = yaml.safe_load((resources.files(__package__) / "prompts.yaml").read_text(encoding="utf-8"))
    if templates not in known:
        raise ValueError(f"There is no set of prompts {templates!r}, only {list(known)}.")
    return known[templates]
