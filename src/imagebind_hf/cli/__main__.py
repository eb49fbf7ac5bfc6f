# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""`python -m imagebind_hf.cli` is `imagebind-hf`."""

from .main import app

if __name__ == "__main__":
    app()
