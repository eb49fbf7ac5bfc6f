# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json
import os
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from datasets import ClassLabel, Dataset, Features, Image
from huggingface_hub import ModelCard
from peft import PeftModel
from transformers import AutoConfig, AutoModel, AutoProcessor

from imagebind_hf import ImageBindConfig, ImageBindModel, ImageBindTrainer, ImageBindTrainingArguments
from imagebind_hf.datasets.sources import SourceConfig, load_source
from imagebind_hf.evaluation import class_embeddings, embed_dataset, zero_shot_accuracy
from imagebind_hf.evaluation.command import run_benchmark
from imagebind_hf.hub.cards import write_card
from imagebind_hf.training.augmentation import Augmentation
from imagebind_hf.training.pairs import Pairs
from imagebind_hf.training.recipe import AugmentationConfig, benchmark_of, load_recipe
from imagebind_hf.training.run import run_recipe

PACKAGED = sorted(entry.name for entry in (resources.files("imagebind_hf.training") / "recipes").iterdir())
TOWER = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "drop_path_rate": 0.0}
RECIPE = {
    "model": {
        "projection_dim": 16,
        "modalities": ["vision", "text", "depth"],
        "vision_config": {**TOWER, "image_size": 32, "patch_size": 16},
        "text_config": TOWER,
        "depth_config": {**TOWER, "image_size": 32, "patch_size": 16},
    },
    "stages": [
        {
            "trained_modalities": ["vision", "text"],
            "pairs": {"text": {"images": {"data_files": "rows.parquet"}, "templates": ["a {}", "{}"]}},
            "arguments": {"per_device_train_batch_size": 8, "max_steps": 4, "disable_tqdm": True, "use_cpu": True},
        },
        {
            "pairs": {"depth": {"images": {"data_files": "rows.parquet"}}},
            "arguments": {"per_device_train_batch_size": 8, "max_steps": 4, "disable_tqdm": True, "use_cpu": True},
        },
    ],
    "evaluation": {
        "image": {"source": {"data_files": "rows.parquet"}, "templates": ["a {}"]},
        "depth": {"source": {"data_files": "rows.parquet"}, "templates": ["a {}"]},
    },
}


@pytest.fixture
def recipe(tmp_path) -> Path:
    rng = np.random.default_rng(0)
    rows = {
        "image": [rng.integers(0, 255, (32, 32, 3), dtype=np.uint8) for _ in range(16)],
        "depth": [rng.integers(500, 2000, (32, 32), dtype=np.uint16) for _ in range(16)],
        "label": [i % 2 for i in range(16)],
    }
    features = Features({"image": Image(), "depth": Image(), "label": ClassLabel(names=["cat", "dog"])})
    Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    return tmp_path / "recipe.yaml"


def test_images_of_a_modality_on_both_sides(recipe):
    """A recipe can read the same column twice, as anchor and as partner. The rows stay aligned."""
    images = load_source(SourceConfig(data_files="rows.parquet", column="depth"), "image", recipe.parent)
    pairs = Pairs("depth", images, load_source(SourceConfig(data_files="rows.parquet"), "depth", recipe.parent))
    assert pairs.column == "depth" and pairs.image_column == "image" and len(pairs) == 16
    columns = pairs.fetch(np.array([[3, 3], [8, 8]]))
    for image, depth in zip(columns["image"], columns["depth"], strict=True):
        assert np.array_equal(np.asarray(image), np.asarray(depth)) and np.asarray(image).shape == (32, 32)
    stage = yaml.safe_load(recipe.read_text())["stages"][1]
    stage["trained_modalities"] = ["vision", "depth"]
    flip = [{"RandomHorizontalFlip": {}}]
    stage["pairs"]["depth"] = {
        "images": {"data_files": "rows.parquet", "column": "depth"},
        "partners": {"data_files": "rows.parquet"},
        "augmentation": {"image": flip, "partner": flip},
    }
    recipe.write_text(yaml.safe_dump({**RECIPE, "stages": [stage]}))
    assert run_recipe(load_recipe(recipe), recipe.parent, recipe.parent / "out")["retrieval"]


def test_run_saves_checkpoint_card_and_results(recipe):
    output = recipe.parent / "my-model"
    results = run_recipe(load_recipe(recipe), recipe.parent, output)
    assert set(results["zero_shot"]) == {"image", "depth"}
    assert set(results["retrieval"]) == {"image to depth", "depth to image"}
    for entry in results["zero_shot"].values():
        assert 0 <= entry["accuracy"] <= 1 and entry["chance"] == 0.5 and entry["rows"] == 16
    assert json.loads((output / "results.json").read_text()) == results
    card = (output / "README.md").read_text()
    assert "my-model" in card and "Zero-shot accuracy" in card and "license: cc" not in card
    model = AutoModel.from_pretrained(output)
    assert set(model.config.modalities) == {"text", "vision", "depth"}
    inputs = AutoProcessor.from_pretrained(output)(text=["a cat"], return_tensors="pt")
    assert model(**inputs).text_embeds.shape == (1, 16)
    assert AutoProcessor.from_pretrained(output, subfolder="depth").get_attributes() == ["depth_image_processor"]


def test_run_starts_from_a_checkpoint(recipe):
    first = load_recipe(recipe, ["evaluation={}"])
    run_recipe(first, recipe.parent, recipe.parent / "first")
    again = load_recipe(
        recipe, ["model=null", f"checkpoint={recipe.parent / 'first'}", "stages.0.arguments.max_steps=1"]
    )
    run_recipe(again, recipe.parent, recipe.parent / "second")
    before, after = (AutoModel.from_pretrained(recipe.parent / name).state_dict() for name in ("first", "second"))
    changed = {name.split("_")[0] for name in before if not before[name].equal(after[name])}
    assert changed == {"text", "vision", "depth"}


def test_new_towers_are_trained_from_scratch(recipe):
    first = load_recipe(recipe, ["evaluation={}", "model.modalities=[vision, text]", "stages.1.pairs={}"])
    first.stages.pop()
    run_recipe(first, recipe.parent, recipe.parent / "first")
    config = yaml.safe_load(recipe.read_text())["model"]["depth_config"]
    saved = AutoConfig.from_pretrained(recipe.parent / "first")
    saved.depth_config = type(saved.depth_config)(**config)
    saved.save_pretrained(recipe.parent / "first")
    again = load_recipe(
        recipe, ["model=null", f"checkpoint={recipe.parent / 'first'}", "new_towers=[depth]", "evaluation={}"]
    )
    again.stages.pop(0)
    run_recipe(again, recipe.parent, recipe.parent / "second")
    before, after = (AutoModel.from_pretrained(recipe.parent / name).state_dict() for name in ("first", "second"))
    assert all(after[name].equal(value) for name, value in before.items())
    assert {name.split("_")[0] for name in after.keys() - before.keys()} == {"depth"}
    assert "depth_image_processor" in AutoProcessor.from_pretrained(recipe.parent / "second").get_attributes()


def test_card_keeps_the_license_of_published_weights(recipe):
    run_recipe(load_recipe(recipe, ["evaluation={}"]), recipe.parent, recipe.parent / "published")
    write_card(
        recipe.parent / "published",
        AutoConfig.from_pretrained(recipe.parent / "published"),
        title="published",
        converted=True,
    )
    again = load_recipe(recipe, ["model=null", f"checkpoint={recipe.parent / 'published'}", "evaluation={}"])
    run_recipe(again, recipe.parent, recipe.parent / "mine")
    card = ModelCard.load(recipe.parent / "mine" / "README.md")
    assert card.data.license == "cc-by-nc-4.0" and card.data.base_model is None
    assert "Training started from `published`. The license of the published weights applies" in card.text
    assert "CC-BY-NC-SA" in card.text
    assert str(recipe.parent) not in card.content, "local paths are not published"


def test_new_towers_keep_the_license_when_they_are_pushed(recipe, hub):
    published = recipe.parent / "published"
    run_recipe(load_recipe(recipe, ["evaluation={}"]), recipe.parent, published)
    write_card(published, AutoConfig.from_pretrained(published), title="published", converted=True)
    changes = ["model=null", f"checkpoint={published}", "new_towers=[depth]", "evaluation={}"]
    again = load_recipe(recipe, changes)
    again.stages.pop(0)
    saving = {"save_strategy": "steps", "save_steps": 4}
    again.stages[0].arguments |= {"push_to_hub": True, "hub_model_id": "org/mine", **saving}
    run_recipe(again, recipe.parent, recipe.parent / "mine")
    card = ModelCard.load("org/mine")
    assert card.data.license == "cc-by-nc-4.0" and "`published`" in card.text


def test_results_of_mixed_precision_are_those_of_the_saved_model(recipe):
    changes = [f"stages.{stage}.arguments.bf16=true" for stage in (0, 1)]
    results = run_recipe(load_recipe(recipe, changes), recipe.parent, recipe.parent / "mine")
    _, measured = run_benchmark(
        benchmark_of(load_recipe(recipe), "test"), "test", recipe.parent / "mine", recipe.parent
    )
    assert measured["zero_shot"] == results["zero_shot"] and measured["retrieval"] == results["retrieval"]


@pytest.mark.parametrize("merge", [True, False])
def test_recipe_with_lora(recipe, merge):
    run_recipe(load_recipe(recipe, ["evaluation={}"]), recipe.parent, recipe.parent / "base")
    changes = ["model=null", f"checkpoint={recipe.parent / 'base'}", f"stages.1.merge_lora={str(merge).lower()}"]
    changes += ["stages.1.arguments.lora={r: 2, init_lora_weights: false}"]
    adapted = load_recipe(recipe, changes)
    adapted.stages.pop(0)
    output = recipe.parent / "adapted"
    results = run_recipe(adapted, recipe.parent, output)
    assert (output / "model.safetensors.index.json").exists() == merge
    folder = output / "adapter" if merge else output
    assert (folder / "adapter_model.safetensors").stat().st_size < 30_000
    base = AutoModel.from_pretrained(recipe.parent / "base").eval()
    processor = AutoProcessor.from_pretrained(output)
    rows = load_source(SourceConfig(data_files="rows.parquet"), "depth", recipe.parent)
    before = embed_dataset(base, processor, rows, "depth", progress=False)
    loaded = AutoModel.from_pretrained(output).eval() if merge else PeftModel.from_pretrained(base, output).eval()
    embeds = embed_dataset(loaded, processor, rows, "depth", progress=False)
    classes = class_embeddings(loaded, processor, ["cat", "dog"], ["a {}"])
    accuracy = zero_shot_accuracy(embeds, classes, torch.tensor(rows["label"][:]))
    assert accuracy == results["zero_shot"]["depth"]["accuracy"]
    assert not torch.allclose(embeds, before, atol=1e-3)


SAVING = [
    f"stages.{stage}.arguments.{name}={value}"
    for stage in (0, 1)
    for name, value in {"save_strategy": "steps", "save_steps": 2, "max_steps": 3}.items()
]


@pytest.mark.slow
@pytest.mark.parametrize("lora", ["", "{r: 2}"])
def test_interrupted_run_resumes_exactly(recipe, monkeypatch, lora):
    changes = SAVING + ([f"stages.1.arguments.lora={lora}"] if lora else [])
    folder = recipe.parent
    whole = run_recipe(load_recipe(recipe, changes), folder, folder / "whole")
    steps, training_step = [], ImageBindTrainer.training_step
    killed_at = [3, 5, 8]

    def spy(trainer, *args):
        steps.append((Path(trainer.args.output_dir).name, trainer.state.global_step))
        if len(steps) in killed_at:
            raise KeyboardInterrupt
        return training_step(trainer, *args)

    monkeypatch.setattr(ImageBindTrainer, "training_step", spy)
    again = load_recipe(recipe, [*changes, "resume_from_checkpoint=true"])
    # After a checkpoint of the first stage, before one of the second stage, and after one of the second stage.
    for _ in killed_at:
        with pytest.raises(KeyboardInterrupt):
            run_recipe(again, folder, folder / "parts")
    results = run_recipe(again, folder, folder / "parts")
    first, second = ([step for name, step in steps if name == f"stage-{stage}"] for stage in (0, 1))
    assert first == [0, 1, 2, 2] and second == [0, 0, 1, 2, 2]
    assert results == whole == run_recipe(again, folder, folder / "parts") and len(steps) == 9, (
        "all stages are finished"
    )
    models = [AutoModel.from_pretrained(folder / name).state_dict() for name in ("whole", "parts")]
    assert all(value.equal(models[1][name]) for name, value in models[0].items())
    facts = [json.loads((folder / name / "training.json").read_text())["stages"] for name in ("whole", "parts")]
    assert [stage["steps"] for stage in facts[1]] == [stage["steps"] for stage in facts[0]] == [3, 3]


@pytest.mark.slow
def test_invalid_resumes(recipe):
    folder = recipe.parent
    run_recipe(load_recipe(recipe, SAVING), folder, folder / "out")
    first = "stages.0.arguments.resume_from_checkpoint"
    for changes, message in (
        (SAVING, "has checkpoints of an earlier run.*resume_from_checkpoint=true"),
        ([*SAVING, f"{first}=/nonexistent"], "'/nonexistent' is not a checkpoint folder"),
        (
            [*SAVING, f"{first}=5"],
            "Expected `resume_from_checkpoint` to be true, false or a checkpoint folder, but got 5",
        ),
        (["resume_from_checkpoint=true"], "No stage saves checkpoints"),
    ):
        with pytest.raises(ValueError, match=message):
            run_recipe(load_recipe(recipe, changes), folder, folder / "out")
    # Resume from the checkpoint of step 2. The third step is the last one.
    checkpoint = folder / "out" / "stage-0" / "checkpoint-2"
    run_recipe(load_recipe(recipe, [*SAVING, f"{first}={checkpoint}"]), folder, folder / "other")
    models = [AutoModel.from_pretrained(folder / name).state_dict() for name in ("out", "other")]
    assert all(value.equal(models[1][name]) for name, value in models[0].items())


@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_recipes_are_valid(name):
    recipe = load_recipe(name.removesuffix(".yaml"))
    modalities = ImageBindConfig(**(recipe.model or {})).modalities
    arguments = {entry.name for entry in dataclasses.fields(ImageBindTrainingArguments)}
    for stage in recipe.stages:
        for pairs, config in stage.pairs.items():
            assert (config.modality or pairs) in modalities
            Augmentation(**dataclasses.asdict(config.augmentation or AugmentationConfig()))
        assert set(stage.arguments) <= arguments
    assert recipe.evaluation


def test_overrides():
    changes = ["seed=7", "stages.1.arguments.learning_rate=0.5", "model.projection_dim=8", "evaluation={}"]
    recipe = load_recipe("digits", [*changes, "stages.0.pairs.text.images.exclude={writer: [1]}"])
    assert recipe.seed == 7 and recipe.stages[1].arguments["learning_rate"] == 0.5 and not recipe.evaluation
    assert recipe.model["projection_dim"] == 8
    assert recipe.stages[0].pairs["text"].images.exclude == {"writer": [1]}


@pytest.mark.parametrize(
    "overrides, message",
    [
        (["stagess=[]"], "unknown key 'stagess'. Did you mean 'stages'?"),
        (["stages.0.pairs.text.image={}"], "stages.0.: pairs: text: unknown key 'image'. Did you mean 'images'?"),
        (["evaluation.image={}"], r"missing \['source'\]"),
        (["stages.0.pairs=5"], "pairs: expected a mapping, but got 5"),
        (["stages.7.name=x"], "there is no '7'"),
        (["stages.x.name=x"], "there is no 'x'"),
        (["seed"], "as key=value, but got 'seed'"),
        (["seed=[1"], "not valid YAML"),
    ],
)
def test_invalid_overrides(overrides, message):
    with pytest.raises(ValueError, match=message):
        load_recipe("digits", overrides)


@pytest.mark.parametrize(
    "text, message",
    [
        ("stages: [", "not valid YAML"),
        ("- 1", "expected a mapping of Recipe"),
        ("", "expected a mapping"),
        ("a: !!python/name:os.system x", "not valid YAML"),
    ],
)
def test_invalid_files(tmp_path, text, message):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_recipe(tmp_path / "bad.yaml")


def test_unknown_recipe():
    with pytest.raises(ValueError, match="no file and no recipe 'digit'. Did you mean 'digits'"):
        load_recipe("digit")
    with pytest.raises(ValueError, match="no recipe 'xyz'. Choose from .*'six_digits'"):
        load_recipe("xyz")


@pytest.mark.parametrize(
    "overrides, message",
    [
        (["checkpoint=x"], "either `model`.* or `checkpoint`"),
        (["model=null"], "either `model`.* or `checkpoint`"),
        (["stages.1.pairs.depth.images.data_files=none.parquet"], "Files not found: .*none.parquet"),
        (["stages.1.arguments.learning_rat=1"], "learning_rat.*Did you mean 'learning_rate'"),
        (["processor.feature_extractor.num_clips=1"], "Unknown part 'feature_extractor'"),
        (["processor.depth_image_processor.image_men=1"], "no setting 'image_men'. Did you mean 'image_mean'"),
        (["model.vision_config.num_attention_heads=5"], "32.*5|5.*32"),
        (["model.modalities=[text, smell]"], "smell"),
        (
            ["stages.0.pairs.text.augmentation.image=[{RandomAfine: {}}]"],
            "a transform 'RandomAfine'. Did you mean 'RandomAffine'",
        ),
        (["stages.0.pairs.text.augmentation.image=[{RandomAffine: {turn: 1}}]"], "RandomAffine: .*turn"),
        (["stages.0.pairs.text.augmentation.image=[RandomAffine]"], "Expected a transform as {name: arguments}"),
    ],
)
def test_invalid_recipe_writes_nothing(recipe, overrides, message):
    output = recipe.parent / "out"
    with pytest.raises(ValueError, match=message):
        run_recipe(load_recipe(recipe, overrides), recipe.parent, output)
    assert not output.exists()


def test_every_drawn_image_is_augmented_differently(recipe, monkeypatch):
    batches = []
    forward = ImageBindModel.forward
    monkeypatch.setattr(
        ImageBindModel,
        "forward",
        lambda self, **kwargs: batches.append(kwargs["pixel_values"]) or forward(self, **kwargs),
    )
    flips = "stages.0.pairs.text.augmentation.image=[{RandomAffine: {degrees: 90}}]"
    changes = [flips, "stages.0.arguments.max_steps=6", "stages.1.arguments.max_steps=2", "evaluation={}"]
    run_recipe(load_recipe(recipe, changes), recipe.parent, recipe.parent / "out")
    images = [image.numpy().tobytes() for batch in batches for image in batch]
    assert len(set(images[:48])) == 48 and len(set(images[48:])) == 16


@pytest.mark.slow
@pytest.mark.parametrize("config", ["cpu.yaml", "cpu_two_processes.yaml"])
def test_accelerate_launch(recipe, config):
    file = resources.files("imagebind_hf.training") / "accelerate" / config
    output = recipe.parent / "out"
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(file)]
    command += ["-m", "imagebind_hf.training", str(recipe), "--data", str(recipe.parent), "--output", str(output)]
    process = subprocess.run(
        command, capture_output=True, text=True, timeout=900, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert process.returncode == 0, process.stderr[-3000:]
    assert process.stdout.count("Zero-shot accuracy") == 1, "only the main process reports"
    assert AutoModel.from_pretrained(output).config.projection_dim == 16


# Accelerate supports FSDP on accelerators only, but gloo supports its collectives on the CPU.
FSDP_ON_CPU = """
from accelerate.state import PartialState
from accelerate.utils import DistributedType

original = PartialState.__init__

def init(self, *args, **kwargs):
    original(self, *args, **kwargs)
    if self.distributed_type == DistributedType.MULTI_CPU:
        PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU

PartialState.__init__ = init

from imagebind_hf.cli import app

app()
"""


@pytest.mark.slow
def test_ddp_and_fsdp_equal_one_process(recipe):
    folder, script = recipe.parent, recipe.parent / "fsdp_on_cpu.py"
    script.write_text(FSDP_ON_CPU)
    accelerate = resources.files("imagebind_hf.training") / "accelerate"
    fsdp = yaml.safe_load((accelerate / "fsdp2.yaml").read_text())
    (folder / "fsdp2.yaml").write_text(
        yaml.safe_dump({**fsdp, "use_cpu": True, "num_processes": 2, "mixed_precision": "no"})
    )
    values = yaml.safe_load(recipe.read_text())
    values["validation"] = {"depth": {**values["evaluation"]["depth"], "against": "image"}}
    values["evaluation"] = {"depth": {**values["evaluation"]["depth"], "against": "image"}}
    for stage in values["stages"]:
        stage["arguments"] |= {"eval_strategy": "steps", "eval_steps": 2, "learning_rate": 0.003, "seed": 1}
    recipe.write_text(yaml.safe_dump(values))
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--config_file"]
    size = "stages.{}.arguments.per_device_train_batch_size"
    arguments = ["train", str(recipe), "--data", str(folder), "--output"]
    whole = [item for stage in (0, 1) for item in ("--set", f"{size.format(stage)}=16")]
    commands = {
        "one": [sys.executable, "-m", "imagebind_hf.cli", *arguments, str(folder / "one"), *whole],
        "two": [
            *launch,
            str(accelerate / "cpu_two_processes.yaml"),
            "-m",
            "imagebind_hf.cli",
            *arguments,
            str(folder / "two"),
        ],
        "fsdp2": [*launch, str(folder / "fsdp2.yaml"), str(script), *arguments, str(folder / "fsdp2")],
    }
    results, validation, embeds = {}, {}, {}
    maps = torch.randn(8, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    for name, command in commands.items():
        process = subprocess.run(
            command, capture_output=True, text=True, timeout=900, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        assert process.returncode == 0, process.stderr[-3000:]
        results[name] = json.loads((folder / name / "results.json").read_text())
        validation[name] = re.findall(r"eval_depth_accuracy\W+([\d.]+)", process.stdout)
        with torch.no_grad():
            embeds[name] = AutoModel.from_pretrained(folder / name).eval()(pixel_values_depth=maps).depth_embeds
    assert len(validation["one"]) == 4
    for name in ("two", "fsdp2"):
        assert results[name] == results["one"] and validation[name] == validation["one"]
        # AdamW amplifies rounding errors of parameters without a gradient, such as biases of keys.
        torch.testing.assert_close(embeds[name], embeds["one"], atol=1e-4, rtol=1e-3)
