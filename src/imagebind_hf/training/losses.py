# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Losses between images and one other modality."""

import torch
import torch.distributed as dist
import torch.distributed.nn.functional as dist_nn
from torch import nn

from ..models.imagebind.modeling_imagebind import check_pairs, contrastive_loss


def gather_with_gradient(embeds: torch.Tensor) -> torch.Tensor:
    """Gather embeddings over all processes, with gradients flowing back to where each came from.

    Args:
        embeds (`torch.Tensor` of shape `(B, E)`): This process's embeddings; B is the same everywhere.

    Returns:
        `torch.Tensor` of shape `(world_size * B, E)`, in the order of ranks; `embeds` itself in a single process.
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return embeds
    return torch.cat(dist_nn.all_gather(embeds.contiguous()))


def gather_labels(labels: torch.Tensor) -> torch.Tensor:
    """Gather labels, of shape `(B,)`, over all processes, in the order of ranks."""
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return labels
    parts = [torch.empty_like(labels) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, labels.contiguous())
    return torch.cat(parts)


class PairLoss(nn.Module):
    """A loss of images and their partners, over the items of all processes; `compare` says which.

    Args:
        gather_negatives (`bool`): Compare with the items of all processes, not only this one's. Every process then
            computes the loss of the whole batch, and the average of their gradients is that of one process with it.
    """

    def __init__(self, gather_negatives: bool = True):
        super().__init__()
        self.gather_negatives = gather_negatives

    def forward(
        self,
        image_embeds: torch.Tensor,
        embeds: torch.Tensor,
        logit_scale: torch.Tensor | float,
        labels: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Compute the loss.

        Args:
            image_embeds (`torch.Tensor` of shape `(B, E)`): Unit embeddings of the images.
            embeds (`torch.Tensor` of shape `(B, E)`): Unit embeddings of their partners, row by row.
            logit_scale (`torch.Tensor` or `float`): 1/temperature of the partners' modality.
            labels (`torch.Tensor` of shape `(B,)`, *optional*): An image goes with all partners of its label, not only
                with the one in its row.

        Raises:
            ValueError: If there are fewer than two pairs, or not as many labels.
        """
        if self.gather_negatives:
            image_embeds, embeds = gather_with_gradient(image_embeds), gather_with_gradient(embeds)
            labels = None if labels is None else gather_labels(labels)
        check_pairs(image_embeds, embeds)
        matches = None
        if labels is not None:
            if labels.shape != embeds.shape[:1]:
                raise ValueError(f"Got labels of shape {tuple(labels.shape)} for {len(embeds)} pairs.")
            matches = labels[:, None] == labels
        # In float32 whatever the autocast: exponentials of large logits.
        return self.compare(image_embeds.float(), embeds.float(), logit_scale, matches)


class InfoNCELoss(PairLoss):
    """Symmetric InfoNCE (paper, section 3.2, equation 1): L_{I,M} + L_{M,I}.

    With labels, the target is spread evenly over all that match (UniCL, Yang et al. 2022, arXiv 2204.03610).

    Args:
        gather_negatives (`bool`): See [`PairLoss`].
        label_smoothing (`float`): Share of the target that is spread over all items.
    """

    def __init__(self, gather_negatives: bool = True, label_smoothing: float = 0.0):
        super().__init__(gather_negatives)
        self.label_smoothing = label_smoothing

    def compare(
        self,
        image_embeds: torch.Tensor,
        embeds: torch.Tensor,
        logit_scale: torch.Tensor | float,
        matches: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Compute the loss of all pairs; `matches`, of shape `(B, B)`, says which go together, if not row by row."""
        if matches is None:
            return contrastive_loss(image_embeds, embeds, logit_scale, self.label_smoothing)
        logits = logit_scale * image_embeds @ embeds.t()
        target = matches / matches.sum(dim=1, keepdim=True)
        # Of labels, matches are symmetric: the target is the same both ways.
        return sum(
            nn.functional.cross_entropy(rows, target.to(rows.dtype), label_smoothing=self.label_smoothing)
            for rows in (logits, logits.t())
        )


class SigLIPLoss(PairLoss):
    """Pairwise sigmoid loss (Zhai et al. 2023, arXiv 2303.15343, algorithm 1): every pair is a yes or a no of its own.

    Args:
        gather_negatives (`bool`): See [`PairLoss`].
        bias (`float`): Added to all logits: most pairs do not match. -10 is where the authors start; here it is fixed.
    """

    def __init__(self, gather_negatives: bool = True, bias: float = -10.0):
        super().__init__(gather_negatives)
        self.bias = bias

    def compare(
        self,
        image_embeds: torch.Tensor,
        embeds: torch.Tensor,
        logit_scale: torch.Tensor | float,
        matches: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Compute the loss of all pairs; `matches`, of shape `(B, B)`, says which go together, if not row by row."""
        logits = logit_scale * image_embeds @ embeds.t() + self.bias
        signs = 2 * (torch.eye(len(logits), device=logits.device) if matches is None else matches.float()) - 1
        return -nn.functional.logsigmoid(signs * logits).sum() / len(logits)
