# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The transforms of torchvision (v2) and torchaudio, by name, as YAML says them."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torchaudio
from torchvision.transforms import v2

Transforms = Sequence[Mapping[str, Any]]
_TRANSFORMS = {
    name: getattr(module, name) for module in (torchaudio.transforms, v2) for name in dir(module) if name[0].isupper()
}


def build_transforms(transforms: Transforms) -> v2.Compose | None:
    """Make a chain of transforms, or nothing of none.

    Args:
        transforms: `{name: arguments}` each, as a recipe says them: `[{"RandomAffine": {"degrees": 10}}]`. An argument
            `transforms` holds transforms likewise: `[{"RandomApply": {"transforms": […], "p": 0.1}}]`.

    Raises:
        ValueError: For an unknown transform, or arguments that it does not take.
    """
    chain = _build(transforms)
    return v2.Compose(chain) if chain else None


def _build(transforms: Transforms) -> list[Callable]:
    chain = []
    for entry in transforms:
        if not isinstance(entry, Mapping) or len(entry) != 1:
            raise ValueError(f"Expected a transform as {{name: arguments}}, got {entry!r}.")
        ((name, arguments),) = entry.items()
        if name not in _TRANSFORMS:
            near = difflib.get_close_matches(name, _TRANSFORMS, n=3)
            hint = f" Near ones: {near}." if near else ""
            raise ValueError(f"Neither torchvision nor torchaudio has a transform {name!r}.{hint}")
        arguments = dict(arguments or {})
        if "transforms" in arguments:
            arguments["transforms"] = _build(arguments["transforms"])
        try:
            chain.append(_TRANSFORMS[name](**arguments))
        except (TypeError, ValueError) as error:
            raise ValueError(f"Transform {name}: {error}") from error
    return chain
