# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The HTML of the app: thumbnails of items, the matrix, search results, and error messages."""

import base64
from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from urllib.parse import quote

import matplotlib
import numpy as np
from matplotlib.colors import to_hex

from ...search.thumbnails import thumbnail as draw

# From light to dark, so that the best value stands out on a light and on a dark page.
COLORS = matplotlib.colormaps["YlGnBu"]
# Columns of thumbnails that fit on a phone (390 px) without scrolling.
PHONE_COLUMNS = 8
# Starts a recording and stops the one that is playing.
_TOGGLE = (
    "const own = this.querySelector('audio, video');"
    "document.querySelectorAll('.ib-play :is(audio, video)').forEach(other => other === own || other.pause());"
    "own.paused ? own.play() : own.pause()"
)
_STATE = (
    "onplay=\"this.parentElement.classList.add('on')\" "
    "onpause=\"this.parentElement.classList.remove('on')\" onended=\"this.parentElement.classList.remove('on')\""
)


@lru_cache(maxsize=1024)
def thumbnail(modality: str, value: str) -> str:
    """Return the HTML of a text, or of a small image of a file.

    Raises:
        ValueError: If the file cannot be read.
    """
    if modality == "text":
        return f'<span class="ib-words">{escape(value)}</span>'
    source = _data_url(modality, value)
    if source is None:
        return f'<span class="ib-words">{escape(Path(value).name)}</span>'
    name = escape(f"{modality}: {Path(value).name}")
    return f'<img class="ib-thumb" src="{source}" alt="{name}" title="{name}">'


def item(modality: str, value: str) -> str:
    """Return the HTML of an item: its thumbnail, which plays audio and video when clicked."""
    small = thumbnail(modality, value)
    if modality not in ("audio", "video"):
        return small
    name, source = escape(Path(value).name), f"gradio_api/file={quote(value)}"
    if modality == "audio":
        content = f'{small}<audio preload="none" src="{source}" {_STATE}></audio>'
    else:
        poster = _data_url(modality, value)
        content = (
            f'<video class="ib-thumb" preload="none" playsinline poster="{poster}" src="{source}" {_STATE}></video>'
        )
    return f'<button type="button" class="ib-play" aria-label="Play {name}" onclick="{_TOGGLE}">{content}</button>'


def preview(modality: str, value: str) -> str:
    """Return the HTML of one item, larger."""
    return f'<div class="ib-preview">{item(modality, value)}</div>'


def examples(modality: str, values: Sequence[str]) -> str:
    """Return a row of buttons, one for each example."""
    buttons = "".join(
        f'<button type="button" data-number="{number}" '
        f'aria-label="Example: {escape(value if modality == "text" else Path(value).name)}">'
        f"{thumbnail(modality, value)}</button>"
        for number, value in enumerate(values)
    )
    return f'<div class="ib-examples"><span class="ib-label">Examples</span>{buttons}</div>' if values else ""


def matrix(sides: Sequence[tuple[str, Sequence[str]]], values: np.ndarray, note: str) -> str:
    """Return a matrix of numbers as a colored table.

    Args:
        sides: Modality and items of the rows, and of the columns.
        values: Numbers of shape `(rows, columns)`. The largest of each row is outlined.
        note: Description of the numbers.
    """
    rows, columns = ([item(modality, value) for value in items] for modality, items in sides)
    low, high = values.min(), values.max()
    lines = ["<tr><td></td>" + "".join(f'<th scope="col">{column}</th>' for column in columns) + "</tr>"]
    for row, numbers in zip(rows, values, strict=True):
        cells = []
        for place, number in enumerate(numbers):
            color = COLORS((number - low) / max(high - low, 1e-9))
            best = ' class="best"' if len(numbers) > 1 and place == numbers.argmax() else ""
            style = f"background: {to_hex(color)}; color: {_text_color(color)}"
            cells.append(f'<td{best} style="{style}">{number:.2f}</td>')
        lines.append(f'<tr><th scope="row">{row}</th>{"".join(cells)}</tr>')
    table = f'<table class="ib-matrix" aria-label="{escape(note)}">{"".join(lines)}</table>'
    hint = ""
    if len(columns) > PHONE_COLUMNS - (sides[0][0] == "text"):
        hint = f'<p class="ib-hint">Scroll sideways to see all {len(columns)} columns.</p>'
    return f'<div class="ib-scroll" tabindex="0">{table}</div>{hint}<p class="ib-note">{escape(note)}</p>'


def hits(title: str, modality: str, found: Sequence[tuple[str, float]]) -> str:
    """Return the search results of one modality with their cosine similarities."""
    cards = []
    for value, cosine in found:
        name = "" if modality == "text" else f"<small>{escape(Path(value).name)}</small>"
        cards.append(f"<li>{item(modality, value)}{name}<b>{cosine:.2f}</b></li>")
    heading = f'<h3 class="ib-title">{escape(title)}</h3>'
    content = f'<ul class="ib-hits" data-modality="{escape(modality)}">{"".join(cards)}</ul>'
    if not cards:
        content = '<p class="ib-note">The index has no other item of this modality.</p>'
    return f"<section>{heading}{content}</section>"


def sections(parts: Sequence[str]) -> str:
    """Return the results of all modalities, side by side if there is room."""
    return f'<div class="ib-sections">{"".join(parts)}</div>'


def about(facts: Mapping[str, str]) -> str:
    """Return a list of facts about the model."""
    return (
        '<dl class="ib-about">'
        + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
        + "</dl>"
    )


def problem(message: str) -> str:
    """Return an error message, to be shown in place of a result."""
    return f'<div class="ib-error" role="alert">{escape(message)}</div>'


def _data_url(modality: str, value: str) -> str | None:
    jpeg = draw(modality, value)
    return None if jpeg is None else "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def _text_color(color: tuple[float, ...]) -> str:
    """Return white or nearly black, whichever has more contrast with a color (relative luminance of WCAG 2)."""
    channels = np.array(color[:3])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return "#fff" if linear @ (0.2126, 0.7152, 0.0722) < 0.18 else "#111"
