"""The adversaries of P1 (section 3.2), of P2, and one of related work; a logit above 0 means "real".

All are called with the still faces, the frames and their windows, and take of these what they judge.
What the papers leave open is our choice and named where it is made.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from s2f.model.networks.layers import (
    LEAK,
    PictureEncoder,
    SoundEncoder,
    VideoEncoder,
    channels_last,
    keep_scale,
    over_frames,
    volume_layer,
)

CODE = 256


class FrameDiscriminator(nn.Module):
    """Are single frames sharp, and of this person? Six convolutions over still and frame.

    Our choice: the layers mirror those of the identity encoder.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.picture = PictureEncoder(6, width, 1, judge=True)
        channels_last(self)

    def forward(self, still: Tensor, frames: Tensor, windows: Tensor) -> Tensor:
        """Logits (B * T,) of frames (B, T, 3, 128, 96) beside their stills (B, 3, 128, 96); no sound."""
        pairs = torch.cat([still[:, None].expand_as(frames), frames], dim=2)
        logits: Tensor = self.picture(pairs.flatten(0, 1))[0]
        return logits.flatten()


class SequenceDiscriminator(nn.Module):
    """Do a video and its sound belong together, and does it move like a face?

    A CNN per frame, a GRU of 2 layers over time, a classifier of 2 layers at the end (P1). Our
    choice: the sound enters as the codes of an encoder like the generator's, beside the frame's
    code; the CNN has half the generator's width, since it sees every frame twice as often.
    """

    def __init__(self, width: int, window: int, sample_rate: int) -> None:
        super().__init__()
        self.picture = PictureEncoder(3, max(2, width // 2), CODE, judge=True)
        self.sound = SoundEncoder(window, sample_rate, CODE)
        self.recurrent = nn.GRU(2 * CODE, CODE, num_layers=2, batch_first=True)
        self.verdict = nn.Sequential(nn.Linear(CODE, CODE), nn.LeakyReLU(LEAK), nn.Linear(CODE, 1))
        channels_last(self)

    def forward(self, still: Tensor, frames: Tensor, windows: Tensor) -> Tensor:
        """Logits (B,) of frames (B, T, 3, 128, 96) with their windows (B, T, samples); no still."""
        seen = over_frames(lambda pictures: self.picture(pictures)[0], frames)
        heard = over_frames(self.sound, windows)
        states, _ = self.recurrent(torch.cat([seen, heard], dim=2))
        logits: Tensor = self.verdict(states[:, -1]).flatten()
        return logits


class VideoDiscriminator(nn.Module):
    """Does a video move like a face? P2's sequence discriminator, which hears nothing.

    Spatio-temporal convolutions, a GRU of 1 layer, a classifier of 1 layer (P2). Our choice: the
    sizes, and half the generator's width, as in P1's.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.video = VideoEncoder(max(2, width // 2), CODE)
        self.recurrent = nn.GRU(CODE, CODE, batch_first=True)
        self.verdict = nn.Linear(CODE, 1)

    def forward(self, still: Tensor, frames: Tensor, windows: Tensor) -> Tensor:
        """Logits (B,) of frames (B, T, 3, 128, 96); neither still nor sound."""
        states, _ = self.recurrent(self.video(frames.transpose(1, 2)))
        logits: Tensor = self.verdict(states[:, -1]).flatten()
        return logits


class SyncDiscriminator(nn.Module):
    """Do the lips and the sound of a short snippet go together (P2)?

    An encoder of the sound and one of the lower half of the face, both to 256 numbers; their
    Euclidean distance goes through a perceptron of 1 layer. Our choice: the frames of a snippet are
    stacked as channels, its sound is the window of its middle frame (at 25 frames per second the
    0.2 s of P2 are the sound of 5 frames), and neither encoder has norms, since with them this loss
    was seen to collapse.
    """

    def __init__(self, width: int, window: int, sample_rate: int, frames: int) -> None:
        super().__init__()
        self.frames = frames
        self.picture = PictureEncoder(3 * frames, width, CODE, height=64, judge=True, norm=False)
        self.sound = SoundEncoder(window, sample_rate, CODE, norm=False)
        self.verdict = nn.Linear(1, 1)
        keep_scale(self)
        # Near means together, and there is room on both sides: at these rates a random sign would
        # stay as it is, and from a bias of 0 all distances first shrink to nothing.
        nn.init.constant_(self.verdict.weight, -1)
        nn.init.constant_(self.verdict.bias, 2)
        channels_last(self)

    def forward(self, still: Tensor, frames: Tensor, windows: Tensor) -> Tensor:
        """Logits (B * snippets,) of frames (B, T, 3, 128, 96) with their windows (B, T, samples).

        The snippets follow each other without overlap; what is left over at the end is not judged.
        """
        size = self.frames
        end = frames.shape[1] // size * size
        lower = frames[:, :end, :, frames.shape[-2] // 2 :]
        seen, _ = self.picture(lower.reshape(-1, 3 * size, *lower.shape[-2:]))
        heard = self.sound(windows[:, size // 2 : end : size].flatten(0, 1))
        distance = functional.pairwise_distance(seen, heard)
        logits: Tensor = self.verdict(distance[:, None]).flatten()
        return logits


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
        """Logits (B * (T - 12) * 8 * 6,) of frames (B, T, 3, 128, 96); neither still nor sound."""
        logits: Tensor = self.layers(frames.transpose(1, 2)).flatten()
        return logits
