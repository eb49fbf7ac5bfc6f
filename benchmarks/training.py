# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""A training step of the audio tower with a frozen image tower: pairs per second and peak memory, ours and the peer.

python benchmarks/training.py [--size huge|tiny] [--batch-sizes 512 2048] [--mini-batch-size 512]

Random data in the shapes of imagebind_huge, bfloat16 with autocast, AdamW. Ours does what the trainer does
(GradCache above `--mini-batch-size`). The peer has the towers of the original implementation in plain torch, without
GradCache. The original has no cache of image embeddings; the peer gets one for comparison.
"""

import statistics
import time
from collections.abc import Callable

import torch
from peer import make_tower
from timing import make_parser, record, synchronize

from imagebind_hf import ImageBindConfig, ImageBindModel
from imagebind_hf.training import InfoNCELoss
from imagebind_hf.training.gradcache import cached_loss

TINY = {
    "projection_dim": 32,
    "vision_config": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 56},
    "audio_config": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2},
}


def make_inputs(config: ImageBindConfig, batch_size: int, is_cached: bool, device: str) -> dict[str, torch.Tensor]:
    vision, audio = config.vision_config, config.audio_config
    inputs = {"input_features": torch.randn(batch_size, 3, audio.num_mel_bins, audio.num_frames, device=device)}
    if is_cached:
        embeds = torch.randn(batch_size, config.projection_dim, device=device)
        inputs["image_embeds"] = torch.nn.functional.normalize(embeds, dim=-1)
    else:
        inputs["pixel_values"] = torch.randn(batch_size, 3, vision.image_size, vision.image_size, device=device)
    return inputs


def our_step(config: ImageBindConfig, mini_batch_size: int, device: str) -> Callable[[dict], None]:
    model = ImageBindModel(config).to(device).train()
    model.freeze(["vision"])
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], fused=device == "cuda")
    loss = InfoNCELoss(gather_negatives=False)

    def compare(embeds: dict[str, torch.Tensor], scales: dict[str, torch.Tensor]) -> torch.Tensor:
        return loss(embeds["image"], embeds["audio"], scales["audio"])

    def step(inputs: dict[str, torch.Tensor]) -> None:
        with torch.autocast(device, dtype=torch.bfloat16):
            value = cached_loss(model, inputs, mini_batch_size, compare, {"pixel_values", "image_embeds"})
            value.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def peer_step(config: ImageBindConfig, device: str) -> Callable[[dict], None]:
    vision, audio = (make_tower(config, modality).to(device) for modality in ("vision", "audio"))
    vision.requires_grad_(False).eval()
    optimizer = torch.optim.AdamW(audio.parameters(), fused=device == "cuda")

    def step(inputs: dict[str, torch.Tensor]) -> None:
        with torch.autocast(device, dtype=torch.bfloat16):
            images = inputs.get("image_embeds")
            if images is None:
                with torch.no_grad():
                    images = vision(inputs["pixel_values"])
            logits = audio(inputs["input_features"]).float() @ images.float().t()
            targets = torch.arange(len(logits), device=device)
            value = sum(torch.nn.functional.cross_entropy(each, targets) for each in (logits, logits.t()))
        value.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def measure(step: Callable[[dict], None], inputs: dict[str, torch.Tensor], steps: int) -> tuple[str, float]:
    """Return pairs per second and peak memory as text, and the former as a number; NaN if memory is exhausted."""
    size = len(inputs["input_features"])
    try:
        step(inputs)
        synchronize()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        times = []
        for _ in range(steps):
            started = time.perf_counter()
            step(inputs)
            synchronize()
            times.append(time.perf_counter() - started)
    except torch.cuda.OutOfMemoryError:
        return "out of memory | – ", float("nan")
    peak = f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB" if torch.cuda.is_available() else "–"
    rate = size / statistics.median(times)
    return f"{rate:,.0f} | {peak}", rate


def main() -> None:
    parser = make_parser(__doc__)
    parser.set_defaults(size="huge" if torch.cuda.is_available() else "tiny")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[512, 2048])
    parser.add_argument("--mini-batch-size", type=int, default=512)
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    config = ImageBindConfig(**(TINY if arguments.size == "tiny" else {}), modalities=["vision", "audio"])
    rows = []
    for batch_size in arguments.batch_sizes:
        for is_cached in (False, True):
            inputs = make_inputs(config, batch_size, is_cached, device)
            cells, rates = [], []
            for make in (
                lambda: our_step(config, arguments.mini_batch_size, device),
                lambda: peer_step(config, device),
            ):
                step = make()
                text, rate = measure(step, inputs, arguments.repeats)
                cells.append(text)
                rates.append(rate)
                del step
                if device == "cuda":
                    torch.cuda.empty_cache()
            images = "cached" if is_cached else "embedded every step"
            rows.append(f"| {batch_size} | {images} | {cells[0]} | {cells[1]} | **{rates[0] / rates[1]:.2f}×** |")
    record(
        "training",
        f"## A training step of the audio tower ({arguments.size}, mini-batches of {arguments.mini_batch_size})\n\n"
        "| batch | images | ours, pairs/s | memory | peer, pairs/s | memory | speed-up |\n"
        "|---|---|---|---|---|---|---|\n" + "\n".join(rows),
        arguments.results,
    )


if __name__ == "__main__":
    main()
