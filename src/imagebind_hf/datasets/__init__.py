# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Data sets, as `datasets.Dataset`s with an image side and one other modality."""

from .motion import load_motion
from .six_digits import load_six_digits, plot_six_digits
from .sources import READERS, load_source
from .wand_strokes import load_wand_strokes, stroke_to_imu

__all__ = [
    "READERS",
    "load_motion",
    "load_six_digits",
    "load_source",
    "load_wand_strokes",
    "plot_six_digits",
    "stroke_to_imu",
]
