# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Recipes: a training run as data (YAML).

A recipe says which model to make or start from, and one or more stages: which pairs, which towers train, with which
arguments. It may end with what to measure: zero-shot classification, retrieval between modalities, few-shot probes.
`run.py` carries it out.
"""

from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from ..datasets.sources import SourceConfig
from ..evaluation.config import Benchmark, EvaluationConfig, FewShotConfig, benchmark_names, load_benchmark
from ..utils.schema import load_settings, read_yaml


@dataclass
class AugmentationConfig:
    """Transforms; see [`~imagebind_hf.training.Augmentation`]."""

    joint: list[dict[str, Any]] = field(default_factory=list)
    image: list[dict[str, Any]] = field(default_factory=list)
    partner: list[dict[str, Any]] = field(default_factory=list)
    features: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class PairsConfig:
    """A kind of pairs; its name is the modality unless `modality` says otherwise.

    Args:
        images: Source of the images (or videos).
        partners: Source of the partners; without it they are in the rows of the images.
        templates: Sentences with `{}`, filled with the class names of the other side: the texts of the pairs.
        by_label: Pair any image with any partner of its label.
        label_targets: An image's targets are all partners of its label in the batch; see
            [`~imagebind_hf.training.Pairs`].
        replication: An epoch goes so many times through the pairs.
        preprocess: Run the processor once before training instead of in every epoch; not on images that are augmented,
            nor on partners that are augmented before the processor, nor on streams.
        augmentation: Arguments of [`~imagebind_hf.training.Augmentation`].
        modality: The partners' modality.
        anchor: What stands on the side of the images: `image`, `video`, or, for what has none, `text` (the paper's
            text-paired baseline); its texts are those of `templates`, or a column of the rows.
    """

    images: SourceConfig | None = None
    partners: SourceConfig | None = None
    templates: list[str] | None = None
    by_label: bool = False
    label_targets: bool = False
    replication: float = 1.0
    preprocess: bool = True
    augmentation: AugmentationConfig | None = None
    modality: str | None = None
    anchor: str = "image"


@dataclass
class StageConfig:
    """A stage of training.

    Args:
        pairs: The kinds of pairs, by name.
        trained_modalities: Towers that train; see [`ImageBindTrainingArguments`].
        arguments: Arguments of [`ImageBindTrainingArguments`].
        merge_lora: Whether adapters become part of the weights when the stage ends; else the run ends with adapters.
        name: A name for the log.
    """

    pairs: dict[str, PairsConfig]
    trained_modalities: list[str] | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    merge_lora: bool = True
    name: str = "training"


@dataclass
class Recipe:
    """A run.

    Args:
        stages: The stages, in order.
        model: Arguments of [`ImageBindConfig`] of a new model.
        checkpoint: A checkpoint to start from, instead of `model`.
        new_towers: Towers of the checkpoint that begin anew, or that it lacks.
        processor: Arguments by part of the processor (`image_processor`, `feature_extractor`, …), over what fits the
            model.
        validation: Test sets that are looked at during training, by name.
        evaluation: Test sets for the end, by name.
        few_shot: Linear probes for the end, by name.
        reference: Figures to compare the results with, by what they are of.
        seed: Seed of everything.
        resume_from_checkpoint: Go on where a run with the same output folder was: stages that are finished are not
            trained again, and one that is not goes on from its last checkpoint. In the arguments of a stage, it may be
            a checkpoint's folder instead.
    """

    stages: list[StageConfig]
    model: dict[str, Any] | None = None
    checkpoint: str | None = None
    new_towers: list[str] = field(default_factory=list)
    processor: dict[str, dict[str, Any]] = field(default_factory=dict)
    validation: dict[str, EvaluationConfig] = field(default_factory=dict)
    evaluation: dict[str, EvaluationConfig] = field(default_factory=dict)
    few_shot: dict[str, FewShotConfig] = field(default_factory=dict)
    reference: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    resume_from_checkpoint: bool = False


def load_recipe(path: str | Path, overrides: list[str] | None = None) -> Recipe:
    """Read a recipe.

    Args:
        path: A YAML file, or the name of a recipe of this package.
        overrides: `a.b=value` each, values as YAML; list items by number.

    Raises:
        ValueError: If there is no such recipe, it is no valid YAML, or a key is unknown; near names are suggested.
    """
    return load_settings(Recipe, path, resources.files(__package__) / "recipes", overrides, what="recipe")


def benchmark_of(recipe: Recipe, title: str) -> Benchmark:
    """Return the test sets and linear probes of a recipe as a benchmark."""
    return Benchmark(title, recipe.evaluation, recipe.few_shot, reference=recipe.reference)


def find_benchmark(name: str, overrides: list[str] | None = None) -> Benchmark:
    """Read a benchmark, or the evaluation part of a recipe.

    Args:
        name: A YAML file of either kind, or the name of a benchmark or a recipe of this package. A benchmark takes
            precedence over a recipe of the same name.
        overrides: As for [`load_recipe`].

    Raises:
        ValueError: If neither exists, the file is not valid YAML, or a key is unknown.
    """
    if Path(name).is_file():
        values = read_yaml(Path(name))
        is_recipe = isinstance(values, dict) and "stages" in values
    else:
        is_recipe = name not in benchmark_names() and (resources.files(__package__) / f"recipes/{name}.yaml").is_file()
    if not is_recipe:
        return load_benchmark(name, overrides)
    return benchmark_of(load_recipe(name, overrides), f"Evaluation of the recipe {name}")
