# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Write the processor files of the checkpoints in `hub_cards/` from their configurations.

python processors/build.py [OUTPUT]
"""

import shutil
import sys
from pathlib import Path

from imagebind_hf import ImageBindConfig, ImageBindProcessor

HERE = Path(__file__).resolve().parent


def build(output: Path) -> list[Path]:
    """Write one folder per checkpoint and return the folders."""
    folders = []
    for config in sorted(HERE.parent.glob("hub_cards/*/config.json")):
        folder = output / config.parent.name
        shutil.rmtree(folder, ignore_errors=True)
        processor = ImageBindProcessor.from_config(ImageBindConfig.from_pretrained(config.parent))
        processor.save_pretrained(folder)
        processor.save_modality_folders(folder)
        folders.append(folder)
    return folders


if __name__ == "__main__":
    for written in build(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE):
        print(written)
