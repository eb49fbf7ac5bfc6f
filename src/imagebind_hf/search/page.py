# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""A page of results: one HTML file with its pictures inside, to keep or to send; no scripts, no other files."""

import base64
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from ..utils.atomic import replace_text
from .query import Part
from .store import Hit

_STYLE = """
:root { color-scheme: light dark; --paper: #f6f5f2; --card: #fff; --ink: #1d2026; --faint: #6c7079; --line: #dedcd6;
  --mark: #0b7a75; --minus: #b3412e }
@media (prefers-color-scheme: dark) { :root { --paper: #14161a; --card: #1e2127; --ink: #e9e8e4; --faint: #989ca6;
  --line: #31353d; --mark: #4cc9c0; --minus: #f08a76 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 76rem; padding: 2rem 1.25rem; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif }
h1 { font-size: 1.05rem; font-weight: 600; margin: 0 0 .75rem }
.question { display: flex; flex-wrap: wrap; gap: .6rem; margin-bottom: 1.75rem }
.part { display: flex; align-items: center; gap: .6rem; padding: .45rem .8rem; border-radius: 2rem;
  border: 1.5px solid var(--mark); background: var(--card); overflow-wrap: anywhere }
.part.minus { border-color: var(--minus) }
.part b { color: var(--mark); white-space: nowrap } .part.minus b { color: var(--minus) }
.part img { height: 44px; border-radius: 6px }
ol { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)) }
li { display: flex; flex-direction: column; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; overflow: hidden }
.show { display: grid; place-items: center; height: 168px; padding: .6rem; border-bottom: 1px solid var(--line) }
.show img { max-width: 100%; max-height: 100%; border-radius: 4px }
.show blockquote { margin: 0; max-height: 100%; overflow: auto; overflow-wrap: anywhere }
.show i { color: var(--faint) }
.tell { padding: .6rem .8rem .8rem; overflow-wrap: anywhere }
.tell small { color: var(--faint); display: block }
.bar { height: 4px; border-radius: 2px; background: var(--line); margin: .45rem 0 .35rem }
.bar span { display: block; height: 100%; border-radius: 2px; background: var(--mark) }
footer { margin-top: 1.75rem; color: var(--faint); font-size: .85rem }
"""


def write_page(path: str | Path, hits: Sequence[Hit], parts: Sequence[Part] = (), note: str = "") -> Path:
    """Write a page of results.

    Of paths only the last two names are shown, so that who gets the page learns nothing of the machine.

    Args:
        path: The file.
        hits: What was found.
        parts: What was asked.
        note: A line for the foot of the page.

    Returns:
        The file.
    """
    path = Path(path)
    asked = "\n".join(map(_part, parts))
    items = "\n".join(_hit(rank, hit) for rank, hit in enumerate(hits, 1))
    text = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{len(hits)} results</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{len(hits)} results{" for" if parts else ""}</h1>
<div class="question">
{asked}
</div>
<ol>
{items}
</ol>
<footer>{escape(note)}</footer>
</body>
</html>
"""
    replace_text(path, text)
    return path


def _part(part: Part) -> str:
    from .thumbnails import thumbnail

    sign = "−" if part.weight < 0 else "+"
    weight = "" if abs(part.weight) == 1 else f" {abs(part.weight):g} ×"
    name = part.item if isinstance(part.item, (str, os.PathLike)) else ""
    picture = thumbnail(part.modality, part.item)
    shown = f"“{name}”" if part.modality == "text" else Path(name).name
    return (
        f'<div class="part{" minus" if part.weight < 0 else ""}"><b>{sign}{weight} {escape(part.modality)}</b>'
        f"{_picture(picture, shown) if picture else ''}<span>{escape(shown)}</span></div>"
    )


def _hit(rank: int, hit: Hit) -> str:
    name = _short(hit)
    if hit.thumbnail:
        shown = _picture(hit.thumbnail, name)
    elif hit.text is not None:
        shown = f"<blockquote>{escape(hit.text)}</blockquote>"
    else:
        shown = f"<i>{escape(hit.modality)}</i>"
    width = 100 * min(max(hit.score, 0), 1)
    return (
        f'<li><div class="show">{shown}</div><div class="tell">{escape(name)}'
        f'<div class="bar"><span style="width: {width:.1f}%"></span></div>'
        f"<small>{rank}. {escape(hit.modality)}, {hit.score:.3f}</small></div></li>"
    )


def _short(hit: Hit) -> str:
    """Name an item by the last two names of its path, and what comes behind it in its id."""
    if not hit.path:
        return hit.id
    return "/".join(Path(hit.path).parts[-2:]) + hit.id.removeprefix(hit.path)


def _picture(picture: bytes, name: Any) -> str:
    data = base64.b64encode(picture).decode("ascii")
    return f'<img src="data:image/jpeg;base64,{data}" alt="{escape(str(name))}">'
