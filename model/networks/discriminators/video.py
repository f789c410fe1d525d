"""A video as a whole, without its sound (P2)."""

from torch import Tensor, nn

from s2f.model.networks.discriminators import CODE
from s2f.model.networks.layers import PAPER_SIZE, VideoEncoder, half, halved, over_frames
from s2f.model.networks.recurrent import GRU


class VideoDiscriminator(nn.Module):
    """Does a video move like a face? P2's sequence discriminator, which hears nothing.

    Spatio-temporal convolutions, a GRU of 1 layer, a classifier of 1 layer (P2). Our choice: the
    sizes, and half the generator's width, as in P1's. If it `halves`, it sees pictures of half the
    height and width, and its codes have half the size.
    """

    def __init__(self, width: int, size: tuple[int, int] = PAPER_SIZE, halves: bool = False) -> None:
        super().__init__()
        self.halves = halves
        size, code = (half(size), CODE // 2) if halves else (size, CODE)
        self.video = VideoEncoder(max(2, width // 2), code, size)
        self.recurrent = GRU(code, code)
        self.verdict = nn.Linear(code, 1)

    def forward(self, still: Tensor, frames: Tensor, windows: Tensor) -> Tensor:
        """Logits (B,) of frames (B, T, 3, *size); neither still nor sound."""
        frames = over_frames(halved, frames) if self.halves else frames
        states, _ = self.recurrent(self.video(frames.transpose(1, 2)))
        logits: Tensor = self.verdict(states[:, -1]).flatten()
        return logits
