# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Carrying out what a benchmark or the end of a recipe measures, and laying it out."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, Value
from huggingface_hub import EvalResult
from transformers import ProcessorMixin
from transformers.utils import logging

from ..models.imagebind.modeling_imagebind import ImageBindModel
from ..utils.transforms import Transforms
from .arithmetic import combine_embeddings
from .bootstrap import bootstrap_interval
from .config import EvaluationConfig, FewShotConfig, load_templates
from .embed import embed_dataset_cached, embed_texts
from .linear_probe import few_shot_accuracy
from .loading import class_names, class_numbers, columns_of, load_probe, load_test_set, modality_weights
from .retrieval import recalls, retrieval_by_class, target_ranks
from .zero_shot import class_scores, mean_average_precision, top_k_hits

logger = logging.get_logger(__name__)


class Measurement:
    """Test sets and probes, loaded and checked, to be measured with any model.

    Args:
        evaluation: Test sets, by name.
        few_shot: Linear probes, by name.
        data: Folder that files are relative to.

    Raises:
        ValueError: If files, columns or classes are missing, or there is nothing to measure.
    """

    def __init__(
        self,
        evaluation: Mapping[str, EvaluationConfig],
        few_shot: Mapping[str, FewShotConfig] | None = None,
        data: str | Path | None = None,
    ):
        self.evaluation, self.few_shot = dict(evaluation), dict(few_shot or {})
        self.rows = {name: load_test_set(config, name, data) for name, config in self.evaluation.items()}
        self.probes = {name: load_probe(config, name, data) for name, config in self.few_shot.items()}

    @property
    def modalities(self) -> list[str]:
        """The modalities that a model embeds in a run."""
        needed = [
            modality
            for name, config in self.evaluation.items()
            for modality in [*columns_of(config, name), *(["text"] if config.templates else [])]
        ]
        needed += [config.modality or name for name, config in self.few_shot.items()]
        return list(dict.fromkeys(needed))

    def run(self, model: ImageBindModel, processor: ProcessorMixin, batch_size: int = 64) -> dict[str, Any]:
        """Measure a model, in evaluation mode. Embeddings are kept on disk: a second run is quick.

        Returns:
            `zero_shot`, by test set: accuracy (or `mean_average_precision`) with its interval, chance, rows;
            `retrieval`: row by row within test sets that say so, and by class between every two test sets of
            different modalities, over the classes that both have; `few_shot`, by probe and number of items;
            `unreadable`, by test set: items that were left out, with the reason, by row; `views`, by test set: of how
            many views an embedding is the mean, where a configuration gives some.

        Raises:
            ValueError: If the model lacks a tower for what is measured, or no item of a column can be read.
        """
        lacking = [modality for modality in self.modalities if modality not in model.inputs]
        if lacking:
            raise ValueError(f"The model has no tower for {lacking}; it has {list(model.inputs)}.")
        results: dict[str, Any] = {"zero_shot": {}, "retrieval": {}, "few_shot": {}, "unreadable": {}}
        results["views"] = {name: len(config.views) for name, config in self.evaluation.items() if config.views}
        embeds, classes = {}, {}
        for name, config in self.evaluation.items():
            weights = modality_weights(config, name)
            views = {modality: config.views if modality in weights else [] for modality in columns_of(config, name)}
            rows, sides, unreadable = _embed(model, processor, self.rows[name], views, batch_size)
            if unreadable:
                results["unreadable"][name] = unreadable
            own = {modality: sides[modality] for modality in weights}
            embeds[name] = combine_embeddings(own, weights) if len(own) > 1 else next(iter(own.values()))
            if config.templates is not None:
                results["zero_shot"][name] = _classify(model, processor, embeds[name], rows, config)
                if not config.multi_label:
                    classes[name] = np.asarray(rows.features["label"].names)[np.asarray(rows["label"][:])]
            if config.against is not None:
                results["retrieval"] |= _retrieve(embeds[name], sides[config.against], rows, name, config)
        for query, gallery in itertools.permutations(classes, 2):
            if (self.evaluation[query].modality or query) == (self.evaluation[gallery].modality or gallery):
                continue
            both = np.intersect1d(classes[query], classes[gallery])
            if len(both):
                left, right = (_only(embeds[name], classes[name], both) for name in (query, gallery))
                results["retrieval"][f"{query} to {gallery}"] = retrieval_by_class(
                    left[0], right[0], left[1], right[1]
                )
        for name, sides in self.probes.items():
            config = self.few_shot[name]
            numbers = class_numbers(sides[0])
            values, labels = [], []
            for part, rows in zip(("train", "test"), sides, strict=True):
                rows, vectors, unreadable = _embed(model, processor, rows, {config.modality or name: []}, batch_size)
                if unreadable:
                    results["unreadable"][f"{name}, {part}"] = unreadable
                values.append(next(iter(vectors.values())))
                labels.append(torch.tensor([numbers[label] for label in class_names(rows)]))
            results["few_shot"][name] = few_shot_accuracy(
                values[0], labels[0], values[1], labels[1], shots=config.shots, seeds=config.seeds
            )
        return results


def _embed(
    model: ImageBindModel,
    processor: ProcessorMixin,
    rows: Dataset,
    modalities: Mapping[str, Sequence[Transforms]],
    batch_size: int,
) -> tuple[Dataset, dict[str, torch.Tensor], dict[str, str]]:
    """Embed some columns, each in its views; rows of which one cannot be read are left out of all.

    Returns the rows that are left, vectors by modality (several texts of a row one after the other), and what is left
    out, by number of the row, with the reason.
    """
    embeds, bad = {}, {}
    for modality, views in modalities.items():
        if modality == "text" and not isinstance(rows.features["text"], Value):
            bad |= {row: "It has no text." for row, texts in enumerate(rows["text"][:]) if not texts}
            continue
        embeds[modality], unreadable = embed_dataset_cached(model, processor, rows, modality, batch_size, views)
        bad |= unreadable
    if bad:
        logger.warning(f"{len(bad)} of {len(rows)} rows cannot be read and are left out.")
        kept = [row for row in range(len(rows)) if row not in bad]
        rows = rows.select(kept)
        embeds = {modality: vectors[kept] for modality, vectors in embeds.items()}
    for modality in modalities:
        if modality not in embeds:
            texts = [text for each in rows["text"][:] for text in each]
            embeds[modality] = embed_texts(model, processor, texts, batch_size, cached=True)
    return rows, embeds, {str(row): bad[row] for row in sorted(bad)}


def _classify(
    model: ImageBindModel, processor: ProcessorMixin, embeds: torch.Tensor, rows: Dataset, config: EvaluationConfig
) -> dict[str, Any]:
    feature = rows.features["label"]
    names = (feature.feature if config.multi_label else feature).names
    scores = class_scores(
        model, processor, embeds, names, load_templates(config.templates), config.groups, cached=True
    )
    if config.multi_label:
        tags = rows["label"][:]
        shares = np.bincount([number for numbers in tags for number in numbers], minlength=len(names)) / len(rows)
        return {
            "mean_average_precision": float(mean_average_precision(scores, tags)[0]),
            # Fewer samples than of a mean: all items are sorted by every class for each.
            "interval": bootstrap_interval(
                np.arange(len(rows)), lambda sample: mean_average_precision(scores, tags, sample.astype(int)), 200
            ),
            "classes": int((shares > 0).sum()),
            # Precision at random is the share of the class.
            "chance": float(shares[shares > 0].mean()),
            "rows": len(rows),
        }
    labels = torch.tensor(rows["label"][:])
    hits, top5 = top_k_hits(scores, labels), top_k_hits(scores, labels, 5)
    result = {
        "accuracy": hits.float().mean().item(),
        "interval": list(bootstrap_interval(hits.float().numpy())),
        "top5": top5.float().mean().item(),
        "chance": 1 / len(names),
        "rows": len(rows),
    }
    if config.folds is not None:
        folds = np.asarray(rows[config.folds][:])
        _, fold, sizes = np.unique(folds, return_inverse=True, return_counts=True)
        # So weighted, the mean over all items is the mean over the folds' means.
        weighted = hits.numpy() * len(rows) / (len(sizes) * sizes[fold])
        means = np.bincount(fold, hits.numpy()) / sizes
        result |= {"accuracy": float(weighted.mean()), "interval": list(bootstrap_interval(weighted))}
        result |= {"folds": len(means), "std": float(np.std(means))}
    return result


def _retrieve(
    embeds: torch.Tensor, others: torch.Tensor, rows: Dataset, name: str, config: EvaluationConfig
) -> dict[str, Any]:
    """Measure both ways between the two sides of the rows."""
    targets = [[row] for row in range(len(rows))]
    if config.against == "text" and not isinstance(rows.features["text"], Value):
        # Several texts of a row.
        ends = np.cumsum([len(texts) for texts in rows["text"][:]]).tolist()
        targets = [list(range(start, end)) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    back = [[] for _ in range(len(others))]
    for row, numbers in enumerate(targets):
        for number in numbers:
            back[number].append(row)
    modality = "+".join(modality_weights(config, name))
    results = {}
    for way, (queries, gallery, right) in {
        f"{name}: {modality} to {config.against}": (embeds, others, targets),
        f"{name}: {config.against} to {modality}": (others, embeds, back),
    }.items():
        ranks = target_ranks(queries, gallery, right)
        results[way] = {
            **recalls(ranks),
            "interval": list(bootstrap_interval((ranks == 1).float().numpy())),
            "chance": float(np.mean([len(each) for each in right]) / len(gallery)),
        }
    return results


def _only(embeds: torch.Tensor, names: np.ndarray, kept: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Keep the rows of some classes, numbered in the order of `kept`."""
    rows = np.isin(names, kept)
    return embeds[torch.from_numpy(rows)], torch.from_numpy(np.searchsorted(kept, names[rows]))


def format_results(
    results: Mapping[str, Any], paper: Mapping[str, Any] | None = None, reference: Mapping[str, Any] | None = None
) -> str:
    """Lay out results as text, beside the paper's figures and others to compare with, where there are some."""
    lines = []
    if results["zero_shot"]:
        lines.append("Zero-shot accuracy by text" + " " * 14 + "chance    rows   95 % interval")
    for name, entry in results["zero_shot"].items():
        value = entry.get("accuracy", entry.get("mean_average_precision"))
        line = f"  {name:<24}{value:>8.1%}{entry['chance']:>12.1%}{entry['rows']:>8}"
        lines.append(line + _span(entry["interval"]) + ("" if "accuracy" in entry else ", mean average precision"))
    if results["retrieval"]:
        lines.append("Retrieval, recall@1" + " " * 21 + "chance   95 % interval")
    for name, entry in results["retrieval"].items():
        line = f"  {name:<24}{entry['recall@1']:>8.1%}{entry['chance']:>12.1%}" + _span(entry["interval"])
        if "median_rank" in entry:
            line += f", @5 {entry['recall@5']:.1%}, @10 {entry['recall@10']:.1%}, median {entry['median_rank']:g}"
        lines.append(line)
    for name, number in results["views"].items():
        lines.append(f"{name}: the mean of {number} view{'s' * (number > 1)} of each item")
    for name, entries in results["unreadable"].items():
        lines.append(f"{name}: {len(entries)} rows could not be read and are left out")
    if results["few_shot"]:
        lines.append("Linear probe, items a class" + " " * 9 + "accuracy ± deviation of the draws")
    for name, entries in results["few_shot"].items():
        for shots, entry in entries.items():
            lines.append(f"  {name + ', ' + str(shots):<30}{entry['mean']:>8.1%} ± {entry['std']:.1%}")
    for title, figures in (("The paper, with ImageBind-Huge", paper), ("To compare with", reference)):
        if figures:
            lines.append(f"{title}: " + ", ".join(f"{name} {value}" for name, value in figures.items()))
    return "\n".join(lines)


def _span(interval: tuple[float, float]) -> str:
    return f"   {interval[0]:.1%} to {interval[1]:.1%}"


def model_index(results: Mapping[str, Any], dataset: str) -> list[EvalResult]:
    """Return results as metadata of a model card, for `ModelCardData(eval_results=…)`.

    Args:
        results: What [`Measurement.run`] returned.
        dataset: Name of the data set.
    """
    entries = []
    for name, entry in results["zero_shot"].items():
        metric = "accuracy" if "accuracy" in entry else "mean_average_precision"
        entries.append((f"Zero-shot classification ({name})", "zero-shot-classification", metric, entry[metric]))
    for name, entry in results["retrieval"].items():
        entries.append((f"Retrieval ({name})", "retrieval", "recall@1", entry["recall@1"]))
    for name, shots in results["few_shot"].items():
        for number, entry in shots.items():
            task = f"Linear probe, {number} items a class ({name})"
            entries.append((task, "few-shot-classification", "accuracy", entry["mean"]))
    return [
        EvalResult(
            task_type=kind,
            task_name=task,
            dataset_type=dataset,
            dataset_name=dataset,
            metric_type=metric,
            # What is of one kind of task and one data set shares an entry; only this tells which figure is whose.
            metric_name=task,
            metric_value=round(value, 4),
        )
        for task, kind, metric, value in entries
    ]
