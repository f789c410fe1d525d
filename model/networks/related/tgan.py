"""TGAN: the latents of all frames at once.

Saito, Matsumoto, Saito, "Temporal Generative Adversarial Nets with Singular Value Clipping", ICCV 2017;
layers as in the authors' published code, the rest as recalled. A temporal generator, 1-D transposed
convolutions, makes of one code the codes of a fixed number of frames, 16; an image generator makes each
frame of both. One Wasserstein critic of 3-D convolutions sees all frames; see networks/lipschitz.py.

Ours: the one code is that of the still, and the noise of the piece's first frame. The codes of the sound
are added at each scale of time. The image generator is our U-Net. A piece may have any multiple of 16
frames, for which the first convolution is longer, and pieces that overlap make longer clips. The optimizer
is Adam.
"""

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from s2f.model.networks.generator import FrameDecoder, Identity
from s2f.model.networks.layers import channels_last
from s2f.model.networks.related import TIMES
from s2f.model.networks.related.base import PieceGenerator
from s2f.model.networks.related.heard import Heard


class TemporalGenerator(nn.Module):
    """One code (B, inside) and codes of sound (B, T, context) to codes of frames (B, T, context) in [-1, 1].

    With a context of 256 it has the published channels: 512, 256, 128, 128 and 256.
    """

    def __init__(self, inside: int, context: int, frames: int) -> None:
        super().__init__()
        half = max(1, context // 2)
        channels = [2 * context, context, half, half, context]
        grow = [nn.ConvTranspose1d(inside, channels[0], frames // TIMES)]
        grow += [nn.ConvTranspose1d(one, other, 4, 2, 1) for one, other in itertools.pairwise(channels)]
        self.grow = nn.ModuleList(grow)
        self.heard = nn.ModuleList(Heard(context, each) for each in channels)
        self.norms = nn.ModuleList(nn.BatchNorm1d(each) for each in channels[:-1])

    def forward(self, code: Tensor, heard: Tensor) -> Tensor:
        codes = code[:, :, None]
        for level, grow in enumerate(self.grow):
            codes = grow(codes)
            codes = codes + self.heard[level](heard, codes.shape[2])
            codes = torch.relu(self.norms[level](codes)) if level < len(self.norms) else torch.tanh(codes)
        return codes.transpose(1, 2)


class TganGenerator(PieceGenerator):
    """The latents of a piece from the still, one noise and all its sound; a frame of each."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        width, context, noise, identity = (
            self.arguments[name] for name in ("width", "context", "noise", "identity")
        )
        self.temporal = TemporalGenerator(identity + noise, context, self.frames)
        self.decoder = FrameDecoder(width, context + identity + noise, size=self.size)
        channels_last(self)

    def piece(self, face: Identity, windows: Tensor, noise: Tensor) -> Tensor:
        """The frames (B, frames, 3, *size) of exactly one piece."""
        slow = torch.cat([face.code, noise[:, 0]], dim=1)
        fast = self.temporal(slow, self.context(windows)[0])
        latents = torch.cat([fast, slow[:, None].expand(-1, self.frames, -1)], dim=2)
        frames: Tensor = self.decoder(latents, face.skips, face.still)
        return frames


def build(arguments: dict[str, Any]) -> TganGenerator:
    """The generator with these arguments."""
    return TganGenerator(**arguments)
