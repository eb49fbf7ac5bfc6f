# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Test sets and probes as rows, checked before anything is embedded."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import ClassLabel, Dataset, IterableDataset, Value

from ..datasets.sources import load_source
from ..utils.transforms import build_transforms
from .config import EvaluationConfig, FewShotConfig, load_templates


def load_test_set(config: EvaluationConfig, name: str, data: str | Path | None = None) -> Dataset:
    """Load a test set, with labels as `ClassLabel` where it is for classification.

    Args:
        config: The test set.
        name: Its name, for errors, and its modality where the configuration has none.
        data: Folder that files are relative to.

    Raises:
        ValueError: If files, columns or classes are missing, transforms are unknown, or there is nothing to measure.
    """
    weights = modality_weights(config, name)
    # The source names one column; further ones are there under their own names.
    rows = _on_disk(load_source(config.source, next(iter(weights)), data))
    wanted = [*columns_of(config, name), *([config.folds] if config.folds else [])]
    missing = [column for column in wanted if column not in rows.column_names]
    if missing:
        raise ValueError(f"{name}: no columns {missing}, the data set has {rows.column_names}.")
    if config.templates is None and config.against is None:
        raise ValueError(f"{name}: nothing to measure, give templates, or what to retrieve against.")
    if config.views and "text" in weights:
        raise ValueError(f"{name}: views are transforms of numbers, there are none of texts.")
    for view in config.views:
        build_transforms(view)
    if config.templates is not None:
        load_templates(config.templates)
        if not config.multi_label and rows.features.get("label") == Value("string"):
            rows = rows.class_encode_column("label")
        feature = rows.features.get("label")
        feature = getattr(feature, "feature", feature) if config.multi_label else feature
        if not getattr(feature, "names", None):
            raise ValueError(f"{name}: classification needs a column 'label' of ClassLabel, it is {feature}.")
        _check_labels(rows["label"][:], len(feature.names), config.multi_label, name)
    return rows


def load_probe(config: FewShotConfig, name: str, data: str | Path | None = None) -> list[Dataset]:
    """Load what a probe learns from, and what it is tested on.

    Args:
        config, name, data: As for [`load_test_set`].

    Raises:
        ValueError: If files or columns are missing, or test rows are of a class that no training row is of.
    """
    sides = []
    for part, source in (("train", config.train), ("test", config.test)):
        rows = _on_disk(load_source(source, config.modality or name, data))
        feature = rows.features.get("label")
        if not isinstance(feature, (ClassLabel, Value)):
            raise ValueError(f"{name}, {part}: a probe needs a column 'label' of one class a row, it is {feature}.")
        names = getattr(feature, "names", None)
        _check_labels(rows["label"][:], names and len(names), False, f"{name}, {part}")
        sides.append(rows)
    known = class_numbers(sides[0])
    unknown = [label for label in dict.fromkeys(class_names(sides[1])) if label not in known]
    if unknown:
        raise ValueError(f"{name}: test rows are of classes {unknown}, which no training row is of: {list(known)}.")
    return sides


def modality_weights(config: EvaluationConfig, name: str) -> dict[str, float]:
    """Return the modalities of a test set with their weights."""
    modality = config.modality or name
    return dict(modality) if isinstance(modality, Mapping) else {modality: 1.0}


def columns_of(config: EvaluationConfig, name: str) -> list[str]:
    """Return the modalities of a test set whose columns are embedded."""
    return [*modality_weights(config, name), *([config.against] if config.against else [])]


def class_names(rows: Dataset) -> list[Any]:
    """Return the class of every row: its name, or its number where it has none."""
    names = getattr(rows.features["label"], "names", None)
    return [label if names is None else names[label] for label in rows["label"][:]]


def class_numbers(rows: Dataset) -> dict[Any, int]:
    """Number the classes that rows are of, in the order of the data set's own numbers, or else sorted."""
    present = set(class_names(rows))
    names = getattr(rows.features["label"], "names", None) or sorted(present)
    return {label: number for number, label in enumerate(names) if label in present}


def _on_disk(rows: Dataset | IterableDataset) -> Dataset:
    """Write a stream to disk as it comes, where `datasets` finds it again: rows are looked at more than once."""
    if isinstance(rows, Dataset):
        return rows
    return Dataset.from_generator(_iterate, rows.features, gen_kwargs={"rows": rows})


def _iterate(rows: IterableDataset) -> Iterator[dict[str, Any]]:
    yield from rows


def _check_labels(labels: Sequence[Any], classes: int | None, multi_label: bool, name: str) -> None:
    """Refuse rows of no class, which ClassLabel stores as -1, and, of so many classes, of numbers without a name."""
    bad = [
        row
        for row, label in enumerate(labels)
        if label is None
        or any(
            each is None or (classes is not None and not 0 <= each < classes)
            for each in (label if multi_label else [label])
        )
    ]
    if bad:
        raise ValueError(
            f"{name}: {len(bad)} of {len(labels)} rows are of no class that has a name, row {bad[0]} for one: "
            f"{labels[bad[0]]}. Is it the right split? `exclude` leaves rows out."
        )
