"""Single frames beside the still face (P1, section 3.2)."""

import torch
from torch import Tensor, nn

from s2f.model.networks.discriminators import Sizes
from s2f.model.networks.layers import PAPER_SIZE, PictureEncoder, channels_last


class FrameDiscriminator(nn.Module):
    """Are single frames sharp, and of this person? Six convolutions over still and frame.

    Our choice: the layers mirror those of the identity encoder.
    """

    def __init__(self, width: int, size: tuple[int, int] = PAPER_SIZE) -> None:
        super().__init__()
        self.picture = PictureEncoder(6, width, 1, size=size, judge=True)
        channels_last(self)

    def forward(self, still: Tensor, frames: Tensor, windows: Tensor) -> Tensor:
        """Logits (B * T,) of frames (B, T, 3, *size) beside their stills (B, 3, *size); no sound."""
        pairs = torch.cat([still[:, None].expand_as(frames), frames], dim=2)
        logits: Tensor = self.picture(pairs.flatten(0, 1))[0]
        return logits.flatten()


def build(sizes: Sizes) -> nn.Module:
    """The discriminator of these sizes."""
    return FrameDiscriminator(sizes.width, sizes.size)
