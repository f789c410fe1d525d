"""The lips against the sound, in short snippets (P2)."""

from torch import Tensor, nn
from torch.nn import functional

from s2f.model.networks.discriminators import CODE, Sizes
from s2f.model.networks.layers import PAPER_SIZE, PictureEncoder, SoundEncoder, channels_last, keep_scale


class SyncDiscriminator(nn.Module):
    """Do the lips and the sound of a short snippet go together (P2)?

    An encoder of the sound and one of the lower half of the face, both to 256 numbers; their
    Euclidean distance goes through a perceptron of 1 layer. Our choice: the frames of a snippet are
    stacked as channels, its sound is the window of its middle frame (at 25 frames per second the
    0.2 s of P2 are the sound of 5 frames), and neither encoder has norms, since with them this loss
    was seen to collapse.
    """

    def __init__(
        self, width: int, window: int, sample_rate: int, frames: int, size: tuple[int, int] = PAPER_SIZE
    ) -> None:
        super().__init__()
        self.frames = frames
        self.picture = PictureEncoder(
            3 * frames, width, CODE, size=(size[0] // 2, size[1]), judge=True, norm=False
        )
        self.sound = SoundEncoder(window, sample_rate, CODE, norm=False)
        self.verdict = nn.Linear(1, 1)
        keep_scale(self)
        # Near means together, and there is room on both sides: at these rates a random sign would
        # stay as it is, and from a bias of 0 all distances first shrink to nothing.
        nn.init.constant_(self.verdict.weight, -1)
        nn.init.constant_(self.verdict.bias, 2)
        channels_last(self)

    def forward(self, still: Tensor, frames: Tensor, windows: Tensor) -> Tensor:
        """Logits (B * snippets,) of frames (B, T, 3, *size) with their windows (B, T, samples).

        The snippets follow each other without overlap; what is left over at the end is not judged.
        """
        return self.compare(still, [frames], windows)[0]

    def compare(self, still: Tensor, videos: list[Tensor], windows: Tensor) -> list[Tensor]:
        """The logits of several videos with the same sound, which is heard once."""
        size = self.frames
        end = windows.shape[1] // size * size
        heard = self.sound(windows[:, size // 2 : end : size].flatten(0, 1))
        return [self._logits(frames[:, :end], heard) for frames in videos]

    def _logits(self, frames: Tensor, heard: Tensor) -> Tensor:
        lower = frames[:, :, :, frames.shape[-2] // 2 :]
        seen, _ = self.picture(lower.reshape(-1, 3 * self.frames, *lower.shape[-2:]))
        distance = functional.pairwise_distance(seen, heard)
        logits: Tensor = self.verdict(distance[:, None]).flatten()
        return logits


def build(sizes: Sizes) -> nn.Module:
    """The discriminator of these sizes."""
    return SyncDiscriminator(sizes.width, sizes.window, sizes.sample_rate, sizes.snippet, sizes.size)
