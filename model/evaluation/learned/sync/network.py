"""The two encoders of the sync scorer: pictures and sound to unit vectors in one space."""

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from s2f.model.evaluation.learned.sync.protocol import SNIPPET
from s2f.model.networks.layers import PictureEncoder, channels_last, over_frames
from s2f.model.networks.log_mel import BANDS, SoundPicture
from s2f.pipeline.faces.alignment import HEIGHT, WIDTH

# Weights of red, green and blue in a grey picture (ITU-R BT.601).
GREY = (0.299, 0.587, 0.114)


class SyncNetwork(nn.Module):
    """Snippets and sounds to unit vectors. `arguments` are those of its constructor."""

    def __init__(self, width: int, code: int, window: int, sample_rate: int) -> None:
        super().__init__()
        self.arguments = {"width": width, "code": code, "window": window, "sample_rate": sample_rate}
        self.picture = PictureEncoder(SNIPPET, width, code, size=(HEIGHT // 2, WIDTH), judge=True)
        self.sound_picture = SoundPicture(sample_rate)
        sizes = [1, *(width * 2**level for level in range(4))]
        layers = [
            _layer(inside, outside, 1 if inside == 1 else 2) for inside, outside in itertools.pairwise(sizes)
        ]
        steps = self.sound_picture(torch.zeros(1, window)).shape[-1]
        self.sound = nn.Sequential(*layers, nn.Conv2d(sizes[-1], code, (-(-BANDS // 8), -(-steps // 8))))
        # The inverse temperature of the softmax in training, as a logarithm; it is learnt too.
        self.sharpness = nn.Parameter(torch.tensor(math.log(10.0)))
        channels_last(self)

    def seen(self, frames: Tensor) -> Tensor:
        """Lower halves (B, T, 3, 64, 96) in [-1, 1] to the codes (B, T - 4, code) of snippets of 5 frames."""
        grey = (frames * frames.new_tensor(GREY)[:, None, None]).sum(dim=2)
        snippets = grey.unfold(1, SNIPPET, 1).permute(0, 1, 4, 2, 3)
        return functional.normalize(over_frames(lambda pictures: self.picture(pictures)[0], snippets), dim=2)

    def heard(self, windows: Tensor) -> Tensor:
        """Windows (B, T, samples) to their codes (B, T, code)."""
        codes = over_frames(lambda sounds: self.sound(self.sound_picture(sounds)).flatten(1), windows)
        return functional.normalize(codes, dim=2)


def lower_half(pictures: Tensor) -> Tensor:
    """The lower half of faces (..., 3, h, w) of any size, where the mouth is: (..., 3, 64, 96)."""
    lower = pictures[..., pictures.shape[-2] // 2 :, :]
    if lower.shape[-2:] == (HEIGHT // 2, WIDTH):
        return lower
    small = functional.interpolate(lower.flatten(0, -4), (HEIGHT // 2, WIDTH), mode="area")
    return small.reshape(*lower.shape[:-2], HEIGHT // 2, WIDTH)


def _layer(inside: int, outside: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(inplace=True)
    )
