"""Mouths of single frames. Not in the papers: for generators that blend, and for trainings that are short."""

from torch import Tensor, nn
from torch.nn import functional

from s2f.model.networks.discriminators import Sizes
from s2f.model.networks.layers import PictureEncoder, channels_last
from s2f.model.networks.losses import mouth_region

# What the convolutions expect; the mouth is enlarged to it.
SIZE = (64, 96)


class MouthDiscriminator(nn.Module):
    """Is the mouth of single frames sharp, with lips and teeth? Six convolutions over the mouth alone.

    It does not see the still. Beside it, a generator that blends gives itself away by a background that is
    the still's to the last bit, whatever the mouth looks like.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.picture = PictureEncoder(3, width, 1, size=SIZE, judge=True)
        channels_last(self)

    def forward(self, still: Tensor, frames: Tensor, windows: Tensor) -> Tensor:
        """Logits (B * T,) of frames (B, T, 3, *size); neither still nor sound."""
        mouths = mouth_region(frames).flatten(0, 1)
        large = functional.interpolate(mouths, SIZE, mode="bilinear", align_corners=False)
        logits: Tensor = self.picture(large)[0]
        return logits.flatten()


def build(sizes: Sizes) -> nn.Module:
    """The discriminator of these sizes."""
    return MouthDiscriminator(sizes.width)
