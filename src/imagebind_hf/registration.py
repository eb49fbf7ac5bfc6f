# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Registration with transformers' Auto classes, by one table, and with its pipelines.

Registering a class means importing it, and with it torch and torchvision. So a row is carried out when the module of
its Auto class is imported, not when this package is: `import imagebind_hf` stays cheap.
"""

import sys
import threading
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, NamedTuple


class _Row(NamedTuple):
    """`<auto_class>.register(<config>, <classes>)`; names are those of this package's modules and classes."""

    auto_class: str
    config: str
    module: str
    classes: str | dict[str, str]


_TOWERS = ("Text", "Vision", "Audio", "Depth", "Thermal", "Imu")

# By the module, below transformers.models.auto, whose import sets them off.
_TABLE: dict[str, list[_Row]] = {
    "configuration_auto": [
        _Row(
            "AutoConfig",
            f"ImageBind{name}Config",
            "configuration_imagebind",
            f"ImageBind{name}Config",
        )
        for name in ("", *_TOWERS)
    ],
    "modeling_auto": [
        _Row("AutoModel", "ImageBindConfig", "modeling_imagebind", "ImageBindModel"),
        _Row(
            "AutoModelForZeroShotImageClassification",
            "ImageBindConfig",
            "modeling_imagebind",
            "ImageBindModel",
        ),
        *(
            _Row(
                "AutoModel",
                f"ImageBind{name}Config",
                "modeling_imagebind_towers",
                f"ImageBind{name}Model",
            )
            for name in _TOWERS
        ),
    ],
    "tokenization_auto": [_Row("AutoTokenizer", "ImageBindConfig", "tokenization_imagebind", "ImageBindTokenizer")],
    "image_processing_auto": [
        _Row(
            "AutoImageProcessor",
            f"ImageBind{name}Config",
            "image_processing_imagebind",
            {"pil": f"ImageBind{name}ImageProcessorPil", "torchvision": f"ImageBind{name}ImageProcessor"},
        )
        for name in ("", "Depth", "Thermal")
    ],
    "video_processing_auto": [
        _Row(
            "AutoVideoProcessor",
            "ImageBindConfig",
            "video_processing_imagebind",
            "ImageBindVideoProcessor",
        )
    ],
    "feature_extraction_auto": [
        _Row(
            "AutoFeatureExtractor",
            f"ImageBind{name}Config",
            "feature_extraction_imagebind",
            f"ImageBind{name}FeatureExtractor",
        )
        for name in ("", "Imu")
    ],
    "processing_auto": [_Row("AutoProcessor", "ImageBindConfig", "processing_imagebind", "ImageBindProcessor")],
}
_PREFIX = "transformers.models.auto."
_PIPELINES = "transformers.pipelines"
_PACKAGE = __name__.rpartition(".")[0]
_MODELS = ".models.imagebind"
# Classes that are published, by their module.
_PUBLISHED = {
    f"{_PACKAGE}{_MODELS}.modeling_imagebind": "ImageBindModel",
    f"{_PACKAGE}{_MODELS}.processing_imagebind": "ImageBindProcessor",
}
_WATCHED = {*(_PREFIX + name for name in _TABLE), _PIPELINES, *_PUBLISHED}


def register() -> None:
    """Make transformers' Auto classes know ours: now where they are imported already, else as soon as they are."""
    if any(isinstance(finder, _RegisterAfterImport) for finder in sys.meta_path):
        return
    for module_name in sorted(_WATCHED & sys.modules.keys()):
        _register(sys.modules[module_name])
    sys.meta_path.insert(0, _RegisterAfterImport())


def _register(auto_module: ModuleType) -> None:
    """Carry out the rows of one of the modules of Auto classes, or register the pipelines."""
    if auto_module.__name__ in _PUBLISHED:
        getattr(auto_module, _PUBLISHED[auto_module.__name__]).push_to_hub = _push_to_hub
        return
    if auto_module.__name__ == _PIPELINES:
        for task, pipeline_class in import_module(".pipelines", _PACKAGE).TASKS.items():
            auto_module.PIPELINE_REGISTRY.register_pipeline(
                task, pipeline_class, pt_model=auto_module.AutoModel, type="multimodal"
            )
        return
    for row in _TABLE[auto_module.__name__.removeprefix(_PREFIX)]:
        config = getattr(import_module(_MODELS + ".configuration_imagebind", _PACKAGE), row.config)
        module = import_module(f"{_MODELS}.{row.module}", _PACKAGE)
        auto_class = getattr(auto_module, row.auto_class)
        if isinstance(row.classes, dict):
            classes = {backend: getattr(module, name) for backend, name in row.classes.items()}
            auto_class.register(config, image_processor_classes=classes, exist_ok=True)
        elif row.auto_class == "AutoConfig":
            auto_class.register(config.model_type, config, exist_ok=True)
        elif row.auto_class == "AutoTokenizer":
            auto_class.register(config, tokenizer_class=getattr(module, row.classes), exist_ok=True)
        else:
            auto_class.register(config, getattr(module, row.classes), exist_ok=True)


def _push_to_hub(saved: Any, repo_id: str, **kwargs: Any) -> Any:
    """Push to the Hub with a card, in one commit. See [`~imagebind_hf.hub.push_folder`] for arguments."""
    from .hub import push_object

    return push_object(saved, repo_id, **kwargs)


class _RegisterAfterImport(MetaPathFinder):
    """Finds the modules of transformers and of this package as Python would, and registers when they are imported.

    Modules of transformers import Auto classes before they are complete themselves, and our models need such modules.
    So a registration waits until no import of either package is under way in the thread.
    """

    def __init__(self) -> None:
        self.thread = threading.local()

    def find_spec(self, name: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not name.startswith(("transformers.", _PACKAGE + ".")):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_register(module: ModuleType) -> None:
            self.thread.depth = getattr(self.thread, "depth", 0) + 1
            try:
                execute(module)
            finally:
                self.thread.depth -= 1
            if name in _WATCHED:
                self.thread.waiting = [*getattr(self.thread, "waiting", []), module]
            if self.thread.depth == 0:
                waiting, self.thread.waiting = getattr(self.thread, "waiting", []), []
                for auto_module in waiting:
                    _register(auto_module)

        spec.loader.exec_module = execute_and_register
        return spec
