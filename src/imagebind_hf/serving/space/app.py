# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The page and its server."""

import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import gradio as gr

from ...datasets.six_digits import CLASS_NAMES
from . import views
from .about import describe_model, display_name
from .engine import Engine
from .index import write_six_digits
from .inputs import ManyItems, OneItem, item_value
from .style import CSS, THEME

# Limits that keep the matrix readable and the answers fast.
MAX_ITEMS, MAX_LABELS = 24, 200
RESULTS = 3
# Interval at which uploads are checked, and age at which they are deleted, in seconds.
DELETE_CACHE = (3600, 86_400)
COSINE, SHARE = "Cosine similarity", "Softmax of each row"
# What a bad input raises; other errors are defects, which Gradio reports.
ERRORS = (ValueError, ImportError, OSError)
INTRO = """# ImageBind
The model embeds items of all its modalities in one space. Matching items are close together, even if their modalities
were never paired in training."""


def safe_message(error: Exception) -> str:
    """Return the message of an error, without numbers of batch items and without folders of the server."""
    message = re.sub(r"^(Item \d+ of \d+: )+", "", str(error))
    return re.sub(r"'[^']*[/\\]([^'/\\]+)'", r"'\1'", message)


def split_lines(text: str) -> list[str]:
    """Split a text into lines, without the empty ones."""
    return [line.strip() for line in (text or "").splitlines() if line.strip()]


class App:
    """The page of an engine.

    Args:
        engine: The model and its index.
        is_six_digits: Whether the index holds the six-digits items, whose labels and template are then filled in.
    """

    def __init__(self, engine: Engine, is_six_digits: bool = False):
        self.engine, self.is_six_digits = engine, is_six_digits
        indexed = {item.modality for item in engine.items}
        self.indexed = [name for name in engine.modalities if name in indexed]

    def build(self) -> gr.Blocks:
        """Build the page."""
        facts = describe_model(self.engine.name, self.engine.modalities)
        with gr.Blocks(title="ImageBind", analytics_enabled=False, delete_cache=DELETE_CACHE) as page:
            gr.Markdown(INTRO)
            gr.HTML(views.about(facts), elem_id="about", apply_default_css=False)
            with gr.Tab("Compare", id="compare"):
                self._compare_tab()
            if "text" in self.engine.modalities:
                with gr.Tab("Zero-shot", id="zero-shot"):
                    self._zero_shot_tab()
            with gr.Tab("Search", id="search"):
                self._search_tab()
        return page

    def _compare_tab(self) -> None:
        gr.Markdown("Choose two modalities and add items of each. The matrix shows which ones match.")
        names = self.engine.modalities
        chosen = ("image", "audio") if {"image", "audio"} <= {*names} else (names[0], names[-1])
        with gr.Row(elem_id="compare-row"):
            with gr.Column(scale=2, min_width=280):
                rows = ManyItems(self.engine, "Rows", chosen[0])
                columns = ManyItems(self.engine, "Columns", chosen[1])
            with gr.Column(scale=3, min_width=320, elem_id="compare-result"):
                kind = gr.Radio([COSINE, SHARE], value=COSINE, label="Values")
                is_filled = any(rows.initial[1:]) and any(columns.initial[1:])
                first = self.compare(*rows.initial, *columns.initial, COSINE) if is_filled else ""
                result = gr.HTML(first, elem_id="matrix", min_height=40, apply_default_css=False)
                button = gr.Button("Compare", variant="primary")
        inputs = [*rows.inputs, *columns.inputs, kind]
        button.click(self.compare, inputs, result, api_name="compare")
        kind.input(self.compare, inputs, result, show_progress="minimal", api_visibility="private")
        for side in (rows, columns):
            side.connect(self.compare, inputs, result)

    def _zero_shot_tab(self) -> None:
        gr.Markdown("Choose an item and write your own labels. The model needs no training on them.")
        with gr.Row():
            with gr.Column(min_width=280):
                item = OneItem(self.engine, "Modality")
            with gr.Column(min_width=280):
                labels = gr.Textbox(
                    ", ".join(CLASS_NAMES) if self.is_six_digits else "a dog, rain, laughter",
                    label="Labels, separated by commas or lines",
                    lines=2,
                )
                template = gr.Textbox(
                    "a photo of the digit {}" if self.is_six_digits else "",
                    label="Prompt template (optional)",
                    info="{} stands for the label",
                    placeholder="a photo of a {}",
                    lines=1,
                )
                button = gr.Button("Classify", variant="primary")
                first = (
                    self.classify(*item.initial, labels.value, template.value) if any(item.initial[1:]) else ("", None)
                )
                # The style sheet hides the answer if there is a message.
                message = gr.HTML(first[0], elem_id="answer-message", elem_classes="ib-slot", apply_default_css=False)
                result = gr.Label(first[1], label="Answer", num_top_classes=5, elem_id="answer")
        inputs, outputs = [*item.inputs, labels, template], [message, result]
        button.click(self.classify, inputs, outputs, api_name="classify")
        gr.on([labels.submit, template.submit], self.classify, inputs, outputs, api_visibility="private")
        item.connect(self.classify, inputs, outputs)

    def _search_tab(self) -> None:
        counts = Counter(item.modality for item in self.engine.items)
        shown = ", ".join(f"{counts[name]} {display_name(name)}" for name in self.indexed)
        unreadable = len(self.engine.unreadable)
        note = f" {unreadable} more could not be read." if unreadable else ""
        gr.Markdown(
            f"Search an index of {len(self.engine.items)} items ({shown}) with one item of any modality.{note}"
        )
        with gr.Row():
            with gr.Column(scale=2, min_width=280):
                item = OneItem(self.engine, "Query")
                button = gr.Button("Search", variant="primary")
                choices = [(display_name(name), name) for name in self.indexed]
                with gr.Accordion("Options", open=False):
                    wanted = gr.CheckboxGroup(choices, value=self.indexed, label="Search in")
                    count = gr.Slider(1, 12, value=RESULTS, step=1, label="Results per modality")
            with gr.Column(scale=3, min_width=320):
                first = self.search(*item.initial, self.indexed, RESULTS) if any(item.initial[1:]) else ""
                result = gr.HTML(first, elem_id="hits", min_height=40, apply_default_css=False)
        inputs = [*item.inputs, wanted, count]
        button.click(self.search, inputs, result, api_name="search")
        gr.on([wanted.input, count.release], self.search, inputs, result, api_visibility="private")
        item.connect(self.search, inputs, result)

    def compare(
        self, rows: str, row_text: str, row_files: Any, columns: str, column_text: str, column_files: Any, kind: str
    ) -> str:
        """Return the matrix of two sets of items as HTML, or an error message."""
        sides = []
        try:
            for modality, text, files in ((rows, row_text, row_files), (columns, column_text, column_files)):
                items = split_lines(text) if modality == "text" else list(files or [])
                if not 0 < len(items) <= MAX_ITEMS:
                    raise ValueError(
                        f"{display_name(modality)}: expected 1 to {MAX_ITEMS} items, but got {len(items) or 'none'}."
                    )
                sides.append((modality, items))
            values, note = self.engine.compare(*sides, shares=kind == SHARE)
            names = f"{display_name(rows)} × {display_name(columns)}"
            return views.matrix(sides, values, f"{note}: {names}. The best match of each row is outlined.")
        except ERRORS as error:
            return views.problem(safe_message(error))

    def classify(
        self,
        modality: str,
        text: str,
        image: Any,
        audio: Any,
        video: Any,
        file: Any,
        labels: str,
        template: str,
    ) -> tuple[str, dict[str, float] | None]:
        """Return an error message, empty if there is none, and the probability of each label."""
        try:
            names = [name.strip() for line in split_lines(labels) for name in line.split(",") if name.strip()]
            names = list(dict.fromkeys(names))
            if not 1 < len(names) <= MAX_LABELS:
                raise ValueError(
                    f"Expected 2 to {MAX_LABELS} labels, separated by commas or lines, but got {len(names)}."
                )
            template = (template or "").strip() or "{}"
            if template.replace("{}", "").count("{") or "{}" not in template:
                raise ValueError(f"Expected the template to have {{}} and no other braces, but got {template!r}.")
            value = item_value(modality, text, image, audio, video, file)
            return "", self.engine.classify(modality, value, names, template)
        except ERRORS as error:
            return views.problem(safe_message(error)), None

    def search(
        self,
        modality: str,
        text: str,
        image: Any,
        audio: Any,
        video: Any,
        file: Any,
        wanted: list[str],
        count: int,
    ) -> str:
        """Return the nearest items of the index as HTML, or an error message."""
        try:
            if not wanted:
                raise ValueError("Choose at least one modality to search in.")
            value = item_value(modality, text, image, audio, video, file)
            shown = []
            for name in (name for name in self.indexed if name in wanted):
                found = self.engine.search(modality, value, name, int(count))
                shown.append(views.hits(display_name(name), name, [(item.source, cosine) for item, cosine in found]))
            return views.sections(shown)
        except ERRORS as error:
            return views.problem(safe_message(error))


def build(model: str, index: str | Path, is_six_digits: bool = False) -> gr.Blocks:
    """Build the page without starting a server.

    Args:
        model: Folder or Hub id of the checkpoint.
        index: Folder to search; see [`~imagebind_hf.serving.space.index.read_index`].
        is_six_digits: Whether the index holds the items of
            [`~imagebind_hf.serving.space.index.write_six_digits`].
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
        path = Path(index or write_six_digits(Path(folder) / "six_digits")).absolute()
        page = build(model, path, is_six_digits=index is None)
        page.launch(
            server_port=server_port,
            share=share,
            theme=THEME,
            css=CSS,
            allowed_paths=[str(path)],
            ssr_mode=False,
            **launch_kwargs,
        )
