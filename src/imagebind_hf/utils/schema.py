# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Settings from YAML files: loaded safely and validated against dataclasses."""

import dataclasses
from collections.abc import Iterable, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from .names import nearest_name

T = TypeVar("T")


def load_settings(
    kind: type[T], path: str | Path, packaged: Traversable, overrides: Sequence[str] | None = None, what: str = "file"
) -> T:
    """Load settings from a YAML file.

    Args:
        kind: The dataclass.
        path: A YAML file, or the name of one in `packaged`.
        packaged: Folder with the package's own files.
        overrides: Changes of the form `a.b=value`. Values are YAML; items of lists are given by their index.
        what: Name of this kind of file in error messages.

    Raises:
        ValueError: If the file does not exist or is not valid YAML, or a key is unknown.
    """
    file = Path(path)
    if not file.is_file():
        known = {
            entry.name.removesuffix(".yaml"): entry for entry in packaged.iterdir() if entry.name.endswith(".yaml")
        }
        if str(path) not in known:
            hint = nearest_name(str(path), sorted(known))
            raise ValueError(f"There is no file and no {what} {str(path)!r}. {hint}")
        file = known[str(path)]
    values = read_yaml(file)
    for item in overrides or []:
        key, equals, value = item.partition("=")
        if not equals:
            raise ValueError(f"Expected an override as key=value, but got {item!r}.")
        try:
            _override(values, key, yaml.safe_load(value))
        except yaml.YAMLError as error:
            raise ValueError(f"The override of {key!r} is not valid YAML: {error}") from error
    return build(kind, values, str(path))


def read_yaml(file: Path | Traversable) -> Any:
    """Read a YAML file into plain values.

    Raises:
        ValueError: If the file is not valid YAML, or not text in UTF-8.
    """
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{str(file)!r} is not valid YAML: {error}") from error


def build(kind: Any, values: Any, where: str) -> Any:
    """Build a dataclass from plain values, also nested in lists, dicts and optionals.

    Args:
        kind: The dataclass, or the type of a field.
        values: The content of a YAML file.
        where: Name of the values in error messages.

    Raises:
        ValueError: If a key is unknown or missing, or a value does not have the form that its type needs.
    """
    if dataclasses.is_dataclass(kind):
        _expect(dict, values, f"a mapping of {kind.__name__}", where)
        fields = {entry.name: entry for entry in dataclasses.fields(kind)}
        check_keys(values, list(fields), where)
        required = [
            name
            for name, entry in fields.items()
            if entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING
        ]
        missing = [name for name in required if name not in values]
        if missing:
            raise ValueError(f"{where}: missing {missing}.")
        return kind(**{name: build(fields[name].type, value, f"{where}: {name}") for name, value in values.items()})
    nested = [argument for argument in getattr(kind, "__args__", ()) if dataclasses.is_dataclass(argument)]
    if not nested or values is None:
        return values
    if getattr(kind, "__origin__", None) is list:
        _expect(list, values, "a list", where)
        return [build(nested[0], value, f"{where}[{i}]") for i, value in enumerate(values)]
    if getattr(kind, "__origin__", None) is dict:
        _expect(dict, values, "a mapping", where)
        return {name: build(nested[0], value, f"{where}: {name}") for name, value in values.items()}
    return build(nested[0], values, where)


def check_keys(values: Iterable[str], known: Sequence[str], where: str) -> None:
    """Raise a ValueError for the first unknown name, with the nearest known one."""
    for name in values:
        if name not in known:
            raise ValueError(f"{where}: unknown key {name!r}. {nearest_name(name, known)}")


def _override(values: Any, key: str, value: Any) -> None:
    """Set a value in nested mappings and lists."""
    *parents, last = key.split(".")
    for name in parents:
        place = _place(values, name, key)
        values = values.setdefault(place, {}) if isinstance(values, dict) else values[place]
    values[_place(values, last, key)] = value


def _place(values: Any, name: str, key: str) -> str | int:
    if isinstance(values, dict):
        return name
    if not isinstance(values, list) or not name.isdecimal() or int(name) >= len(values):
        raise ValueError(f"The override of {key!r} is not possible: there is no {name!r} in {values!r}.")
    return int(name)


def _expect(kind: type, values: Any, what: str, where: str) -> None:
    if not isinstance(values, kind):
        raise ValueError(f"{where}: expected {what}, but got {values!r}.")
