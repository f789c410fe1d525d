"""The two encoders of the sync scorer: pictures and sound to unit vectors in one space."""

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from s2f.model.evaluation.learned.sync.protocol import SNIPPET
from s2f.model.networks.layers import PictureEncoder, channels_last, over_frames
from s2f.pipeline.faces.alignment import HEIGHT

# The log-mel picture of the sound: 25 ms of sound every 10 ms, in this many bands.
MEL_SECONDS, MEL_STEP, BANDS = 0.025, 0.01, 40
LOWEST, HIGHEST = 60.0, 7600.0  # Hz
# The power below which a band counts as silent: about that of white noise 60 dB below full scale.
QUIET = 1e-3
# Weights of red, green and blue in a grey picture (ITU-R BT.601).
GREY = (0.299, 0.587, 0.114)


class SoundPicture(nn.Module):
    """Windows (N, samples) of sound in [-1, 1] to log-mel pictures (N, 1, 40, steps), about in [-1, 2].

    Unknown voices look more like the trained ones on the mel scale than as waveforms, which matters when
    there are only minutes of sound to train on.
    """

    window: Tensor
    bank: Tensor

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.size, self.step = round(MEL_SECONDS * sample_rate), round(MEL_STEP * sample_rate)
        self.points = 1 << (self.size - 1).bit_length()
        self.register_buffer("window", torch.hann_window(self.size), persistent=False)
        self.register_buffer("bank", mel_bank(BANDS, self.points, sample_rate), persistent=False)

    def forward(self, windows: Tensor) -> Tensor:
        waves = torch.stft(
            windows, self.points, self.step, self.size, self.window, center=False, return_complex=True
        )
        power: Tensor = self.bank @ waves.abs().square()
        return (torch.log(power + QUIET) / -math.log(QUIET))[:, None]


class SyncNetwork(nn.Module):
    """Snippets and sounds to unit vectors. `arguments` are those of its constructor."""

    def __init__(self, width: int, code: int, window: int, sample_rate: int) -> None:
        super().__init__()
        self.arguments = {"width": width, "code": code, "window": window, "sample_rate": sample_rate}
        self.picture = PictureEncoder(SNIPPET, width, code, height=HEIGHT // 2, judge=True)
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
    """The lower half of faces (..., 128, 96), where the mouth is: (..., 64, 96)."""
    return pictures[..., HEIGHT // 2 :, :]


def mel_bank(bands: int, points: int, sample_rate: int) -> Tensor:
    """Triangular filters (bands, points / 2 + 1), equally wide on the mel scale, for powers of an FFT."""
    highest = min(HIGHEST, sample_rate / 2)
    low, high = (2595 * math.log10(1 + frequency / 700) for frequency in (LOWEST, highest))
    edges = 700 * (10 ** (torch.linspace(low, high, bands + 2) / 2595) - 1)
    frequencies = torch.linspace(0, sample_rate / 2, points // 2 + 1)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (frequencies - left) / (middle - left), (right - frequencies) / (right - middle)
    return torch.minimum(rising, falling).clamp_min(0)


def _layer(inside: int, outside: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(inplace=True)
    )
