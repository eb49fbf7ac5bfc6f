# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Image, List, Value
from huggingface_hub import ModelCard, ModelCardData
from typer.testing import CliRunner

from conftest import make_config
from imagebind_hf import ImageBindModel, ImageBindProcessor
from imagebind_hf.cli import app
from imagebind_hf.datasets.sources import SourceConfig
from imagebind_hf.evaluation import Measurement, format_results, model_index, retrieval_metrics
from imagebind_hf.evaluation.config import EvaluationConfig, FewShotConfig

NAMES = ["cat", "dog", "cow"]
ROWS = 21


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Rows of images and depth maps that tell their class, with labels, folds, tags and captions."""
    rng = np.random.default_rng(0)
    labels = np.arange(ROWS) % 3
    pictures = rng.integers(0, 255, (3, 32, 32, 3))
    noise = rng.integers(-20, 20, (ROWS, 32, 32, 3))
    rows = {
        "image": [
            np.clip(pictures[label] + each, 0, 255).astype(np.uint8) for label, each in zip(labels, noise, strict=True)
        ],
        "depth": [
            (600 + 900 * label + 40 * each[..., 0]).astype(np.uint16)
            for label, each in zip(labels, noise, strict=True)
        ],
        "label": labels.tolist(),
        "tags": [[label, (label + 1) % 3] if row % 2 else [label] for row, label in enumerate(labels.tolist())],
        "fold": [row % 4 for row in range(ROWS)],
        "text": [[f"a {NAMES[label]}", f"photo {row}"][: 1 + row % 2] for row, label in enumerate(labels)],
    }
    features = Features(
        {
            "image": Image(),
            "depth": Image(),
            "label": ClassLabel(names=NAMES),
            "tags": List(ClassLabel(names=NAMES)),
            "fold": Value("int32"),
            "text": List(Value("string")),
        }
    )
    folder = tmp_path_factory.mktemp("data")
    Dataset.from_dict(rows, features=features).to_parquet(folder / "rows.parquet")
    return folder


@pytest.fixture(scope="module")
def model() -> ImageBindModel:
    torch.manual_seed(0)
    return ImageBindModel(make_config(modalities=["vision", "text", "depth"])).eval()


@pytest.fixture(scope="module")
def processor(model) -> ImageBindProcessor:
    return ImageBindProcessor.from_config(model.config)


def source(**kwargs) -> SourceConfig:
    return SourceConfig(data_files="rows.parquet", **kwargs)


@torch.no_grad()
def embed(model, processor, folder, modality: str) -> torch.Tensor:
    rows = Dataset.from_parquet(str(folder / "rows.parquet"))
    argument = {"image": "images"}.get(modality, modality)
    outputs = [model(**processor(**{argument: [row]}, return_tensors="pt")) for row in rows[modality]]
    return torch.cat([output[f"{modality}_embeds"] for output in outputs])


@torch.no_grad()
def prompts(model, processor, names: list[str]) -> torch.Tensor:
    ids = processor(text=[f"a {name}" for name in names], return_tensors="pt", padding=True)["input_ids"]
    return model.get_text_features(ids).pooler_output


def run(model, processor, folder, config: EvaluationConfig, **kwargs) -> dict:
    return Measurement({"depth": config}, data=folder).run(model, processor, **kwargs)


def test_zero_shot_and_folds(model, processor, folder):
    entry = run(model, processor, folder, EvaluationConfig(source(), ["a {}"], folds="fold"))["zero_shot"]["depth"]
    scores = embed(model, processor, folder, "depth") @ prompts(model, processor, NAMES).t()
    labels = np.arange(ROWS) % 3
    hits = scores.argmax(1).numpy() == labels
    folds = [hits[np.arange(ROWS) % 4 == fold].mean() for fold in range(4)]
    assert entry["accuracy"] == pytest.approx(np.mean(folds)) and entry["folds"] == 4
    assert entry["top5"] == 1 and entry["chance"] == pytest.approx(1 / 3) and entry["rows"] == ROWS
    assert 0 <= entry["interval"][0] <= hits.mean() <= entry["interval"][1] <= 1


def test_views_are_of_the_test_set_and_not_of_what_it_is_compared_with(model, processor, folder):
    flip = [{"RandomVerticalFlip": {"p": 1}}]
    config = EvaluationConfig(source(), against="image", views=[flip])
    results = run(model, processor, folder, config)
    assert "depth: test-time augmentation, mean of 1 view per item" in format_results(results).splitlines()
    entry = results["retrieval"]["depth: depth to image"]
    rows = Dataset.from_parquet(str(folder / "rows.parquet"))
    maps = processor(depth=rows["depth"][:], return_tensors="pt")["pixel_values_depth"].flip(-2)
    with torch.no_grad():
        depth = model.get_depth_features(maps).pooler_output
    images = embed(model, processor, folder, "image")
    wanted = retrieval_metrics(depth, images)
    assert wanted.items() <= entry.items()
    assert wanted != retrieval_metrics(embed(model, processor, folder, "depth"), images)


def test_groups_and_renamed_classes(model, processor, folder):
    config = EvaluationConfig(
        source(classes={"cat": "pet", "dog": "pet", "cow": "cattle"}), ["a {}"], groups={"pet": ["cat", "dog", "fish"]}
    )
    entry = run(model, processor, folder, config)["zero_shot"]["depth"]
    scores = embed(model, processor, folder, "depth") @ prompts(model, processor, ["cat", "dog", "fish", "cattle"]).t()
    best = torch.stack([scores[:, :3].max(1).values, scores[:, 3]], dim=1).argmax(1)
    truth = torch.tensor([0, 0, 1] * 7)
    assert entry["accuracy"] == pytest.approx((best == truth).float().mean().item()) and entry["chance"] == 0.5
    with pytest.raises(ValueError, match=r"`groups` for some of the classes .* but got \['dogs'\]"):
        run(model, processor, folder, EvaluationConfig(source(), ["a {}"], groups={"dogs": ["dog"]}))


def test_mean_average_precision(model, processor, folder):
    torchmetrics = pytest.importorskip("torchmetrics")
    config = EvaluationConfig(source(label="tags"), ["a {}"], multi_label=True)
    entry = run(model, processor, folder, config)["zero_shot"]["depth"]
    scores = embed(model, processor, folder, "depth") @ prompts(model, processor, NAMES).t()
    truth = torch.zeros(ROWS, 3, dtype=torch.int)
    for row in range(ROWS):
        truth[row, row % 3] = 1
        if row % 2:
            truth[row, (row + 1) % 3] = 1
    # Cosines, brought to [0, 1] in the same order.
    expected = torchmetrics.functional.classification.multilabel_average_precision((scores + 1) / 2, truth, 3)
    assert entry["mean_average_precision"] == pytest.approx(expected.item(), abs=1e-6)
    assert entry["classes"] == 3 and entry["chance"] == pytest.approx(truth.float().mean().item())


def test_retrieval_with_several_captions(model, processor, folder):
    results = run(model, processor, folder, EvaluationConfig(source(), against="text"))["retrieval"]
    rows = Dataset.from_parquet(str(folder / "rows.parquet"))
    depth = embed(model, processor, folder, "depth")
    texts = [(row, text) for row, captions in enumerate(rows["text"]) for text in captions]
    with torch.no_grad():
        captions = torch.cat([model(**processor(text=[text], return_tensors="pt")).text_embeds for _, text in texts])
    owners = np.array([row for row, _ in texts])
    forward, backward = [], []
    for row in range(ROWS):
        scores = (captions @ depth[row]).numpy()
        best = scores[owners == row].max()
        forward.append(1 + (scores[owners != row] >= best - 1e-7).sum())
    for number, row in enumerate(owners):
        scores = (depth @ captions[number]).numpy()
        backward.append(1 + (np.delete(scores, row) >= scores[row] - 1e-7).sum())
    for way, ranks in (("depth: depth to text", forward), ("depth: text to depth", backward)):
        assert results[way]["recall@5"] == pytest.approx(np.mean(np.array(ranks) <= 5))
        assert results[way]["median_rank"] == pytest.approx(np.median(ranks))


def test_fused_modalities(model, processor, folder):
    config = EvaluationConfig(source(), ["a {}"], modality={"depth": 0.95, "image": 0.05})
    entry = run(model, processor, folder, config)["zero_shot"]["depth"]
    fused = 0.95 * embed(model, processor, folder, "depth") + 0.05 * embed(model, processor, folder, "image")
    hits = (fused @ prompts(model, processor, NAMES).t()).argmax(1).numpy() == np.arange(ROWS) % 3
    assert entry["accuracy"] == pytest.approx(hits.mean())


def test_neither_batch_size_nor_order_matters(model, processor, folder):
    config = EvaluationConfig(source(), ["a {}"], against="image")
    rows = Dataset.from_parquet(str(folder / "rows.parquet"))
    (folder / "other").mkdir(exist_ok=True)
    rows.select(np.random.default_rng(1).permutation(ROWS)).to_parquet(folder / "other" / "rows.parquet")
    expected = run(model, processor, folder, config)
    for place, batch_size in ((folder, 1), (folder, 7), (folder / "other", 5)):
        results = run(model, processor, place, config, batch_size=batch_size)
        assert results["zero_shot"]["depth"]["accuracy"] == pytest.approx(expected["zero_shot"]["depth"]["accuracy"])
        for way, entry in results["retrieval"].items():
            for metric in ("recall@1", "recall@5", "median_rank"):
                assert entry[metric] == pytest.approx(expected["retrieval"][way][metric])


def test_a_stream_is_measured_as_what_lies_on_disk(model, processor, folder):
    config = EvaluationConfig(source(), ["a {}"], against="image")
    streamed = EvaluationConfig(source(streaming=True), ["a {}"], against="image")
    assert run(model, processor, folder, streamed) == run(model, processor, folder, config)


def test_a_second_run_embeds_nothing(model, processor, folder, monkeypatch):
    config = EvaluationConfig(source(), ["a {}"], against="image")
    first = run(model, processor, folder, config)
    monkeypatch.setattr(ImageBindModel, "get_depth_features", None)
    calls, forward = [], ImageBindModel.forward
    monkeypatch.setattr(
        ImageBindModel, "forward", lambda self, **inputs: calls.append(list(inputs)) or forward(self, **inputs)
    )
    assert run(model, processor, folder, config) == first
    assert not calls, "the prompts are kept too"
    other = ImageBindModel(model.config).eval()
    run(other, processor, folder, config)
    assert ["pixel_values_depth"] in [names[:1] for names in calls], "other weights, other embeddings"


def test_unreadable_items_are_left_out_and_listed(model, processor, folder, tmp_path):
    rows = Dataset.from_parquet(str(folder / "rows.parquet")).select_columns(["depth", "label"])
    rows = rows.cast_column("depth", Image(decode=False)).to_list()
    rows[4]["depth"] = {"bytes": b"no picture", "path": None}
    structure = Features(
        {"depth": {"bytes": Value("binary"), "path": Value("string")}, "label": ClassLabel(names=NAMES)}
    )
    Dataset.from_list(rows, features=structure).to_parquet(tmp_path / "rows.parquet")
    results = run(model, processor, tmp_path, EvaluationConfig(source(), ["a {}"]), batch_size=4)
    assert list(results["unreadable"]["depth"]) == ["4"] and "Cannot read" in results["unreadable"]["depth"]["4"]
    assert results["zero_shot"]["depth"]["rows"] == ROWS - 1
    for row in rows:
        row["depth"] = {"bytes": b"nothing", "path": None}
    Dataset.from_list(rows, features=structure).to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(ValueError, match="Cannot read any of the 21 items of depth"):
        run(model, processor, tmp_path, EvaluationConfig(source(), ["a {}"]))


def test_few_shot(model, processor, folder):
    probe = FewShotConfig(source(), source(), shots=[2, "all"], seeds=3)
    results = Measurement({}, {"depth": probe}, folder).run(model, processor)["few_shot"]["depth"]
    assert results["all"]["mean"] > results["2"]["mean"] > 1 / 3


def write_probe(rows: Dataset, folder, labels: list, feature) -> SourceConfig:
    rows = rows.select_columns(["depth"]).add_column("label", labels, feature=feature)
    name = f"{len(list(folder.glob('*.parquet')))}.parquet"
    rows.to_parquet(folder / name)
    return SourceConfig(data_files=str(folder / name))


def test_probes_go_by_the_names_of_classes(model, processor, folder, tmp_path):
    rows = Dataset.from_parquet(str(folder / "rows.parquet"))
    named = [NAMES[label] for label in rows["label"]]
    train = write_probe(rows, tmp_path, rows["label"][:], ClassLabel(names=NAMES))
    words = write_probe(rows, tmp_path, named, Value("string"))
    other = sorted([*NAMES, "ant"])
    shuffled = write_probe(rows, tmp_path, [other.index(name) for name in named], ClassLabel(names=other))
    bare = write_probe(rows, tmp_path, rows["label"][:], Value("int64"))

    def accuracy(train: SourceConfig, test: SourceConfig) -> dict:
        return Measurement({}, {"depth": FewShotConfig(train, test, shots=[2, "all"])}).run(model, processor)[
            "few_shot"
        ]

    expected = accuracy(train, train)
    assert accuracy(train, shuffled) == accuracy(train, words) == accuracy(bare, bare) == expected
    # Other draws, all of the same items.
    for learned in (words, shuffled):
        assert accuracy(learned, train)["depth"]["all"]["mean"] == pytest.approx(expected["depth"]["all"]["mean"])


def test_bad_probes(folder, tmp_path):
    rows = Dataset.from_parquet(str(folder / "rows.parquet"))
    train = write_probe(rows, tmp_path, rows["label"][:], ClassLabel(names=NAMES))
    strange = write_probe(rows, tmp_path, ["cat"] * (ROWS - 1) + ["ox"], Value("string"))
    bare = write_probe(rows, tmp_path, rows["label"][:], Value("int64"))
    hidden = write_probe(rows, tmp_path, [-1] * ROWS, ClassLabel(names=NAMES))
    unlabelled = SourceConfig(data_files=str(tmp_path / "unlabelled.parquet"))
    rows.select_columns(["depth"]).to_parquet(tmp_path / "unlabelled.parquet")
    for learned, tested, message in (
        (
            train,
            strange,
            r"depth: The test classes \['ox'\] have no training items. Training classes: \['cat', 'dog', 'cow'\]",
        ),
        (train, bare, r"test classes \[0, 1, 2\] have no training items"),
        (train, hidden, "depth, test: 21 of 21 rows have no valid class"),
        (unlabelled, train, "depth, train: Expected a column 'label' with one class per row, but got None"),
        (train, source(label="tags"), "depth, test: Expected a column 'label' with one class per row, but got List"),
    ):
        with pytest.raises(ValueError, match=message):
            Measurement({}, {"depth": FewShotConfig(learned, tested)}, folder)


@pytest.mark.parametrize(
    "config, message",
    [
        (EvaluationConfig(source()), "Expected `templates` or `against`, but got neither"),
        (EvaluationConfig(source(), "clip"), "set of prompt templates 'clip'. Choose from \\['imagenet'\\]"),
        (EvaluationConfig(source(), ["{}"], against="thermal"), r"Expected the columns \['thermal'\], but"),
        (EvaluationConfig(source(), ["{}"], folds="part"), r"Expected the columns \['part'\], but"),
        (EvaluationConfig(source(label="fold"), ["{}"]), "Expected a column 'label' of type ClassLabel"),
        (EvaluationConfig(source(), ["{}"], modality="audio"), "Expected a column 'audio'"),
        (EvaluationConfig(source(), ["{}"], views=[[], [{"Flip": {}}]]), "has a transform 'Flip'"),
        (
            EvaluationConfig(source(), ["{}"], modality="text", views=[[]]),
            "depth: .* modality other than text",
        ),
    ],
)
def test_bad_test_sets(folder, config, message):
    with pytest.raises(ValueError, match=message):
        Measurement({"depth": config}, data=folder)


def test_retrieval_shows_its_interval(model, processor, folder):
    probe = FewShotConfig(source(), source(), shots=[1])
    sets = {name: EvaluationConfig(source(), ["a {}"], against="text") for name in ("depth", "image")}
    results = Measurement(sets, {"depth": probe}, folder).run(model, processor)
    shown = format_results(results).splitlines()
    assert set(results["retrieval"]) >= {"depth to image", "depth: depth to text"}
    for name, entry in results["retrieval"].items():
        low, high = entry["interval"]
        assert low <= entry["recall@1"] <= high
        (line,) = [line for line in shown if line.startswith(f"  {name} ")]
        assert f"{entry['chance']:.1%}   {low:.1%} to {high:.1%}" in line


def test_a_model_without_a_tower_is_told_before_anything_is_embedded(model, processor, folder, monkeypatch):
    monkeypatch.setattr(ImageBindModel, "forward", None)
    lacking = ImageBindModel(make_config(modalities=["vision"]))
    probe = FewShotConfig(source(), source())
    for config, probes, named in (
        (EvaluationConfig(source(), ["a {}"], modality="image"), {}, r"\['text'\]"),
        (EvaluationConfig(source(), ["a {}"], modality="depth", against="image"), {}, r"\['depth', 'text'\]"),
        (EvaluationConfig(source(), modality="image", against="text"), {}, r"\['text'\]"),
        (EvaluationConfig(source(), modality="image", against="image"), {"depth": probe}, r"\['depth'\]"),
    ):
        with pytest.raises(ValueError, match=rf"no tower for {named}. Its modalities are \['image', 'video'\]"):
            Measurement({"image": config}, probes, folder).run(lacking, processor)


def test_the_command(model, processor, folder, tmp_path):
    model.save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    benchmark = {
        "title": "Three animals",
        "evaluation": {"depth": {"source": {"data_files": "rows.parquet"}, "templates": ["a {}"], "against": "image"}},
        "few_shot": {"depth": {"train": {"data_files": "rows.parquet"}, "test": {"data_files": "rows.parquet"}}},
        "paper": {"accuracy": "99 %"},
    }
    benchmark["few_shot"]["depth"]["shots"] = [1, "all"]
    (tmp_path / "animals.yaml").write_text(json.dumps(benchmark))
    arguments = ["evaluate", str(tmp_path / "animals.yaml"), "--model", str(tmp_path / "model"), "--data", str(folder)]
    shown = CliRunner().invoke(app, [*arguments, "--output", str(tmp_path / "results.json")])
    assert shown.exit_code == 0, shown.output
    for words in (
        "Three animals",
        "depth: depth to image",
        "depth, all",
        "Paper (ImageBind-Huge): accuracy 99",
    ):
        assert words in shown.output
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["zero_shot"]["depth"]["rows"] == ROWS and len(results["eval_results"]) == 1 + 2 + 2
    card = ModelCardData(model_name="animals", eval_results=model_index(results, "animals"))
    written = [metric for entry in card.to_dict()["model-index"][0]["results"] for metric in entry["metrics"]]
    names = [metric["name"] for metric in written]
    assert len(set(names)) == len(names) == len(card.eval_results), "each figure says whose it is"
    assert ModelCard(f"---\n{card}\n---\n").data.eval_results[0].metric_value == pytest.approx(
        results["zero_shot"]["depth"]["accuracy"], abs=1e-4
    )
    shown = CliRunner().invoke(app, ["evaluate", "esc5", "--model", str(tmp_path / "model")])
    assert shown.exit_code == 2 and "Did you mean 'esc50'?" in shown.output


def test_classes_may_be_strings(model, processor, folder, tmp_path):
    rows = Dataset.from_parquet(str(folder / "rows.parquet"))
    names = [NAMES[label] for label in rows["label"]]
    rows.remove_columns("label").add_column("label", names).to_parquet(tmp_path / "rows.parquet")
    expected, found = (
        run(model, processor, place, EvaluationConfig(source(), ["a {}"]))["zero_shot"]["depth"]["accuracy"]
        for place in (folder, tmp_path)
    )
    assert found == expected
