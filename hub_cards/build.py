# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Assemble a repository for the Hub from weights, a processor and a card of this folder.

python hub_cards/build.py NAME OUTPUT [--weights FOLDER]
"""

import argparse
import shutil
from pathlib import Path

import torch

from imagebind_hf import ImageBindConfig, ImageBindModel
from imagebind_hf.hub import check_files, find_files
from imagebind_hf.utils.atomic import new_folder

HERE = Path(__file__).resolve().parent


def build(name: str, output: Path, weights: Path | None = None) -> Path:
    """Write a folder that can be pushed.

    Args:
        name: Name of a folder next to this file.
        output: Folder in which the repository is created.
        weights: A complete checkpoint. By default, the weights are random, from a fixed seed, and the processor is
            the one in `processors/`.

    Raises:
        ValueError: If the card does not exist, the checkpoint is incomplete, or the folder is not empty.
    """
    card = HERE / name / "README.md"
    if not card.is_file():
        raise ValueError(
            f"There is no card {name!r}. Choose from {sorted(path.parent.name for path in HERE.glob('*/README.md'))}."
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
