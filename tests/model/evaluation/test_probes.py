"""Probes: their sounds, and what they find of videos that go with the sound, and of those that do not."""

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from support.prepared import Prepared

from s2f.model.data.recordings import Recording
from s2f.model.evaluation.probes.measuring import Probed, lag, probe_clip, rows, summarise
from s2f.model.evaluation.probes.sounds import (
    NOISE,
    NOISY,
    PROBES,
    SHIFTS,
    SILENCE,
    SPEECH,
    SWAP,
    ProbedClip,
    chosen,
    others,
    shifted,
    sounds,
)
from s2f.model.metrics import Frames
from s2f.pipeline.core import mjpeg, wav
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.shards import Media
from s2f.pipeline.faces.settings import DEFAULT_FACES

MEDIA = Media(Fraction(25), 16_000)
CLIPS = ("s1_bbaf2n", "s2_pwij3p", "s3_sbia1a")


@pytest.fixture(scope="module")
def clips(prepared_small: Prepared) -> list[Recording]:
    """Genuine clips of three speakers."""
    return [
        Recording(
            name,
            mjpeg.decode(prepared_small.artifact("align", name).read_bytes()),
            wav.decode(prepared_small.artifact("resample", name).read_bytes()),
            MEDIA,
            name.partition("_")[0],
        )
        for name in CLIPS
    ]


def drawn(name: str, speaker: str, samples: int = 16_000) -> Recording:
    sound = np.random.default_rng(len(name)).normal(0, 0.1, samples).astype(np.float32)
    return Recording(name, np.zeros((25, 128, 96, 3), np.uint8), sound, MEDIA, speaker)


def test_the_sounds_of_the_probes() -> None:
    clip, other = drawn("a", "x"), drawn("bb", "y", 12_000)
    made = sounds(ProbedClip(clip, other), PROBES, 0)
    assert list(made) == [SPEECH, SILENCE, SWAP, *map(shifted, SHIFTS), NOISE, NOISY]
    assert all(len(sound) == len(clip.sound) for sound in made.values())
    assert not made[SILENCE].any()
    assert (made[SWAP][:12_000] == other.sound).all()
    assert not made[SWAP][12_000:].any()
    six = 6 * 640
    assert (made["shift +6"][six:] == clip.sound[:-six]).all()
    assert (made["shift -6"][:-six] == clip.sound[six:]).all()
    assert not made["shift +6"][:six].any()
    level, noise = (float(np.sqrt(np.mean(made[name] ** 2))) for name in (SPEECH, NOISE))
    assert noise == pytest.approx(level, rel=0.05)
    added = float(np.sqrt(np.mean((made[NOISY] - clip.sound) ** 2)))
    assert 20 * math.log10(level / added) == pytest.approx(10, abs=0.5)
    assert list(sounds(ProbedClip(clip, None), ("swap",), 0)) == [SPEECH]


def test_the_seed_decides_noise_and_whose_speech_is_swapped_in() -> None:
    some = [drawn("a" * number, speaker) for number, speaker in enumerate("xxyyz", start=1)]
    assert others(some, 3) == others(some, 3)
    for clip, other in zip(some, others(some, 3), strict=True):
        assert other is not None
        assert other.speaker != clip.speaker
    pairs = {tuple(other.clip_id for other in others(some, seed) if other) for seed in range(5)}
    assert len(pairs) > 1
    (same,) = {other.clip_id for other in others(some[:2], 0)[:1] if other}
    assert same == "aa"
    assert others(some[:1], 0) == [None]
    noises = [sounds(ProbedClip(some[0], None), ("noise",), seed)[NOISE] for seed in (0, 0, 1)]
    assert (noises[0] == noises[1]).all()
    assert (noises[0] != noises[2]).any()


def test_probes_are_chosen_by_name_in_their_order() -> None:
    assert chosen("") == ()
    assert chosen("noise, silence") == ("silence", "noise")
    with pytest.raises(InputError, match="no probe 'silense'") as caught:
        chosen("silense")
    assert "silence" in caught.value.hint


@pytest.mark.parametrize("frames", [-6, 0, 1, 15])
def test_the_lag_of_a_course(frames: int) -> None:
    course = np.random.default_rng(0).normal(0, 1, 75).astype(np.float32)
    assert lag(np.roll(course, frames), course) == frames
    assert math.isnan(lag(np.zeros(75, np.float32), course))


def moved(frames: Frames, late: int) -> Frames:
    """A video that is so many frames late, or early; its first or last frame fills the gap."""
    places = np.clip(np.arange(len(frames)) - late, 0, len(frames) - 1)
    return np.asarray(frames[places])


def ideal(probed: ProbedClip) -> dict[str, Frames]:
    """What a perfect model makes, but for the face of the other speaker."""
    assert probed.other
    real = probed.clip.frames
    still = np.repeat(real[:1], len(real), axis=0)
    late = {shifted(frames): moved(real, frames) for frames in SHIFTS}
    return {SPEECH: real, SILENCE: still, SWAP: probed.other.frames, NOISE: still, NOISY: real, **late}


def deaf(probed: ProbedClip) -> dict[str, Frames]:
    """What a model makes that does not hear: always the same."""
    return dict.fromkeys(ideal(probed), probed.clip.frames)


def frozen(probed: ProbedClip) -> dict[str, Frames]:
    return dict.fromkeys(ideal(probed), ideal(probed)[SILENCE])


def test_what_the_probes_find_of_known_models(clips: list[Recording]) -> None:
    models: dict[str, Callable[[ProbedClip], dict[str, Frames]]] = {
        "ideal": ideal,
        "deaf": deaf,
        "frozen": frozen,
    }
    found: list[Probed] = []
    for clip, other in zip(clips, others(clips, 0), strict=True):
        probed = ProbedClip(clip, other)
        made = {name: model(probed) for name, model in models.items()}
        found.append(probe_clip(replace(probed, made=made), PROBES, DEFAULT_FACES, None))
    results = {row.name: row for row in summarise(found, PROBES, None, 0)}
    assert list(results) == [row.name for row in rows(PROBES, None)]
    assert {name: row.sound["ideal"] for name, row in results.items()} == {
        **dict.fromkeys(results, True),
        # It has the other speaker's face.
        "swap_acd": False,
    }
    assert {name: row.sound["deaf"] for name, row in results.items()} == {
        **dict.fromkeys(results, False),
        "swap_acd": True,
        "noisy_r": True,
    }
    assert results["shift_followed"].means["ideal"].mean == 100
    assert results["shift_followed"].means["deaf"].mean == 0
    assert results["silence_moving"].means["frozen"].mean == 0
    # Lips that never move follow nothing, and are not known to go wrong.
    for name in ("swap_mouth_r", "shift_followed", "noisy_r"):
        assert results[name].sound["frozen"] is None


def test_the_packaged_scorer_finds_shifted_lips(clips: list[Recording]) -> None:
    probed = ProbedClip(clips[0], clips[1])
    made = replace(probed, made={"ideal": ideal(probed), "deaf": deaf(probed)})
    values = probe_clip(made, ("shift",), DEFAULT_FACES, Path("pretrained")).values
    assert values["ideal"]["shift_sync"] > values["deaf"]["shift_sync"] == 0
