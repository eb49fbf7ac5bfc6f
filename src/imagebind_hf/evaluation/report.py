# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Results of an evaluation as text and as metadata of a model card."""

from collections.abc import Mapping, Sequence
from typing import Any

from huggingface_hub import EvalResult


def format_results(
    results: Mapping[str, Any], paper: Mapping[str, Any] | None = None, reference: Mapping[str, Any] | None = None
) -> str:
    """Format results as text.

    Args:
        results: Results of [`~imagebind_hf.evaluation.Measurement.run`].
        paper: Results of the paper, by metric.
        reference: Other results to compare with, by name.
    """
    lines = []
    if results["zero_shot"]:
        lines.append("Zero-shot accuracy by text" + " " * 14 + "chance    rows   95 % interval")
    for name, entry in results["zero_shot"].items():
        value = entry.get("accuracy", entry.get("mean_average_precision"))
        line = f"  {name:<24}{value:>8.1%}{entry['chance']:>12.1%}{entry['rows']:>8}"
        lines.append(line + _format_interval(entry["interval"]) + ("" if "accuracy" in entry else ", mAP"))
    if results["retrieval"]:
        lines.append("Retrieval, recall@1" + " " * 21 + "chance   95 % interval")
    for name, entry in results["retrieval"].items():
        line = f"  {name:<24}{entry['recall@1']:>8.1%}{entry['chance']:>12.1%}" + _format_interval(entry["interval"])
        if "median_rank" in entry:
            line += f", @5 {entry['recall@5']:.1%}, @10 {entry['recall@10']:.1%}, median rank {entry['median_rank']:g}"
        lines.append(line)
    for name, number in results["views"].items():
        lines.append(f"{name}: test-time augmentation, mean of {number} view{'s' * (number > 1)} per item")
    for name, entries in results["unreadable"].items():
        lines.append(f"{name}: {len(entries)} unreadable rows were left out")
    if results["few_shot"]:
        lines.append("Linear probe, items per class" + " " * 7 + "accuracy ± standard deviation over draws")
    for name, entries in results["few_shot"].items():
        for shots, entry in entries.items():
            lines.append(f"  {name + ', ' + str(shots):<30}{entry['mean']:>8.1%} ± {entry['std']:.1%}")
    for title, figures in (("Paper (ImageBind-Huge)", paper), ("Reference", reference)):
        if figures:
            lines.append(f"{title}: " + ", ".join(f"{name} {value}" for name, value in figures.items()))
    return "\n".join(lines)


def _format_interval(interval: Sequence[float]) -> str:
    return f"   {interval[0]:.1%} to {interval[1]:.1%}"


def model_index(results: Mapping[str, Any], dataset: str) -> list[EvalResult]:
    """Return results as metadata of a model card, for `ModelCardData(eval_results=…)`.

    Args:
        results: Results of [`~imagebind_hf.evaluation.Measurement.run`].
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
            task = f"Linear probe, {number} items per class ({name})"
            entries.append((task, "few-shot-classification", "accuracy", entry["mean"]))
    return [
        EvalResult(
            task_type=kind,
            task_name=task,
            dataset_type=dataset,
            dataset_name=dataset,
            metric_type=metric,
            # The card groups results by task type and data set. Only this name distinguishes results within a group.
            metric_name=task,
            metric_value=round(value, 4),
        )
        for task, kind, metric, value in entries
    ]
