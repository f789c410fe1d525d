"""The generator prepared for inference: the same frames in less than half the time.

Norms are folded into the convolutions. The half of each block's first convolution that sees the skip
is computed once per face. The smallest level of the U-Net processes all frames side by side. On a CPU
the decoder's weights are brought into oneDNN's layout once. docs/experiments.md says how much time
each of these saves.
"""

import copy
import itertools
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights

from s2f.model.networks.generator import FrameDecoder, Generator, Identity, IdentityEncoder, finished
from s2f.model.networks.layers import SkipBlock, channels_last
from s2f.model.networks.weights import Talker, load_talker

# Frames at a time: more are hardly faster, and take more memory.
FRAMES = 25

Norm = nn.BatchNorm1d | nn.BatchNorm2d


def load_prepared(run: Path, device: torch.device) -> Talker:
    """The best generator of a run, prepared for inference. Raises CheckpointError."""
    talker = load_talker(run, device)
    return replace(talker, generator=prepare(talker.generator))


def prepare(generator: Generator, *, pack: bool = True) -> Generator:
    """A generator that makes the same frames faster, but cannot be trained; `generator` stays unchanged.

    Instead of the skips, its `identity` returns the face's share of each block. The two generators have
    the weights that stay the same in common. With `pack=False` nothing is specific to this processor, and
    the network consists of standard operations only.
    """
    weights = (*generator.parameters(), *generator.buffers())
    with torch.no_grad():
        ready = copy.deepcopy(generator, {id(weight): weight for weight in weights}).eval()
        for module in (*ready.identity.modules(), *ready.context.modules()):
            if isinstance(module, nn.Sequential):
                _fold_norms(module)
        blocks = cast("list[SkipBlock]", list(ready.decoder.blocks))
        decoder = FoldedDecoder(ready.decoder, blocks)
        ready.add_module("identity", FaceEncoder(ready.identity, blocks))
        ready.add_module("decoder", decoder)
        channels_last(ready)
        if pack and _can_pack(weights[0].device):
            decoder.pack()
    return ready


class Transposed(nn.Module):
    """A transposed convolution with a padding of 1.

    Torch reorders its weights for oneDNN in every call; `pack` does so once, by undocumented operations
    that torch's own compiler uses.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None, stride: int = 1) -> None:
        super().__init__()
        self.weight: Tensor = nn.Parameter(weight)
        self.bias = bias if bias is None else nn.Parameter(bias)
        self.stride = stride
        self.packed = False

    def forward(self, pictures: Tensor) -> Tensor:
        if not self.packed:
            return functional.conv_transpose2d(pictures, self.weight, self.bias, self.stride, 1)
        result: Tensor = torch.ops.mkldnn._convolution_transpose_pointwise(
            pictures, self.weight, self.bias, *self._geometry, "none", [], ""
        )
        return result

    def pack(self, shape: list[int]) -> None:
        """Reorder the weights for pictures of this shape; other shapes may be slower."""
        packed = torch.ops.mkldnn._reorder_convolution_transpose_weight(self.weight, *self._geometry, shape)
        del self.weight
        self.weight, self.packed = packed, True

    @property
    def _geometry(self) -> tuple[list[int], list[int], list[int], list[int], int]:
        return [1, 1], [0, 0], [self.stride, self.stride], [1, 1], 1


class FoldedBlock(nn.Module):
    """A SkipBlock with folded norms; takes frames (B * T, C, h, w) and the shares (B, C, h, w) of B faces."""

    def __init__(self, block: SkipBlock) -> None:
        super().__init__()
        moving, _ = _fold(block.join.weight.chunk(2)[0], block.join_norm, transposed=True)
        self.join = Transposed(moving)
        self.grow = Transposed(*_fold(block.grow.weight, block.grow_norm, transposed=True), stride=2)

    def forward(self, frames: Tensor, share: Tensor) -> Tensor:
        joined: Tensor = self.join(frames)
        joined.view(share.shape[0], -1, *share.shape[1:]).add_(share[:, None])
        grown: Tensor = self.grow(joined.relu_())
        return grown.relu_()


class RowBlock(FoldedBlock):
    """A FoldedBlock for frames of 4 x 3, which it puts side by side into one picture.

    oneDNN takes twice as long for many small pictures. Each frame must have an empty column to its right,
    and so must each share: (B * T, C, 4, 4) and (B, C, 4, 4).
    """

    def forward(self, frames: Tensor, share: Tensor) -> Tensor:
        faces, channels, height, width = share.shape
        row = frames.permute(2, 0, 3, 1).flatten(1, 2).permute(2, 0, 1)[None]
        if self.join.packed and frames.shape[0] == 1:
            # The weights are packed for wider pictures: adding a frame that is cut off again is faster.
            row = functional.pad(row, (0, width))
        joined: Tensor = self.join(row)
        clips = joined.view(channels, height, faces, -1, width)
        clips.add_(share.permute(1, 2, 0, 3).unsqueeze(3))
        grown: Tensor = self.grow(joined.relu_())
        apart = grown.relu_().view(channels // 2, 2 * height, -1, 2 * width)[:, :, : frames.shape[0], :-2]
        return apart.permute(2, 0, 1, 3).contiguous(memory_format=torch.channels_last)


class FoldedDecoder(nn.Module):
    """Latents (B, T, size) and the shares of B faces to frames (B, T, 3, 128, 96)."""

    def __init__(self, decoder: FrameDecoder, blocks: list[SkipBlock]) -> None:
        super().__init__()
        weight, bias = _fold(decoder.start.weight, decoder.start_norm, transposed=True)
        # A convolution of a single point is a matrix product. The result gets an empty column to the right.
        self.weight = nn.Parameter(functional.pad(weight, (0, 1)).permute(2, 3, 1, 0).contiguous())
        columns = functional.pad(bias.expand(3, -1), (0, 0, 0, 1))
        self.bias = nn.Parameter(columns.expand(4, -1, -1).contiguous())
        first, *others = blocks
        self.first, self.others = RowBlock(first), nn.ModuleList(FoldedBlock(block) for block in others)
        # 2 x 2 pixels of three colours as twelve channels: faster than three channels.
        paint = functional.pad(decoder.paint.weight, (1, 1, 1, 1))
        phases = paint.view(*paint.shape[:2], 3, 2, 3, 2).permute(0, 1, 3, 5, 2, 4)
        self.paint = Transposed(phases.flatten(1, 3))

    @property
    def blocks(self) -> list[FoldedBlock]:
        return [self.first, *cast("list[FoldedBlock]", list(self.others))]

    def forward(self, latents: Tensor, shares: list[Tensor], still: Tensor) -> Tensor:
        points = functional.linear(latents.flatten(0, 1), self.weight.flatten(0, 2), self.bias.flatten())
        frames = points.relu_().view(-1, *self.bias.shape).permute(0, 3, 1, 2)
        for block, share in zip(self.blocks, shares, strict=True):
            frames = block(frames, share)
        painted = functional.pixel_shuffle(self.paint(frames), 2)
        return finished(painted.view(*latents.shape[:2], *painted.shape[1:]), still)

    def pack(self) -> None:
        """Reorder the weights of all convolutions over frames for oneDNN."""
        height, width, channels = self.bias.shape
        shape = [1, channels, height, width * FRAMES]
        for block in self.blocks:
            block.join.pack(shape)
            block.grow.pack(shape)
            channels, height = channels // 2, 2 * height
            shape = [FRAMES, channels, height, height * 3 // 4]
        self.paint.pack(shape)


class FaceEncoder(nn.Module):
    """Still faces (B, 3, 128, 96) to their codes, and their shares of the decoder's blocks.

    A share is the output of `join` for a skip, with the bias.
    """

    def __init__(self, encoder: IdentityEncoder, blocks: list[SkipBlock]) -> None:
        super().__init__()
        self.encoder = encoder
        self.joins = nn.ModuleList(
            Transposed(*_fold(block.join.weight.chunk(2)[1], block.join_norm, transposed=True))
            for block in blocks
        )

    def forward(self, still: Tensor) -> Identity:
        face = self.encoder(still)
        pairs = zip(self.joins, reversed(face.skips[1:]), strict=True)
        first, *others = [join(skip) for join, skip in pairs]
        # -inf keeps the empty column of a RowBlock empty after the ReLU.
        return Identity(face.code, [functional.pad(first, (0, 1), value=-torch.inf), *others], face.still)


def _can_pack(device: torch.device) -> bool:
    return (
        device.type == "cpu"
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and hasattr(torch.ops.mkldnn, "_reorder_convolution_transpose_weight")
    )


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
