"""Short pieces of a video, by 3-D convolutions alone (related work)."""

from torch import Tensor, nn

from s2f.model.networks.discriminators import Sizes
from s2f.model.networks.layers import volume_layer


class VolumeDiscriminator(nn.Module):
    """Does every short piece of a video look real? The sequence critic of related work, for comparison.

    Four 3-D convolutions, as in MoCoGAN (Tulyakov et al. 2018): a logit for each window of 13
    frames and each patch of the picture, with no memory beyond it.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            volume_layer(3, width, kernel=4, padding=0, norm=False),
            volume_layer(width, 2 * width, kernel=4, padding=0, norm=True),
            volume_layer(2 * width, 4 * width, kernel=4, padding=0, norm=True),
            nn.Conv3d(4 * width, 1, 4, (1, 2, 2), (0, 1, 1), bias=False),
        )

    def forward(self, still: Tensor, frames: Tensor, windows: Tensor) -> Tensor:
        """Logits (B * (T - 12) * patches,) of frames (B, T, 3, *size); neither still nor sound."""
        logits: Tensor = self.layers(frames.transpose(1, 2)).flatten()
        return logits


def build(sizes: Sizes) -> nn.Module:
    """The discriminator of these sizes."""
    return VolumeDiscriminator(sizes.width)
