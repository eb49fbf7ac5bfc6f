# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""What the Space shows: small pictures of items, the matrix and the finds, as HTML."""

import base64
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from urllib.parse import quote

import gradio as gr
import matplotlib
import numpy as np
from matplotlib.colors import to_hex

from ...search.thumbnails import thumbnail as draw

# From light to dark, so that the best stands out on white and on black.
COLOURS = matplotlib.colormaps["YlGnBu"]

# Darker than the theme's own teal, for contrast.
TEAL = "#f0fdfa #ccfbf1 #99f6e4 #5eead4 #0d9488 #0f766e #0f766e #115e59 #134e4a #134e4a #042f2e".split()
# Nothing is fetched from elsewhere: the fonts are the system's.
THEME = gr.themes.Soft(
    primary_hue=gr.themes.Color(*TEAL, name="dark-teal"),
    font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
    font_mono=["ui-monospace", "Menlo", "Consolas", "monospace"],
)

CSS = """
.dark button[role=tab][aria-selected=true] {color: #5eead4}
.ib-scroll {overflow-x: auto; padding: 2px}
.ib-matrix {border-collapse: separate; border-spacing: 3px; margin: 0 auto}
.ib-matrix th {font-weight: 500; padding: 2px; vertical-align: middle; text-align: center}
.ib-matrix th[scope=row] {position: sticky; left: 0; background: var(--background-fill-primary); z-index: 1}
.ib-matrix td {width: 58px; min-width: 42px; height: 58px; padding: 0; border-radius: 8px; text-align: center;
  font-variant-numeric: tabular-nums; font-size: 14px}
.ib-matrix td.best {outline: 3px solid #e8590c; outline-offset: -1px; font-weight: 700}
.ib-thumb {display: inline-block; border-radius: 8px; object-fit: cover; width: 52px; height: 52px; margin: 0}
.ib-words {display: inline-block; max-width: 120px; font-size: 13px; line-height: 1.25; overflow-wrap: anywhere}
.ib-note {text-align: center; font-size: 14px; color: var(--body-text-color); opacity: 0.8; margin-top: 8px}
.ib-finds {display: grid; gap: 10px; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); margin-bottom: 14px;
  padding: 0; list-style: none}
.ib-finds li {border: 1px solid var(--border-color-primary); border-radius: 12px; padding: 10px; margin: 0;
  text-align: center; background: var(--block-background-fill)}
.ib-finds .ib-thumb {width: 88px; height: 88px}
.ib-finds .ib-words {font-size: 15px; min-height: 40px}
.ib-finds audio, .ib-preview audio {width: 100%; height: 36px; margin-top: 6px}
.ib-finds small, .ib-finds b {display: block}
.ib-finds small { overflow-wrap: anywhere; color: var(--body-text-color); opacity: 0.8}
.ib-title {font-weight: 600; margin: 10px 0 6px}
.ib-preview {text-align: center}
.ib-preview .ib-thumb {width: 128px; height: 128px}
"""


@lru_cache(maxsize=1024)
def thumbnail(modality: str, value: str) -> str:
    """Show a text, or a small picture of a file, as HTML.

    Raises:
        ValueError: If the file cannot be read.
    """
    if modality == "text":
        return f'<span class="ib-words">{escape(value)}</span>'
    source = "data:image/jpeg;base64," + base64.b64encode(draw(modality, value)).decode()
    name = escape(f"{modality}: {Path(value).name}")
    return f'<img class="ib-thumb" src="{source}" alt="{name}" title="{name}">'


def _player(value: str) -> str:
    name = escape(Path(value).name)
    return f'<audio controls preload="none" aria-label="{name}" src="gradio_api/file={quote(value)}"></audio>'


def preview(modality: str, value: str) -> str:
    """Show one item, with a player if it is a sound."""
    player = _player(value) if modality == "audio" else ""
    return f'<div class="ib-preview">{thumbnail(modality, value)}{player}</div>'


def matrix(sides: Sequence[tuple[str, Sequence[str]]], values: np.ndarray, note: str) -> str:
    """Draw a matrix of numbers as a coloured table.

    Args:
        sides: Modality and items of rows, and of columns.
        values: Numbers of shape `(rows, columns)`; the best of each row is outlined.
        note: What the numbers are.
    """
    rows, columns = ([thumbnail(modality, item) for item in items] for modality, items in sides)
    low, high = values.min(), values.max()
    lines = ["<tr><td></td>" + "".join(f'<th scope="col">{column}</th>' for column in columns) + "</tr>"]
    for row, numbers in zip(rows, values, strict=True):
        cells = []
        for place, number in enumerate(numbers):
            colour = COLOURS((number - low) / max(high - low, 1e-9))
            best = ' class="best"' if len(numbers) > 1 and place == numbers.argmax() else ""
            style = f"background: {to_hex(colour)}; color: {_ink(colour)}"
            cells.append(f'<td{best} style="{style}">{number:.2f}</td>')
        lines.append(f'<tr><th scope="row">{row}</th>{"".join(cells)}</tr>')
    table = f'<table class="ib-matrix" aria-label="{escape(note)}">{"".join(lines)}</table>'
    return f'<div class="ib-scroll" tabindex="0">{table}</div><p class="ib-note">{escape(note)}</p>'


def _ink(colour: tuple[float, ...]) -> str:
    """Return white or nearly black, whichever stands out more on a colour (WCAG's relative luminance)."""
    shares = np.array(colour[:3])
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return "#fff" if linear @ (0.2126, 0.7152, 0.0722) < 0.18 else "#111"


def finds(title: str, modality: str, found: Sequence[tuple[str, float]]) -> str:
    """Show what was found of one modality, with cosines."""
    cards = []
    for value, cosine in found:
        name = "" if modality == "text" else f"<small>{escape(Path(value).name)}</small>"
        player = _player(value) if modality == "audio" else ""
        cards.append(f"<li>{thumbnail(modality, value)}{player}{name}<b>{cosine:.2f}</b></li>")
    heading = f'<h3 class="ib-title">{escape(title)}</h3>'
    return heading + f'<ul class="ib-finds" data-modality="{modality}">{"".join(cards)}</ul>'
