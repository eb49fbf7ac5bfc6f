# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Recipes: the description of a training run, as YAML.

A recipe names the model to create or to start from, and one or more stages, each with its pairs, trained towers and
training arguments. It can also name the final evaluation: zero-shot classification, retrieval between modalities, and
few-shot linear probes. `run.py` runs recipes.
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
    """Transforms of images and partners; see [`~imagebind_hf.training.Augmentation`]."""

    joint: list[dict[str, Any]] = field(default_factory=list)
    image: list[dict[str, Any]] = field(default_factory=list)
    partner: list[dict[str, Any]] = field(default_factory=list)
    features: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class PairsConfig:
    """One kind of pairs.

    Args:
        images: Source of the images (or videos).
        partners: Source of the partners. By default, they are a column of the images' rows.
        templates: Prompt templates with `{}` for the class names of the other side. The prompts are the texts of the
            pairs.
        by_label: Pair an image with any partner of the same label.
        label_targets: All partners with the label of an image in the batch are its targets; see
            [`~imagebind_hf.training.Pairs`].
        replication: Number of times that an epoch draws every pair.
        preprocess: Run the processor once before training, instead of in every epoch. Streams, augmented images, and
            partners that are augmented before the processor are never preprocessed.
        augmentation: Arguments of [`~imagebind_hf.training.Augmentation`].
        modality: Modality of the partners. Defaults to the name of the pairs.
        anchor: Modality of the images' side: `image`, `video`, or, if there are no images, `text` (the text-paired
            baseline of the paper). The texts come from `templates` or from a column.
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
    """One training stage.

    Args:
        pairs: The kinds of pairs, by name.
        trained_modalities: The towers to train; see [`ImageBindTrainingArguments`].
        arguments: Arguments of [`ImageBindTrainingArguments`].
        merge_lora: Merge adapters into the weights at the end of the stage. Otherwise, the result is an adapter.
        name: Name of the stage in logs and in the model card.
    """

    pairs: dict[str, PairsConfig]
    trained_modalities: list[str] | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    merge_lora: bool = True
    name: str = "training"


@dataclass
class Recipe:
    """A training run.

    Args:
        stages: The stages, in order.
        model: Arguments of [`ImageBindConfig`], to create a new model.
        checkpoint: Folder or Hub id of a checkpoint to start from, instead of `model`.
        new_towers: Towers to train from scratch. Towers of this name in the checkpoint are not loaded.
        processor: Settings of the parts of the processor (`image_processor`, `feature_extractor`, …, or the name of an
            extra modality that has a part), by part. They replace the defaults.
        validation: Validation sets to measure during training, by name.
        evaluation: Test sets to measure after training, by name.
        few_shot: Linear probes to measure after training, by name.
        reference: Figures to show next to the results, by description.
        seed: The random seed.
        resume_from_checkpoint: Resume an earlier run with the same output folder. Finished stages are not trained
            again. An unfinished stage resumes from its last checkpoint. In the arguments of a stage, it can also be a
            checkpoint folder.
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
        overrides: Changes as `key.key=value`, with the value in YAML. The key of a list item is its index.

    Raises:
        ValueError: If there is no such recipe, if the file is not valid YAML, or if a key is unknown.
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
