"""Duplicates: found though cut, made louder or encoded again; two sentences of a speaker are never one."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from support import faults

from s2f.pipeline.audit.measures import duplicates
from s2f.pipeline.audit.measures.duplicates import agreement, whitened
from s2f.pipeline.audit.measures.sound import landmarks
from s2f.pipeline.core import media
from s2f.pipeline.core.windows import Sound

RATE = 16_000
BOUND = 0.2


def heard(video: Path) -> Sound:
    return np.concatenate(list(media.read_audio(video, RATE)))


@pytest.fixture(scope="module")
def sounds(data: Path) -> list[Sound]:
    """The sounds of twelve sentences of one speaker."""
    return [heard(video) for video in sorted((data / "grid/s1").glob("*.mpg"))[:12]]


@pytest.fixture(scope="module")
def copies(data: Path, sounds: list[Sound], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sound]:
    """Copies of the first one."""
    sound = sounds[0]
    encoded = tmp_path_factory.mktemp("encoded") / "copy.mpg"
    shutil.copy2(sorted((data / "grid/s1").glob("*.mpg"))[0], encoded)
    faults.rewrite(encoded, sound=lambda sound: 0.7 * sound)
    again = heard(encoded)
    return {
        "louder": np.clip(2 * sound, -1, 1),
        "begins later": sound[7_001:],
        "ends earlier": sound[:-9_000],
        "begins earlier": np.concatenate([np.zeros(5_003, np.float32), sound]),
        "encoded again": again,
        "encoded again and cut": again[6_321:-3_000],
    }


# What ffmpeg makes of the sound of a clip, and the ending of its file.
MADE = {
    "mp3 of 32 kbit/s": ("-b:a 32k", ".mp3"),
    "opus of 16 kbit/s": ("-b:a 16k -ar 48000", ".opus"),
    "8 kHz": ("-ar 8000", ".wav"),
    "48 kHz": ("-ar 48000", ".wav"),
    "20 dB softer": ("-af volume=-20dB", ".flac"),
    "20 dB louder": ("-af volume=20dB", ".wav"),
    "0.1 s less at the begin": ("-ss 0.1 -b:a 64k", ".mp3"),
    "0.5 s less at both ends": ("-ss 0.5 -t 1.9 -ar 22050 -b:a 32k", ".mp3"),
    "without low sound": ("-af highpass=f=200", ".wav"),
}


def found(sounds: list[Sound]) -> list[duplicates.DuplicatePair]:
    numbered = dict(enumerate(sounds))
    return duplicates.pairs(
        ["" for _ in sounds],
        {number: landmarks(sound, RATE) for number, sound in numbered.items()},
        {number: np.zeros(128, np.float32) for number in numbered},
        0.45,
        lambda number: (numbered[number], RATE),
    )


def test_sentences_of_one_speaker_are_not_one_recording(sounds: list[Sound]) -> None:
    assert all(pair.likeness < BOUND for pair in found(sounds))
    even = [whitened(sound, RATE) for sound in sounds]
    assert max(agreement(even[0], other) for other in even[1:]) < BOUND / 2


def test_words_in_common_are_not_one_recording(sounds: list[Sound]) -> None:
    """A synthetic voice says a word the same way in each sentence."""
    half = len(sounds[0]) // 2
    spliced = np.concatenate([sounds[0][:half], sounds[1][half:]])
    assert [pair for pair in found([sounds[0], spliced]) if pair.likeness >= BOUND] == []


@pytest.mark.parametrize(
    "copy",
    ["louder", "begins later", "ends earlier", "begins earlier", "encoded again", "encoded again and cut"],
)
def test_a_copy_is_found(sounds: list[Sound], copies: dict[str, Sound], copy: str) -> None:
    alike = [pair for pair in found([*sounds, copies[copy]]) if pair.likeness >= BOUND]
    assert [(pair.first, pair.second) for pair in alike] == [(0, len(sounds))]
    assert alike[0].likeness > 0.7


@pytest.mark.parametrize("how", MADE)
def test_whatever_ffmpeg_makes_of_a_clip_is_a_copy(
    data: Path, sounds: list[Sound], tmp_path: Path, how: str
) -> None:
    clip = sorted((data / "grid/s1").glob("*.mpg"))[3]
    options, ending = MADE[how]
    made = tmp_path / f"made{ending}"
    command = [media.ffmpeg_program(), "-v", "error", "-i", clip, "-vn", "-ac", "1", *options.split(), made]
    subprocess.run(command, check=True)
    alike = [pair for pair in found([*sounds, heard(made)]) if pair.likeness >= BOUND]
    assert [(pair.first, pair.second) for pair in alike] == [(3, len(sounds))]


@pytest.mark.slow
def test_none_of_811_genuine_clips_is_a_copy_of_another(data: Path) -> None:
    """All of them are compared, as if they had one face."""
    videos = [*(data / "grid").glob("s*/*.mpg"), *(data / "grid_s1/s1").glob("*.mkv")]
    assert len(videos) == 811
    assert max(pair.likeness for pair in found([heard(video) for video in videos])) < 0.15


def test_equal_bytes_are_one_recording_and_other_faces_are_not(sounds: list[Sound]) -> None:
    marks = dict.fromkeys(range(3), landmarks(sounds[0], RATE))
    faces = {0: np.zeros(2, np.float32), 1: np.zeros(2, np.float32), 2: np.ones(2, np.float32)}
    pairs = duplicates.pairs(["a:x", "b", "a:y"], marks, faces, 0.45, lambda number: (sounds[0], RATE))
    assert {(pair.first, pair.second): pair.likeness for pair in pairs} == {
        (0, 2): 1.0, (0, 1): pytest.approx(1.0),
    }  # fmt: skip


def test_a_sound_that_cannot_be_read_is_no_copy(sounds: list[Sound]) -> None:
    marks = dict.fromkeys((0, 1), landmarks(sounds[0], RATE))
    faces = dict.fromkeys((0, 1), np.zeros(2, np.float32))
    assert duplicates.pairs(["", ""], marks, faces, 0.45, lambda number: None) == []


def test_copies_are_found_among_more_clips_than_are_compared_at_a_time(sounds: list[Sound]) -> None:
    rng = np.random.default_rng(0)
    others = [rng.integers(0, 1 << 20, (200, 2)) % [1 << 20, 180] for _ in range(2 * duplicates.CLIPS)]
    copy, last = landmarks(sounds[0], RATE), len(others) + 1
    marks = dict(enumerate([copy, *(each.astype(np.int32) for each in others), np.add(copy, [0, 7])]))
    faces = dict.fromkeys(marks, np.zeros(2, np.float32))
    heard = duplicates.pairs([""] * (last + 1), marks, faces, 0.45, lambda number: (sounds[0], RATE))
    assert [(pair.first, pair.second) for pair in heard] == [(0, last)]


def test_the_same_hum_does_not_make_two_recordings_one(sounds: list[Sound]) -> None:
    tone = sum(np.sin(2 * np.pi * pitch * np.arange(48_000) / RATE) for pitch in (50, 100, 1000))
    first, second = (sound[:46_000] + 0.3 * tone[:46_000].astype(np.float32) for sound in sounds[:2])
    assert agreement(first, second) > BOUND > 2 * agreement(whitened(first, RATE), whitened(second, RATE))


def test_silence_agrees_with_nothing() -> None:
    silence = np.zeros(RATE, np.float32)
    assert agreement(silence, silence) == agreement(whitened(silence, RATE), silence) == 0.0
    assert len(landmarks(silence[:100], RATE)) == 0
