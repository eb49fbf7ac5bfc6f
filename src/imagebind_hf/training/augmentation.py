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
    """Draw at random what depends on a seed alone, and leave the state of what is drawn elsewhere (dropout) as it was.

    Args:
        seed: The seed, not negative, less than 2^63.
    """
    # Of the CPU, where data are made: `torch.manual_seed` would seed accelerators, too.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


class Augmentation:
    r"""Random transforms of an image and its partner.

    Transforms are given as `{name: arguments}`: torchvision's (v2) or torchaudio's.

    Args:
        joint: For an image and a partner that is a picture of the same scene (depth, thermal): both are cropped and
            turned alike, colours change in the image alone. The paper aligns depth so: 26.7 % instead of 16.0 % on SUN
            RGB-D (appendix).
        image: For the image, after that.
        partner: For the partner, after that, if it is a picture.
        features: For the partner as the model reads it, after the processor: masks of a spectrogram
            (`FrequencyMasking`), holes in a depth map (`RandomErasing`). The collator applies them.

    Raises:
        ValueError: For an unknown transform, or arguments that it does not take.

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
        """Transform a pair, all but the partner's features."""
        if self.joint is not None:
            image, partner = _planes(image), _planes(partner)
            if image.shape[-2:] != partner.shape[-2:]:
                partner = v2.functional.resize_mask(partner, list(image.shape[-2:]))
            # Of a mask torchvision takes the nearest value, where there is no depth between two depths.
            image, partner = self.joint(tv_tensors.Image(image), tv_tensors.Mask(partner))
            image, partner = image.as_subclass(torch.Tensor), partner.as_subclass(torch.Tensor)
        if self.image is not None:
            image = self.image(image)
        if self.partner is not None:
            partner = self.partner(partner if isinstance(partner, torch.Tensor) else _planes(partner))
        return image, partner

    def split(self) -> "tuple[Augmentation | None, Augmentation | None]":
        """Return what must be known with the images, and what concerns partners alone.

        A partner that is cropped with its image goes through the processor then; of its transforms, only those that
        come after the processor are left to the second part.
        """
        of_images, of_partners = Augmentation(), Augmentation()
        of_images.joint, of_images.image = self.joint, self.image
        (of_partners if self.joint is None else of_images).partner = self.partner
        of_partners.features = self.features
        has_partners = of_partners.partner or of_partners.features
        return (of_images if self.joint or self.image else None), (of_partners if has_partners else None)


def _planes(picture: Any) -> torch.Tensor:
    """Make a tensor `(C, H, W)` of a picture; of unsigned 16 bits, which torch computes little with, 32."""
    if isinstance(picture, Image.Image):
        is_plain = picture.mode in ("RGB", "L", "F") or picture.mode.startswith("I")
        picture = np.asarray(picture if is_plain else picture.convert("RGB"))
    planes = channels_first(picture, (1, 3, 4))
    if isinstance(planes, np.ndarray):
        return torch.from_numpy(planes.astype(np.int32) if planes.dtype == np.uint16 else planes.copy())
    return planes
