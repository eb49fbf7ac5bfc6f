# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""What models and processors have in common when they are published."""

from importlib import import_module
from typing import Any


class PushesInOneCommit:
    """Gives a class of transformers' this package's `push_to_hub`; stands before it among the bases."""

    def push_to_hub(self, repo_id: str, **kwargs: Any) -> Any:
        """Push to the Hub, in one commit; a model with a card. See [`~imagebind_hf.hub.push_folder`] for arguments."""
        try:
            hub = import_module(".hub", __package__)
        except ImportError:  # this code came with a checkpoint, without the package
            return super().push_to_hub(repo_id, **kwargs)
        return hub.push_object(self, repo_id, **kwargs)
