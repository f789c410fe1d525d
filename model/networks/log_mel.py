"""Sound as a log-mel picture: how loud each band of pitches is, every 10 ms."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

# The log-mel picture of the sound: 25 ms of sound every 10 ms, in this many bands.
MEL_SECONDS, MEL_STEP, BANDS = 0.025, 0.01, 40
LOWEST, HIGHEST = 60.0, 7600.0  # Hz
# The power below which a band counts as silent: about that of white noise 60 dB below full scale.
QUIET = 1e-3


class SoundPicture(nn.Module):
    """Windows (N, samples) of sound in [-1, 1] to log-mel pictures (N, 1, 40, steps), about in [-1, 2].

    Unknown voices look more like the trained ones on the mel scale than as waveforms, which matters when
    there are only minutes of sound to train on. The Fourier transform is a convolution, which can be
    exported to any runtime.
    """

    waves: Tensor
    bank: Tensor

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        size, self.step = round(MEL_SECONDS * sample_rate), round(MEL_STEP * sample_rate)
        points = 1 << (size - 1).bit_length()
        self.register_buffer("waves", _waves(size, points)[:, None], persistent=False)
        self.register_buffer("bank", mel_bank(BANDS, points, sample_rate), persistent=False)

    def forward(self, windows: Tensor) -> Tensor:
        cosine, sine = functional.conv1d(windows[:, None], self.waves, stride=self.step).chunk(2, dim=1)
        power: Tensor = self.bank @ (cosine.square() + sine.square())
        return (torch.log(power + QUIET) / -math.log(QUIET))[:, None]


class LogMelEncoder(nn.Module):
    """Windows of a waveform in [-1, 1] (N, samples) to codes (N, code): two layers on log-mel pictures.

    Not in the papers, whose encoder hears raw sound; it learns from far fewer minutes of speech.
    """

    def __init__(self, window: int, sample_rate: int, code: int, dropout: float) -> None:
        super().__init__()
        picture = SoundPicture(sample_rate)
        numbers = picture(torch.zeros(1, window)).numel()
        self.layers = nn.Sequential(
            picture,
            nn.Flatten(1),
            nn.BatchNorm1d(numbers, affine=False),
            nn.Linear(numbers, code),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(code, code),
            nn.ReLU(),
            nn.Dropout(dropout),
        )

    def forward(self, windows: Tensor) -> Tensor:
        codes: Tensor = self.layers(windows)
        return codes


def _waves(size: int, points: int) -> Tensor:
    """Cosines, then sines of a Fourier transform of `points` under a Hann window: (points + 2, size)."""
    phase = 2 * math.pi * torch.arange(points // 2 + 1)[:, None] * torch.arange(size) / points
    return torch.hann_window(size) * torch.cat([phase.cos(), phase.sin()])


def mel_bank(bands: int, points: int, sample_rate: int) -> Tensor:
    """Triangular filters (bands, points / 2 + 1), equally wide on the mel scale, for powers of an FFT."""
    highest = min(HIGHEST, sample_rate / 2)
    low, high = (2595 * math.log10(1 + frequency / 700) for frequency in (LOWEST, highest))
    edges = 700 * (10 ** (torch.linspace(low, high, bands + 2) / 2595) - 1)
    frequencies = torch.linspace(0, sample_rate / 2, points // 2 + 1)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (frequencies - left) / (middle - left), (right - frequencies) / (right - middle)
    return torch.minimum(rising, falling).clamp_min(0)
