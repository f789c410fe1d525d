"""A whole piece of a fixed length, by 3-D convolutions: the critics of VGAN and of TGAN (related work)."""

import itertools

from torch import Tensor, nn

from s2f.model.networks.discriminators import Sizes
from s2f.model.networks.layers import LEAK, PAPER_SIZE, layer_channels, smallest
from s2f.model.networks.related import TIMES, resizing


class PieceDiscriminator(nn.Module):
    """Does a piece of `frames` frames look real as a whole?

    As in VGAN (Vondrick et al. 2016) and TGAN (Saito et al. 2017), convolutions of 4 x 4 x 4 halve picture
    and time four times, and one over what is left gives one logit for all frames; so the length is fixed.
    Our pictures are larger than theirs: more layers halve the picture alone. It sees neither still nor sound.
    """

    def __init__(self, width: int, frames: int, size: tuple[int, int] = PAPER_SIZE) -> None:
        super().__init__()
        channels = [3, *layer_channels(width, size)]
        layers: list[nn.Module] = []
        for level, (inside, outside) in enumerate(itertools.pairwise(channels)):
            layers += [
                nn.Conv3d(inside, outside, *resizing(level), 1, bias=False),
                nn.BatchNorm3d(outside) if level else nn.Identity(),
                nn.LeakyReLU(LEAK, inplace=True),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv3d(channels[-1], 1, (frames // TIMES, *smallest(size))))

    def forward(self, still: Tensor, frames: Tensor, windows: Tensor) -> Tensor:
        """Logits (B,) of frames (B, T, 3, *size); neither still nor sound."""
        logits: Tensor = self.layers(frames.transpose(1, 2)).flatten()
        return logits


def build(sizes: Sizes) -> nn.Module:
    """The discriminator of these sizes."""
    return PieceDiscriminator(sizes.width, sizes.frames, sizes.size)
