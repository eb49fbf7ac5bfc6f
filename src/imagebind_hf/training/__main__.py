# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""`accelerate launch -m imagebind_hf.training RECIPE …` is `imagebind-hf train RECIPE …`."""

import sys

from ..cli import app

if __name__ == "__main__":
    app(["train", *sys.argv[1:]], prog_name="imagebind-hf")
