# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Transforms of torchvision (v2) and torchaudio by name, as YAML files contain them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torchaudio
from torchvision.transforms import v2

from .names import nearest_name

Transforms = Sequence[Mapping[str, Any]]
_TRANSFORMS = {
    name: getattr(module, name) for module in (torchaudio.transforms, v2) for name in dir(module) if name[0].isupper()
}


def build_transforms(transforms: Transforms) -> v2.Compose | None:
    """Create a chain of transforms. Return `None` if there are none.

    Args:
        transforms: A list of `{name: arguments}`, for example `[{"RandomAffine": {"degrees": 10}}]`. An argument
            `transforms` is such a list, too: `[{"RandomApply": {"transforms": […], "p": 0.1}}]`.

    Raises:
        ValueError: If a transform or one of its arguments is unknown.
    """
    chain = _build(transforms)
    return v2.Compose(chain) if chain else None


def _build(transforms: Transforms) -> list[Callable]:
    chain = []
    for entry in transforms:
        if not isinstance(entry, Mapping) or len(entry) != 1:
            raise ValueError(f"Expected a transform as {{name: arguments}}, but got {entry!r}.")
        ((name, arguments),) = entry.items()
        if name not in _TRANSFORMS:
            hint = nearest_name(name, _TRANSFORMS)
            raise ValueError(f"Neither torchvision nor torchaudio has a transform {name!r}. {hint}")
        arguments = dict(arguments or {})
        if "transforms" in arguments:
            arguments["transforms"] = _build(arguments["transforms"])
        try:
            chain.append(_TRANSFORMS[name](**arguments))
        except (TypeError, ValueError) as error:
            raise ValueError(f"Transform {name}: {error}") from error
    return chain
