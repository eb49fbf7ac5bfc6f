# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Data sets: readers of public ones, sources of recipes, and parquet files of your own."""

from .audioset import load_audioset
from .ego4d import load_ego4d
from .llvip import load_llvip
from .motion import load_motion
from .six_digits import load_six_digits, plot_six_digits
from .sources import READERS, load_source
from .sunrgbd import load_sunrgbd
from .tables import write_rows
from .wand_strokes import load_wand_strokes, stroke_to_imu

__all__ = [
    "READERS",
    "load_audioset",
    "load_ego4d",
    "load_llvip",
    "load_motion",
    "load_six_digits",
    "load_source",
    "load_sunrgbd",
    "load_wand_strokes",
    "plot_six_digits",
    "stroke_to_imu",
    "write_rows",
]
