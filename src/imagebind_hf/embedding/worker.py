# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Items to vectors: workers decode while the model computes, texts go by length, a bad item stops nobody."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from transformers import ProcessorMixin

from ..hub.checkpoints import load_model
from ..models.imagebind.media import for_each, load_audio, load_image
from ..models.imagebind.modalities import model_argument
from ..models.imagebind.modeling_imagebind import ImageBindModel
from .items import Item

# What is decoded on the CPU and resized, transformed and normalised where the model is; others are made ready at once.
_DECODERS = {
    # A tensor, which the loader pins.
    "image": lambda item: torch.from_numpy(np.array(load_image(item).convert("RGB"))).permute(2, 0, 1),
    "audio": lambda item: dict(zip(("array", "sampling_rate"), load_audio(item), strict=True)),
}


class ItemEmbedder:
    """Embeds items.

    Args:
        model: The model, in evaluation mode, where it shall compute.
        processor: Its processor.
        batch_size: Items that go through the model together.
        num_workers: Processes that read and decode; 0 for none beside this one.
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
            needed: Modalities of what there will be to embed: only their towers are loaded.
            batch_size, num_workers: As for the class.
            device: Where to compute; by default an accelerator where there is one.
            dtype: The model's type; by default that of the checkpoint.
            **model_kwargs: Further arguments of `from_pretrained`: `revision`, `attn_implementation`, …

        Raises:
            ValueError: If the model has no tower for one of the modalities.
        """
        loaded, processor = load_model(model, needed, device=device, dtype=dtype, **model_kwargs)
        return cls(loaded, processor, batch_size, num_workers)

    @torch.inference_mode()
    def __call__(self, items: Sequence[Item]) -> Iterator[tuple[list[int], np.ndarray, list[tuple[int, str]]]]:
        """Embed items, batch by batch.

        Yields:
            Numbers of the items of a batch; their unit vectors, float32 of shape `(len(numbers), E)`; and numbers and
            reasons of those that could not be read.

        Raises:
            ImportError: If an item takes a package that is not installed.
        """
        device = self.model.device
        waiting = None
        for modality, numbers, values, errors in self.batches(items):
            if isinstance(values, ImportError):
                raise values
            if not numbers:
                yield [], np.zeros((0, self.model.config.projection_dim), np.float32), errors
                continue
            if isinstance(values, list):
                values = self.processor.prepare(modality, values, return_tensors="pt", device=device)
            inputs = {name: _to(value, device, self.model.dtype) for name, value in values.items()}
            copied = _Copy(self.model(**inputs)[f"{modality}_embeds"].float())
            # A batch is waited for when the next has been started.
            if waiting is not None:
                yield waiting[0], waiting[1].numpy(), waiting[2]
            waiting = numbers, copied, errors
        if waiting is not None:
            yield waiting[0], waiting[1].numpy(), waiting[2]

    def batches(self, items: Sequence[Item]) -> DataLoader:
        """Return what reads items: of each batch modality, numbers, values, and what could not be read."""
        is_remote = self.model.device.type != "cpu"
        return DataLoader(
            _Batches(items, self._plan(items), self.processor, is_remote),
            batch_size=None,
            num_workers=self.num_workers,
            # Pinned copies go on while the model computes.
            pin_memory=is_remote,
            prefetch_factor=4 if self.num_workers else None,
        )

    def _plan(self, items: Sequence[Item]) -> list[list[int]]:
        """Divide items into batches of one modality; texts of like length together, so that little is padded."""
        batches = []
        for modality in dict.fromkeys(item.modality for item in items):
            numbers = [number for number, item in enumerate(items) if item.modality == modality]
            if modality == "text":
                numbers.sort(key=lambda number: len(str(items[number].source)))
            batches += [numbers[start : start + self.batch_size] for start in range(0, len(numbers), self.batch_size)]
        return batches


class _Copy:
    """A tensor on its way to the CPU, behind what its device has been given to do before, and nothing after."""

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


class _Batches(Dataset):
    """Batches of items, read and decoded, and, for a model on the CPU, made ready for it."""

    def __init__(self, items: Sequence[Item], batches: list[list[int]], processor: ProcessorMixin, is_remote: bool):
        self.items, self.batches, self.processor, self.is_remote = items, batches, processor, is_remote

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> tuple[str, list[int], Any, list[tuple[int, str]]]:
        numbers = self.batches[number]
        modality = self.items[numbers[0]].modality
        kept, values, errors = [], [], []
        for each in numbers:
            try:
                values.append(self._read(self.items[each], modality))
                kept.append(each)
            # It is not the item's fault. Returned, as what a worker raises arrives as a traceback.
            except ImportError as error:
                return modality, [], error, []
            # Whatever a damaged file makes a decoder raise.
            except Exception as error:
                errors.append((each, str(error)))
        if not kept or (self.is_remote and modality in _DECODERS):
            return modality, kept, values, errors
        if modality == "text":
            return modality, kept, self._prepare(values, modality), errors
        return modality, kept, {name: torch.cat([each[name] for each in values]) for name in values[0]}, errors

    def _read(self, item: Item, modality: str) -> Any:
        value = item.load()
        if modality == "text":
            if not isinstance(value, str):
                raise ValueError(f"Expected a text, got a {type(value).__name__}.")
            return value
        if self.is_remote and modality in _DECODERS:
            return for_each(_DECODERS[modality], [value])[0]
        return self._prepare([value], modality)

    def _prepare(self, values: list, modality: str) -> dict[str, torch.Tensor]:
        # Without the attention mask of texts, which the model never needs.
        name = model_argument(modality)
        return {name: self.processor.prepare(modality, values, return_tensors="pt")[name]}
