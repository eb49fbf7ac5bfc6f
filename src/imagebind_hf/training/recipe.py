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

from ..schema import load_settings


@dataclass
class SourceConfig:
    """Where rows come from.

    Args:
        dataset: A reader of `imagebind_hf.datasets`, or what `datasets.load_dataset` takes: `parquet`, a Hub id, …
        data_files: File or files, relative to `--data`.
        data_dir: Folder, relative to `--data`; `.` for that itself.
        split: The split.
        column: The column to use, renamed to the modality; by default it has that name already.
        label: The column of classes, renamed to `label`, where it is not called so.
        classes: The classes to keep, in this order; `{class: what texts call it}` where that is something else. Two
            classes that texts call the same are one.
        include: `{column: [values]}`: rows to keep.
        exclude: `{column: [values]}`: rows to leave out.
        streaming: Read the rows as they come, without downloading all first.
        options: Further arguments of the reader.
    """

    dataset: str = "parquet"
    data_files: str | list[str] | None = None
    data_dir: str | None = None
    split: str = "train"
    column: str | None = None
    label: str | None = None
    classes: list[str] | dict[str, str] | None = None
    include: dict[str, list] = field(default_factory=dict)
    exclude: dict[str, list] = field(default_factory=dict)
    streaming: bool = False
    options: dict[str, Any] = field(default_factory=dict)


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
class EvaluationConfig:
    """A test set of one modality, for zero-shot classification and retrieval.

    Args:
        source: Where the rows come from. For classification they have a column `label`.
        templates: Sentences with `{}` for the class names.
        modality: The modality; by default the name of the entry.
        against: A modality in the same rows, `image` for instance: row by row retrieval, both ways.
    """

    source: SourceConfig
    templates: list[str] | None = None
    modality: str | None = None
    against: str | None = None


@dataclass
class FewShotConfig:
    """A linear probe on embeddings, trained on few items of each class.

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
        seed: Seed of everything.
    """

    stages: list[StageConfig]
    model: dict[str, Any] | None = None
    checkpoint: str | None = None
    new_towers: list[str] = field(default_factory=list)
    processor: dict[str, dict[str, Any]] = field(default_factory=dict)
    validation: dict[str, EvaluationConfig] = field(default_factory=dict)
    evaluation: dict[str, EvaluationConfig] = field(default_factory=dict)
    few_shot: dict[str, FewShotConfig] = field(default_factory=dict)
    seed: int = 0


def load_recipe(path: str | Path, overrides: list[str] | None = None) -> Recipe:
    """Read a recipe.

    Args:
        path: A YAML file, or the name of a recipe of this package.
        overrides: `a.b=value` each, values as YAML; list items by number.

    Raises:
        ValueError: If there is no such recipe, it is no valid YAML, or a key is unknown; near names are suggested.
    """
    return load_settings(Recipe, path, resources.files(__package__) / "recipes", overrides, what="recipe")
