# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Training: contrastive learning of pairs with images, on transformers' Trainer and Accelerate."""

from .arguments import ImageBindTrainingArguments
from .augmentation import Augmentation
from .data import PairCollator, PairDataset
from .losses import InfoNCELoss, SigLIPLoss, gather_with_gradient
from .pairs import Pairs
from .sampler import PairBatchSampler
from .streaming import PairStream
from .trainer import ImageBindTrainer
from .validation import ValidationSet

__all__ = [
    "Augmentation",
    "ImageBindTrainer",
    "ImageBindTrainingArguments",
    "InfoNCELoss",
    "PairBatchSampler",
    "PairCollator",
    "PairDataset",
    "PairStream",
    "Pairs",
    "SigLIPLoss",
    "ValidationSet",
    "gather_with_gradient",
]
