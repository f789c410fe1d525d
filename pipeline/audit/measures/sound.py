"""What the sound of a clip is like."""

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pyloudnorm

from s2f.pipeline.core.windows import Sound

SILENT_DB = -50.0
BLOCK_SECONDS = 0.02
# Headroom is the ratio of these percentiles of the samples. A codec blurs the flat tops of clipped waves, so
# that no sample need be at the limit any more, but it keeps this ratio. Genuine clips have 1.5 or more.
LOUDEST, LOUD = 99.9, 98.0
# A signature has so many bands of frequency and stretches of time.
BANDS, STRETCHES = 8, 16


def of_sound(sound: Sound, rate: int) -> dict[str, Any]:
    """The measures of mono sound (samples,) in [-1, 1]. `lufs` is integrated loudness as in ITU-R BS.1770."""
    size = round(BLOCK_SECONDS * rate)
    blocks = sound[: len(sound) // size * size].reshape(-1, size)
    level = 20 * np.log10(np.sqrt(np.square(blocks).mean(axis=1)) + 1e-6)
    peak = float(np.abs(sound).max())
    loudest, high = np.percentile(np.abs(sound), [LOUDEST, LOUD])
    meter = pyloudnorm.Meter(rate)
    long_enough = len(sound) > meter.block_size * rate
    lufs = meter.integrated_loudness(sound) if peak and long_enough else None
    loud, quiet = np.percentile(level, [95, 10])
    return {
        "lufs": None if lufs is None or not np.isfinite(lufs) else float(lufs),
        "headroom": float(loudest / high) if high else None,
        "silent": float((level < SILENT_DB).mean()),
        "snr": float(loud - quiet) if peak else None,
        "signature": signature(sound).tolist() if peak else None,
    }


def signature(sound: Sound) -> npt.NDArray[np.float32]:
    """A sound as a unit vector (128,): log energies by band and stretch, less the mean of each.

    The dot product of two signatures is the likeness of two sounds: above 0.9 for a copy, even if it is
    softer or was encoded again; below 0.8 for two sentences of GRID.
    """
    size = len(sound) // STRETCHES
    spectrum = np.abs(np.fft.rfft(sound[: size * STRETCHES].reshape(STRETCHES, size), axis=1)) ** 2
    edges = np.geomspace(8, spectrum.shape[1], BANDS + 1).astype(int)
    energy = np.stack([spectrum[:, low:high].mean(axis=1) for low, high in itertools.pairwise(edges)])
    logs = np.log(energy + 1e-3)
    logs -= logs.mean(axis=1, keepdims=True)
    flat = (logs - logs.mean(axis=0)).ravel()
    return np.asarray(flat / (np.linalg.norm(flat) + 1e-9), np.float32)
