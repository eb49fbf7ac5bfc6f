# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Carrying out a recipe: data, stages of training, what is saved, what is measured."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets import ClassLabel, Dataset, Features, Value
from huggingface_hub.errors import StrictDataclassError
from torch import nn
from transformers import set_seed
from transformers.utils import logging

from ..datasets.sources import Rows, load_source
from ..evaluation.config import EvaluationConfig, load_templates
from ..evaluation.measure import Measurement, format_results, model_index
from ..hub.cards import write_card
from ..models.imagebind.configuration_imagebind import ImageBindConfig
from ..models.imagebind.modeling_imagebind import ImageBindModel
from ..models.imagebind.processing_imagebind import ImageBindProcessor
from ..utils.schema import check_keys
from .arguments import ImageBindTrainingArguments
from .augmentation import Augmentation
from .data import Pairs, preprocess
from .facts import run_facts, save_facts, stage_facts
from .recipe import AugmentationConfig, PairsConfig, Recipe
from .stages import stage_folders
from .trainer import ImageBindTrainer
from .validation import ValidationSet

logger = logging.get_logger(__name__)

# Within the output folder: adapters that were merged into the weights.
ADAPTER_FOLDER = "adapter"


def run_recipe(recipe: Recipe, data: str | Path | None = None, output: str | Path = "outputs") -> dict[str, Any]:
    """Train as a recipe says, save model and processor, and measure.

    Args:
        recipe: The recipe.
        data: Folder that `data_files` and `data_dir` are relative to.
        output: Folder for the result: a checkpoint with processor and card, ready to load and to push, `training.json`
            (facts) and `results.json`. LoRA adapters lie in its folder `adapter`, or, where they are not merged, in
            it instead of the weights.

    Returns:
        The results; nothing in other processes than the first.

    Raises:
        ValueError: If the recipe names what is not there (files, columns, modalities, arguments, checkpoints), or
            would begin anew where an earlier run has left checkpoints.
    """
    output = Path(output)
    set_seed(recipe.seed)
    model, processor = _make_model(recipe)
    # All that can be wrong with files and names shows before the first step.
    known = [entry.name for entry in dataclasses.fields(ImageBindTrainingArguments)]
    for stage in recipe.stages:
        check_keys(stage.arguments, known, f"{stage.name}: arguments")
    validation = _validation_sets(recipe.validation, data)
    measurement = Measurement(recipe.evaluation, recipe.few_shot, data)
    pairs = [
        {name: _pairs(config, config.modality or name, processor, data) for name, config in stage.pairs.items()}
        for stage in recipe.stages
    ]
    folders = stage_folders(recipe, output)
    facts = []
    for stage, stage_pairs, folder in zip(recipe.stages, pairs, folders, strict=True):
        defaults = {"seed": recipe.seed, "report_to": "none", "save_strategy": "no"}
        # Pushes are named by the folder, unless told otherwise.
        defaults |= {"hub_model_id": output.absolute().name}
        args = ImageBindTrainingArguments(
            output_dir=str(folder.path),
            trained_modalities=stage.trained_modalities,
            **{**defaults, **stage.arguments},
        )
        if folder.is_finished:
            logger.info(f"Stage {stage.name}: it is finished, and not trained again.")
            model = folder.load_finished(model).to(args.device)
            facts.append(folder.load_facts())
            continue
        # Before LoRA's matrices are drawn, which the base class would do too late: whatever was trained before.
        set_seed(args.seed)
        trainer = ImageBindTrainer(
            model, args, stage_pairs, processing_class=processor, eval_dataset=validation or None
        )
        logger.info(f"Stage {stage.name}: {trainer.model.num_parameters(only_trainable=True):,} parameters train.")
        trainer.train(resume_from_checkpoint=folder.begin(args.should_save))
        facts.append(stage_facts(trainer, stage.name))
        model = _finish(trainer, output, stage.merge_lora)
        if args.should_save:
            folder.save_finished(model, facts[-1])
        trainer.accelerator.wait_for_everyone()
    results = {}
    if args.process_index == 0:
        model.save_pretrained(output)
        processor.save_pretrained(output)
        results = measurement.run(model.eval(), processor)
        (output / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        processor.save_modality_folders(output)
        training = run_facts(facts, recipe, recipe.checkpoint)
        save_facts(output, training)
        write_card(
            output,
            model.config,
            title=output.name,
            base=recipe.checkpoint,
            is_adapter=not isinstance(model, ImageBindModel),
            training=training,
            results=format_results(results, reference=recipe.reference),
            eval_results=model_index(results, output.name),
        )
    return results


def _finish(trainer: ImageBindTrainer, output: Path, merge_lora: bool) -> nn.Module:
    """Return the trained model, whole: with adapters merged, or put together from its shards."""
    if trainer.is_fsdp_enabled:
        # Shards are put together on disk, and the next stage shards anew.
        trainer.save_model(str(output))
        trainer.accelerator.wait_for_everyone()
        return ImageBindModel.from_pretrained(output)
    model = trainer.accelerator.unwrap_model(trainer.model)
    if trainer.args.lora is not None and merge_lora:
        if trainer.is_world_process_zero():
            model.save_pretrained(output / ADAPTER_FOLDER)
        model = model.merge_and_unload()
    return model


def _validation_sets(configs: Mapping[str, EvaluationConfig], data: str | Path | None) -> dict[str, ValidationSet]:
    sets = {}
    for name, config in configs.items():
        modality = config.modality or name
        rows = load_source(config.source, modality, data)
        templates = None if config.templates is None else load_templates(config.templates)
        sets[name] = ValidationSet(rows, modality, templates, config.against)
    return sets


def _make_model(recipe: Recipe) -> tuple[ImageBindModel, ImageBindProcessor]:
    if (recipe.model is None) == (recipe.checkpoint is None):
        raise ValueError("A recipe has either `model` (a new one) or `checkpoint`.")
    if not recipe.stages:
        raise ValueError("A recipe has at least one stage.")
    if recipe.checkpoint is not None:
        model, processor = _load(recipe.checkpoint, recipe.new_towers)
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


def _load(checkpoint: str, new_towers: list[str]) -> tuple[ImageBindModel, ImageBindProcessor]:
    """Load a checkpoint; some of its towers begin anew, or join it."""
    processor = ImageBindProcessor.from_pretrained(checkpoint)
    if not new_towers:
        return ImageBindModel.from_pretrained(checkpoint), processor
    kept = [name for name in ImageBindConfig.from_pretrained(checkpoint).tower_configs if name not in new_towers]
    loaded = ImageBindModel.from_pretrained(checkpoint, modalities=kept)
    model = ImageBindModel(ImageBindConfig.from_pretrained(checkpoint, modalities=[*kept, *new_towers]))
    model.load_state_dict(loaded.state_dict(), strict=False)
    # Processors of new towers are those that fit them.
    both = (ImageBindProcessor.from_config(model.config), processor)
    return model, ImageBindProcessor(**{name: getattr(each, name) for each in both for name in each.get_attributes()})


def _pairs(config: PairsConfig, modality: str, processor: ImageBindProcessor, data: str | Path | None) -> Pairs:
    """Load one kind of pairs."""
    sources = {config.anchor: config.images, modality: config.partners}
    rows = {side: load_source(source, side, data) for side, source in sources.items() if source is not None}
    if not rows:
        raise ValueError(f"Pairs of {modality}: give images, or partners.")
    if config.templates is not None:
        classes = next(iter(rows.values())).features.get("label")
        if "text" not in sources or "text" in rows or not isinstance(classes, ClassLabel):
            raise ValueError(
                f"Pairs of {modality}: templates make texts, of modality or anchor `text` without a source, for the "
                f"ClassLabel column `label` of the other side; got {rows}."
            )
        rows["text"] = _captions(classes, config.templates)
    # Without a source of its own, a side is in the rows of the other.
    images = rows.get(config.anchor, rows.get(modality))
    partners = rows.get(modality)
    augmentation = config.augmentation or AugmentationConfig()
    augment = None if config.augmentation is None else Augmentation(**dataclasses.asdict(augmentation))
    if config.preprocess and isinstance(images, Dataset):
        if not (augmentation.joint or augmentation.image):
            images = preprocess(images, processor, config.anchor)
        if partners is not None and not augmentation.partner:
            partners = preprocess(partners, processor, modality)
        elif partners is None and not (augmentation.joint or augmentation.partner):
            images = preprocess(images, processor, modality)
    by_label = config.by_label or config.templates is not None
    return Pairs(
        modality,
        images,
        partners,
        by_label=by_label,
        label_targets=config.label_targets,
        augment=augment,
        replication=config.replication,
    )


def _captions(classes: ClassLabel, templates: list[str]) -> Rows:
    captions = [(label, t.format(name)) for label, name in enumerate(classes.names) for t in templates]
    labels, texts = zip(*captions, strict=True)
    features = Features({"text": Value("string"), "label": classes})
    return Dataset.from_dict({"text": texts, "label": labels}, features=features)
