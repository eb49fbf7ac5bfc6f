# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Evaluation of a model on test sets and linear probes."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, Value
from transformers.utils import logging

from ..models.imagebind.embedding_utils import combine_embeddings
from ..models.imagebind.modeling_imagebind import ImageBindModel
from ..models.imagebind.processing_imagebind import ImageBindProcessor
from ..utils.transforms import Transforms
from .bootstrap import bootstrap_interval
from .config import EvaluationConfig, FewShotConfig, load_templates
from .embed import embed_dataset_cached, embed_texts
from .linear_probe import few_shot_accuracy
from .loading import class_names, class_numbers, columns_of, load_probe, load_test_set, modality_weights
from .retrieval import recalls, retrieval_by_class, target_ranks
from .zero_shot import class_scores, mean_average_precision, top_k_hits

logger = logging.get_logger(__name__)


class Measurement:
    """Test sets and linear probes, loaded and validated, that any model can be evaluated on.

    Args:
        evaluation: Test sets, by name.
        few_shot: Linear probes, by name.
        data: Folder that `data_files` and `data_dir` are relative to.

    Raises:
        ValueError: If files, columns or classes are missing, or a test set has nothing to evaluate.
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
        """The modalities that a model needs."""
        needed = [
            modality
            for name, config in self.evaluation.items()
            for modality in [*columns_of(config, name), *(["text"] if config.templates else [])]
        ]
        needed += [config.modality or name for name, config in self.few_shot.items()]
        return list(dict.fromkeys(needed))

    def run(self, model: ImageBindModel, processor: ImageBindProcessor, batch_size: int = 64) -> dict[str, Any]:
        """Evaluate a model. Embeddings are kept on disk, so that a second run is fast.

        Args:
            model: The model, in evaluation mode.
            processor: The processor of the model.
            batch_size: Number of items per forward pass.

        Returns:
            A dictionary with the entries

            - `zero_shot`, by test set: `accuracy` or `mean_average_precision`, its 95 % `interval`, `chance`, `rows`;
            - `retrieval`, by test set and direction: retrieval of the same row, for test sets with `against`; and
              retrieval of the same class, between every two test sets of different modalities with common classes;
            - `few_shot`, by linear probe and number of training items per class: `mean` and `std` of the accuracy;
            - `unreadable`, by test set and row number: why a row was left out;
            - `views`, by test set with test-time augmentation: the number of views.

        Raises:
            ValueError: If the model lacks a tower, or no item of a column can be read.
        """
        lacking = [modality for modality in self.modalities if modality not in model.inputs]
        if lacking:
            raise ValueError(f"The model has no tower for {lacking}. Its modalities are {list(model.inputs)}.")
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
                left, right = (_select_classes(embeds[name], classes[name], both) for name in (query, gallery))
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
    processor: ImageBindProcessor,
    rows: Dataset,
    modalities: Mapping[str, Sequence[Transforms]],
    batch_size: int,
) -> tuple[Dataset, dict[str, torch.Tensor], dict[str, str]]:
    """Embed columns and leave out rows that cannot be read in all of them.

    Args:
        model, processor, rows, batch_size: As for [`embed_dataset_cached`].
        modalities: The modalities to embed, with the views of each.

    Returns:
        The remaining rows; embeddings by modality, where all texts of a row follow each other; and the reasons for
        rows that were left out, by row number.
    """
    embeds, bad = {}, {}
    for modality, views in modalities.items():
        if modality == "text" and not isinstance(rows.features["text"], Value):
            bad |= {row: "The row has no text." for row, texts in enumerate(rows["text"][:]) if not texts}
            continue
        embeds[modality], unreadable = embed_dataset_cached(model, processor, rows, modality, batch_size, views)
        bad |= unreadable
    if bad:
        first = min(bad)
        logger.warning(
            f"{len(bad)} of {len(rows)} unreadable rows are left out, for example row {first}: {bad[first]}"
        )
        kept = [row for row in range(len(rows)) if row not in bad]
        rows = rows.select(kept)
        embeds = {modality: vectors[kept] for modality, vectors in embeds.items()}
    for modality in modalities:
        if modality not in embeds:
            texts = [text for each in rows["text"][:] for text in each]
            embeds[modality] = embed_texts(model, processor, texts, batch_size, cached=True)
    return rows, embeds, {str(row): bad[row] for row in sorted(bad)}


def _classify(
    model: ImageBindModel, processor: ImageBindProcessor, embeds: torch.Tensor, rows: Dataset, config: EvaluationConfig
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
            # Fewer resamples than for a mean, because each one sorts all items by every class.
            "interval": bootstrap_interval(
                np.arange(len(rows)), lambda sample: mean_average_precision(scores, tags, sample), 200
            ),
            "classes": int((shares > 0).sum()),
            # The expected precision of a random ranking is the share of the class.
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
        # With these weights, the mean over all items is the mean over the folds' means.
        weighted = hits.numpy() * len(rows) / (len(sizes) * sizes[fold])
        means = np.bincount(fold, hits.numpy()) / sizes
        result |= {"accuracy": float(weighted.mean()), "interval": list(bootstrap_interval(weighted))}
        result |= {"folds": len(means), "std": float(np.std(means))}
    return result


def _retrieve(
    embeds: torch.Tensor, others: torch.Tensor, rows: Dataset, name: str, config: EvaluationConfig
) -> dict[str, Any]:
    """Compute retrieval metrics between the two modalities of the rows, in both directions."""
    targets = [[row] for row in range(len(rows))]
    if config.against == "text" and not isinstance(rows.features["text"], Value):
        # A row may have several texts.
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


def _select_classes(embeds: torch.Tensor, names: np.ndarray, kept: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Select the rows of the classes `kept` (sorted), with labels that are indices into `kept`."""
    rows = np.isin(names, kept)
    return embeds[torch.from_numpy(rows)], torch.from_numpy(np.searchsorted(kept, names[rows]))
