# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Run the command line with `python -m imagebind_hf.cli` or `accelerate launch -m imagebind_hf.cli`."""

from .main import app

if __name__ == "__main__":
    app(prog_name="imagebind-hf")
