# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Registration with transformers' Auto classes and pipelines, by one table.

`import imagebind_hf` imports neither torch nor transformers. So a post-import hook registers a row of the table when
the module of its Auto class has been imported. Python holds the lock of a module while its hooks run: another thread
that imports the module waits until the row is registered.

Modules of transformers such as `modeling_layers` import `AutoModel` before they are complete, and our models and
pipelines import such modules. A hook that imported them would get incomplete modules, or wait for a thread that waits
for it. Therefore models and pipelines are registered as [`_LazyClass`], which is imported when it is first used.
"""

from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

import wrapt

_PACKAGE = __name__.rpartition(".")[0]
_MODELS = f"{_PACKAGE}.models.imagebind"
_AUTO = "transformers.models.auto"


class _Row(NamedTuple):
    """`<auto_class>.register(<config>, <classes>)`; names are those of this package's modules and classes."""

    auto_class: str
    config: str
    module: str
    classes: str | dict[str, str]


_TOWERS = ("Text", "Vision", "Audio", "Depth", "Thermal", "Imu")

# Rows by the module of `transformers.models.auto` that defines the Auto class.
_TABLE: dict[str, list[_Row]] = {
    "configuration_auto": [
        _Row("AutoConfig", f"ImageBind{name}Config", "configuration_imagebind", f"ImageBind{name}Config")
        for name in ("", *_TOWERS)
    ],
    "modeling_auto": [
        _Row("AutoModel", "ImageBindConfig", "modeling_imagebind", "ImageBindModel"),
        _Row("AutoModelForZeroShotImageClassification", "ImageBindConfig", "modeling_imagebind", "ImageBindModel"),
        *(
            _Row("AutoModel", f"ImageBind{name}Config", "modeling_imagebind_towers", f"ImageBind{name}Model")
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
        _Row("AutoVideoProcessor", "ImageBindConfig", "video_processing_imagebind", "ImageBindVideoProcessor")
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
# Classes that `push_to_hub` of the Hub layer is attached to, by their module.
_PUBLISHED = {"modeling_imagebind": "ImageBindModel", "processing_imagebind": "ImageBindProcessor"}


def register() -> None:
    """Register with transformers: at once where its modules are imported, else as soon as they are."""
    for name in _TABLE:
        wrapt.register_post_import_hook(_register_rows, f"{_AUTO}.{name}")
    for name in {row.module for row in _TABLE["modeling_auto"]}:
        wrapt.register_post_import_hook(_register_models, f"{_MODELS}.{name}")
    for name in _PUBLISHED:
        wrapt.register_post_import_hook(_attach_push_to_hub, f"{_MODELS}.{name}")
    wrapt.register_post_import_hook(_register_pipelines, "transformers.pipelines")


class _LazyClass:
    """A class of this package that is imported when it is called or one of its attributes is read."""

    def __init__(self, module: str, name: str, **attributes: Any):
        # `__name__` and `attributes` are known without the import.
        self.__dict__.update(attributes, __name__=name, _module=module)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._load()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._load(), name)

    def _load(self) -> type:
        return getattr(import_module(self._module), self.__name__)


def _register_rows(auto_module: ModuleType) -> None:
    """Register the rows of a module of Auto classes."""
    # If another thread is importing the module, this waits until it is complete.
    auto_module = import_module(auto_module.__name__)
    for row in _TABLE[auto_module.__name__.rpartition(".")[2]]:
        auto_class = getattr(auto_module, row.auto_class)
        config = getattr(import_module(f"{_MODELS}.configuration_imagebind"), row.config)
        if row.auto_class == "AutoConfig":
            auto_class.register(config.model_type, config, exist_ok=True)
        elif row.auto_class.startswith("AutoModel"):
            model = _LazyClass(f"{_MODELS}.{row.module}", row.classes, config_class=config)
            auto_class.register(config, model, exist_ok=True)
        else:
            _register_class(auto_class, config, row)


def _register_class(auto_class: type, config: type, row: _Row) -> None:
    module = import_module(f"{_MODELS}.{row.module}")
    if isinstance(row.classes, dict):
        classes = {backend: getattr(module, name) for backend, name in row.classes.items()}
        auto_class.register(config, image_processor_classes=classes, exist_ok=True)
    elif row.auto_class == "AutoTokenizer":
        auto_class.register(config, tokenizer_class=getattr(module, row.classes), exist_ok=True)
    else:
        auto_class.register(config, getattr(module, row.classes), exist_ok=True)


def _register_models(module: ModuleType) -> None:
    """Replace the lazy classes of a module, now that it is imported: some tools compare classes."""
    auto_module = import_module(f"{_AUTO}.modeling_auto")
    config_module = import_module(f"{_MODELS}.configuration_imagebind")
    for row in _TABLE["modeling_auto"]:
        if module.__name__.endswith(f".{row.module}"):
            auto_class = getattr(auto_module, row.auto_class)
            auto_class.register(getattr(config_module, row.config), getattr(module, row.classes), exist_ok=True)


def _register_pipelines(pipelines_module: ModuleType) -> None:
    """Register the pipelines."""
    pipelines_module = import_module(pipelines_module.__name__)
    auto_model = import_module(f"{_AUTO}.modeling_auto").AutoModel
    for task, (module, name) in import_module(f"{_PACKAGE}.pipelines").TASK_CLASSES.items():
        pipelines_module.PIPELINE_REGISTRY.register_pipeline(
            task, _LazyClass(module, name), pt_model=auto_model, type="multimodal"
        )


def _attach_push_to_hub(module: ModuleType) -> None:
    """Give a class the Hub layer's `push_to_hub`: the model files do not know that layer."""
    method = import_module(f"{_PACKAGE}.hub.methods").push_to_hub
    getattr(module, _PUBLISHED[module.__name__.rpartition(".")[2]]).push_to_hub = method
