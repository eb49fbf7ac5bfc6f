# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Put together a repository of the Hub: weights, processor, and the card that lies here.

python hub_cards/build.py NAME OUTPUT [--weights FOLDER]
"""

import argparse
import shutil
from pathlib import Path

import torch

from imagebind_hf import ImageBindConfig, ImageBindModel
from imagebind_hf.hub import check_files, find_files
from imagebind_hf.hub.convert import new_folder

HERE = Path(__file__).resolve().parent


def build(name: str, output: Path, weights: Path | None = None) -> Path:
    """Write a folder that is ready to push.

    Args:
        name: A folder beside this file.
        output: Where the folder is made.
        weights: A complete checkpoint. Without it the weights are random, from a seed, and the processor is that of
            `processors/`.

    Raises:
        ValueError: If there is no such card, the checkpoint is incomplete, or the folder exists.
    """
    card = HERE / name / "README.md"
    if not card.is_file():
        raise ValueError(
            f"There is no card {name!r}, only {sorted(path.parent.name for path in HERE.glob('*/README.md'))}."
        )
    with new_folder(output / name) as folder:
        if weights is not None:
            files = find_files(weights)
            check_files(weights, files)
            for path, file in files.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, folder / path)
        else:
            torch.manual_seed(0)
            ImageBindModel(ImageBindConfig.from_pretrained(HERE / name)).save_pretrained(folder)
            shutil.copytree(HERE.parent / "processors" / name, folder, dirs_exist_ok=True)
        for path in card.parent.iterdir():
            if path.name != "config.json":
                shutil.copyfile(path, folder / path.name)
    return output / name


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("output", type=Path)
    parser.add_argument("--weights", type=Path)
    arguments = parser.parse_args()
    print(build(arguments.name, arguments.output, arguments.weights))
