"""The generator without its norms and with less to do: the same frames, but it cannot be trained.

Norms are folded into the convolutions. The half of each block's first convolution that sees the skip
is computed once per face.
"""

import copy
import itertools
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights

from s2f.model.networks.generator import FrameDecoder, Generator, Identity, IdentityEncoder, finished
from s2f.model.networks.layers import SkipBlock, channels_last

Norm = nn.BatchNorm1d | nn.BatchNorm2d


def fold(generator: Generator) -> Generator:
    """The same generator without norms; `generator` stays unchanged.

    Instead of the skips, its `identity` returns the face's share of each block. The two generators have
    the weights that stay the same in common.
    """
    weights = (*generator.parameters(), *generator.buffers())
    with torch.no_grad():
        ready = copy.deepcopy(generator, {id(weight): weight for weight in weights}).eval()
        for module in (*ready.identity.modules(), *ready.context.modules()):
            if isinstance(module, nn.Sequential):
                _fold_norms(module)
        blocks = cast("list[SkipBlock]", list(ready.decoder.blocks))
        ready.add_module("identity", FaceEncoder(ready.identity, blocks))
        ready.add_module("decoder", FoldedDecoder(ready.decoder, blocks))
        channels_last(ready)
    return ready


class Convolution(nn.Module):
    """A transposed convolution with a padding of 1, as torch has it."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None, stride: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = bias if bias is None else nn.Parameter(bias)
        self.stride = stride

    def forward(self, pictures: Tensor) -> Tensor:
        return functional.conv_transpose2d(pictures, self.weight, self.bias, self.stride, 1)


class FoldedBlock(nn.Module):
    """A SkipBlock with folded norms; takes frames (B * T, C, h, w) and the shares (B, C, h, w) of B faces."""

    def __init__(self, block: SkipBlock) -> None:
        super().__init__()
        moving, _ = _fold(block.join.weight.chunk(2)[0], block.join_norm, transposed=True)
        self.join = Convolution(moving)
        self.grow = Convolution(*_fold(block.grow.weight, block.grow_norm, transposed=True), stride=2)

    def forward(self, frames: Tensor, share: Tensor) -> Tensor:
        joined: Tensor = self.join(frames)
        joined.view(share.shape[0], -1, *share.shape[1:]).add_(share[:, None])
        grown: Tensor = self.grow(joined.relu_())
        return grown.relu_()


class FoldedDecoder(nn.Module):
    """Latents (B, T, size) and the shares of B faces to frames (B, T, 3, h, w)."""

    def __init__(self, decoder: FrameDecoder, blocks: list[SkipBlock]) -> None:
        super().__init__()
        weight, bias = _fold(decoder.start.weight, decoder.start_norm, transposed=True)
        # A convolution of a single point is a matrix product: its result is every pixel's channels.
        self.size = *weight.shape[2:], len(bias)
        self.weight = nn.Parameter(weight.permute(0, 2, 3, 1).flatten(1))
        self.bias = nn.Parameter(bias.expand(*self.size).flatten())
        self.blocks = nn.ModuleList(map(FoldedBlock, blocks))
        # 2 x 2 pixels of three colours as twelve channels: faster than three channels.
        paint = functional.pad(decoder.paint.weight, (1, 1, 1, 1))
        phases = paint.view(*paint.shape[:2], 3, 2, 3, 2).permute(0, 1, 3, 5, 2, 4)
        self.paint = Convolution(phases.flatten(1, 3))

    def forward(self, latents: Tensor, shares: list[Tensor], still: Tensor) -> Tensor:
        points = torch.addmm(self.bias, latents.flatten(0, 1), self.weight)
        frames = points.relu_().view(-1, *self.size).permute(0, 3, 1, 2)
        for block, share in zip(self.blocks, shares, strict=True):
            frames = block(frames, share)
        painted = functional.pixel_shuffle(self.paint(frames), 2)
        return finished(painted.view(*latents.shape[:2], *painted.shape[1:]), still)


class FaceEncoder(nn.Module):
    """Still faces (B, 3, h, w) to their codes, and their shares of the decoder's blocks.

    A share is the output of `join` for a skip, with the bias.
    """

    def __init__(self, encoder: IdentityEncoder, blocks: list[SkipBlock]) -> None:
        super().__init__()
        self.encoder = encoder
        self.joins = nn.ModuleList(
            Convolution(*_fold(block.join.weight.chunk(2)[1], block.join_norm, transposed=True))
            for block in blocks
        )

    def forward(self, still: Tensor) -> Identity:
        face = self.encoder(still)
        pairs = zip(self.joins, reversed(face.skips[1:]), strict=True)
        return Identity(face.code, [join(skip) for join, skip in pairs], face.still)


def _fold_norms(layers: nn.Sequential) -> None:
    """Fold every norm of a sequence into the convolution before it."""
    for (_, layer), (name, norm) in itertools.pairwise(list(layers.named_children())):
        if isinstance(layer, nn.Conv1d | nn.Conv2d) and isinstance(norm, Norm):
            layer.weight, layer.bias = _fold(layer.weight, norm)
            layers.add_module(name, nn.Identity())


def _fold(weight: Tensor, norm: Norm, *, transposed: bool = False) -> tuple[nn.Parameter, nn.Parameter]:
    """Weights and bias that replace a convolution without bias and the norm after it."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    statistics = (norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
    return fuse_conv_bn_weights(weight, None, *statistics, transposed)
