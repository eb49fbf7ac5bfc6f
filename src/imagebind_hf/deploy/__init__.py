# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Compile towers, and export them to ONNX."""

from .compile import compile_towers
from .onnx import export_onnx

__all__ = ["compile_towers", "export_onnx"]
