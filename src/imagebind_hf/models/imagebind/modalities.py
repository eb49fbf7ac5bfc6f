# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The table of modalities: everything that depends on the name of a modality is a row here.

Two words have different meanings. A *modality* is a kind of input: image, video, text, audio, depth, thermal, IMU. A
*tower* is the encoder of a modality. Each tower has the name of its modality, except `vision`, which encodes images
and videos. Wherever a list of towers is expected, `image` and `video` mean `vision`.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Modality(NamedTuple):
    """One kind of input.

    Args:
        name (`str`): Name of the modality. Its embedding is `<name>_embeds`, its scores are `logits_per_<name>`.
        tower (`str`): Name of its tower.
        model_argument (`str`): Its argument of [`ImageBindModel.forward`].
        ndim (`int`): Number of axes of a batch, without the optional axis of clips or views.
        processor_argument (`str`): Its argument of [`ImageBindProcessor`].
        processor_part (`str`, *optional*): The attribute of [`ImageBindProcessor`] that preprocesses it. `None` for an
            extra modality, whose part is in `extra_processors`.
    """

    name: str
    tower: str
    model_argument: str
    ndim: int
    processor_argument: str
    processor_part: str | None = None


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
# Suffixes of the modules and parameters that belong to a tower, as in `audio_projection`.
MODULE_SUFFIXES: tuple[str, ...] = ("_model", "_projection", "_logit_scale")


def extra_modality(name: str, ndim: int) -> Modality:
    """Return the row of an extra modality: its tower has the same name, its values are called `<name>_values`."""
    return Modality(name, name, f"{name}_values", ndim, name)


def check_extra_name(name: str) -> None:
    """Raise a ValueError if an extra modality cannot have this name, because an argument or a weight would collide."""
    rows = MODALITIES.values()
    taken = {*TOWERS, *MODALITIES, *(row.processor_argument for row in rows)}
    if name in taken:
        raise ValueError(f"Expected a new name for an extra modality, but got {name!r}, which is a built-in one.")
    if f"{name}_values" in {row.model_argument for row in rows}:
        raise ValueError(f"Expected another name for extra modality {name!r}: `{name}_values` is a built-in input.")
    if not name.isidentifier() or name.startswith("_") or name.endswith(MODULE_SUFFIXES):
        raise ValueError(
            f"Expected the name of an extra modality to be a Python identifier that does not start with an underscore "
            f"and does not end in {', '.join(MODULE_SUFFIXES)}, but got {name!r}."
        )


def model_argument(modality: str) -> str:
    """Return the argument of the model for a modality: the one in its row, or `<name>_values` for an extra one."""
    return MODALITIES[modality].model_argument if modality in MODALITIES else f"{modality}_values"


def processor_argument(modality: str) -> str:
    """Return the argument of the processor for a modality: `images`, `videos`, or the name of the modality."""
    return MODALITIES[modality].processor_argument if modality in MODALITIES else modality


def tower_name(name: str) -> str:
    """Return the tower for the name of a modality or tower: `vision` for `image` and `video`, else the same name."""
    return MODALITIES[name].tower if name in MODALITIES else name


def tower_names(names: Iterable[str]) -> list[str]:
    """Return the towers for names of modalities or towers, without duplicates."""
    return list(dict.fromkeys(map(tower_name, names)))


__all__ = [
    "MODALITIES",
    "MODULE_SUFFIXES",
    "TOWERS",
    "Modality",
    "check_extra_name",
    "extra_modality",
    "model_argument",
    "processor_argument",
    "tower_name",
    "tower_names",
]
