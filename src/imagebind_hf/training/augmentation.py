# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Augmentation: torchvision's random transforms, by name."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from torchvision.transforms import v2


def build_transforms(transforms: Sequence[Mapping[str, Any]]) -> v2.Compose:
    """Make a chain of torchvision's transforms (v2).

    Args:
        transforms: `{name: arguments}` each, as a recipe says them: `[{"RandomAffine": {"degrees": 10}}]`.

    Raises:
        ValueError: For an unknown transform, or arguments that it does not take.
    """
    chain = []
    for entry in transforms:
        if not isinstance(entry, Mapping) or len(entry) != 1:
            raise ValueError(f"Expected a transform as {{name: arguments}}, got {entry!r}.")
        ((name, arguments),) = entry.items()
        known = [name for name in dir(v2) if name[0].isupper()]
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3)
            raise ValueError(f"torchvision has no transform {name!r}." + (f" Near ones: {near}." if near else ""))
        try:
            chain.append(getattr(v2, name)(**(arguments or {})))
        except (TypeError, ValueError) as error:
            raise ValueError(f"Transform {name}: {error}") from error
    return v2.Compose(chain)
