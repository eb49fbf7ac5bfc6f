# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Models of this package, one folder each, laid out as in transformers."""
