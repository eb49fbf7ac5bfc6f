# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Run a recipe: load the data, train the stages, save the model, and evaluate it."""

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
from ..evaluation.measure import Measurement
from ..evaluation.report import format_results, model_index
from ..hub.cards import write_card
from ..models.imagebind.configuration_imagebind import ImageBindConfig
from ..models.imagebind.modeling_imagebind import ImageBindModel
from ..models.imagebind.processing_imagebind import ImageBindProcessor
from ..utils.schema import check_keys
from .arguments import ImageBindTrainingArguments
from .augmentation import Augmentation
from .data import preprocess
from .facts import run_facts, save_facts
from .pairs import Pairs
from .recipe import AugmentationConfig, PairsConfig, Recipe
from .stages import stage_folders
from .trainer import ImageBindTrainer
from .validation import ValidationSet

logger = logging.get_logger(__name__)

# Folder of adapters that were merged into the weights, inside the output folder.
ADAPTER_FOLDER = "adapter"


def run_recipe(recipe: Recipe, data: str | Path | None = None, output: str | Path = "outputs") -> dict[str, Any]:
    """Run a recipe: train its stages, save the model and the processor, and evaluate.

    Args:
        recipe: The recipe.
        data: Folder that `data_files` and `data_dir` are relative to.
        output: Output folder. It gets the checkpoint with processor and card, `training.json` (facts about the
            training) and `results.json` (results of the evaluation). Merged LoRA adapters are also saved in its
            folder `adapter`. Adapters that are not merged are saved instead of the weights.

    Returns:
        The results in the main process, an empty dictionary in all others.

    Raises:
        ValueError: If the recipe refers to unknown files, columns, modalities, arguments or checkpoints, or if the
            output folder has checkpoints of an earlier run that would be ignored.
    """
    output = Path(output)
    set_seed(recipe.seed)
    model, processor = _make_model(recipe)
    # Load all data before the first step, so that errors in the recipe appear at once.
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
        defaults = {"seed": recipe.seed, "report_to": "none", "save_strategy": "no", "disable_tqdm": False}
        # By default, the Hub repository has the name of the output folder.
        defaults |= {"hub_model_id": output.absolute().name}
        args = ImageBindTrainingArguments(
            output_dir=str(folder.path),
            trained_modalities=stage.trained_modalities,
            **{**defaults, **stage.arguments},
        )
        if folder.is_finished:
            logger.info(f"Stage {stage.name}: Already finished, loading its result.")
            model = folder.load_finished(model).to(args.device)
            facts.append(folder.load_facts())
            continue
        # The base class seeds after LoRA matrices are initialized. They must not depend on earlier stages.
        set_seed(args.seed)
        trainer = ImageBindTrainer(
            model, args, stage_pairs, processing_class=processor, eval_dataset=validation or None
        )
        logger.info(f"Stage {stage.name}: {trainer.model.num_parameters(only_trainable=True):,} trained parameters.")
        trainer.train(resume_from_checkpoint=folder.begin(args.should_save))
        facts.append(trainer.stage_facts(stage.name))
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
    """Return the complete trained model: merge adapters, or gather the shards of FSDP."""
    if trainer.is_fsdp_enabled:
        # The shards are gathered on disk. The next stage shards the model again.
        trainer.save_model(str(output))
        trainer.accelerator.wait_for_everyone()
        name = trainer.accelerator.unwrap_model(trainer.model).config.name_or_path
        model = ImageBindModel.from_pretrained(output)
        # The card names the checkpoint that the run started from.
        model.name_or_path = model.config.name_or_path = name
        return model
    # Without the wrapper of mixed precision, under which later stages and the evaluation would also run.
    model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
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
        raise ValueError("Expected a recipe to have either `model`, a new model, or `checkpoint`, but not both.")
    if not recipe.stages:
        raise ValueError("Expected a recipe to have at least one stage.")
    if recipe.checkpoint is not None:
        model, processor = _load(recipe.checkpoint, recipe.new_towers)
    else:
        try:
            config = ImageBindConfig(**recipe.model)
        except (StrictDataclassError, TypeError) as error:
            raise ValueError(f"model: {error}") from error
        model = ImageBindModel(config)
        processor = ImageBindProcessor.from_config(config)
    processor.configure(recipe.processor)
    return model, processor


def _load(checkpoint: str, new_towers: list[str]) -> tuple[ImageBindModel, ImageBindProcessor]:
    """Load a checkpoint. Initialize the towers in `new_towers`, whether the checkpoint has them or not."""
    processor = ImageBindProcessor.from_pretrained(checkpoint)
    if not new_towers:
        return ImageBindModel.from_pretrained(checkpoint), processor
    kept = [name for name in ImageBindConfig.from_pretrained(checkpoint).tower_configs if name not in new_towers]
    loaded = ImageBindModel.from_pretrained(checkpoint, modalities=kept)
    model = ImageBindModel(ImageBindConfig.from_pretrained(checkpoint, modalities=[*kept, *new_towers]))
    model.load_state_dict(loaded.state_dict(), strict=False)
    # The card of the new model names the checkpoint, and keeps its license.
    model.name_or_path = model.config.name_or_path = loaded.config.name_or_path
    # Settings of the checkpoint take precedence. New towers get the default processors of the configuration.
    both = (ImageBindProcessor.from_config(model.config), processor)
    parts = {name: getattr(each, name) for each in both for name in each.get_attributes()}
    extra = {name: part for each in both for name, part in each.extra_processors.items()}
    return model, ImageBindProcessor(**parts, extra_processors=extra)


def _pairs(config: PairsConfig, modality: str, processor: ImageBindProcessor, data: str | Path | None) -> Pairs:
    """Load one kind of pairs."""
    sources = {config.anchor: config.images, modality: config.partners}
    rows = {side: load_source(source, side, data) for side, source in sources.items() if source is not None}
    if not rows:
        raise ValueError(f"Pairs of {modality}: Expected `images` or `partners`, but got neither.")
    if config.templates is not None:
        classes = next(iter(rows.values())).features.get("label")
        if "text" not in sources or "text" in rows or not isinstance(classes, ClassLabel):
            raise ValueError(
                f"Pairs of {modality}: `templates` create the texts of the modality or anchor `text`, which must have "
                f"no source, from a ClassLabel column `label` of the other side, but got {rows}."
            )
        rows["text"] = _captions(classes, config.templates)
    # A side without a source is a column of the other side.
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
