"""Singular value clipping: what keeps a Wasserstein critic from growing steep.

Saito, Matsumoto, Saito, "Temporal Generative Adversarial Nets with Singular Value Clipping", ICCV 2017; the
bounds as in the authors' published code.
"""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

# The least share of the bound that a norm's scale may have.
LEAST = 0.01


@torch.no_grad()
def clip_singular_values(critic: nn.Module) -> None:
    """Have no layer of a critic stretch what it gets, as far as its weights decide that.

    Convolutions and linear layers: the weights as a matrix with a row for each output get singular values
    of 1 at most. Batch norms: the scale is at most the deviation that the norm divides by, and at least
    a hundredth of it. Leaky ReLUs stretch nothing. Ours: after every step, where the paper clips after
    every fifth.
    """
    for layer in critic.modules():
        if isinstance(layer, nn.Conv2d | nn.Conv3d | nn.Linear):
            # There are fewer outputs than inputs: the eigenvectors of a small matrix are found far sooner.
            weight = layer.weight.flatten(1).double()
            squares, left = torch.linalg.eigh(weight @ weight.T)
            if squares[-1] > 1:
                clipped = left * squares.clamp(min=1).rsqrt() @ (left.T @ weight)
                layer.weight.copy_(clipped.view_as(layer.weight))
        elif isinstance(layer, _BatchNorm):
            assert layer.running_var is not None
            deviation = (layer.running_var + layer.eps).sqrt()
            layer.weight.copy_(torch.clamp(layer.weight, LEAST * deviation, deviation))
