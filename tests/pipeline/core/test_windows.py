"""The sound that belongs to a frame."""

from fractions import Fraction

import numpy as np
import pytest

from s2f.pipeline.core import windows

NTSC = Fraction(30000, 1001)
RATE = 16_000


def sound(samples: int) -> windows.Sound:
    return np.random.default_rng(1).uniform(-1, 1, samples).astype(np.float32)


@pytest.mark.parametrize(
    ("seconds", "rate", "size"), [(0.16, 16_000, 2560), (0.2, 16_000, 3200), (0.16, 44_100, 7056)]
)
def test_window_size(seconds: float, rate: int, size: int) -> None:
    assert windows.window_size(seconds, rate) == size


def test_every_window_is_centred_on_the_middle_of_its_frame() -> None:
    starts = windows.window_starts(75, Fraction(25), RATE, 2560)
    assert starts.tolist() == [320 + 640 * frame - 1280 for frame in range(75)]


@pytest.mark.parametrize("fps", [NTSC, Fraction(24000, 1001), Fraction(30), Fraction(24)])
@pytest.mark.parametrize("rate", [16_000, 22_050])
def test_windows_never_drift(fps: Fraction, rate: int) -> None:
    frames = int(60 * fps)
    starts = windows.window_starts(frames, fps, rate, 2560)
    exact = [(frame + Fraction(1, 2)) / fps * rate - 1280 for frame in range(frames)]
    assert max(abs(int(start) - wanted) for start, wanted in zip(starts, exact, strict=True)) <= Fraction(
        1, 2
    )


def test_windows_do_not_drift_in_ten_hours() -> None:
    frame = 10 * 3600 * 30
    (start,) = windows.window_starts(1, NTSC, 48_000, 0, first=frame)
    assert abs(int(start) - (frame + Fraction(1, 2)) / NTSC * 48_000) <= Fraction(1, 2)


def test_a_later_stretch_has_the_starts_of_the_whole() -> None:
    whole = windows.window_starts(300, NTSC, RATE, 2560)
    assert np.array_equal(windows.window_starts(100, NTSC, RATE, 2560, first=150), whole[150:250])


def test_windows_are_slices_of_the_sound_with_zeros_beyond_its_ends() -> None:
    clip = sound(48_000)
    starts = windows.window_starts(75, Fraction(25), RATE, 2560)
    cut = windows.cut_windows(clip, starts, 2560)
    assert cut.shape == (75, 2560)
    assert not cut[0, :960].any()
    assert np.array_equal(cut[0, 960:], clip[:1600])
    assert np.array_equal(cut[30], clip[starts[30] : starts[30] + 2560])
    assert np.array_equal(cut[74, :1600], clip[-1600:])
    assert not cut[74, 1600:].any()


def test_a_window_longer_than_the_sound_is_padded_on_both_sides() -> None:
    cut = windows.cut_windows(np.ones(10, np.float32), np.array([-5]), 20)
    assert cut.tolist() == [[0.0] * 5 + [1.0] * 10 + [0.0] * 5]


def test_cut_windows_do_not_share_memory_with_the_sound() -> None:
    clip = sound(100)
    windows.cut_windows(clip, np.array([0, 1]), 50)[:] = 7
    assert np.array_equal(clip, sound(100))


def test_no_frames_give_no_windows() -> None:
    starts = windows.window_starts(0, Fraction(25), RATE, 2560)
    assert windows.cut_windows(sound(5000), starts, 2560).shape == (0, 2560)


def test_sound_is_padded_or_cut_at_its_end_and_never_shifted() -> None:
    clip = sound(1000)
    longer, shorter = windows.fit_length(clip, 1300), windows.fit_length(clip, 700)
    assert np.array_equal(longer[:1000], clip)
    assert len(longer) == 1300
    assert not longer[1000:].any()
    assert np.array_equal(shorter, clip[:700])


@pytest.mark.parametrize(
    ("frames", "fps", "samples"),
    [(75, Fraction(25), 48_000), (74, Fraction(25), 47_360), (1, NTSC, 534), (30_000, NTSC, 16_016_000)],
)
def test_length_of_the_sound_of_a_video(frames: int, fps: Fraction, samples: int) -> None:
    assert windows.samples_for(frames, fps, RATE) == samples


def test_loudness_is_in_decibels_of_full_scale() -> None:
    wave = np.sin(np.arange(16_000) * 2 * np.pi * 440 / RATE, dtype=np.float64).astype(np.float32)
    found = windows.loudness(np.stack([wave, wave / 10, np.ones_like(wave), np.zeros_like(wave)]))
    assert found == pytest.approx([-3.01, -23.01, 0, -100], abs=0.01)
