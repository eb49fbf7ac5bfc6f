# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The page and its server."""

import re
import tempfile
from collections.abc import Callable
from functools import wraps
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from ...datasets.six_digits import CLASS_NAMES
from .engine import NAMES, Engine, write_six_digits
from .views import CSS, THEME, finds, matrix, preview

# Items on one side of a matrix, and labels: more would be neither seen nor quick.
MAX_ITEMS, MAX_LABELS = 24, 200
EXAMPLES = 8
# Every hour, what visitors brought more than a day ago is deleted; in seconds.
KEPT = (3600, 86_400)
# What may be chosen in a file dialogue; and a word on it.
FILE_TYPES = {"image": ["image"], "video": ["video"], "audio": ["audio"], "imu": [".csv"]}
HINTS = {"depth": "PNG in mm, TIFF in m", "thermal": "grey", "imu": "CSV as Ego4D's"}
COSINE, SHARE = "Cosine", "Share of each row"
INTRO = """# ImageBind: one space for everything
Pictures, sounds, words, depth, warmth and movement become points in one space. What belongs together lies close
together, also where the two never met in training."""


def friendly(function: Callable) -> Callable:
    """Tell a visitor what was wrong with the input, without folders of the server."""

    @wraps(function)
    def guarded(*args: Any) -> Any:
        try:
            return function(*args)
        except (ValueError, ImportError, OSError) as error:
            message = re.sub(r"^(Item \d+ of \d+: )+", "", str(error))
            message = re.sub(r"'[^']*[/\\]([^'/\\]+)'", r"'\1'", message)
            raise gr.Error(escape(message, quote=False), print_exception=False) from error

    return guarded


def lines(text: str) -> list[str]:
    """Split at line ends; without empty lines."""
    return [line.strip() for line in (text or "").splitlines() if line.strip()]


def file_input(modality: str, **kwargs: Any) -> dict[str, Any]:
    """Return the arguments of a file input for a modality."""
    hint = f" ({HINTS[modality]})" if modality in HINTS else ""
    many = "files" if kwargs.get("file_count") == "multiple" else "file"
    label = f"{NAMES[modality]} {many}{hint}"
    return {"label": label, "file_types": FILE_TYPES.get(modality), "visible": modality != "text", **kwargs}


class App:
    """The page on an engine.

    Args:
        engine: What computes.
        is_six_digits: Whether the index is that of six digits; then the labels are filled in.
    """

    def __init__(self, engine: Engine, is_six_digits: bool):
        self.engine, self.is_six_digits = engine, is_six_digits
        self.choices = [(NAMES[name], name) for name in engine.modalities]
        indexed = {item.modality for item in engine.items}
        self.indexed = [choice for choice in self.choices if choice[1] in indexed]

    def build(self) -> gr.Blocks:
        """Make the page."""
        with gr.Blocks(title="ImageBind", analytics_enabled=False, delete_cache=KEPT) as page:
            gr.Markdown(INTRO)
            with gr.Tab("Compare", id="compare"):
                self._compare_tab()
            if "text" in self.engine.modalities:
                with gr.Tab("Zero-shot", id="zero-shot"):
                    self._zero_shot_tab()
            with gr.Tab("Search", id="search"):
                self._search_tab()
        return page

    def _compare_tab(self) -> None:
        gr.Markdown("Choose two modalities, drop several files (or write texts, one a line) for each, and compare.")
        names = self.engine.modalities
        chosen = ("image", "audio") if {"image", "audio"} <= {*names} else (names[0], names[-1])
        sides = []
        with gr.Row():
            for title, modality in zip(("Rows", "Columns"), chosen, strict=True):
                with gr.Column(min_width=280):
                    sides += self._item_inputs(title, modality, file_count="multiple", height=140)
        kind = gr.Radio([COSINE, SHARE], value=COSINE, label="Values", info="Shares: a softmax over each row")
        with gr.Row():
            example = gr.Button("Fill in an example")
            button = gr.Button("Compare", variant="primary", elem_id="compare-button")
        result = gr.HTML(label="Similarity matrix", elem_id="matrix", min_height=40, apply_default_css=False)
        button.click(self.compare, [*sides, kind], result, api_name="compare")
        example.click(self.fill_in, [sides[0], sides[3]], [*sides[1:3], *sides[4:6]], api_visibility="private").then(
            self.compare, [*sides, kind], result, api_visibility="private"
        )

    def _zero_shot_tab(self) -> None:
        gr.Markdown("Bring one item and your own labels; the model has never been trained on them as classes.")
        with gr.Row():
            with gr.Column(min_width=280):
                item = self._one_item()
            with gr.Column(min_width=280):
                labels = gr.Textbox(
                    ", ".join(CLASS_NAMES) if self.is_six_digits else "",
                    label="Labels, by commas or lines",
                    placeholder="a dog, rain, somebody laughing",
                    lines=3,
                )
                template = gr.Textbox(
                    "a photo of the digit {}" if self.is_six_digits else "",
                    label="Template (optional)",
                    info="A sentence with {} for the label",
                    placeholder="a photo of a {}",
                )
                button = gr.Button("Classify", variant="primary")
                result = gr.Label(label="Answer", num_top_classes=5, elem_id="answer")
        button.click(self.classify, [*item, labels, template], result, api_name="classify")

    def _search_tab(self) -> None:
        counted = ", ".join(
            f"{sum(item.modality == name for item in self.engine.items)} × {shown}" for shown, name in self.indexed
        )
        gr.Markdown(f"Ask with one item, find the nearest of every modality. In the index: {counted}.")
        with gr.Row():
            with gr.Column(min_width=280):
                item = self._one_item()
            with gr.Column(min_width=280):
                wanted = gr.CheckboxGroup(self.indexed, value=[name for _, name in self.indexed], label="Search in")
                count = gr.Slider(1, 10, value=3, step=1, label="Results of each")
                button = gr.Button("Search", variant="primary")
        result = gr.HTML(label="Found", elem_id="found", min_height=40, apply_default_css=False)
        button.click(self.search, [*item, wanted, count], result, api_name="search")

    def _one_item(self) -> list[gr.components.Component]:
        """Inputs for one item of any modality, an example, and a look at it."""
        names = self.engine.modalities
        inputs = self._item_inputs("What you bring", "image" if "image" in names else names[0], height=120)
        example = gr.Button("Take an example", size="sm")
        seen = gr.HTML(label="What you brought", min_height=10, apply_default_css=False)
        example.click(self.take_one, inputs[0], inputs[1:], api_visibility="private")
        inputs[2].change(self.look, [inputs[0], inputs[2]], seen, api_visibility="private")
        return inputs

    def _item_inputs(self, title: str, modality: str, **kwargs: Any) -> list[gr.components.Component]:
        """Modality, texts and files; of the latter two the one that fits is seen."""
        many = kwargs.get("file_count") == "multiple"
        choice = gr.Dropdown(self.choices, value=modality, label=title)
        text = gr.Textbox(
            label="Texts, one a line" if many else "Text", lines=5 if many else 2, visible=modality == "text"
        )
        file = gr.File(**file_input(modality, **kwargs))

        def switch(modality: str) -> tuple[gr.Textbox, gr.File]:
            return gr.Textbox(visible=modality == "text"), gr.File(value=None, **file_input(modality, **kwargs))

        # `input`: only a visitor's own choice empties what was there.
        choice.input(switch, choice, [text, file], api_visibility="private")
        return [choice, text, file]

    @friendly
    def compare(
        self, rows: str, row_text: str, row_files: Any, columns: str, column_text: str, column_files: Any, kind: str
    ) -> str:
        """Draw the matrix of two sets of items."""
        sides = []
        for modality, text, files in ((rows, row_text, row_files), (columns, column_text, column_files)):
            items = lines(text) if modality == "text" else list(files or [])
            if not 0 < len(items) <= MAX_ITEMS:
                raise ValueError(f"{NAMES[modality]}: expected 1 to {MAX_ITEMS} items, got {len(items) or 'nothing'}.")
            sides.append((modality, items))
        values, note = self.engine.compare(*sides, shares=kind == SHARE)
        return matrix(sides, values, f"{note}: {NAMES[rows]} × {NAMES[columns]}. Outlined: the best of a row.")

    @friendly
    def classify(self, modality: str, text: str, file: Any, labels: str, template: str) -> dict[str, float]:
        """Give every label its share."""
        names = list(dict.fromkeys(name.strip() for line in lines(labels) for name in line.split(",") if name.strip()))
        if not 1 < len(names) <= MAX_LABELS:
            raise ValueError(f"Write 2 to {MAX_LABELS} labels, separated by commas or lines; got {len(names)}.")
        template = (template or "").strip() or "{}"
        if template.replace("{}", "").count("{") or "{}" not in template:
            raise ValueError(f"The template {template!r} needs {{}} where the label goes, and no other braces.")
        return self.engine.classify(modality, self._one(modality, text, file), names, template)

    @friendly
    def search(self, modality: str, text: str, file: Any, wanted: list[str], count: int) -> str:
        """Show what is nearest in the index."""
        if not wanted:
            raise ValueError("Choose at least one modality to search in.")
        value = self._one(modality, text, file)
        shown = []
        for name in (name for _, name in self.indexed if name in wanted):
            found = self.engine.search(modality, value, name, int(count))
            shown.append(finds(NAMES[name], name, [(item.source, cosine) for item, cosine in found]))
        return "".join(shown)

    @friendly
    def look(self, modality: str, file: Any) -> str:
        """Show the item that was dropped."""
        return preview(modality, file) if file else ""

    def fill_in(self, rows: str, columns: str) -> list[Any]:
        """Take the first items of both modalities from the index."""
        filled = []
        for modality in (rows, columns):
            items = self.engine.examples(modality, EXAMPLES)
            filled += ["\n".join(items), None] if modality == "text" else ["", items or None]
        return filled

    def take_one(self, modality: str) -> list[Any]:
        """Take some item of a modality from the index."""
        items = self.engine.examples(modality, len(self.engine.items))
        value = str(np.random.default_rng().choice(items)) if items else None
        return [value, None] if modality == "text" else ["", value]

    @staticmethod
    def _one(modality: str, text: str, file: Any) -> str:
        value = (text or "").strip() if modality == "text" else file
        if not value:
            raise ValueError(f"{NAMES[modality]}: there is nothing yet. Bring an item, or take an example.")
        return value


def build(model: str, index: str | Path, is_six_digits: bool = False) -> gr.Blocks:
    """Build the page without starting a server.

    Args:
        model: Folder or Hub id of the checkpoint.
        index: Folder to search; see [`Engine`].
        is_six_digits: Whether the index holds the six-digits items of [`write_six_digits`].
    """
    return App(Engine(model, index), is_six_digits).build()


def launch(
    model: str,
    index: str | Path | None = None,
    server_port: int | None = None,
    share: bool = False,
    **launch_kwargs: Any,
) -> None:
    """Load a model, embed the index, and serve the page until interrupted.

    Args:
        model: Folder or Hub id of the checkpoint.
        index: Folder to search. Defaults to generated test items of the six-digits data set.
        server_port: Port to listen on. Defaults to the first free port from 7860.
        share: Whether to create a temporary public link through Gradio's servers.
        **launch_kwargs: Further arguments of `gradio.Blocks.launch`.
    """
    with tempfile.TemporaryDirectory(prefix="imagebind-") as folder:
        folder = Path(index or write_six_digits(Path(folder) / "six_digits")).absolute()
        page = build(model, folder, is_six_digits=index is None)
        page.launch(
            server_port=server_port,
            share=share,
            theme=THEME,
            css=CSS,
            allowed_paths=[str(folder)],
            ssr_mode=False,
            **launch_kwargs,
        )
