# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Registration, in fresh interpreters: what counts is the order of imports."""

import subprocess
import sys

import pytest


def run(code: str, *arguments: str) -> str:
    process = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr[-3000:]
    return process.stdout.strip()


def test_import_is_light():
    code = (
        "import sys, imagebind_hf; print([name for name in ('torch', 'transformers', 'numpy') if name in sys.modules])"
    )
    assert run(code) == "[]"


@pytest.mark.parametrize(
    "first",
    [
        "import imagebind_hf",
        "from transformers import AutoModel, AutoProcessor; import imagebind_hf",
        "import imagebind_hf; from transformers.modeling_layers import GradientCheckpointingLayer",
        "import imagebind_hf; from transformers import CLIPModel, Trainer, pipeline",
        "from imagebind_hf import ImageBindModel",
        "from imagebind_hf.models.imagebind.modeling_imagebind_towers import ImageBindAudioModel",
        "from imagebind_hf import ImageBindProcessor",
    ],
)
def test_every_order_of_imports(first, converted):
    code = f"""
import sys
{first}
from transformers import (AutoConfig, AutoFeatureExtractor, AutoImageProcessor, AutoModel,
    AutoModelForZeroShotImageClassification, AutoProcessor, AutoTokenizer, AutoVideoProcessor)
for auto in (AutoConfig, AutoModel, AutoModelForZeroShotImageClassification, AutoProcessor, AutoImageProcessor,
             AutoVideoProcessor, AutoFeatureExtractor, AutoTokenizer):
    print(type(auto.from_pretrained(sys.argv[1])).__name__)
"""
    assert run(code, str(converted)).split() == [
        "ImageBindConfig",
        "ImageBindModel",
        "ImageBindModel",
        "ImageBindProcessor",
        "ImageBindImageProcessor",
        "ImageBindVideoProcessor",
        "ImageBindFeatureExtractor",
        "ImageBindTokenizer",
    ]


def test_public_names_exist():
    import imagebind_hf

    assert all(getattr(imagebind_hf, name) is not None for name in imagebind_hf.__all__)
    assert set(imagebind_hf.__all__) <= set(dir(imagebind_hf))
    with pytest.raises(AttributeError, match="no attribute 'ImageBlindModel'"):
        imagebind_hf.ImageBlindModel  # noqa: B018
