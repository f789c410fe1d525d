"""What the sound of a clip is like."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyloudnorm
from scipy.ndimage import maximum_filter

from s2f.pipeline.core.windows import Sound

SILENT_DB = -50.0
BLOCK_SECONDS = 0.02
# Headroom is the ratio of these percentiles of the samples. A codec blurs the flat tops of clipped waves, so
# that no sample need be at the limit any more, but it keeps this ratio. Genuine clips have 1.5 or more.
LOUDEST, LOUD = 99.9, 98.0

# Landmarks are peaks of the spectrogram, of so many Hz and seconds a cell, that no other one surpasses within
# so many cells of frequency and time. A mark is a peak, one of the next few ones, and the time between.
PEAK_HZ, PEAK_SECONDS, PEAK_TOP = 16.0, 0.016, 4000.0
REACH_CELLS, REACH_TIMES, NEXT = 12, 4, 4
LONGEST = 64


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
        "landmarks": landmarks(sound, rate).ravel().tolist() if peak else None,
    }


def landmarks(sound: Sound, rate: int) -> npt.NDArray[np.int32]:
    """Marks of a sound, and when each begins in cells of time (n, 2).

    A copy has many of the same marks, and all of them earlier or later by the same time: also if it was cut,
    made louder, or encoded again.
    """
    size, hop = round(rate / PEAK_HZ), round(PEAK_SECONDS * rate)
    if len(sound) < size:
        return np.empty((0, 2), np.int32)
    frames = np.lib.stride_tricks.sliding_window_view(sound, size)[::hop] * np.hanning(size).astype(
        np.float32
    )
    energy = np.abs(np.fft.rfft(frames, axis=1))[:, : round(PEAK_TOP / PEAK_HZ)]
    around = maximum_filter(energy, size=(2 * REACH_TIMES + 1, 2 * REACH_CELLS + 1))
    times, cells = np.nonzero((energy == around) & (energy > energy.max() / 1000))
    found = []
    for step in range(1, NEXT + 1):
        apart = times[step:] - times[:-step]
        near = (apart < LONGEST) & (apart > 0)
        mark = (cells[:-step] * 256 + cells[step:]) * LONGEST + apart
        found.append(np.stack([mark[near], times[:-step][near]], axis=1))
    return np.concatenate(found).astype(np.int32)
