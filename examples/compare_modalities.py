# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The example of the original README: three images, three audio files and three texts, compared with each other.

python examples/compare_modalities.py --model imagebind-huge --data FOLDER

The folder holds dog_image.jpg, car_image.jpg, bird_image.jpg and dog_audio.wav, car_audio.wav, bird_audio.wav, the
assets of the original repository. As there, embeddings are multiplied by their logit scales before the softmax. With
the published weights (`imagebind-hf convert --download`), the matrices are those of the original README:

    vision x text  [9.9761e-01, 2.3694e-03, 1.8612e-05], [3.3836e-05, 9.9994e-01, 2.4118e-05], ...
    vision x audio [0.8070, 0.1088, 0.0842], [0.1036, 0.7884, 0.1079], [0.0018, 0.0022, 0.9960]
    audio x text   the identity matrix, to four digits
"""

import argparse
from pathlib import Path

import torch
from transformers import AutoModel, AutoProcessor

import imagebind_hf  # noqa: F401

NAMES = ("dog", "car", "bird")
TEXTS = ["A dog.", "A car", "A bird"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder or Hub id")
    parser.add_argument("--data", type=Path, required=True, help="folder with the six files")
    arguments = parser.parse_args()
    files = [arguments.data / f"{name}_{kind}" for kind in ("image.jpg", "audio.wav") for name in NAMES]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        print(f"Skipped: {missing} not found in {str(arguments.data)!r}. The original repository has them.")
        return
    model = AutoModel.from_pretrained(arguments.model, modalities=["vision", "text", "audio"]).eval()
    processor = AutoProcessor.from_pretrained(arguments.model)
    inputs = processor(
        text=TEXTS,
        images=[str(file) for file in files[:3]],
        audio=[str(file) for file in files[3:]],
        return_tensors="pt",
    )
    with torch.no_grad():
        outputs = model(**inputs)
        embeds = {
            "vision": outputs.image_embeds * model.logit_scale("image"),
            "audio": outputs.audio_embeds * model.logit_scale("audio"),
            "text": outputs.text_embeds * model.logit_scale("text"),
        }
    torch.set_printoptions(precision=4, sci_mode=False)
    for left, right in (("vision", "text"), ("audio", "text"), ("vision", "audio")):
        print(f"{left} x {right}\n{(embeds[left] @ embeds[right].t()).softmax(dim=-1)}")


if __name__ == "__main__":
    main()
