"""Who talks: how far a mouth would open with a sound, against how far mouths do open.

Of two people who move their lips, one is heard. The lips alone do not tell which one, and loudness hardly
does. A linear regression from the sound's spectrum to the opening, fitted once for all people, does.
"""

import functools
import json
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from s2f.pipeline.core import windows
from s2f.pipeline.core.windows import Sound
from s2f.pipeline.faces.mouth import TALKING_SPREAD

Floats = npt.NDArray[np.float32]

# Samples per second of the sound, and samples of it per frame.
RATE, WINDOW = 16_000, 640
# Bands of the spectrum, equally wide for the ear from LOWEST to HIGHEST Hz.
BANDS, LOWEST, HIGHEST = 16, 100, 7_000
# Below this power a band is silent.
FLOOR = 1e-4
# Frames before and after a frame whose sound tells of its lips.
REACH = 2
# How much the ridge regression shrinks its weights.
PENALTY = 1000.0
REGRESSION = Path(__file__).with_suffix(".json")


def spectra(chunks: Iterable[Sound], fps: Fraction) -> Floats:
    """The spectrum of each frame, log power in bands, (n, 16), from mono sound at RATE in any chunks.

    The sound begins with the first frame; the last frame is the last that it lasts for.
    """
    parts = [np.zeros((0, BANDS), np.float32)]
    held, begin, done = np.zeros(0, np.float32), 0, 0
    for chunk in _and_end(chunks):
        held = held if chunk is None else np.concatenate([held, chunk])
        end = begin + len(held)
        ready = (
            windows.frames_for(end, fps, RATE) if chunk is None else int(max(0, end - WINDOW) * fps / RATE)
        )
        if ready <= done:
            continue
        starts = windows.window_starts(ready - done, fps, RATE, WINDOW, first=done)
        parts.append(_spectrum(windows.cut_windows(held, starts - begin, WINDOW)))
        dropped = max(0, int(windows.window_starts(1, fps, RATE, WINDOW, first=ready)[0]) - begin)
        held, begin, done = held[dropped:], begin + dropped, ready
    return np.concatenate(parts)


def expected_opening(spectrum: Floats, weights: Floats | None = None) -> Floats:
    """How far a mouth would open with a sound, from its spectra (n, 16): (n,), in no unit.

    `weights` (80,) are those of the package, unless others are given.
    """
    return np.asarray(_surroundings(spectrum) @ (regression() if weights is None else weights), np.float32)


def agreement(opening: Floats, expected: Floats) -> float:
    """How well the lips of a face go with a sound, -1 to 1, by how far its mouth opens (n,), in units of
    the eyes' distance, and how far the sound would open it (n,).

    Pearson's correlation of how both change from frame to frame; nearly 0 where the lips hardly move.
    """
    if len(opening) < 3:
        return 0.0
    seen, heard = np.gradient(opening), np.gradient(expected)
    if not (seen.std() and heard.std()):
        return 0.0
    return float(np.corrcoef(seen, heard)[0, 1]) * min(1.0, float(opening.std()) / TALKING_SPREAD)


def fit(clips: Iterable[tuple[Floats, Floats]]) -> Floats:
    """The weights of the regression, by ridge, from the spectra (n, 16) and openings (n,) of clips."""
    about, openings = zip(*((_surroundings(heard), _standard(seen)) for heard, seen in clips), strict=True)
    inputs, wanted = np.concatenate(about).astype(np.float64), np.concatenate(openings)
    scale = inputs.std(axis=0)
    scaled = inputs / scale
    products = scaled.T @ scaled + PENALTY * np.eye(scaled.shape[1])
    return np.asarray(np.linalg.solve(products, scaled.T @ wanted) / scale, np.float32)


@functools.cache
def regression() -> Floats:
    """The weights that come with the package, (80,)."""
    return np.array(json.loads(REGRESSION.read_text(encoding="utf-8"))["weights"], np.float32)


def _and_end(chunks: Iterable[Sound]) -> Iterator[Sound | None]:
    yield from chunks
    yield None


def _spectrum(cut: Sound) -> Floats:
    power = np.abs(np.fft.rfft(cut * np.hanning(WINDOW), axis=1)) ** 2
    return np.asarray(np.log(power @ _bank().T + FLOOR), np.float32)


@functools.cache
def _bank() -> npt.NDArray[np.float64]:
    """Triangles over the frequencies of a window, equally wide in mel: (16, 321)."""
    lowest, highest = (2595 * math.log10(1 + frequency / 700) for frequency in (LOWEST, HIGHEST))
    mel = np.linspace(lowest, highest, BANDS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    frequencies = np.fft.rfftfreq(WINDOW, 1 / RATE)
    low, middle, high = (edges[number : number + BANDS, None] for number in range(3))
    rising, falling = (frequencies - low) / (middle - low), (high - frequencies) / (high - middle)
    return np.asarray(np.maximum(0, np.minimum(rising, falling)))


def _surroundings(spectrum: Floats) -> Floats:
    """The spectra of each frame and of those about it, less the mean of all: (n, 16) → (n, 80)."""
    about = np.pad(spectrum - spectrum.mean(axis=0), ((REACH, REACH), (0, 0)), mode="edge")
    return np.concatenate([about[shift : shift + len(spectrum)] for shift in range(2 * REACH + 1)], axis=1)


def _standard(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / (values.std() + 1e-6), np.float32)
