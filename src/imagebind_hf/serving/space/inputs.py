# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Inputs of the app: one item, or a list of items, of a modality that the visitor chooses."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from . import views
from .about import display_name
from .engine import Engine

EXAMPLES = 8
# Modalities with an input of their own; the others are files.
INPUTS = ("text", "image", "audio", "video")
# What the file dialog offers, and notes on formats.
FILE_TYPES = {"image": ["image"], "video": ["video"], "audio": ["audio"], "imu": [".csv"]}
FORMATS = {"depth": "PNG in millimeters, TIFF in meters", "thermal": "grayscale image", "imu": "CSV in Ego4D's format"}
# A click on an example sends its number to the server.
SEND_NUMBER = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-number]");
  if (button) trigger("click", {number: Number(button.dataset.number)});
});
"""


def image_file(**kwargs: Any) -> gr.Image:
    """Return an image input whose value is the path of the unchanged upload."""
    image = gr.Image(type="filepath", **kwargs)
    # Gradio would open the image here, and show an error in a pop-up. The processor opens it, and the page shows its
    # error. This is not a subclass, because Gradio writes a stub file next to each module that has one.
    image.preprocess = lambda payload: None if payload is None else payload.path
    return image


def file_label(modality: str, plural: bool = False) -> str:
    """Return the label of a file input."""
    note = f" ({FORMATS[modality]})" if modality in FORMATS else ""
    return f"{display_name(modality)} {'files' if plural else 'file'}{note}"


def example_html(engine: Engine, modality: str) -> str:
    """Return the buttons of the examples of a modality."""
    return views.examples(modality, engine.examples(modality, EXAMPLES))


def example_buttons(engine: Engine, modality: str) -> gr.HTML:
    """Return a row of examples. Its event `click` has the number of the example."""
    return gr.HTML(
        example_html(engine, modality), js_on_load=SEND_NUMBER, apply_default_css=False, elem_classes="ib-slot"
    )


def item_value(modality: str, text: str, image: Any, audio: Any, video: Any, file: Any) -> str:
    """Return the text or the path of the chosen modality from the values of [`OneItem`].

    Raises:
        ValueError: If it is empty.
    """
    value = {"text": (text or "").strip(), "image": image, "audio": audio, "video": video}.get(modality, file)
    if not value:
        raise ValueError(f"{display_name(modality)}: add an item, or choose an example.")
    return value


class OneItem:
    """Inputs for one item of any modality, which start with an example.

    Args:
        engine: The model and its index, which holds the examples.
        label: Label of the choice of modality.
    """

    def __init__(self, engine: Engine, label: str):
        self.engine = engine
        names = engine.modalities
        modality = "image" if "image" in names else names[0]
        found = engine.examples(modality, 1)
        value = found[0] if found else None
        self.modality = gr.Dropdown([(display_name(name), name) for name in names], value=modality, label=label)
        self.text = gr.Textbox(label="Text", lines=1, **_shown(modality == "text", value, ""))
        self.image = image_file(
            label="Image",
            sources=["upload", "webcam", "clipboard"],
            height=220,
            **_shown(modality == "image", value),
        )
        self.audio = gr.Audio(
            label="Audio", sources=["upload", "microphone"], type="filepath", **_shown(modality == "audio", value)
        )
        self.video = gr.Video(
            label="Video", sources=["upload", "webcam"], height=220, **_shown(modality == "video", value)
        )
        is_file = modality not in INPUTS
        self.file = gr.File(label=file_label(modality), height=110, **_shown(is_file, value))
        self.seen = gr.HTML(self._look(modality, value), apply_default_css=False, elem_classes="ib-slot")
        self.examples = example_buttons(engine, modality)
        self.values = [self.text, self.image, self.audio, self.video, self.file]
        self.inputs = [self.modality, *self.values]
        self.initial = (
            modality,
            *(value if name == modality else None for name in INPUTS),
            value if is_file else None,
        )

    def connect(self, run: Callable, inputs: Sequence[Any], outputs: Any) -> None:
        """Run a function when the item changes: a new file or recording, an example, Enter, or another modality."""
        shown = [*self.values, self.seen]
        hidden: dict[str, Any] = {"api_visibility": "private"}
        call: dict[str, Any] = {"fn": run, "inputs": inputs, "outputs": outputs, "show_progress": "minimal", **hidden}
        self.modality.input(self._switch, self.modality, [*shown, self.examples], **hidden).then(**call)
        self.examples.click(self._take, self.modality, shown, **hidden).then(**call)
        self.file.upload(self._look, [self.modality, self.file], self.seen, **hidden).then(**call)
        self.file.clear(lambda: "", None, self.seen, **hidden)
        gr.on(
            [self.text.submit, self.image.input, self.audio.input, self.video.input],
            trigger_mode="always_last",
            **call,
        )

    def _switch(self, modality: str) -> list[Any]:
        found = self.engine.examples(modality, 1)
        return [*self._update(modality, found[0] if found else None), example_html(self.engine, modality)]

    def _take(self, modality: str, event: gr.EventData) -> list[Any]:
        return self._update(modality, self.engine.examples(modality, EXAMPLES)[event.number])

    def _update(self, modality: str, value: str | None) -> list[Any]:
        updates = [gr.update(**_shown(name == modality, value, "" if name == "text" else None)) for name in INPUTS]
        types, is_file = FILE_TYPES.get(modality), modality not in INPUTS
        file = gr.update(label=file_label(modality), file_types=types, **_shown(is_file, value))
        return [*updates, file, self._look(modality, value)]

    def _look(self, modality: str, value: str | None) -> str:
        """Return a preview of a file that the browser cannot show."""
        if value is None or modality in INPUTS:
            return ""
        try:
            return views.preview(modality, value)
        except (ValueError, OSError):
            # The result reports it.
            return ""


class ManyItems:
    """Inputs for several items of one modality, which start with examples.

    Args:
        engine: The model and its index, which holds the examples.
        label: Label of the choice of modality.
        modality: The modality at the start.
    """

    def __init__(self, engine: Engine, label: str, modality: str):
        self.engine = engine
        items = engine.examples(modality, EXAMPLES)
        is_text = modality == "text"
        choices = [(display_name(name), name) for name in engine.modalities]
        self.modality = gr.Dropdown(choices, value=modality, label=label)
        self.text = gr.Textbox(label="Texts, one per line", lines=5, **_shown(is_text, "\n".join(items), ""))
        self.files = gr.File(
            label=file_label(modality, plural=True),
            file_count="multiple",
            file_types=FILE_TYPES.get(modality),
            height=130,
            **_shown(not is_text, items or None),
        )
        with gr.Accordion("Add a photo", open=False, visible=modality == "image") as self.camera:
            self.photo = image_file(show_label=False, sources=["webcam"], height=220)
        with gr.Accordion("Add a recording", open=False, visible=modality == "audio") as self.microphone:
            self.recording = gr.Audio(show_label=False, sources=["microphone"], type="filepath")
        self.examples = example_buttons(engine, modality)
        self.inputs = [self.modality, self.text, self.files]
        self.initial = (modality, "\n".join(items) if is_text else "", None if is_text else items)

    def connect(self, run: Callable, inputs: Sequence[Any], outputs: Any) -> None:
        """Run a function when the items change."""
        hidden: dict[str, Any] = {"api_visibility": "private"}
        call: dict[str, Any] = {"fn": run, "inputs": inputs, "outputs": outputs, "show_progress": "minimal", **hidden}
        shown = [self.text, self.files, self.camera, self.microphone, self.examples]
        self.examples.click(self._add_example, self.inputs, [self.text, self.files], **hidden).then(**call)
        self.modality.input(self._switch, self.modality, shown, **hidden).then(**call)
        self.photo.input(_append, [self.files, self.photo], [self.files, self.photo], **hidden).then(**call)
        self.recording.stop_recording(
            _append, [self.files, self.recording], [self.files, self.recording], **hidden
        ).then(**call)
        gr.on(
            [self.text.submit, self.files.upload, self.files.delete, self.files.clear],
            trigger_mode="always_last",
            **call,
        )

    def _switch(self, modality: str) -> list[Any]:
        items = self.engine.examples(modality, EXAMPLES)
        is_text = modality == "text"
        return [
            gr.update(**_shown(is_text, "\n".join(items), "")),
            gr.update(
                label=file_label(modality, plural=True),
                file_types=FILE_TYPES.get(modality),
                **_shown(not is_text, items or None),
            ),
            gr.update(visible=modality == "image"),
            gr.update(visible=modality == "audio"),
            example_html(self.engine, modality),
        ]

    def _add_example(self, modality: str, text: str, files: list[str] | None, event: gr.EventData) -> list[Any]:
        value = self.engine.examples(modality, EXAMPLES)[event.number]
        if modality == "text":
            return ["\n".join([*(text or "").splitlines(), value]), files]
        return [text, [*(files or []), value]]


def _shown(visible: bool, value: Any, empty: Any = None) -> dict[str, Any]:
    """Return the arguments of an input that has a value, or is hidden and empty."""
    return {"visible": visible, "value": value if visible else empty}


def _append(files: list[str] | None, new: str | None) -> tuple[list[str] | None, None]:
    return ([*(files or []), new] if new else files), None
