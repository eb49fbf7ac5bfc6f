# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""From JPEG files to vectors on disk: how close the whole job comes to the speed of the tower, and what limits it.

python benchmarks/embed.py [--size huge|tiny] [--images 4000] [--workers 8] [--device cuda] [--dtype bfloat16]

Random weights, and generated images of 500 x 375 pixels. Three rates: the image tower with its input in memory,
reading and decoding without a model, and the job as `imagebind-hf embed` runs it.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from timing import make_parser, record, seconds_of

from imagebind_hf import ImageBindConfig, ImageBindModel, ImageBindProcessor
from imagebind_hf.embedding import EmbeddingJob, find_items
from imagebind_hf.embedding.worker import ItemEmbedder

CONFIGS = {
    "huge": {},
    "tiny": {"vision_config": {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}},
}
DIFFERENT = 64  # distinct images; all others are links to them


def write_images(folder: Path, number: int) -> None:
    """Write JPEG files with as much detail as photos: noise at several scales."""
    generator = np.random.default_rng(0)
    folder.mkdir()
    for i in range(number):
        path = folder / f"{i:06d}.jpg"
        if i >= DIFFERENT:
            os.link(folder / f"{i % DIFFERENT:06d}.jpg", path)
            continue
        scales = [generator.integers(0, 255, (375 // step, 500 // step, 3), dtype=np.uint8) for step in (75, 25, 5)]
        layers = [np.asarray(Image.fromarray(scale).resize((500, 375)), dtype=np.float32) for scale in scales]
        Image.fromarray((sum(layers) / len(layers)).astype(np.uint8)).save(path, quality=90)


@torch.inference_mode()
def tower_rate(model: ImageBindModel, batch: torch.Tensor, rounds: int) -> float:
    """Measure images per second, with the input in memory."""
    model(pixel_values=batch)
    return rounds * len(batch) / seconds_of(lambda: [model(pixel_values=batch) for _ in range(rounds)])


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--images", type=int, default=4_000)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", default="bfloat16" if torch.cuda.is_available() else "float32")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_images(Path(folder) / "photos", arguments.images)
        torch.manual_seed(0)
        config = ImageBindConfig(modalities=["vision"], **CONFIGS[arguments.size])
        model = ImageBindModel(config).to(getattr(torch, arguments.dtype))
        checkpoint = Path(folder) / "model"
        model.save_pretrained(checkpoint)
        processor = ImageBindProcessor.from_config(config)
        processor.save_pretrained(checkpoint)
        items = find_items([Path(folder) / "photos"])

        model = model.eval().to(arguments.device)
        batch = torch.randn(arguments.batch_size, 3, 224, 224, device=arguments.device, dtype=model.dtype)
        rounds = max(1, min(20, arguments.images // arguments.batch_size))
        tower = tower_rate(model, batch, rounds)
        loader = ItemEmbedder(model, processor, arguments.batch_size, arguments.workers).batches(items)
        decoding = len(items) / seconds_of(lambda: sum(1 for _ in loader))

        job = EmbeddingJob(
            items,
            Path(folder) / "vectors",
            str(checkpoint),
            batch_size=arguments.batch_size,
            num_workers=arguments.workers,
            device=arguments.device,
            dtype=arguments.dtype,
        )
        # Load the model first: the rate does not include it.
        assert job._embedder is not None
        whole = len(items) / seconds_of(lambda: job.run(progress=False))
    bound = "the tower" if tower < decoding else "reading and decoding"
    if arguments.device == "cpu":
        bound += ", which shares its cores with the other"
    record(
        "embed",
        f"""## JPEG files to vectors on disk, images, `{arguments.size}`

| the tower alone | reading and decoding alone | the whole job | whole job / slower part |
|---|---|---|---|
| {tower:,.1f}/s | {decoding:,.1f}/s | **{whole:,.1f}/s** | {whole / min(tower, decoding):.0%} |

{arguments.images:,} images of 500 x 375, batches of {arguments.batch_size}, {arguments.workers} workers,
{arguments.device}, {arguments.dtype}. The limit: {bound}.""",
        arguments.results,
    )


if __name__ == "__main__":
    main()
