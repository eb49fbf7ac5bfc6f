# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""What the app says about its model: name, size, modalities, training data and license."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...hub.info import model_info

# Names that are not just capitalized.
_DISPLAY_NAMES = {"imu": "IMU"}


def display_name(modality: str) -> str:
    """Return the label of a modality: `"Image"`, `"IMU"`, or the capitalized name of an extra modality."""
    return _DISPLAY_NAMES.get(modality) or modality.replace("_", " ").capitalize()


def describe_model(model: str, modalities: Sequence[str]) -> dict[str, str]:
    """Return facts about a model for the page.

    Args:
        model: Folder or Hub id. Of a folder, only its name is shown.
        modalities: Modalities of the model that the app offers.
    """
    name = Path(model).resolve().name if Path(model).exists() else model
    names = ", ".join(map(display_name, modalities))
    try:
        info = model_info(model)
    except ValueError:
        # An adapter has no configuration of its own.
        return {"Model": name, "Modalities": names}
    facts = {"Model": f"{name} ({_short(info['parameters'])} parameters)", "Modalities": names}
    if info["training"] is not None:
        facts["Trained on"] = _training(info["training"])
    if info["license"] is not None:
        noncommercial = "-nc" in info["license"].lower()
        facts["License"] = f"{info['license']} (no commercial use)" if noncommercial else info["license"]
    return facts


def _training(facts: dict[str, Any]) -> str:
    """Return the kinds of pairs of all stages, each with its largest number of rows, and the base model."""
    pairs: dict[str, int] = {}
    for stage in facts["stages"]:
        for each in stage["pairs"].values():
            kind = f"{each['anchor']}–{each['modality']}"
            # Streams have no number of rows.
            pairs[kind] = max(pairs.get(kind, 0), each["rows"] or 0)
    shown = ", ".join(f"{kind} ({rows:,})" if rows else kind for kind, rows in pairs.items())
    base = f", starting from {facts['base_model']}" if facts["base_model"] else ""
    return f"pairs of {shown}{base}"


def _short(number: int) -> str:
    """Return a number with three significant digits: 1.2 billion, 14.3 million, or all of it below a million."""
    for size, name in ((1e9, "billion"), (1e6, "million")):
        if number >= size:
            return f"{number / size:.3g} {name}"
    return f"{number:,}"
