# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import os

# Tests use no network. Set before any Hugging Face library is imported.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from imagebind_hf import ImageBindConfig, ImageBindModel

pytest_plugins = ["hub_fixtures"]

FIXTURES = Path(__file__).parent / "fixtures"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the demo first, because it takes minutes: at the end, the other processes would wait for it."""
    items.sort(key=lambda item: item.path.name != "test_demo.py")


@pytest.fixture(scope="session")
def fixtures() -> Path:
    return FIXTURES


@pytest.fixture(scope="session")
def parity() -> dict[str, torch.Tensor]:
    """Outputs of the original implementation, with their inputs in float32."""
    tensors = load_file(FIXTURES / "model_parity.safetensors")
    return {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}


@pytest.fixture(scope="session")
def original_arguments() -> dict:
    return json.loads((FIXTURES / "imagebind_tiny_original.json").read_text())


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint in the published format, converted."""
    from imagebind_hf.hub.convert import convert_checkpoint

    return convert_checkpoint(
        FIXTURES / "imagebind_tiny_original.pth",
        tmp_path_factory.mktemp("converted") / "imagebind-tiny",
        FIXTURES / "imagebind_tiny_original.json",
    )


@pytest.fixture
def original(converted: Path) -> ImageBindModel:
    """The model that computed the parity outputs."""
    return ImageBindModel.from_pretrained(converted).eval()


def make_config(**kwargs) -> ImageBindConfig:
    """Return a small configuration with all towers; `kwargs` override its arguments."""
    # No drop path, so that training and evaluation mode give the same outputs.
    tower = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "drop_path_rate": 0.0}
    plane = {**tower, "image_size": 32, "patch_size": 8}
    values = {
        "text_config": tower,
        "vision_config": plane,
        "audio_config": {**tower, "num_mel_bins": 32, "num_frames": 44, "patch_size": 8, "patch_stride": 6},
        "depth_config": plane,
        "thermal_config": plane,
        "imu_config": {**tower, "num_samples": 200, "head_dropout": 0.0},
        "projection_dim": 16,
    }
    return ImageBindConfig(**{**values, **kwargs})


def make_inputs(batch_size: int = 3) -> dict[str, torch.Tensor]:
    """Return inputs of every modality for `make_config()`."""
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(batch_size, *shape, generator=generator)

    input_ids = torch.randint(1, 49000, (batch_size, 6), generator=generator)
    input_ids[:, 0], input_ids[:, 4], input_ids[:, 5] = 49406, 49407, 0
    return {
        "input_ids": input_ids,
        "pixel_values": random(3, 32, 32),
        "pixel_values_videos": random(4, 2, 3, 32, 32),
        "input_features": random(2, 32, 44),
        "pixel_values_depth": random(1, 32, 32),
        "pixel_values_thermal": random(1, 32, 32),
        "imu_values": random(6, 200),
    }


@pytest.fixture
def model() -> ImageBindModel:
    torch.manual_seed(0)
    return ImageBindModel(make_config()).eval()
