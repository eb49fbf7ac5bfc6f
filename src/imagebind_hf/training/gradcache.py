# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Large contrastive batches in little memory: GradCache (Gao et al. 2021, arXiv 2101.06983).

A contrastive loss needs the embeddings of the whole batch, but not all activations at the same time.

1. Each mini-batch is embedded without a graph.
2. The loss of all embeddings gives a gradient for every embedding.
3. Each mini-batch is embedded again, with a graph and the same random numbers, and the gradients of its embeddings are
   propagated backward.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext

import torch
from torch import nn
from torch.utils.checkpoint import get_device_states, set_device_states
from transformers.utils import ModelOutput

# A function of the embeddings and of the logit scales, both by modality.
Loss = Callable[[Mapping[str, torch.Tensor], Mapping[str, torch.Tensor]], torch.Tensor]


class _RandomState:
    """State of the random number generators of the CPU and of the devices of the inputs."""

    def __init__(self, inputs: Mapping[str, torch.Tensor]):
        self.cpu = torch.get_rng_state()
        self.devices, self.states = get_device_states(*inputs.values())

    def restore(self) -> None:
        """Restore the state, so that a forward pass draws the same random numbers again."""
        torch.set_rng_state(self.cpu)
        set_device_states(self.devices, self.states)


def embeddings(outputs: ModelOutput) -> dict[str, torch.Tensor]:
    """Return the embeddings of a model output, by modality."""
    return {name.removesuffix("_embeds"): value for name, value in outputs.items() if name.endswith("_embeds")}


def cached_loss(
    model: nn.Module,
    inputs: Mapping[str, torch.Tensor],
    mini_batch_size: int,
    loss: Loss,
    frozen_inputs: Collection[str] = (),
) -> torch.Tensor:
    """Compute the loss of a batch. Its `backward()` computes the gradients one mini-batch at a time.

    Args:
        model: An [`ImageBindModel`], which may be wrapped.
        inputs: Model inputs of the batch.
        mini_batch_size: Number of rows in one forward pass.
        loss: The loss function.
        frozen_inputs: Names of the inputs of frozen towers, which the second forward pass skips.

    Returns:
        The loss, a scalar. `backward()` can be called once; the loss has no other graph.
    """
    size = len(next(iter(inputs.values())))
    if size <= mini_batch_size:
        output = model(**inputs, return_logit_scales=True)
        return loss(embeddings(output), output.logit_scales)
    parts = [
        {name: value[start : start + mini_batch_size] for name, value in inputs.items()}
        for start in range(0, size, mini_batch_size)
    ]
    states, outputs = [], []
    with torch.no_grad():
        for part in parts:
            states.append(_RandomState(part))
            outputs.append(model(**part, return_logit_scales=True))
    embeds: dict[str, torch.Tensor] = {
        name: torch.cat([embeddings(output)[name] for output in outputs]).float() for name in embeddings(outputs[0])
    }
    scales: dict[str, torch.Tensor] = dict(outputs[0].logit_scales)
    del outputs
    with torch.enable_grad():
        leaves = [value.requires_grad_() for value in (*embeds.values(), *scales.values())]
        value = loss(embeds, scales)
        gradients = torch.autograd.grad(value, leaves, allow_unused=True)
    embed_gradients = {
        name: gradient.split(mini_batch_size) for name, gradient in zip(embeds, gradients, strict=False)
    }
    scale_gradients = dict(zip(scales, gradients[len(embeds) :], strict=True))

    def replay(factor: torch.Tensor) -> None:
        after = _RandomState(inputs)
        for number, part in enumerate(parts):
            # DDP synchronizes gradients only once, with the last mini-batch.
            is_last = number == len(parts) - 1
            states[number].restore()
            with nullcontext() if is_last or not hasattr(model, "no_sync") else model.no_sync(), torch.enable_grad():
                kept = {name: tensor for name, tensor in part.items() if name not in frozen_inputs}
                output = model(**kept, return_logit_scales=True)
                terms = [
                    (embed.float() * embed_gradients[name][number]).sum()
                    for name, embed in embeddings(output).items()
                    if embed.requires_grad
                ]
                terms += [
                    (scale * scale_gradients[name]).sum() / len(parts)
                    for name, scale in output.logit_scales.items()
                    if scale.requires_grad and scale_gradients.get(name) is not None
                ]
                (torch.stack(terms).sum() * factor).backward()
        after.restore()

    value = value.detach().requires_grad_()
    value.register_hook(replay)
    return value
