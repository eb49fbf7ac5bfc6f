# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""`accelerate launch -m imagebind_hf.training RECIPE …` is `imagebind-hf train RECIPE …`."""

from ..cli.app import train, typer

if __name__ == "__main__":
    typer.run(train)
