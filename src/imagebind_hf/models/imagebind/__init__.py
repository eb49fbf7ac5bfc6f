# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""ImageBind: everything that a checkpoint needs to run."""
