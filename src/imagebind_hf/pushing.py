# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""What models and processors have in common when they are published."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from transformers.utils import PushToHubMixin


def push_in_one_commit(thing: PushToHubMixin, otherwise: Callable[..., Any], repo_id: str, **kwargs: Any) -> Any:
    """Push a model or processor as this package does; `otherwise` is transformers' own way, where it is not there."""
    try:
        hub = import_module(".hub", __package__)
    except ImportError:  # this code came with a checkpoint, without the package
        return otherwise(repo_id, **kwargs)
    return hub.push_object(thing, repo_id, **kwargs)
