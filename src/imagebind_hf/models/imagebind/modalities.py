# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The table of modalities: everything that differs between them by name is a row here.

Two words are kept apart. A *modality* is a kind of input: image, video, text, audio, depth, thermal, IMU. A *tower* is
the encoder that reads it. Each tower is named after its modality, except `vision`, which reads images and videos.
Wherever a list of towers is expected, `image` and `video` mean `vision`.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Modality(NamedTuple):
    """One kind of input.

    Args:
        name (`str`): Name of the modality; its embedding is `<name>_embeds`, its scores are `logits_per_<name>`.
        tower (`str`): The tower that reads it.
        model_argument (`str`): Its argument of [`ImageBindModel`]'s forward.
        ndim (`int`): Number of axes of a batch of it, without the optional axis of clips (or views).
        processor_argument (`str`): Its argument of [`ImageBindProcessor`].
        processor_part (`str`, *optional*): The processor's attribute that prepares it. `None` for an extra modality
            without a processor: its values are passed to the model as they are.
    """

    name: str
    tower: str
    model_argument: str
    ndim: int
    processor_argument: str
    processor_part: str | None


MODALITIES: dict[str, Modality] = {
    row.name: row
    for row in (
        Modality("image", "vision", "pixel_values", 4, "images", "image_processor"),
        Modality("video", "vision", "pixel_values_videos", 5, "videos", "video_processor"),
        Modality("text", "text", "input_ids", 2, "text", "tokenizer"),
        Modality("audio", "audio", "input_features", 3, "audio", "feature_extractor"),
        Modality("depth", "depth", "pixel_values_depth", 4, "depth", "depth_image_processor"),
        Modality("thermal", "thermal", "pixel_values_thermal", 4, "thermal", "thermal_image_processor"),
        Modality("imu", "imu", "imu_values", 3, "imu", "imu_feature_extractor"),
    )
}
# In the order of the published checkpoint.
TOWERS: tuple[str, ...] = ("text", "vision", "audio", "depth", "thermal", "imu")


def extra_modality(name: str, ndim: int, processor_part: str | None = None) -> Modality:
    """Return the row of an extra modality: a tower of its own name, and values called `<name>_values`."""
    return Modality(name, name, f"{name}_values", ndim, name, processor_part)


def model_argument(modality: str) -> str:
    """Return the model's argument for a modality: that of its row, or `<name>_values` for an extra one."""
    return MODALITIES[modality].model_argument if modality in MODALITIES else f"{modality}_values"


def processor_argument(modality: str) -> str:
    """Return the processor's argument for a modality: `images`, `videos`, or the modality's own name."""
    return MODALITIES[modality].processor_argument if modality in MODALITIES else modality


def tower_name(name: str) -> str:
    """Return the tower that a modality or a tower names: `vision` for `image` and `video`, else the name itself."""
    return MODALITIES[name].tower if name in MODALITIES else name


def tower_names(names: Iterable[str]) -> list[str]:
    """Return the towers that some modalities or towers name, each once."""
    return list(dict.fromkeys(map(tower_name, names)))


__all__ = [
    "MODALITIES",
    "TOWERS",
    "Modality",
    "extra_modality",
    "model_argument",
    "processor_argument",
    "tower_name",
    "tower_names",
]
