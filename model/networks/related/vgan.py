"""VGAN: a moving foreground in front of a background that stands still.

Vondrick, Pirsiavash, Torralba, "Generating Videos with Scene Dynamics", NIPS 2016, in the version that is
given a still; layers as in the authors' published code, the rest as recalled. One stream of 3-D transposed
convolutions paints the foreground of 32 frames and a mask; a stream of 2-D ones paints one background for
all of them; the mask says which of both is seen. One critic of 3-D convolutions sees all frames: the piece
discriminator.

Ours: the foreground begins with the code of the still and the noise of the piece's first frame. The codes
of the sound are added at each scale of time. The last layer of the foreground doubles the picture alone, so
that sound enters at the rate of the frames. The background is painted by our U-Net, with the skips of the
still. The mask begins nearly closed, instead of a penalty on it. A piece may have any multiple of 16
frames, for which the first convolution is longer, and pieces that overlap make longer clips.
"""

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from s2f.model.networks.generator import FrameDecoder, Identity, finished
from s2f.model.networks.layers import layer_channels, smallest
from s2f.model.networks.related import TIMES, resizing
from s2f.model.networks.related.base import PieceGenerator
from s2f.model.networks.related.heard import Heard


class Foreground(nn.Module):
    """One code (B, inside) and codes of sound (B, T, context) to colours and mask (B, T, 4, *size)."""

    def __init__(self, width: int, inside: int, context: int, frames: int, size: tuple[int, int]) -> None:
        super().__init__()
        channels = layer_channels(width, size)[::-1]
        grow = [nn.ConvTranspose3d(inside, channels[0], (frames // TIMES, *smallest(size)), bias=False)]
        for level, (one, other) in enumerate(itertools.pairwise(channels)):
            grow.append(nn.ConvTranspose3d(one, other, *resizing(level), 1, bias=False))
        self.grow = nn.ModuleList(grow)
        self.heard = nn.ModuleList(Heard(context, each, norm=True) for each in channels)
        self.norms = nn.ModuleList(nn.BatchNorm3d(each) for each in channels)
        self.paint = nn.ConvTranspose3d(width, 4, (1, 4, 4), (1, 2, 2), (0, 1, 1), bias=False)

    def forward(self, code: Tensor, heard: Tensor) -> Tensor:
        volume = code[:, :, None, None, None]
        for grow, hear, norm in zip(self.grow, self.heard, self.norms, strict=True):
            volume = grow(volume)
            volume = torch.relu(norm(volume + hear(heard, volume.shape[2])[..., None, None]))
        painted: Tensor = self.paint(volume)
        return painted.transpose(1, 2)


class VganGenerator(PieceGenerator):
    """Foreground and mask of a piece, in front of one background."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        width, context, noise, identity = (
            self.arguments[name] for name in ("width", "context", "noise", "identity")
        )
        self.foreground = Foreground(width, identity + noise, context, self.frames, self.size)
        self.background = FrameDecoder(width, identity, size=self.size)

    def piece(self, face: Identity, windows: Tensor, noise: Tensor) -> Tensor:
        """The frames (B, frames, 3, *size) of exactly one piece."""
        painted = self.foreground(torch.cat([face.code, noise[:, 0]], dim=1), self.context(windows)[0])
        background = self.background(face.code[:, None], face.skips, face.still)[:, 0]
        return finished(painted, background)


def build(arguments: dict[str, Any]) -> VganGenerator:
    """The generator with these arguments."""
    return VganGenerator(**arguments)
