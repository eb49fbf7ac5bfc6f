# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Run the browser app: `python app.py --model outputs/demo`, or set MODEL_ID (and INDEX_DIR) in a Space."""

import argparse
import os

from imagebind_hf.serving.space import launch

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--model", default=os.environ.get("MODEL_ID", "outputs/demo"), help="folder or Hub id")
parser.add_argument("--index", default=os.environ.get("INDEX_DIR") or None, help="folder to search")
parser.add_argument("--port", type=int, help="defaults to the first free port from 7860")

if __name__ == "__main__":
    arguments = parser.parse_args()
    launch(arguments.model, arguments.index, arguments.port)
