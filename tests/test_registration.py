# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Registration, in fresh interpreters, because the order of imports matters."""

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
        "from imagebind_hf.pipelines import TASKS, ImageBindZeroShotPipeline",
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


TWO_THREADS = """
import builtins, sys, threading
import imagebind_hf
first, importer, imported, then, folder = sys.argv[1:]
entered, finished = threading.Event(), threading.Event()
original = builtins.__import__

def slow_import(name, globals=None, *args, **kwargs):
    if (globals or {}).get("__name__") == importer and name == imported and not entered.is_set():
        entered.set()
        # The other thread runs to its end, or waits for a lock that this one holds.
        finished.wait(3)
    return original(name, globals, *args, **kwargs)

builtins.__import__ = slow_import
one = threading.Thread(target=exec, args=(first, {}))
one.start()
assert entered.wait(120), "the import does not happen"
scope = {"folder": folder}
try:
    exec(then, scope)
finally:
    finished.set()
    one.join()
print(type(scope["loaded"]).__name__)
exec("from imagebind_hf import ImageBindModel; from transformers import AutoModel", scope)
assert scope["AutoModel"]._model_mapping[scope["ImageBindModel"].config_class] is scope["ImageBindModel"]
"""
MODEL = "from transformers import AutoModel; loaded = AutoModel.from_pretrained(folder)"
PROCESSOR = "from transformers import AutoProcessor; loaded = AutoProcessor.from_pretrained(folder)"
PIPELINE = "from transformers import pipeline; loaded = pipeline('multimodal-embedding', folder)"
FILES = "imagebind_hf.models.imagebind"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "importer", "imported", "then"),
    [
        # Inside the registration: the second thread waits for the module of the Auto class.
        ("import transformers.models.auto.modeling_auto", f"{FILES}.configuration_imagebind", "modalities", MODEL),
        ("from transformers import AutoProcessor", f"{FILES}.processing_imagebind", "modalities", PROCESSOR),
        # After the registration, while a module that our model or pipeline imports is incomplete.
        ("import transformers.modeling_layers", "transformers.modeling_layers", "processing_utils", MODEL),
        ("import imagebind_hf.pipelines.base", "imagebind_hf.pipelines.base", "utils.names", PIPELINE),
    ],
    ids=["config", "processor", "model", "pipeline"],
)
def test_a_second_thread_during_the_registration(first, importer, imported, then, converted):
    expected = {MODEL: "ImageBindModel", PROCESSOR: "ImageBindProcessor", PIPELINE: "ImageBindEmbeddingPipeline"}[then]
    assert run(TWO_THREADS, first, importer, imported, then, str(converted)) == expected


def test_public_names_exist():
    import imagebind_hf

    assert all(getattr(imagebind_hf, name) is not None for name in imagebind_hf.__all__)
    assert set(imagebind_hf.__all__) <= set(dir(imagebind_hf))
    with pytest.raises(AttributeError, match="no attribute 'ImageBlindModel'"):
        imagebind_hf.ImageBlindModel  # noqa: B018
