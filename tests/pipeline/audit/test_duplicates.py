"""Duplicates: found though cut, made louder or encoded again; two sentences of a speaker are never one."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from support import faults

from s2f.pipeline.audit.measures import duplicates
from s2f.pipeline.audit.measures.sound import landmarks, signature
from s2f.pipeline.core import media
from s2f.pipeline.core.windows import Sound

RATE = 16_000
BOUND = 0.6


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


def found(sounds: list[Sound]) -> list[duplicates.DuplicatePair]:
    numbered = dict(enumerate(sounds))
    return duplicates.pairs(
        ["" for _ in sounds],
        {number: signature(sound) for number, sound in numbered.items()},
        {number: landmarks(sound, RATE) for number, sound in numbered.items()},
        {number: np.zeros(128, np.float32) for number in numbered},
        0.45,
        numbered.get,
    )


def test_sentences_of_one_speaker_are_not_one_recording(sounds: list[Sound]) -> None:
    assert all(pair.likeness < BOUND for pair in found(sounds))
    most = max(duplicates.agreement(sounds[0], other) for other in sounds[1:])
    assert most < BOUND - 0.1


@pytest.mark.parametrize(
    "copy",
    ["louder", "begins later", "ends earlier", "begins earlier", "encoded again", "encoded again and cut"],
)
def test_a_copy_is_found(sounds: list[Sound], copies: dict[str, Sound], copy: str) -> None:
    alike = [pair for pair in found([*sounds, copies[copy]]) if pair.likeness >= BOUND]
    assert [(pair.first, pair.second) for pair in alike] == [(0, len(sounds))]
    assert alike[0].likeness > 0.8


def test_equal_bytes_are_one_recording_and_other_faces_are_not() -> None:
    rng = np.random.default_rng(0)
    sound = rng.standard_normal(RATE).astype(np.float32)
    numbered = {0: sound, 1: sound, 2: sound}
    signatures = {number: signature(each) for number, each in numbered.items()}
    faces = {0: np.zeros(2, np.float32), 1: np.zeros(2, np.float32), 2: np.ones(2, np.float32)}
    pairs = duplicates.pairs(["a:x", "b", "a:y"], signatures, {}, faces, 0.45, numbered.get)
    assert {(pair.first, pair.second): pair.likeness for pair in pairs} == {
        (0, 2): 1.0, (0, 1): pytest.approx(1.0),
    }  # fmt: skip


def test_a_sound_that_cannot_be_read_is_no_copy() -> None:
    sound = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    vectors = dict.fromkeys((0, 1), signature(sound))
    faces = dict.fromkeys((0, 1), np.zeros(2, np.float32))
    assert duplicates.pairs(["", ""], vectors, {}, faces, 0.45, lambda number: None) == []


def test_silence_agrees_with_nothing() -> None:
    silence = np.zeros(RATE, np.float32)
    assert duplicates.agreement(silence, silence) == 0.0
    assert len(landmarks(silence[:100], RATE)) == 0
