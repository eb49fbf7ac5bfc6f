# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that carry their own code, and load where this package is not installed.

transformers copies the modules of a repository to one folder, and only resolves imports such as `from .name import …`.
So the modules that the classes need are copied to the top of the checkpoint, and their relative imports are rewritten.
"""

import ast
import json
import re
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

from transformers.utils import CONFIG_NAME, PROCESSOR_NAME

from ..models.imagebind.modeling_imagebind import ImageBindModel
from ..models.imagebind.processing_imagebind import ImageBindProcessor
from ..pipelines import TASKS

# Auto class of a processor's part, by the end of the part's name.
_AUTO_CLASSES = {
    "image_processor": "AutoImageProcessor",
    "video_processor": "AutoVideoProcessor",
    "feature_extractor": "AutoFeatureExtractor",
}


def save_with_code(folder: str | Path, model: ImageBindModel, processor: ImageBindProcessor) -> None:
    """Save a model and its processor with the code of their classes and pipelines.

    The folder loads with `trust_remote_code=True` where this package is not installed. Where it is installed, the
    package's own classes are used.

    Args:
        folder: Folder to save to.
        model: The model.
        processor: The processor.

    Raises:
        ValueError: If two modules that are needed have the same file name.
    """
    folder = Path(folder)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    classes = [type(model), type(model.config), type(processor), type(processor.tokenizer), *set(TASKS.values())]
    for name, source in flatten_modules(*(cls.__module__ for cls in classes)).items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")

    auto_model = _reference(type(model))
    _update_json(
        folder / CONFIG_NAME,
        auto_map={
            "AutoConfig": _reference(type(model.config)),
            "AutoModel": auto_model,
            "AutoModelForZeroShotImageClassification": auto_model,
        },
        custom_pipelines={task: {"impl": _reference(cls), "pt": ["AutoModel"]} for task, cls in TASKS.items()},
    )
    # transformers looks for the processor's class in the files of its parts, too.
    auto_processor = {"AutoProcessor": _reference(type(processor))}
    config = json.loads((folder / PROCESSOR_NAME).read_text(encoding="utf-8"))
    parts = {}
    for name, part in config.items():
        auto_class = next((auto for suffix, auto in _AUTO_CLASSES.items() if name.endswith(suffix)), None)
        if auto_class is not None:
            # The class without `Pil` is the general one: it is found for either backend.
            reference = _reference(type(getattr(processor, name))).removesuffix("Pil")
            parts[name] = {**part, "auto_map": {auto_class: reference, **auto_processor}}
    _update_json(folder / PROCESSOR_NAME, auto_map=auto_processor, **parts)
    # The second entry is that of a fast tokenizer.
    auto_tokenizer = {"AutoTokenizer": [_reference(type(processor.tokenizer)), None]}
    _update_json(folder / "tokenizer_config.json", auto_map={**auto_tokenizer, **auto_processor})


def flatten_modules(*modules: str) -> dict[str, str]:
    """Return the sources of modules of this package and of all that they import from it, for one flat folder.

    Args:
        *modules: Full names of modules.

    Returns:
        Source by file name without `.py`; every relative import has the form `from .name import …`.

    Raises:
        ValueError: If two modules have the same file name, or a package is imported instead of a module.
    """
    sources: dict[str, str] = {}
    module_of: dict[str, str] = {}
    waiting = list(dict.fromkeys(modules))
    while waiting:
        module = waiting.pop()
        flat = _flat_name(module)
        if module_of.setdefault(flat, module) != module:
            raise ValueError(f"Expected one module of the name {flat!r}, but got {module_of[flat]!r} and {module!r}.")
        if flat not in sources:
            sources[flat], imported = _flatten_imports(module)
            waiting += imported
    return sources


def _flatten_imports(module: str) -> tuple[str, list[str]]:
    """Return the source of a module with flat imports, and the full names of the modules that it imports."""
    spec = find_spec(module)
    if spec is None or spec.origin is None or spec.submodule_search_locations is not None:
        raise ValueError(f"Expected a module with a file of its own, but got {module!r}.")
    source = Path(spec.origin).read_text(encoding="utf-8")
    lines, imported = source.splitlines(keepends=True), []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level > 0:
            name = resolve_name("." * node.level + (node.module or ""), spec.parent)
            line, column = node.lineno - 1, node.col_offset
            statement = re.sub(r"from\s+[\w.]+", f"from .{_flat_name(name)}", lines[line][column:], count=1)
            lines[line] = lines[line][:column] + statement
            imported.append(name)
    return "".join(lines), imported


def _flat_name(module: str) -> str:
    return module.rpartition(".")[2]


def _reference(cls: type) -> str:
    """Return the name of a class as an `auto_map` has it: `module.Class`."""
    return f"{_flat_name(cls.__module__)}.{cls.__name__}"


def _update_json(file: Path, **values: Any) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**content, **values}, indent=2, sort_keys=True) + "\n", encoding="utf-8")
