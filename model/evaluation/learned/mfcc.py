"""Mel-frequency cepstral coefficients as the published SyncNet hears them.

Every constant is a default of the package python_speech_features, by which that network was trained: a
coefficient more or another scale would be another sound to it.
"""

import functools

import numpy as np
import numpy.typing as npt
from scipy.fft import dct

from s2f.pipeline.core.windows import Sound

Coefficients = npt.NDArray[np.float32]
Bank = npt.NDArray[np.float64]

RATE, COEFFICIENTS = 16_000, 13
# Samples of a spectrum and from one to the next, 25 and 10 ms, and of the Fourier transform.
SPECTRUM, HOP, SIZE = 400, 160, 512
BANDS, EMPHASIS, LIFTER = 26, 0.97, 22
# What stands for no energy at all, of which there is no logarithm.
NOTHING = np.finfo(np.float64).eps


def mfcc(sound: Sound) -> Coefficients:
    """The coefficients (13, n) of mono sound (samples,) in [-1, 1] at 16 kHz, 100 columns per second.

    The first coefficient is the logarithm of the energy. The network was trained on whole numbers of 16 bit.
    """
    samples = (np.clip(sound, -1, 1).astype(np.float64) * 32767).round()
    emphasised = np.append(samples[:1], samples[1:] - EMPHASIS * samples[:-1])
    columns = 1 + -(-max(0, len(samples) - SPECTRUM) // HOP)
    padded = np.pad(emphasised, (0, (columns - 1) * HOP + SPECTRUM - len(samples)))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, SPECTRUM)[::HOP]
    power = np.abs(np.fft.rfft(pieces, SIZE)) ** 2 / SIZE
    cepstra = dct(_logarithm(power @ _bank().T), norm="ortho")[:, :COEFFICIENTS]
    cepstra *= 1 + LIFTER / 2 * np.sin(np.pi * np.arange(COEFFICIENTS) / LIFTER)
    cepstra[:, 0] = _logarithm(power.sum(axis=1))
    return np.asarray(cepstra.T, np.float32)


@functools.cache
def _bank() -> Bank:
    """The weights (26, 257) of the frequencies in bands that are equally wide in mel.

    The edges of the triangles lie on whole frequencies of the transform.
    """
    mels = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), BANDS + 2)
    edges = np.floor((SIZE + 1) * 700 * (10 ** (mels / 2595) - 1) / RATE)
    low, middle, high = (edges[begin : begin + BANDS, None] for begin in range(3))
    at = np.arange(SIZE // 2 + 1)
    rising, falling = (at - low) / (middle - low), (high - at) / (high - middle)
    return np.asarray(np.where(at < middle, rising, falling).clip(0), np.float64)


def _logarithm(energy: Bank) -> Bank:
    return np.log(np.where(energy == 0, NOTHING, energy))
