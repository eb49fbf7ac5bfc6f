# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Contrastive losses between images and one other modality."""

import torch
import torch.distributed as dist
import torch.distributed.nn.functional as dist_nn
from torch import nn

from ..models.imagebind.modeling_imagebind import check_pairs, contrastive_loss


def gather_with_gradient(embeds: torch.Tensor) -> torch.Tensor:
    """Gather the embeddings of all processes. Gradients flow back to the process of each embedding.

    Args:
        embeds (`torch.Tensor` of shape `(batch_size, projection_dim)`): The embeddings of this process. The batch size
            must be the same in all processes.

    Returns:
        `torch.Tensor` of shape `(world_size * batch_size, projection_dim)`, in the order of ranks. In a single
        process, `embeds` itself.
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return embeds
    return torch.cat(dist_nn.all_gather(embeds.contiguous()))


def gather_labels(labels: torch.Tensor) -> torch.Tensor:
    """Gather the labels `(batch_size,)` of all processes, in the order of ranks."""
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return labels
    parts = [torch.empty_like(labels) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, labels.contiguous())
    return torch.cat(parts)


class PairLoss(nn.Module):
    """Base class of losses between images and their partners. Subclasses implement `compare`.

    Args:
        gather_negatives (`bool`, *optional*, defaults to `True`): Compare with the items of all processes. Every
            process then computes the loss of the whole batch. The average of the gradients over processes equals the
            gradient of a single process with the whole batch.
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
            image_embeds (`torch.Tensor` of shape `(batch_size, projection_dim)`): Normalized image embeddings.
            embeds (`torch.Tensor` of shape `(batch_size, projection_dim)`): Normalized embeddings of the partners. Row
                i belongs to image i.
            logit_scale (`torch.Tensor` or `float`): Inverse temperature of the partners' modality.
            labels (`torch.Tensor` of shape `(batch_size,)`, *optional*): Labels of the pairs. An image matches all
                partners with its label. By default, it only matches the partner in its row.

        Raises:
            ValueError: If there are fewer than two pairs, or if the number of labels differs.
        """
        if self.gather_negatives:
            image_embeds, embeds = gather_with_gradient(image_embeds), gather_with_gradient(embeds)
            labels = None if labels is None else gather_labels(labels)
        check_pairs(image_embeds, embeds)
        matches = None
        if labels is not None:
            if labels.shape != embeds.shape[:1]:
                raise ValueError(
                    f"Expected `labels` of shape ({len(embeds)},), one for each pair, but got {tuple(labels.shape)}."
                )
            matches = labels[:, None] == labels
        # Always float32: exponentials of large logits overflow in half precision.
        return self.compare(image_embeds.float(), embeds.float(), logit_scale, matches)


class InfoNCELoss(PairLoss):
    """Symmetric InfoNCE: L_{I,M} + L_{M,I} (paper, section 3.2, equation 1).

    With labels, the target is distributed evenly over all matching items (UniCL, Yang et al. 2022, arXiv 2204.03610).

    Args:
        gather_negatives (`bool`, *optional*, defaults to `True`): See [`PairLoss`].
        label_smoothing (`float`, *optional*, defaults to 0.0): Share of the target that is distributed over all items.
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
        """Compute the loss. `matches` `(batch_size, batch_size)` marks matching items, by default those of a row."""
        if matches is None:
            return contrastive_loss(image_embeds, embeds, logit_scale, self.label_smoothing)
        logits = logit_scale * image_embeds @ embeds.t()
        target = matches / matches.sum(dim=1, keepdim=True)
        # Matches are symmetric, so the target is the same in both directions.
        return sum(
            nn.functional.cross_entropy(rows, target.to(rows.dtype), label_smoothing=self.label_smoothing)
            for rows in (logits, logits.t())
        )


class SigLIPLoss(PairLoss):
    """Pairwise sigmoid loss: binary classification of every pair (Zhai et al. 2023, arXiv 2303.15343, algorithm 1).

    Args:
        gather_negatives (`bool`, *optional*, defaults to `True`): See [`PairLoss`].
        bias (`float`, *optional*, defaults to -10.0): Added to all logits, because most pairs do not match. -10 is the
            initial value of the paper, where the bias is learned. Here it is constant.
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
        """Compute the loss. `matches` `(batch_size, batch_size)` marks matching items, by default those of a row."""
        logits = logit_scale * image_embeds @ embeds.t() + self.bias
        signs = 2 * (torch.eye(len(logits), device=logits.device) if matches is None else matches.float()) - 1
        return -nn.functional.logsigmoid(signs * logits).sum() / len(logits)
