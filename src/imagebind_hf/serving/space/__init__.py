# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The browser app: compare any two modalities, classify with your own labels, and search a small index.

Example:
    >>> from imagebind_hf.serving.space import launch
    >>> launch("outputs/demo")  # doctest: +SKIP
"""

try:
    import gradio  # noqa: F401
except ImportError as error:
    raise ImportError("The browser app needs Gradio. Install it with `pip install imagebind-hf[space]`.") from error

from .app import build, launch

__all__ = ["build", "launch"]
