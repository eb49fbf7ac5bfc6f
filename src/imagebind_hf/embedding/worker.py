# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Turn items into embeddings. Worker processes decode while the model computes; unreadable items are reported."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import ProcessorMixin

from ..hub.checkpoints import load_model
from ..models.imagebind.media import load_audio, load_image
from ..models.imagebind.modalities import MODALITIES, model_argument
from ..models.imagebind.modeling_imagebind import ImageBindModel
from .items import Item

# For a model on an accelerator, workers only decode these modalities, and the accelerator does the rest of the
# preprocessing. Workers preprocess all other modalities completely.
_DECODERS = {
    # A tensor, because the data loader pins only tensors.
    "image": lambda item: torch.from_numpy(np.array(load_image(item).convert("RGB"))).permute(2, 0, 1),
    "audio": lambda item: dict(zip(("array", "sampling_rate"), load_audio(item), strict=True)),
}
# Errors that are not the fault of an item: a package is missing, or the accelerator has failed.
_FATAL = (ImportError, torch.AcceleratorError)

Errors = list[tuple[int, str]]


class ItemEmbedder:
    """Embeds items of any modality.

    Args:
        model: The model, in evaluation mode and on its device.
        processor: Its processor.
        batch_size: Number of items in a batch.
        num_workers: Number of worker processes that read and decode. With 0, the calling process does it.
    """

    def __init__(self, model: ImageBindModel, processor: ProcessorMixin, batch_size: int = 64, num_workers: int = 0):
        self.model, self.processor = model, processor
        self.batch_size, self.num_workers = batch_size, num_workers

    @classmethod
    def from_pretrained(
        cls,
        model: str,
        needed: Iterable[str],
        batch_size: int = 64,
        num_workers: int = 0,
        device: str | None = None,
        dtype: str = "auto",
        **model_kwargs: Any,
    ) -> "ItemEmbedder":
        """Load a model and its processor.

        Args:
            model: Folder or Hub id.
            needed: Modalities of the items. Only their towers are loaded.
            batch_size, num_workers: As for the class.
            device: The model's device. Default: an accelerator if one is available.
            dtype: The model's dtype. Default: that of the checkpoint.
            **model_kwargs: Further arguments of `from_pretrained`, for example `revision`.

        Raises:
            ValueError: If the model has no tower for one of the modalities.
        """
        loaded, processor = load_model(model, needed, device=device, dtype=dtype, **model_kwargs)
        return cls(loaded, processor, batch_size, num_workers)

    @property
    def is_remote(self) -> bool:
        """Whether the model is on an accelerator, which then also preprocesses images and audio."""
        return self.model.device.type != "cpu"

    @torch.inference_mode()
    def __call__(self, items: Sequence[Item]) -> Iterator[tuple[list[int], np.ndarray, Errors]]:
        """Embed items batch by batch.

        Yields:
            The positions of the embedded items; their unit vectors, float32 of shape `(len(positions), E)`; and the
            positions of unreadable items with the reasons.

        Raises:
            ImportError: If an item needs a package that is not installed.
        """
        waiting = None
        for modality, numbers, values, errors in self.batches(items):
            if isinstance(values, ImportError):
                raise values
            if isinstance(values, list) and numbers:
                numbers, values, failures = self._preprocess(modality, numbers, values)
                errors = errors + failures
            if numbers:
                numbers, embeds, failures = self._embed(modality, numbers, values)
                errors = errors + failures
            if not numbers:
                yield [], np.zeros((0, self.model.config.projection_dim), np.float32), errors
                continue
            copied = _Copy(embeds.float())
            # Wait for a batch only after the next one has been started.
            if waiting is not None:
                yield waiting[0], waiting[1].numpy(), waiting[2]
            waiting = numbers, copied, errors
        if waiting is not None:
            yield waiting[0], waiting[1].numpy(), waiting[2]

    def batches(self, items: Sequence[Item]) -> DataLoader:
        """Return a loader of batches: the modality, positions, values, and the errors of unreadable items."""
        return DataLoader(
            _Batches(items, self._plan(items), self.processor, self.is_remote),
            batch_size=None,
            num_workers=self.num_workers,
            # Copies from pinned memory overlap with computation.
            pin_memory=self.model.device.type != "cpu",
            prefetch_factor=4 if self.num_workers else None,
        )

    def _plan(self, items: Sequence[Item]) -> list[list[int]]:
        """Divide items into batches of one modality. Texts are sorted by length, which needs the least padding."""
        batches = []
        for modality in dict.fromkeys(item.modality for item in items):
            numbers = [number for number, item in enumerate(items) if item.modality == modality]
            if modality == "text":
                numbers.sort(key=lambda number: len(str(items[number].source)))
            batches += [numbers[start : start + self.batch_size] for start in range(0, len(numbers), self.batch_size)]
        return batches

    def _embed(self, modality: str, numbers: list[int], values: Any) -> tuple[list[int], torch.Tensor, Errors]:
        """Run the model on a batch. If values of an extra modality do not fit its tower, run it on each item."""
        inputs = {name: _to(value, self.model.device, self.model.dtype) for name, value in values.items()}
        try:
            return numbers, self.model(**inputs)[f"{modality}_embeds"], []
        except (ValueError, RuntimeError) as error:
            if modality in MODALITIES or isinstance(error, (torch.OutOfMemoryError, torch.AcceleratorError)):
                raise
            if len(numbers) == 1:
                return [], torch.zeros(0), [(numbers[0], _reason(error))]
        singles = [{name: value[row : row + 1] for name, value in inputs.items()} for row in range(len(numbers))]
        results = [self._embed(modality, [number], single) for number, single in zip(numbers, singles, strict=True)]
        kept = [number for result in results for number in result[0]]
        embeds = torch.cat([result[1] for result in results if result[0]]) if kept else torch.zeros(0)
        return kept, embeds, [error for result in results for error in result[2]]

    def _preprocess(self, modality: str, numbers: list[int], values: list) -> tuple[list[int], Any, Errors]:
        """Preprocess decoded items on the model's device: as one batch, or one by one if that fails."""
        try:
            arguments = {"return_tensors": "pt", "device": self.model.device}
            return numbers, self.processor.prepare(modality, values, **arguments), []
        except _FATAL:
            raise
        except Exception as error:
            if len(numbers) == 1:
                return [], {}, [(numbers[0], _reason(error))]
        results = [
            self._preprocess(modality, [number], [value]) for number, value in zip(numbers, values, strict=True)
        ]
        readable = [result for result in results if result[0]]
        errors = [error for result in results for error in result[2]]
        kept = [number for result in readable for number in result[0]]
        return kept, _concatenate([result[1] for result in readable]), errors


class _Copy:
    """A tensor that is copied to the CPU in the background."""

    def __init__(self, tensor: torch.Tensor):
        self.tensor, self.done = tensor, None
        if tensor.device.type != "cpu":
            self.tensor = tensor.to("cpu", non_blocking=True)
            self.done = torch.Event(tensor.device)
            self.done.record()

    def numpy(self) -> np.ndarray:
        if self.done is not None:
            self.done.synchronize()
        return self.tensor.numpy()


def _to(value: torch.Tensor, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    return value.to(device, dtype if value.is_floating_point() else None, non_blocking=True)


def _concatenate(inputs: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    return {name: torch.cat([each[name] for each in inputs]) for name in (inputs[0] if inputs else ())}


def _reason(error: Exception) -> str:
    """Return an error's message without the position in a batch of one."""
    return str(error).removeprefix("Item 0 of 1: ") or type(error).__name__


class _Batches(Dataset):
    """Batches of items: read, decoded, and preprocessed unless the accelerator does that."""

    def __init__(self, items: Sequence[Item], batches: list[list[int]], processor: ProcessorMixin, is_remote: bool):
        self.items, self.batches, self.processor, self.is_remote = items, batches, processor, is_remote

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> tuple[str, list[int], Any, Errors]:
        numbers = self.batches[number]
        modality = self.items[numbers[0]].modality
        kept, values, errors = [], [], []
        for each in numbers:
            try:
                values.append(self._read(self.items[each], modality))
                kept.append(each)
            # Returned, because an exception in a worker process arrives as a traceback.
            except ImportError as error:
                return modality, [], error, []
            # Decoders raise exceptions of any type for a corrupted file.
            except Exception as error:
                errors.append((each, _reason(error)))
        if not kept or (self.is_remote and modality in _DECODERS):
            return modality, kept, values, errors
        if modality == "text":
            return modality, kept, self._prepare(values, modality), errors
        kept, values, failures = _select_common_shape(kept, values)
        return modality, kept, _concatenate(values), errors + failures

    def _read(self, item: Item, modality: str) -> Any:
        value = item.load()
        if modality == "text":
            if not isinstance(value, str):
                raise ValueError(f"Expected a text, but got a {type(value).__name__}.")
            return value
        if self.is_remote and modality in _DECODERS:
            return _DECODERS[modality](value)
        if modality not in MODALITIES and isinstance(value, list):
            # Data sets return arrays as nested lists, which a processor would take for several items.
            value = np.asarray(value)
        return self._prepare([value], modality)

    def _prepare(self, values: list, modality: str) -> dict[str, torch.Tensor]:
        # Only the model's argument: it does not need the attention mask of texts.
        name = model_argument(modality)
        return {name: self.processor.prepare(modality, values, return_tensors="pt")[name]}


def _select_common_shape(numbers: list[int], values: list[dict[str, torch.Tensor]]) -> tuple[list[int], list, Errors]:
    """Leave out items whose shape differs from most others, as values of an extra modality may."""
    shapes = [tuple(tensor.shape for tensor in each.values()) for each in values]
    common = Counter(shapes).most_common(1)[0][0]
    rows = list(zip(numbers, values, shapes, strict=True))
    errors = [
        (number, f"Expected values of shape {tuple(common[0][1:])}, but got {tuple(shape[0][1:])}.")
        for number, _, shape in rows
        if shape != common
    ]
    kept = [(number, value) for number, value, shape in rows if shape == common]
    return [number for number, _ in kept], [value for _, value in kept], errors
