# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Augmentation of pairs: random transforms of images and their partners."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import v2

from ..models.imagebind.image_utils import channels_first
from ..utils.transforms import Transforms, build_transforms


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's CPU generator inside the context, and restore its state afterwards.

    Random numbers drawn outside (by dropout, for example) do not change.

    Args:
        seed: The seed, at least 0 and less than 2^63.
    """
    # Data are created on the CPU. `torch.manual_seed` would also seed the accelerators.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


class Augmentation:
    r"""Random transforms of an image and its partner.

    Each argument is a list of `{name: arguments}`, where the name is a transform of torchvision (v2) or torchaudio.

    Args:
        joint: Transforms of an image and a partner that shows the same scene (depth, thermal). Geometric transforms
            are the same for both, color transforms change only the image. Aligned crops of image and depth raise the
            accuracy of the paper on SUN RGB-D from 16.0 % to 26.7 % (appendix).
        image: Transforms of the image, after `joint`.
        partner: Transforms of a partner that is an image, after `joint`.
        features: Transforms of the partner's model input, after the processor, such as masks of a spectrogram
            (`FrequencyMasking`) or erased regions of a depth map (`RandomErasing`). The collator applies them.

    Raises:
        ValueError: If a transform is unknown or does not accept the arguments.

    Example:
        >>> from imagebind_hf.training import Augmentation
        >>> augment = Augmentation(joint=[{"RandomResizedCrop": {"size": 32}}, {"ColorJitter": {"hue": 0.2}}])
        >>> image, depth = augment(Image.new("RGB", (64, 48)), np.ones((48, 64)))
        >>> tuple(image.shape), tuple(depth.shape)
        ((3, 32, 32), (1, 32, 32))
    """

    def __init__(
        self,
        joint: Transforms = (),
        image: Transforms = (),
        partner: Transforms = (),
        features: Transforms = (),
    ):
        self.joint, self.image = build_transforms(joint), build_transforms(image)
        self.partner, self.features = build_transforms(partner), build_transforms(features)

    def __repr__(self) -> str:
        parts = ", ".join(f"{name}={value}" for name, value in vars(self).items())
        return f"Augmentation({parts})"

    def __call__(self, image: Any, partner: Any) -> tuple[Any, Any]:
        """Transform a pair, except for the partner's features."""
        if self.joint is not None:
            image, partner = _to_tensor(image), _to_tensor(partner)
            if image.shape[-2:] != partner.shape[-2:]:
                partner = v2.functional.resize_mask(partner, list(image.shape[-2:]))
            # torchvision interpolates masks by nearest value: there is no valid depth between two objects.
            image, partner = self.joint(tv_tensors.Image(image), tv_tensors.Mask(partner))
            image, partner = image.as_subclass(torch.Tensor), partner.as_subclass(torch.Tensor)
        if self.image is not None:
            image = self.image(image)
        if self.partner is not None:
            partner = self.partner(partner if isinstance(partner, torch.Tensor) else _to_tensor(partner))
        return image, partner

    def split(self) -> "tuple[Augmentation | None, Augmentation | None]":
        """Split into the transforms that an embedding cache applies, and those that training still applies.

        The first part holds all transforms of images. It also holds `partner` if `joint` is set, because such
        partners are cached with their image, after the processor. The second part holds the remaining transforms of
        partners. A part without transforms is `None`.
        """
        of_images, of_partners = Augmentation(), Augmentation()
        of_images.joint, of_images.image = self.joint, self.image
        (of_partners if self.joint is None else of_images).partner = self.partner
        of_partners.features = self.features
        has_partners = of_partners.partner or of_partners.features
        return (of_images if self.joint or self.image else None), (of_partners if has_partners else None)


def _to_tensor(image: Any) -> torch.Tensor:
    """Convert an image to a tensor `(C, H, W)`, and uint16 to int32, because torch has few operations for uint16."""
    if isinstance(image, Image.Image):
        keeps_mode = image.mode in ("RGB", "L", "F") or image.mode.startswith("I")
        image = np.asarray(image if keeps_mode else image.convert("RGB"))
    values = channels_first(image, (1, 3, 4))
    if isinstance(values, np.ndarray):
        return torch.from_numpy(values.astype(np.int32) if values.dtype == np.uint16 else values.copy())
    return values
