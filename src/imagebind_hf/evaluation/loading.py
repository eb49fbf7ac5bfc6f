# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Loading and validation of test sets and linear probes, before anything is embedded."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import ClassLabel, Dataset, IterableDataset, Value

from ..datasets.sources import load_source
from ..utils.progress import quiet_datasets
from ..utils.transforms import build_transforms
from .config import EvaluationConfig, FewShotConfig, load_templates


def load_test_set(config: EvaluationConfig, name: str, data: str | Path | None = None) -> Dataset:
    """Load a test set. For classification, labels become `ClassLabel`s.

    Args:
        config: Configuration of the test set.
        name: Name of the test set, which is its modality if the configuration has none.
        data: Folder that `data_files` and `data_dir` are relative to.

    Raises:
        ValueError: If files, columns or classes are missing, transforms are unknown, or there is nothing to evaluate.
    """
    weights = modality_weights(config, name)
    # The source renames the column of the first modality. The others have the names of their modalities.
    rows = _to_disk(load_source(config.source, next(iter(weights)), data))
    wanted = [*columns_of(config, name), *([config.folds] if config.folds else [])]
    missing = [column for column in wanted if column not in rows.column_names]
    if missing:
        raise ValueError(f"{name}: Expected the columns {missing}, but the columns are {rows.column_names}.")
    if config.templates is None and config.against is None:
        raise ValueError(f"{name}: Expected `templates` or `against`, but got neither.")
    if config.views and "text" in weights:
        raise ValueError(f"{name}: Expected a modality other than text, because `views` are transforms of tensors.")
    for view in config.views:
        build_transforms(view)
    if config.templates is not None:
        load_templates(config.templates)
        if not config.multi_label and rows.features.get("label") == Value("string"):
            with quiet_datasets():
                rows = rows.class_encode_column("label")
        feature = rows.features.get("label")
        feature = getattr(feature, "feature", feature) if config.multi_label else feature
        if not getattr(feature, "names", None):
            raise ValueError(f"{name}: Expected a column 'label' of type ClassLabel, but got {feature}.")
        _check_labels(rows["label"][:], len(feature.names), config.multi_label, name)
    return rows


def load_probe(config: FewShotConfig, name: str, data: str | Path | None = None) -> list[Dataset]:
    """Load the training and the test items of a linear probe.

    Args:
        config, name, data: As for [`load_test_set`].

    Raises:
        ValueError: If files or columns are missing, or a test class has no training items.
    """
    sides = []
    for part, source in (("train", config.train), ("test", config.test)):
        rows = _to_disk(load_source(source, config.modality or name, data))
        feature = rows.features.get("label")
        if not isinstance(feature, (ClassLabel, Value)):
            raise ValueError(f"{name}, {part}: Expected a column 'label' with one class per row, but got {feature}.")
        names = getattr(feature, "names", None)
        _check_labels(rows["label"][:], names and len(names), False, f"{name}, {part}")
        sides.append(rows)
    known = class_numbers(sides[0])
    unknown = [label for label in dict.fromkeys(class_names(sides[1])) if label not in known]
    if unknown:
        raise ValueError(
            f"{name}: The test classes {unknown} have no training items. Training classes: {list(known)}."
        )
    return sides


def modality_weights(config: EvaluationConfig, name: str) -> dict[str, float]:
    """Return the modalities of a test set with their weights."""
    modality = config.modality or name
    return dict(modality) if isinstance(modality, Mapping) else {modality: 1.0}


def columns_of(config: EvaluationConfig, name: str) -> list[str]:
    """Return the modalities of a test set that are columns to embed."""
    return [*modality_weights(config, name), *([config.against] if config.against else [])]


def class_names(rows: Dataset) -> list[Any]:
    """Return the class name of every row, or its class number if classes have no names."""
    names = getattr(rows.features["label"], "names", None)
    return [label if names is None else names[label] for label in rows["label"][:]]


def class_numbers(rows: Dataset) -> dict[Any, int]:
    """Number the classes that have rows: in the order of the `ClassLabel` if there is one, otherwise sorted."""
    present = set(class_names(rows))
    names = getattr(rows.features["label"], "names", None) or sorted(present)
    return {label: number for number, label in enumerate(names) if label in present}


def _to_disk(rows: Dataset | IterableDataset) -> Dataset:
    """Write a streamed data set to the cache of `datasets`, because an evaluation reads rows more than once."""
    if isinstance(rows, Dataset):
        return rows
    return Dataset.from_generator(_iterate, rows.features, gen_kwargs={"rows": rows})


def _iterate(rows: IterableDataset) -> Iterator[dict[str, Any]]:
    yield from rows


def _check_labels(labels: Sequence[Any], classes: int | None, multi_label: bool, name: str) -> None:
    """Raise a ValueError if a row has no class, which `ClassLabel` stores as -1, or a class number out of range."""
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
            f"{name}: {len(bad)} of {len(labels)} rows have no valid class, for example row {bad[0]}: "
            f"{labels[bad[0]]}. Check that the split has labels, or leave rows out with `exclude`."
        )
