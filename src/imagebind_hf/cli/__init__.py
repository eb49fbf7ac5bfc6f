# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The command line: `imagebind-hf`, one file for each group of commands."""

from .main import app

__all__ = ["app"]
