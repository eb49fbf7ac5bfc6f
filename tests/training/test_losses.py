# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import math
from functools import partial

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from imagebind_hf.training import InfoNCELoss, SigLIPLoss


def unit(rows: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(rows, 5, generator=generator, dtype=torch.float64), dim=-1)


def oracle(images: torch.Tensor, others: torch.Tensor, scale: float, smoothing: float = 0.0) -> float:
    """L_{I,M} + L_{M,I}, term by term."""
    total, rows = 0.0, len(images)
    for first, second in ((images, others), (others, images)):
        for i in range(rows):
            exponentials = [math.exp(scale * float(first[i] @ second[j])) for j in range(rows)]
            for j in range(rows):
                share = smoothing / rows + (1 - smoothing) * (i == j)
                total -= share * math.log(exponentials[j] / sum(exponentials)) / rows
    return total


LABELS = [0, 1, 0, 2, 2, 2, 1, 0]


def labels_oracle(images: torch.Tensor, others: torch.Tensor, scale: float, smoothing: float = 0.0) -> float:
    """L_{I,M} + L_{M,I} with equal targets for all items of a label."""
    total, rows = 0.0, len(images)
    for first, second in ((images, others), (others, images)):
        for i in range(rows):
            exponentials = [math.exp(scale * float(first[i] @ second[j])) for j in range(rows)]
            matching = [j for j in range(rows) if LABELS[j] == LABELS[i]]
            for j in range(rows):
                share = smoothing / rows + (1 - smoothing) * (j in matching) / len(matching)
                total -= share * math.log(exponentials[j] / sum(exponentials)) / rows
    return total


def siglip_oracle(images: torch.Tensor, others: torch.Tensor, scale: float, labels: list[int] | None = None) -> float:
    """Algorithm 1 of the paper, pair by pair."""
    total = 0.0
    for i in range(len(images)):
        for j in range(len(others)):
            logit = scale * float(images[i] @ others[j]) - 10
            is_pair = i == j if labels is None else labels[i] == labels[j]
            total += math.log(1 + math.exp(-logit if is_pair else logit)) / len(images)
    return total


@pytest.mark.parametrize("rows, scale", [(2, 1.0), (7, 20.0), (16, 5.0)])
@pytest.mark.parametrize(
    "loss, oracle",
    [
        (InfoNCELoss(), oracle),
        (InfoNCELoss(label_smoothing=0.1), partial(oracle, smoothing=0.1)),
        (SigLIPLoss(), siglip_oracle),
    ],
    ids=["infonce", "smoothed", "siglip"],
)
def test_value_and_gradient_equal_the_naive_loss(loss, oracle, rows, scale):
    images, others = unit(rows, 0), unit(rows, 1)
    assert loss(images, others, scale).item() == pytest.approx(oracle(images, others, scale), rel=1e-5)
    others.requires_grad_(True)
    (gradient,) = torch.autograd.grad(loss(images, others, scale), others)
    step = 1e-4
    for place in ((0, 0), (rows - 1, 3)):
        shift = torch.zeros_like(others)
        shift[place] = step
        with torch.no_grad():
            slope = oracle(images, others + shift, scale) - oracle(images, others - shift, scale)
        assert gradient[place].item() == pytest.approx(slope / (2 * step), rel=1e-3, abs=1e-5)


@pytest.mark.parametrize(
    "loss, oracle",
    [
        (InfoNCELoss(), labels_oracle),
        (InfoNCELoss(label_smoothing=0.1), partial(labels_oracle, smoothing=0.1)),
        (SigLIPLoss(), partial(siglip_oracle, labels=LABELS)),
    ],
    ids=["infonce", "smoothed", "siglip"],
)
def test_items_of_a_label_match(loss, oracle):
    images, others, labels = unit(8, 0), unit(8, 1), torch.tensor(LABELS)
    assert loss(images, others, 7.0, labels).item() == pytest.approx(oracle(images, others, 7.0), rel=1e-5)
    # Distinct labels give the loss without labels.
    torch.testing.assert_close(loss(images, others, 7.0, torch.arange(8)), loss(images, others, 7.0))
    with pytest.raises(ValueError, match=r"Expected `labels` of shape \(8,\).*, but got \(3,\)"):
        loss(images, others, 7.0, labels[:3])


def test_gradient_reaches_the_scale():
    scale = torch.tensor([3.0], requires_grad=True)
    InfoNCELoss()(unit(4, 0), unit(4, 1), scale).backward()
    up, down = (oracle(unit(4, 0), unit(4, 1), value) for value in (3.001, 2.999))
    assert scale.grad.item() == pytest.approx((up - down) / 0.002, rel=1e-3)


@pytest.mark.parametrize(
    "rows, others, message", [(1, 1, "at least 2 pairs in a batch.*, but got 1"), (3, 2, "but got 3 and 2")]
)
@pytest.mark.parametrize("loss", [InfoNCELoss(), SigLIPLoss()])
def test_invalid_batches(rows, others, message, loss):
    with pytest.raises(ValueError, match=message):
        loss(unit(rows, 0), unit(others, 1), 1.0)


def _rank(rank: int, folder: str, labeled: bool) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    # Double precision, so that the comparison tests the gathering. The loss itself computes in float32.
    images = unit(8, 0).chunk(2)[rank].requires_grad_(True)
    others = unit(8, 1).chunk(2)[rank].requires_grad_(True)
    loss = InfoNCELoss()(images, others, 10.0, torch.tensor(LABELS).chunk(2)[rank] if labeled else None)
    loss.backward()
    # DDP averages gradients over processes. These gradients are sums over both processes, so half is the average.
    torch.save((loss.detach(), images.grad / 2, others.grad / 2), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize("labeled", [False, True])
def test_two_processes_equal_one_with_the_whole_batch(tmp_path, labeled):
    mp.spawn(_rank, args=(str(tmp_path), labeled), nprocs=2)
    results = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    images, others = unit(8, 0).requires_grad_(True), unit(8, 1).requires_grad_(True)
    loss = InfoNCELoss()(images, others, 10.0, torch.tensor(LABELS) if labeled else None)
    loss.backward()
    for rank, (value, image_gradient, other_gradient) in enumerate(results):
        torch.testing.assert_close(value, loss.detach(), atol=1e-6, rtol=0)
        torch.testing.assert_close(image_gradient, images.grad.chunk(2)[rank], atol=1e-6, rtol=0)
        torch.testing.assert_close(other_gradient, others.grad.chunk(2)[rank], atol=1e-6, rtol=0)
