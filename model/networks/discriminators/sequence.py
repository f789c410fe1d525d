"""A video as a whole: P1's discriminator, which hears it, or P2's, which does not."""

import torch
from torch import Tensor, nn

from s2f.model.networks.discriminators import CODE, Sizes
from s2f.model.networks.discriminators.video import VideoDiscriminator
from s2f.model.networks.layers import (
    LEAK,
    PAPER_SIZE,
    PictureEncoder,
    SoundEncoder,
    channels_last,
    half,
    halved,
    over_frames,
)
from s2f.model.networks.recurrent import GRU


class SequenceDiscriminator(nn.Module):
    """Do a video and its sound belong together, and does it move like a face?

    A CNN per frame, a GRU of 2 layers over time, a classifier of 2 layers at the end (P1). Our
    choice: the sound enters as the codes of an encoder like the generator's, beside the frame's
    code; the CNN has half the generator's width, since it sees every frame twice as often. If it
    `halves`, it sees pictures of half the height and width, hears with half the channels, and its codes
    have half the size.
    """

    def __init__(
        self,
        width: int,
        window: int,
        sample_rate: int,
        size: tuple[int, int] = PAPER_SIZE,
        halves: bool = False,
    ) -> None:
        super().__init__()
        self.halves = halves
        size, code, channels = (half(size), CODE // 2, 8) if halves else (size, CODE, 16)
        self.picture = PictureEncoder(3, max(2, width // 2), code, size=size, judge=True)
        self.sound = SoundEncoder(window, sample_rate, code, channels=channels)
        self.recurrent = GRU(2 * code, code, 2)
        self.verdict = nn.Sequential(nn.Linear(code, code), nn.LeakyReLU(LEAK), nn.Linear(code, 1))
        channels_last(self)

    def forward(self, still: Tensor, frames: Tensor, windows: Tensor) -> Tensor:
        """Logits (B,) of frames (B, T, 3, *size) with their windows (B, T, samples); no still."""
        return self.compare(still, [frames], windows)[0]

    def compare(self, still: Tensor, videos: list[Tensor], windows: Tensor) -> list[Tensor]:
        """The logits of several videos with the same sound, which is heard once."""
        heard = over_frames(self.sound, windows)
        codes = [torch.cat([over_frames(self._seen, frames), heard], dim=2) for frames in videos]
        states, _ = self.recurrent(torch.cat(codes))
        return list(self.verdict(states[:, -1]).flatten().chunk(len(videos)))

    def _seen(self, pictures: Tensor) -> Tensor:
        codes: Tensor = self.picture(halved(pictures) if self.halves else pictures)[0]
        return codes


def build(sizes: Sizes) -> nn.Module:
    """The discriminator of these sizes, of the paper that `sequence` means."""
    if sizes.sequence == "video":
        return VideoDiscriminator(sizes.width, sizes.size, sizes.halves)
    return SequenceDiscriminator(sizes.width, sizes.window, sizes.sample_rate, sizes.size, sizes.halves)
