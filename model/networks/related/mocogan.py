"""MoCoGAN: content and motion apart.

Tulyakov, Liu, Yang, Kautz, "MoCoGAN: Decomposing Motion and Content for Video Generation", CVPR 2018;
layers as in the authors' published code, the rest as recalled. A video is a path of latents: one part, the
content, stays what it is over the clip; the other, the motion, is what a GRU of 1 layer makes of noise
drawn for every frame. An image generator makes a frame of each latent. One critic sees single frames, the
other one windows of frames: the frame and the volume discriminator.

Ours: the content is the code of the still, not drawn. The GRU gets the code of each frame's sound beside
its noise, begins at 0, and has as many numbers as that code. The image generator is our U-Net. There are no
categories. The frame critic sees the still too.
"""

from typing import Any

import torch
from torch import Tensor

from s2f.model.networks.generator import FrameDecoder, Identity, Memory
from s2f.model.networks.layers import channels_last
from s2f.model.networks.recurrent import GRU
from s2f.model.networks.related.base import RelatedGenerator


class MocoganGenerator(RelatedGenerator):
    """Content of the still, motion of sound and noise; the frames of a clip may be made in stretches."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        width, context, noise, identity = (
            self.arguments[name] for name in ("width", "context", "noise", "identity")
        )
        self.motion = GRU(context + noise, context)
        self.decoder = FrameDecoder(width, context + identity, size=self.size)
        channels_last(self)

    def forward(self, still: Tensor, windows: Tensor, noise: Tensor) -> Tensor:
        """Stills (B, 3, *size), windows (B, T, samples), noise (B, T, k): frames (B, T, 3, *size)."""
        return self.speak(self.identity(still), windows, noise)[0]

    def speak(
        self, identity: Identity, windows: Tensor, noise: Tensor, memory: Memory | None = None
    ) -> tuple[Tensor, Memory]:
        """The next stretch of a clip: its frames, and the memory to give to the stretch after it."""
        heard, _ = self.context(windows)
        motion, state = self.motion(torch.cat([heard, noise], dim=2), memory[0] if memory else None)
        content = identity.code[:, None].expand(-1, windows.shape[1], -1)
        frames: Tensor = self.decoder(torch.cat([motion, content], dim=2), identity.skips, identity.still)
        return frames, (state, None)


def build(arguments: dict[str, Any]) -> MocoganGenerator:
    """The generator with these arguments."""
    return MocoganGenerator(**arguments)
