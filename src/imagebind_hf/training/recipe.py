# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Recipes: a training run as data (YAML), and what carries it out.

A recipe says which model to make or start from, and one or more stages: which pairs, which towers train, with which
arguments. It may end with what to measure: accuracies of zero-shot classification, retrieval between modalities.
"""

import dataclasses
import difflib
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import torch
import yaml
from datasets import Dataset
from huggingface_hub.errors import StrictDataclassError
from transformers import set_seed
from transformers.utils import logging

from ..configuration_imagebind import ImageBindConfig
from ..datasets.sources import load_source
from ..evaluation import class_embeddings, embed_dataset, retrieval_by_class, zero_shot_accuracy
from ..hub import write_card
from ..modeling_imagebind import ImageBindModel
from ..processing_imagebind import ImageBindProcessor
from .arguments import ImageBindTrainingArguments
from .augmentation import Augmentation
from .data import Pairs, preprocess
from .trainer import ImageBindTrainer

logger = logging.get_logger(__name__)


@dataclass
class SourceConfig:
    """Where rows come from.

    Args:
        dataset: A reader of `imagebind_hf.datasets`, or what `datasets.load_dataset` takes: `parquet`, a Hub id, …
        data_files: File or files, relative to `--data`.
        split: The split.
        column: The column to use, renamed to the modality; by default it has that name already.
        exclude: `{column: [values]}`: rows to leave out.
        options: Further arguments of the reader.
    """

    dataset: str = "parquet"
    data_files: str | list[str] | None = None
    split: str = "train"
    column: str | None = None
    exclude: dict[str, list] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class AugmentationConfig:
    """Transforms; see [`~imagebind_hf.training.Augmentation`]."""

    joint: list[dict[str, Any]] = field(default_factory=list)
    image: list[dict[str, Any]] = field(default_factory=list)
    partner: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class PairsConfig:
    """A kind of pairs; its name is the modality unless `modality` says otherwise.

    Args:
        images: Source of the images.
        partners: Source of the partners; without it they are in the rows of the images.
        templates: For texts: sentences with `{}`, filled with the class names of the images' column `label`.
        by_label: Pair any image with any partner of its label.
        preprocess: Run the processor once before training instead of in every epoch; not on images that are augmented,
            nor on partners that are augmented jointly.
        augmentation: Arguments of [`~imagebind_hf.training.Augmentation`].
        modality: The partners' modality.
    """

    images: SourceConfig
    partners: SourceConfig | None = None
    templates: list[str] | None = None
    by_label: bool = False
    preprocess: bool = True
    augmentation: AugmentationConfig | None = None
    modality: str | None = None


@dataclass
class StageConfig:
    """A stage of training.

    Args:
        pairs: The kinds of pairs, by name.
        trained_modalities: Towers that train; see [`ImageBindTrainingArguments`].
        arguments: Arguments of [`ImageBindTrainingArguments`].
        name: A name for the log.
    """

    pairs: dict[str, PairsConfig]
    trained_modalities: list[str] | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    name: str = "training"


@dataclass
class EvaluationConfig:
    """A test set of one modality, for zero-shot classification and retrieval.

    Args:
        source: Where the rows come from. They have a column `label`.
        templates: Sentences with `{}` for the class names.
        modality: The modality; by default the name of the entry.
    """

    source: SourceConfig
    templates: list[str]
    modality: str | None = None


@dataclass
class Recipe:
    """A run.

    Args:
        stages: The stages, in order.
        model: Arguments of [`ImageBindConfig`] of a new model.
        checkpoint: A checkpoint to start from, instead of `model`.
        processor: Arguments by part of the processor (`image_processor`, `feature_extractor`, …), over what fits the
            model.
        evaluation: Test sets, by name.
        seed: Seed of everything.
    """

    stages: list[StageConfig]
    model: dict[str, Any] | None = None
    checkpoint: str | None = None
    processor: dict[str, dict[str, Any]] = field(default_factory=dict)
    evaluation: dict[str, EvaluationConfig] = field(default_factory=dict)
    seed: int = 0


def load_recipe(path: str | Path, overrides: list[str] | None = None) -> Recipe:
    """Read a recipe.

    Args:
        path: A YAML file, or the name of a recipe of this package.
        overrides: `a.b=value` each, values as YAML; list items by number.

    Raises:
        ValueError: If there is no such recipe, it is no valid YAML, or a key is unknown; near names are suggested.
    """
    file = Path(path)
    if not file.is_file():
        entries = (resources.files(__package__) / "recipes").iterdir()
        packaged = {entry.name.removesuffix(".yaml"): entry for entry in entries}
        if str(path) not in packaged:
            raise ValueError(f"There is no recipe {str(path)!r}: give a file, or one of {sorted(packaged)}.")
        file = packaged[str(path)]
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
        for item in overrides or []:
            key, equals, value = item.partition("=")
            if not equals:
                raise ValueError(f"An override: expected key=value, got {item!r}.")
            _override(values, key, yaml.safe_load(value))
    except yaml.YAMLError as error:
        raise ValueError(f"{str(path)!r} or an override is no valid YAML: {error}") from error
    return _build(Recipe, values, str(path))


def _override(values: Any, key: str, value: Any) -> None:
    """Set a value in nested mappings and lists."""
    *parents, last = key.split(".")
    for name in parents:
        place = _place(values, name, key)
        values = values.setdefault(place, {}) if isinstance(values, dict) else values[place]
    values[_place(values, last, key)] = value


def _place(values: Any, name: str, key: str) -> str | int:
    if isinstance(values, dict):
        return name
    if not isinstance(values, list) or not name.isdecimal() or int(name) >= len(values):
        raise ValueError(f"An override of {key!r}: there is no {name!r} in {values!r}.")
    return int(name)


def _build(kind: Any, values: Any, where: str) -> Any:
    """Make a dataclass (also nested in lists, dicts and optionals) from plain values."""
    if dataclasses.is_dataclass(kind):
        _expect(dict, values, f"a mapping of {kind.__name__}", where)
        fields = {entry.name: entry for entry in dataclasses.fields(kind)}
        _check_keys(values, list(fields), where)
        required = [
            name
            for name, entry in fields.items()
            if entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING
        ]
        missing = [name for name in required if name not in values]
        if missing:
            raise ValueError(f"{where}: missing {missing}.")
        return kind(**{name: _build(fields[name].type, value, f"{where}: {name}") for name, value in values.items()})
    nested = [argument for argument in getattr(kind, "__args__", ()) if dataclasses.is_dataclass(argument)]
    if not nested or values is None:
        return values
    if getattr(kind, "__origin__", None) is list:
        _expect(list, values, "a list", where)
        return [_build(nested[0], value, f"{where}[{i}]") for i, value in enumerate(values)]
    if getattr(kind, "__origin__", None) is dict:
        _expect(dict, values, "a mapping", where)
        return {name: _build(nested[0], value, f"{where}: {name}") for name, value in values.items()}
    return _build(nested[0], values, where)


def _expect(kind: type, values: Any, what: str, where: str) -> None:
    if not isinstance(values, kind):
        raise ValueError(f"{where}: expected {what}, got {values!r}.")


def _check_keys(values: Iterable[str], known: list[str], where: str) -> None:
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            raise ValueError(
                f"{where}: unknown key {name!r}." + (f" Did you mean {near[0]!r}?" if near else f" Known: {known}.")
            )


def run_recipe(recipe: Recipe, data: str | Path | None = None, output: str | Path = "outputs") -> dict[str, Any]:
    """Train as a recipe says, save model and processor, and measure.

    Args:
        recipe: The recipe.
        data: Folder that `data_files` are relative to.
        output: Folder for the result: a checkpoint with processor and card, ready to load, and `results.json`.

    Returns:
        The results; nothing in other processes than the first.

    Raises:
        ValueError: If the recipe names what is not there: files, columns, modalities, arguments.
    """
    output = Path(output)
    set_seed(recipe.seed)
    model, processor = _make_model(recipe)
    # All that can be wrong with files and names shows before the first step.
    known = [entry.name for entry in dataclasses.fields(ImageBindTrainingArguments)]
    for stage in recipe.stages:
        _check_keys(stage.arguments, known, f"{stage.name}: arguments")
    tests = {
        name: load_source(config.source, config.modality or name, data) for name, config in recipe.evaluation.items()
    }
    pairs = [
        {name: _pairs(config, config.modality or name, processor, data) for name, config in stage.pairs.items()}
        for stage in recipe.stages
    ]
    for stage, stage_pairs in zip(recipe.stages, pairs, strict=True):
        args = ImageBindTrainingArguments(
            output_dir=str(output),
            trained_modalities=stage.trained_modalities,
            **{"seed": recipe.seed, "report_to": "none", "save_strategy": "no", **stage.arguments},
        )
        trainer = ImageBindTrainer(model, args, stage_pairs, processing_class=processor)
        logger.info(f"Stage {stage.name}: {trainer.model.num_parameters(only_trainable=True):,} parameters train.")
        trainer.train()
    trainer.save_model(str(output))
    results = {}
    if trainer.is_world_process_zero():
        results = evaluate(model.eval(), processor, tests, recipe.evaluation)
        (output / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        processor.save_modality_folders(output)
        write_card(output, model.config, title=output.name, converted=False, results=format_results(results))
    return results


def _make_model(recipe: Recipe) -> tuple[ImageBindModel, ImageBindProcessor]:
    if (recipe.model is None) == (recipe.checkpoint is None):
        raise ValueError("A recipe has either `model` (a new one) or `checkpoint`.")
    if not recipe.stages:
        raise ValueError("A recipe has at least one stage.")
    if recipe.checkpoint is not None:
        model = ImageBindModel.from_pretrained(recipe.checkpoint)
        processor = ImageBindProcessor.from_pretrained(recipe.checkpoint)
    else:
        try:
            config = ImageBindConfig(**recipe.model)
        except (StrictDataclassError, TypeError) as error:
            raise ValueError(f"model: {error}") from error
        model = ImageBindModel(config)
        processor = ImageBindProcessor.from_config(config)
    for part, values in recipe.processor.items():
        for name, value in values.items():
            if not hasattr(getattr(processor, part, None), name):
                raise ValueError(f"processor: there is no {part}.{name}; parts are {processor.get_attributes()}.")
            setattr(getattr(processor, part), name, value)
    return model, processor


def _pairs(config: PairsConfig, modality: str, processor: ImageBindProcessor, data: str | Path | None) -> Pairs:
    """Load one kind of pairs."""
    images = load_source(config.images, "image", data)
    if config.templates is not None:
        names = images.features["label"].names
        captions = [(label, t.format(name)) for label, name in enumerate(names) for t in config.templates]
        labels, texts = zip(*captions, strict=True)
        partners = Dataset.from_dict({"text": texts, "label": labels})
    elif config.partners is not None:
        partners = load_source(config.partners, modality, data)
    else:
        partners = None
    augmentation = config.augmentation or AugmentationConfig()
    augment = None if config.augmentation is None else Augmentation(**dataclasses.asdict(augmentation))
    if config.preprocess:
        if not (augmentation.joint or augmentation.image):
            images = preprocess(images, processor, "image")
        if partners is not None:
            partners = preprocess(partners, processor, modality)
        elif not augmentation.joint:
            images = preprocess(images, processor, modality)
    by_label = config.by_label or config.templates is not None
    return Pairs(modality, images, partners, by_label=by_label, augment=augment)


def evaluate(
    model: ImageBindModel,
    processor: ImageBindProcessor,
    tests: Mapping[str, Dataset],
    configs: Mapping[str, EvaluationConfig],
) -> dict[str, Any]:
    """Measure zero-shot accuracy of every test set, and retrieval by class between every two."""
    results: dict[str, Any] = {"zero_shot": {}, "retrieval": {}}
    embeds, labels = {}, {}
    for name, config in configs.items():
        dataset = tests[name]
        classes = class_embeddings(model, processor, dataset.features["label"].names, config.templates)
        embeds[name] = embed_dataset(model, processor, dataset, config.modality or name)
        labels[name] = torch.tensor(dataset["label"][:])
        accuracy = zero_shot_accuracy(embeds[name], classes, labels[name])
        results["zero_shot"][name] = {"accuracy": accuracy, "chance": 1 / len(classes), "rows": len(dataset)}
    for query, gallery in itertools.permutations(embeds, 2):
        results["retrieval"][f"{query} to {gallery}"] = retrieval_by_class(
            embeds[query], embeds[gallery], labels[query], labels[gallery]
        )
    return results


def format_results(results: dict[str, Any]) -> str:
    """Lay out the results of a run as text."""
    lines = ["Zero-shot accuracy by text" + " " * 14 + "chance    rows"]
    for name, entry in results["zero_shot"].items():
        lines.append(f"  {name:<24}{entry['accuracy']:>8.1%}{entry['chance']:>12.1%}{entry['rows']:>8}")
    lines.append("Retrieval by class, recall@1" + " " * 12 + "chance")
    for name, entry in results["retrieval"].items():
        lines.append(f"  {name:<24}{entry['recall@1']:>8.1%}{entry['chance']:>12.1%}")
    return "\n".join(lines)
