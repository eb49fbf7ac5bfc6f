# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Models in two sizes, their inputs, and the peer with the same weights, for the benchmarks of towers."""

import time

import torch
from peer import Tower, copy_weights, make_tower

from imagebind_hf import ImageBindConfig, ImageBindModel
from imagebind_hf.models.imagebind.configuration_imagebind import ImageBindTowerConfig
from imagebind_hf.models.imagebind.modalities import model_argument

MODALITIES = ("image", "text", "audio", "depth", "thermal", "imu")
# Number of tokens of a short text. The peer always pads to 77.
PROMPT_LENGTH = 16
CLIPS = 3

_TINY_TOWER = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
_TINY = {
    "projection_dim": 16,
    "text_config": _TINY_TOWER,
    "vision_config": {**_TINY_TOWER, "image_size": 32, "patch_size": 8},
    "audio_config": {**_TINY_TOWER, "num_mel_bins": 32, "num_frames": 44, "patch_size": 8, "patch_stride": 6},
    "depth_config": {**_TINY_TOWER, "image_size": 32, "patch_size": 8},
    "thermal_config": {**_TINY_TOWER, "image_size": 32, "patch_size": 8},
    "imu_config": {**_TINY_TOWER, "num_samples": 200},
}


def tower_name(modality: str) -> str:
    return "vision" if modality == "image" else modality


def make_config(size: str, *modalities: str) -> ImageBindConfig:
    """Make the configuration of imagebind_huge, or a tiny one, with the towers of these modalities."""
    return ImageBindConfig(**(_TINY if size == "tiny" else {}), modalities=[tower_name(each) for each in modalities])


class Ours(torch.nn.Module):
    """Our model as a function of the input of one modality, through its public call."""

    def __init__(self, model: ImageBindModel, modality: str):
        super().__init__()
        self.model, self.modality = model, modality

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.model(**{model_argument(self.modality): values})[f"{self.modality}_embeds"]


def make_pair(
    size: str, modality: str, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> tuple[Ours, Tower, ImageBindConfig]:
    """Make our model of one modality, and the peer with its weights."""
    torch.manual_seed(0)
    config = make_config(size, modality)
    model = ImageBindModel(config).eval()
    peer = copy_weights(make_tower(config, tower_name(modality)), model).eval()
    models = [each.to(device, dtype).requires_grad_(False) for each in (Ours(model, modality), peer)]
    return models[0], models[1], config


def make_values(
    config: ImageBindConfig, modality: str, batch_size: int, length: int | None = None, clips: int = CLIPS
) -> torch.Tensor:
    """Make random input in float32. Texts have `length` tokens (77 by default), the last of which is the end token."""
    tower: ImageBindTowerConfig = config.tower_configs[tower_name(modality)]
    generator = torch.Generator().manual_seed(0)
    if modality == "text":
        length = length or tower.max_position_embeddings
        ids = torch.randint(1, tower.vocab_size - 2, (batch_size, length), generator=generator)
        ids[:, -1] = tower.vocab_size - 1
        return ids
    if modality == "audio":
        shape = (clips, tower.num_mel_bins, tower.num_frames)
    elif modality == "imu":
        shape = (tower.num_channels, tower.num_samples)
    else:
        shape = (tower.num_channels, tower.image_size, tower.image_size)
    return torch.randn(batch_size, *shape, generator=generator)


def class_prompts(config: ImageBindConfig, batch_size: int, batches: int = 4) -> list[torch.Tensor]:
    """Make class prompts of ESC-50: fifty names in CLIP's 80 templates, 6 to 15 tokens each.

    As in the package, batches hold prompts of similar length. Returns `batches` of them, from short to long.
    """
    # Imported here, because otherwise their memory would count in the benchmarks of memory.
    from imagebind_hf import ImageBindProcessor
    from imagebind_hf.evaluation.config import load_benchmark, load_templates

    names = load_benchmark("esc50").evaluation["audio"].source.classes.values()
    prompts = sorted((each.format(name) for name in names for each in load_templates("imagenet")), key=len)
    step = len(prompts) / batches
    starts = [int((number + 0.5) * step - batch_size / 2) for number in range(batches)]
    processor = ImageBindProcessor.from_config(config)
    return [processor(text=prompts[at : at + batch_size], return_tensors="pt")["input_ids"] for at in starts]


def pad_text(ids: torch.Tensor, length: int) -> torch.Tensor:
    """Pad with zeros to the length that the original implementation uses."""
    return torch.nn.functional.pad(ids, (0, length - ids.shape[1]))


def to_device(values: torch.Tensor, dtype: torch.dtype, device: str) -> torch.Tensor:
    return values.to(device=device, dtype=dtype if values.is_floating_point() else None)


def operations(config: ImageBindConfig, modality: str, length: int | None = None) -> float:
    """Count the floating-point operations of the matrix products for one item, as in the original implementation."""
    tower = config.tower_configs[tower_name(modality)]
    width, tokens, sequences = tower.hidden_size, length, 1
    if modality == "text":
        tokens = length or tower.max_position_embeddings
    elif modality == "imu":
        tokens = 1 + tower.num_samples // tower.window_size
    else:
        tokens = 1 + tower.grid_size[0] * tower.grid_size[1]
        sequences = CLIPS if modality == "audio" else 1
    per_layer = 2 * tokens * (4 * width**2 + 2 * width * tower.intermediate_size) + 4 * tokens**2 * width
    return float(sequences * tower.num_hidden_layers * per_layer)


def matrix_peak(dtype: torch.dtype, device: str, size: str) -> float:
    """Measure the operations per second of a large matrix product: the best of 20 runs."""
    width = 256 if size == "tiny" else 8192 if device == "cuda" else 2048
    left, right = (torch.randn(width, width).to(device, dtype) for _ in range(2))
    out, best = torch.empty_like(left), float("inf")
    for _ in range(20):
        if device == "cuda":
            torch.cuda.synchronize()
        started = time.perf_counter()
        torch.mm(left, right, out=out)
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return 2 * width**3 / best
