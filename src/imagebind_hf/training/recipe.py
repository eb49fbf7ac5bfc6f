# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Recipes: a training run as data (YAML), and what carries it out.

A recipe says which model to make or start from, and one or more stages: which pairs, which towers train, with which
arguments. It may end with what to measure: accuracies of zero-shot classification, retrieval between modalities.
"""

import dataclasses
import difflib
import json
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import torch
import yaml
from datasets import Dataset
from transformers import ProcessorMixin, set_seed
from transformers.utils import logging

from ..configuration_imagebind import ImageBindConfig
from ..datasets.sources import load_source
from ..evaluation import class_embeddings, embed_dataset, retrieval_by_class, zero_shot_accuracy
from ..hub import write_card
from ..modeling_imagebind import ImageBindModel
from ..processing_imagebind import ImageBindProcessor
from .arguments import ImageBindTrainingArguments
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
class PairsConfig:
    """A kind of pairs; its name is the modality unless `modality` says otherwise.

    Args:
        images: Source of the images.
        partners: Source of the partners; without it they are in the rows of the images.
        templates: For texts: sentences with `{}`, filled with the class names of the images' column `label`.
        by_label: Pair any image with any partner of its label.
        preprocess: Run the processor once before training instead of in every epoch.
        modality: The partners' modality.
    """

    images: SourceConfig
    partners: SourceConfig | None = None
    templates: list[str] | None = None
    by_label: bool = False
    preprocess: bool = True
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
        changes = [(key, yaml.safe_load(value)) for key, _, value in (item.partition("=") for item in overrides or [])]
    except yaml.YAMLError as error:
        raise ValueError(f"{str(path)!r} or an override is no valid YAML: {error}") from error
    for key, value in changes:
        _override(values, key, value)
    return _build(Recipe, values, str(path))


def _override(values: Any, key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for name in parents:
        values = values[int(name)] if isinstance(values, list) else values.setdefault(name, {})
    if isinstance(values, list):
        values[int(last)] = value
    else:
        values[last] = value


def _build(kind: Any, values: Any, where: str) -> Any:
    """Make a dataclass (also nested in lists, dicts and optionals) from plain values."""
    arguments = getattr(kind, "__args__", ())
    if dataclasses.is_dataclass(kind):
        if not isinstance(values, dict):
            raise ValueError(f"{where}: expected a mapping of {kind.__name__}, got {values!r}.")
        fields = {entry.name: entry for entry in dataclasses.fields(kind)}
        for name in values:
            if name not in fields:
                near = difflib.get_close_matches(str(name), fields, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise ValueError(f"{where}: unknown key {name!r}.{hint} Known: {list(fields)}.")
        required = [
            name
            for name, entry in fields.items()
            if entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING
        ]
        missing = [name for name in required if name not in values]
        if missing:
            raise ValueError(f"{where}: missing {missing}.")
        return kind(**{name: _build(fields[name].type, value, f"{where}: {name}") for name, value in values.items()})
    nested = [argument for argument in arguments if dataclasses.is_dataclass(argument)]
    if not nested or values is None:
        return values
    if getattr(kind, "__origin__", None) is list:
        return [_build(nested[0], value, f"{where}[{i}]") for i, value in enumerate(values)]
    if getattr(kind, "__origin__", None) is dict:
        return {name: _build(nested[0], value, f"{where}: {name}") for name, value in values.items()}
    return _build(nested[0], values, where)


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
    if (recipe.model is None) == (recipe.checkpoint is None):
        raise ValueError("A recipe has either `model` (a new one) or `checkpoint`.")
    if recipe.checkpoint is not None:
        model = ImageBindModel.from_pretrained(recipe.checkpoint)
        processor = ImageBindProcessor.from_pretrained(recipe.checkpoint)
    else:
        model = ImageBindModel(ImageBindConfig(**recipe.model))
        processor = ImageBindProcessor.from_config(model.config)
    for part, values in recipe.processor.items():
        for name, value in values.items():
            if not hasattr(getattr(processor, part, None), name):
                raise ValueError(f"processor: there is no {part}.{name}; parts are {processor.get_attributes()}.")
            setattr(getattr(processor, part), name, value)
    for stage in recipe.stages:
        args = ImageBindTrainingArguments(
            output_dir=str(output),
            trained_modalities=stage.trained_modalities,
            **{"seed": recipe.seed, "report_to": "none", "save_strategy": "no", **stage.arguments},
        )
        pairs = {
            name: _pairs(config, config.modality or name, processor, data) for name, config in stage.pairs.items()
        }
        trainer = ImageBindTrainer(model, args, pairs, processing_class=processor)
        logger.info(f"Stage {stage.name}: {trainer.model.num_parameters(only_trainable=True):,} parameters train.")
        trainer.train()
    trainer.save_model(str(output))
    results = {}
    if trainer.is_world_process_zero():
        results = evaluate_recipe(recipe, model.eval(), processor, data)
        (output / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        processor.save_modality_folders(output)
        write_card(output, model.config, title=output.name, converted=False, results=format_results(results))
    return results


def _pairs(config: PairsConfig, modality: str, processor: ProcessorMixin, data: str | Path | None) -> Pairs:
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
    if config.preprocess:
        images = preprocess(images, processor, "image")
        if partners is None:
            images = preprocess(images, processor, modality)
        else:
            partners = preprocess(partners, processor, modality)
    return Pairs(modality, images, partners, by_label=config.by_label or config.templates is not None)


def evaluate_recipe(
    recipe: Recipe, model: ImageBindModel, processor: ProcessorMixin, data: str | Path | None
) -> dict[str, Any]:
    """Measure zero-shot accuracy of every test set, and retrieval by class between every two."""
    results: dict[str, Any] = {"zero_shot": {}, "retrieval": {}}
    embeds, labels = {}, {}
    for name, config in recipe.evaluation.items():
        modality = config.modality or name
        dataset = load_source(config.source, modality, data)
        classes = class_embeddings(model, processor, dataset.features["label"].names, config.templates)
        embeds[name] = embed_dataset(model, processor, dataset, modality)
        labels[name] = torch.tensor(dataset["label"][:])
        accuracy = zero_shot_accuracy(embeds[name], classes, labels[name])
        results["zero_shot"][name] = {"accuracy": accuracy, "chance": 1 / len(classes), "rows": len(dataset)}
    for query in embeds:
        for gallery in embeds:
            if query != gallery:
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
