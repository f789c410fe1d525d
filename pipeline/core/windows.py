"""The sound that belongs to a video frame: window starts, cutting, length and loudness.

Each frame has one window, centred on the middle of the frame (P1, section 3.1). Every start is
computed from the frame's number: a rounded hop would drift by a frame in 40 s at 29.97 fps.
"""

from fractions import Fraction

import numpy as np
import numpy.typing as npt

Sound = npt.NDArray[np.float32]
Starts = npt.NDArray[np.int64]

SILENCE_DB = -100.0


def window_size(seconds: float, sample_rate: int) -> int:
    """Samples in a window of `seconds`."""
    return round(Fraction(str(seconds)) * sample_rate)


def window_starts(frames: int, fps: Fraction, sample_rate: int, size: int, first: int = 0) -> Starts:
    """First sample of the window of each frame `first … first + frames - 1`, int64 (frames,).

    Frame i at f frames per second has its centre at (i + 0.5) / f seconds. Starts may be negative and
    windows may reach beyond the end: `cut_windows` pads there with zeros.
    """
    index = 2 * np.arange(first, first + frames, dtype=np.int64) + 1
    # floor((i + 0.5) * rate / fps + 0.5) in whole numbers: exact at any length.
    doubled = 2 * fps.numerator
    centres = (index * sample_rate * fps.denominator + fps.numerator) // doubled
    return np.asarray(centres - size // 2, dtype=np.int64)


def cut_windows(sound: Sound, starts: Starts, size: int) -> Sound:
    """The windows at `starts` of mono `sound` (samples,), zero-padded: float32 (len(starts), size)."""
    before = max(0, -int(starts.min(initial=0)))
    after = max(0, int(starts.max(initial=0)) + size - len(sound))
    padded = np.pad(sound, (before, after))
    every = np.lib.stride_tricks.sliding_window_view(padded, size)
    return np.asarray(every[starts + before], dtype=np.float32)


def fit_length(sound: Sound, samples: int) -> Sound:
    """Mono sound padded with zeros at its end, or cut there, to exactly `samples`; never shifted."""
    return np.asarray(np.pad(sound[:samples], (0, max(0, samples - len(sound)))), dtype=np.float32)


def samples_for(frames: int, fps: Fraction, sample_rate: int) -> int:
    """Samples that last as long as `frames` video frames."""
    return round(frames * sample_rate / fps)


def frames_for(samples: int, fps: Fraction, sample_rate: int) -> int:
    """The fewest frames that cover so many samples, where half a sample more counts as rounding.

    So the sound of n frames gives n frames at every rate.
    """
    doubled = (2 * samples - 1) * fps / (2 * sample_rate)
    return max(0, -(-doubled.numerator // doubled.denominator))


def loudness(windows: Sound) -> npt.NDArray[np.float32]:
    """Root mean square of each window in dB of full scale, at least -100: float32 (n,)."""
    power = np.mean(np.square(windows, dtype=np.float64), axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (SILENCE_DB / 10))), dtype=np.float32)


def lag_in_words(lag: int, milliseconds: float) -> str:
    """A lag of the sound in words: `lag` in frames, positive where the sound is late, and in milliseconds."""
    if not lag:
        return "sound and mouth move together"
    unit = "frame" if abs(lag) == 1 else "frames"
    return f"the sound is {abs(lag)} {unit} ({abs(milliseconds):.0f} ms) {'late' if lag > 0 else 'early'}"
