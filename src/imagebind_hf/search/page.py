# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""A page of results: one HTML file with thumbnails inside and without scripts.

Where the original files exist, audio and videos can be played and images opened.
"""

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path

from ..utils.atomic import replace_text
from .hits import Hit
from .originals import AUDIO_TYPES, VIDEO_TYPES, Originals, data_url
from .query import Part

_STYLE = """
:root { color-scheme: light dark; --paper: #f6f5f2; --card: #fff; --ink: #1d2026; --faint: #62666f; --line: #dedcd6;
  --mark: #0b7a75; --minus: #b3412e }
@media (prefers-color-scheme: dark) { :root { --paper: #14161a; --card: #1e2127; --ink: #e9e8e4; --faint: #a3a7b1;
  --line: #31353d; --mark: #4cc9c0; --minus: #f08a76 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 76rem; padding: 2rem 1.25rem; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif }
h1 { font-size: 1.05rem; font-weight: 600; margin: 0 0 .75rem }
a { color: var(--mark) }
.query { display: flex; flex-wrap: wrap; gap: .6rem; margin-bottom: 1.75rem }
.part { display: flex; align-items: center; gap: .6rem; padding: .45rem .8rem; border-radius: 1.6rem;
  border: 1.5px solid var(--mark); background: var(--card); overflow-wrap: anywhere }
.part.minus { border-color: var(--minus) }
.part b { color: var(--mark); white-space: nowrap } .part.minus b { color: var(--minus) }
.part img { height: 44px; border-radius: 6px }
ol { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)) }
li { display: flex; flex-direction: column; min-width: 0; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; overflow: hidden }
.show { display: grid; place-items: center; height: 168px; padding: .6rem; border-bottom: 1px solid var(--line) }
.show > a { display: grid; place-items: center; width: 100%; height: 100%; min-height: 0 }
.show img { max-width: 100%; max-height: 100%; min-height: 0; border-radius: 4px }
.show.audio { grid-template-rows: minmax(0, 1fr) auto; gap: .5rem }
.show audio { width: 100%; height: 36px }
.show video { width: 100%; height: 100%; min-height: 0; border-radius: 4px; background: #000 }
.show blockquote { margin: 0; width: 100%; max-height: 100%; overflow: auto; overflow-wrap: anywhere;
  white-space: pre-line }
.show i { color: var(--faint) }
.about { padding: .6rem .8rem .8rem; overflow-wrap: anywhere }
.about small { color: var(--faint); display: block }
.bar { height: 4px; border-radius: 2px; background: var(--line); margin: .45rem 0 .35rem }
.bar span { display: block; height: 100%; border-radius: 2px; background: var(--mark) }
.full { display: none; position: fixed; inset: 0; z-index: 1; place-items: center; padding: 1rem;
  background: rgb(0 0 0 / .85) }
.full:target { display: grid }
.full img { max-width: 100%; max-height: 100%; min-height: 0 }
footer { margin-top: 1.75rem; color: var(--faint); font-size: .85rem }
@media (max-width: 30rem) {
  body { padding: 1.25rem .9rem }
  ol { gap: .7rem; grid-template-columns: repeat(2, 1fr) }
  .show { height: 148px; padding: .5rem }
}
"""


def write_page(
    path: str | Path,
    hits: Sequence[Hit],
    parts: Sequence[Part] = (),
    note: str = "",
    embed_media: bool = False,
) -> Path:
    """Write a page of results.

    The page shows only the last two names of a path. The links to the original files contain the whole path.

    Args:
        path: File of the page.
        hits: The results.
        parts: The parts of the query.
        note: A line at the bottom of the page.
        embed_media: Embed original files up to 5 MB each and 50 MB together, instead of links to the files. The page
            can then be sent to others.

    Returns:
        The file.
    """
    path = Path(path)
    originals = Originals(path, embed_media)
    query = "\n".join(map(_part, parts))
    items = "\n".join(_hit(rank, hit, originals) for rank, hit in enumerate(hits, 1))
    notes = [note] if note else []
    if originals.too_large:
        notes.append(f"Too large to embed: {originals.too_large} of {len(hits)} files")
    count = f"{len(hits)} result{'' if len(hits) == 1 else 's'}"
    text = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{count}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{count}{" for" if parts else ""}</h1>
<div class="query">
{query}
</div>
<ol>
{items}
</ol>
<footer>{escape(". ".join(notes))}</footer>
</body>
</html>
"""
    replace_text(path, text)
    return path


def _part(part: Part) -> str:
    from .thumbnails import try_thumbnail

    sign = "−" if part.weight < 0 else "+"
    weight = "" if abs(part.weight) == 1 else f" {abs(part.weight):g} ×"
    name = part.item if isinstance(part.item, (str, os.PathLike)) else ""
    shown = f"“{name}”" if part.modality == "text" else Path(name).name
    jpeg = try_thumbnail(part.modality, lambda: part.item, f"the query's {part.modality}")
    return (
        f'<div class="part{" minus" if part.weight < 0 else ""}"><b>{sign}{weight} {escape(part.modality)}</b>'
        f"{_image(jpeg, shown) if jpeg else ''}<span>{escape(shown)}</span></div>"
    )


def _hit(rank: int, hit: Hit, originals: Originals) -> str:
    name = hit.short_name()
    width = 100 * min(max(hit.score, 0), 1)
    return (
        f'<li id="hit-{rank}">{_show(rank, hit, name, originals)}<div class="about">{escape(name)}'
        f'<div class="bar"><span style="width: {width:.1f}%"></span></div>'
        f"<small>{rank}. {escape(hit.modality)}, {hit.score:.3f}</small></div></li>"
    )


def _show(rank: int, hit: Hit, name: str, originals: Originals) -> str:
    """Return the upper half of a result's card: a player, an image, or a text."""
    if hit.text is not None:
        return f'<div class="show"><blockquote>{escape(hit.text)}</blockquote></div>'
    thumbnail = _image(hit.thumbnail, name) if hit.thumbnail else f"<i>{escape(hit.modality)}</i>"
    url, suffix = originals.url(hit), Path(hit.path).suffix.lower()
    if url is None:
        return f'<div class="show">{thumbnail}</div>'
    url, label = escape(url), escape(name)
    if hit.modality == "audio" and suffix in AUDIO_TYPES:
        player = f'<audio controls preload="metadata" src="{url}" aria-label="{label}"></audio>'
        return f'<div class="show audio">{thumbnail}{player}</div>'
    if hit.modality == "video" and suffix in VIDEO_TYPES:
        poster = f' poster="{data_url(hit.thumbnail, "image/jpeg")}"' if hit.thumbnail else ""
        player = f'<video controls preload="none"{poster} src="{url}" aria-label="{label}"></video>'
        return f'<div class="show">{player}</div>'
    if originals.embed:
        # Browsers do not follow links to `data:` URLs, so the page itself shows the full image.
        full = (
            f'<a class="full" id="full-{rank}" href="#hit-{rank}"><img src="{url}" alt="{label}" loading="lazy"></a>'
        )
        return f'<div class="show"><a href="#full-{rank}">{thumbnail}</a></div>{full}'
    return f'<div class="show"><a href="{url}" target="_blank" rel="noopener">{thumbnail}</a></div>'


def _image(jpeg: bytes, name: str) -> str:
    return f'<img src="{data_url(jpeg, "image/jpeg")}" alt="{escape(name)}">'
