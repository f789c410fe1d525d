"""Measures of motion, speech, features and closeness: known answers, and genuine clips."""

import importlib.util
import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from support.prepared import Prepared

from s2f.model.evaluation.learned.metrics import learned_metrics, lip_score
from s2f.model.evaluation.learned.sync.protocol import offset_score
from s2f.model.evaluation.results import summarise
from s2f.model.metrics import Frames, speech
from s2f.model.metrics.closeness import RATIO, Scale, closeness
from s2f.model.metrics.footage import ClipVideos
from s2f.model.metrics.frechet import frechet_distance
from s2f.model.metrics.identity import csim
from s2f.model.metrics.measures import SET_MEASURES, Measure, SetMeasure
from s2f.model.metrics.motion import (
    LIPS_MOVE,
    brow_range,
    flicker,
    head_range,
    lip_range,
    lip_speeds,
    loudness_correlation,
    pause_motion,
    silence_leak,
    spread,
)
from s2f.model.metrics.mouth import face_distance
from s2f.model.metrics.scoring import Scored, score_clip
from s2f.pipeline.core import media, mjpeg, wav
from s2f.pipeline.core.media import read_audio
from s2f.pipeline.core.shards import Media
from s2f.pipeline.core.windows import Sound
from s2f.pipeline.faces.alignment import TARGETS
from s2f.pipeline.faces.base import LIPS, STABLE, Points
from s2f.pipeline.faces.settings import DEFAULT_FACES

FPS, RATE = Fraction(25), 16_000
FRAMES = 50


def still_face(frames: int = FRAMES) -> Points:
    """The points of a face that does not move, its eyes and nose where the alignment puts them."""
    face = np.random.default_rng(0).uniform(20, 80, (68, 2)).astype(np.float32)
    face[list(STABLE)] = TARGETS
    return np.repeat(face[None], frames, axis=0)


def wagging(points: Points, which: object, px: float) -> Points:
    """Points of which some lie `px` to the right in every second frame."""
    moved = points.copy()
    moved[1::2, which, 0] += px  # type: ignore[index]
    return moved


def tone(seconds: float, level: float = 0.3) -> Sound:
    return np.asarray(level * np.sin(np.arange(round(seconds * RATE)) * 0.3), np.float32)


def test_a_flickering_video() -> None:
    video = np.zeros((6, 8, 8, 3), np.uint8)
    assert flicker(video) == 0
    video[1::2] = 10
    assert flicker(video) == 10
    video[1::2, :4] = 0
    assert flicker(video) == 5
    assert math.isnan(flicker(video[:1]))


def test_points_that_go_to_and_fro_have_half_that_range() -> None:
    face = still_face()
    assert (lip_range(face), brow_range(face), head_range(face)) == pytest.approx((0, 0, 0), abs=1e-4)
    talking = wagging(face, LIPS, 4)
    assert lip_range(talking) == pytest.approx(2, abs=1e-3)
    assert (brow_range(talking), head_range(talking)) == pytest.approx((0, 0), abs=1e-4)
    assert brow_range(wagging(face, slice(17, 27), 3)) == pytest.approx(1.5, abs=1e-3)


def test_the_head_moves_and_the_lips_go_with_it() -> None:
    nodding = wagging(still_face(), slice(None), 3)
    assert head_range(nodding) == pytest.approx(1.5, abs=1e-3)
    assert lip_range(nodding) == pytest.approx(0, abs=1e-3)


def test_the_range_of_what_is_not_seen() -> None:
    face = wagging(still_face(), LIPS, 4)
    face[10:20] = np.nan
    assert lip_range(face) == pytest.approx(2, abs=1e-3)
    assert math.isnan(spread(np.full((5, 3, 2), np.nan, np.float32)))
    assert math.isnan(spread(face[:1]))


def test_all_points_count_in_the_distance_of_two_faces() -> None:
    face = still_face()
    assert face_distance(face + np.float32([3, 4]), face) == pytest.approx(5, abs=1e-4)
    assert face_distance(wagging(face, slice(0, 34), 6), face) == pytest.approx(1.5, abs=1e-4)


def test_lips_that_move_in_pauses() -> None:
    pauses = np.zeros(FRAMES, bool)
    pauses[10:30] = True
    face = still_face()
    assert (silence_leak(face, pauses), pause_motion(face, pauses)) == (0, pytest.approx(0, abs=1e-4))
    # The lips move in half of the pause.
    leaking = face.copy()
    leaking[10:20] = wagging(face, LIPS, 2)[10:20]
    assert lip_speeds(leaking)[11] == pytest.approx(2, abs=1e-3)
    assert silence_leak(leaking, pauses) == 50
    assert pause_motion(leaking, pauses) == pytest.approx(1, abs=1e-3)
    # Where something is said they may.
    assert silence_leak(np.where(pauses[:, None, None], face, wagging(face, LIPS, 2)), pauses) < 10
    trembling = wagging(face, LIPS, LIPS_MOVE - 0.05)
    assert silence_leak(trembling, pauses) == 0
    assert pause_motion(trembling, pauses) == pytest.approx(LIPS_MOVE - 0.05, abs=1e-3)


def test_no_pause_or_no_face_tells_nothing() -> None:
    face, none = still_face(), np.zeros(FRAMES, bool)
    few = none.copy()
    few[:4] = True
    nobody = np.full_like(face, np.nan)
    for points, pauses in ((face, none), (face, few), (nobody, ~none)):
        assert math.isnan(silence_leak(points, pauses))
        assert math.isnan(pause_motion(points, pauses))


def test_a_mouth_that_opens_with_the_loudness() -> None:
    level = 10 ** (np.linspace(-40, -10, FRAMES * RATE // 25) / 20)
    sound = np.asarray(tone(FRAMES / 25, 1) * level, np.float32)
    opening = still_face()
    opening[:, (61, 62, 63)] = 0
    opening[:, (67, 66, 65)] = 0
    opening[:, (67, 66, 65), 1] = np.linspace(2, 12, FRAMES)[:, None]
    assert loudness_correlation(opening, sound, RATE, FPS) > 0.99
    assert loudness_correlation(opening[::-1], sound, RATE, FPS) < -0.99
    assert math.isnan(loudness_correlation(still_face(), sound, RATE, FPS))
    # What is softer than -60 dB is as loud as -60 dB.
    assert math.isnan(loudness_correlation(opening, np.zeros_like(sound), RATE, FPS))


def test_the_cosine_of_two_faces() -> None:
    still = np.zeros(128, np.float32)
    still[0] = 2
    frames = np.zeros((3, 128), np.float32)
    frames[0, 0], frames[1, 1], frames[2] = 5, 1, np.nan
    assert csim(frames, still) == 0.5
    assert csim(-frames[:1], still) == -1
    assert math.isnan(csim(frames[2:], still))


def test_the_distance_of_two_sets_of_features() -> None:
    random = np.random.default_rng(0)
    some = random.normal(0, 1, (4000, 3)).astype(np.float32)
    assert frechet_distance(some, some) == pytest.approx(0, abs=1e-6)
    # |3|² + |4|² of the means; the spreads are equal.
    assert frechet_distance(some + np.float32([3, 4, 0]), some) == pytest.approx(25, abs=1e-3)
    # (2 - 1)² for each of three figures.
    centred = some - some.mean(axis=0)
    expected = np.trace(np.cov(centred, rowvar=False))
    assert frechet_distance(2 * centred, centred) == pytest.approx(expected, rel=1e-4)
    few = [frechet_distance(some[:count], some[-count:]) for count in (10, 100, 1000)]
    assert few[0] > few[1] > few[2]


def test_features_of_all_clips_have_one_distance_from_enough_clips_on() -> None:
    random = np.random.default_rng(0)
    measure = replace(SET_MEASURES[0], least=40)

    def scored(number: int) -> Scored:
        real = random.normal(0, 1, (5, 3)).astype(np.float32)
        features = {"run": real + np.float32([0, 2, 0]), "real": real}
        return Scored(str(number), 1, {"run": {}, "real": {}}, features={measure.name: features})

    clips = [scored(number) for number in range(40)]
    found = summarise("run", clips, [measure], 0, None).scores[measure.name]
    assert (found.mean, found.clips) == (pytest.approx(4, abs=1e-3), 40)
    assert math.isnan(found.low)
    assert summarise("real", clips, [measure], 0, None).scores == {}
    assert summarise("run", clips[1:], [measure], 0, None).scores == {}
    # A clip without a face does not count.
    clips[0].features[measure.name]["run"][2] = np.nan
    assert summarise("run", clips, [measure], 0, None).scores == {}


def test_the_distance_at_the_offset_is_the_least() -> None:
    distances = np.full(31, 1.5)
    distances[18] = 0.5
    score = offset_score(distances, FPS)
    assert (score.offset, score.least, score.confidence) == (3, 0.5, 1)


def test_the_cosine_of_what_a_reader_makes_of_lips() -> None:
    codes = np.random.default_rng(0).normal(0, 1, (9, 4)).astype(np.float32)
    assert lip_score(codes, codes) == pytest.approx(1)
    assert lip_score(codes, -2 * codes) == pytest.approx(-1)
    ones, twos = np.eye(4, dtype=np.float32)[:2, None]
    assert lip_score(np.concatenate([ones, ones]), np.concatenate([ones, twos])) == 0.5


def test_the_packaged_reader_tells_the_lips_of_a_clip_from_others(prepared_small: Prepared) -> None:
    clip = clip_of(prepared_small)
    still = np.repeat(clip.real[:1], len(clip.real), axis=0)
    made = {"same": clip.real, "late": np.roll(clip.real, 15, axis=0), "dead": still}
    metrics = learned_metrics(Path("pretrained"), None, Media(FPS, RATE))
    table = [each for each in metrics if isinstance(each, Measure) and each.name == "lipscore"]
    together = [each for each in metrics if isinstance(each, SetMeasure)]
    found = score_clip(replace(clip, made=made), DEFAULT_FACES, together, table)
    scores = {name: each["lipscore"] for name, each in found.scores.items() if each}
    assert scores["same"] == pytest.approx(1)
    assert scores["still"] == pytest.approx(scores["dead"])
    assert 0.8 > scores["late"] > scores["dead"] - 0.1
    assert found.features["lipfd"]["real"].shape == (15, 256)


@pytest.mark.parametrize(
    ("scale", "mean", "real", "expected"),
    [
        (RATIO, 2, 4, 0.5),
        (RATIO, 4, 2, 0.5),
        (RATIO, 0, 0, 1),
        (RATIO, 0, 3, 0),
        (RATIO, -1, 3, 0),
        (Scale(span=10), 3, 8, 0.5),
        (Scale(span=10), -30, 8, 0),
        (Scale(span=1, ideal=1), 0.7, math.nan, 0.7),
    ],
)
def test_closeness_of_one_measure(scale: Scale, mean: float, real: float, expected: float) -> None:
    clips = np.full(8, float(mean))
    found = closeness({"some": scale}, {"some": clips}, {"some": np.full(8, float(real))}, 0)
    interval = found.measures["some"]
    assert (interval.mean, interval.low, interval.high) == pytest.approx((expected,) * 3)
    assert (interval.clips, found.score.mean) == (8, pytest.approx(expected))


def test_the_score_is_the_mean_of_the_measures_and_clips_without_a_value_do_not_count() -> None:
    nan = math.nan
    made = {"a": np.array([1.0, nan, 3, 8]), "b": np.array([4.0] * 4), "c": np.full(4, nan)}
    real = {"a": np.array([2.0, 9, 6, nan]), "b": np.array([4.0] * 4), "c": np.ones(4)}
    found = closeness(dict.fromkeys("abc", RATIO), made, real, 0)
    assert found.measures.keys() == {"a", "b"}
    assert (found.measures["a"].mean, found.measures["a"].clips) == (pytest.approx(0.5), 2)
    assert found.score.mean == pytest.approx(0.75)
    assert found.score.low <= found.score.mean <= found.score.high
    assert closeness(dict.fromkeys("abc", RATIO), made, real, 0) == found
    assert math.isnan(closeness({}, {}, {}, 0).score.mean)


def test_the_mean_over_clips_is_compared_not_each_clip() -> None:
    blinks = np.array([0.0, 1, 0, 1])
    assert closeness({"a": RATIO}, {"a": blinks}, {"a": 1 - blinks}, 0).measures["a"].mean == 1


def test_silence_and_noise_are_pauses() -> None:
    assert speech.speech_probability(np.zeros(RATE, np.float32), RATE).max() < 0.1
    assert speech.pauses(np.zeros(2 * RATE, np.float32), RATE, 50, FPS).all()
    # The sound ends before the video does.
    assert speech.pauses(np.zeros(RATE, np.float32), RATE, 50, FPS).sum() == 25
    assert not speech.pauses(np.zeros(0, np.float32), RATE, 50, FPS).any()
    noise = np.random.default_rng(0).normal(0, 0.05, RATE).astype(np.float32)
    assert (speech.speech_probability(noise, RATE) < speech.SPEECH).mean() > 0.9


@pytest.fixture(scope="module")
def spoken(data: Path) -> Sound:
    """The sound of a genuine clip."""
    return np.concatenate(list(read_audio(data / "grid/s1/bbaf2n.mpg", RATE)))


def test_speech_is_found_where_the_transcript_has_words(data: Path, spoken: Sound) -> None:
    found = ~speech.pauses(spoken, RATE, 75, FPS)
    lines = (data / "grid/alignments/s1/bbaf2n.align").read_text().splitlines()
    words = [line.split() for line in lines if "sil" not in line]
    first, last = int(words[0][0]) / 1000, int(words[-1][1]) / 1000
    frames = np.flatnonzero(found)
    reach = speech.AROUND * 25
    assert frames[0] == pytest.approx(first - reach, abs=4)
    assert frames[-1] == pytest.approx(last + reach, abs=4)
    assert found[frames[0] : frames[-1] + 1].all()
    # At another sample rate, and later.
    slow = np.repeat(spoken, 3)
    assert (~speech.pauses(slow, 3 * RATE, 75, FPS) != found).sum() <= 2
    late = np.pad(spoken, (10 * RATE // 25, 0))
    assert (~speech.pauses(late, RATE, 85, FPS)[10:] != found).sum() <= 2


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_the_network_computes_what_the_package_does(spoken: Sound, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the weights of the program that the package runs."""
    package = importlib.util.find_spec("silero_vad")
    assert package and package.origin
    program = torch.jit.load(str(Path(package.origin).parent / "data/silero_vad.jit"))
    theirs = [each.numpy() for each in program._model.state_dict().values()]
    weights = dict(zip(speech._weights(), theirs, strict=True))
    monkeypatch.setattr(speech, "_weights", lambda: weights)
    count = -(-len(spoken) // speech.CHUNK)
    padded = torch.from_numpy(np.pad(spoken, (0, count * speech.CHUNK - len(spoken))))
    with torch.inference_mode():
        expected = [float(program(chunk[None], RATE)) for chunk in padded.split(speech.CHUNK)]
    assert speech.speech_probability(spoken, RATE) == pytest.approx(np.array(expected), abs=1e-4)


def test_vmaf_is_about_100_for_the_same_video_and_falls_with_blur(prepared_small: Prepared) -> None:
    real = clip_of(prepared_small).real
    scores = [media.vmaf(blurred(real, sigma), real, (96, 128), FPS) for sigma in (0, 0.6, 1.2, 3)]
    known = [score for score in scores if score is not None]
    assert len(known) == 4, "the ffmpeg of imageio-ffmpeg has libvmaf"
    assert known[0] > 90
    assert known[0] > known[1] > known[2] > known[3]
    assert media.vmaf(real[:1], real[:1], (96, 128), FPS) == pytest.approx(known[0], abs=10)


def test_the_scores_of_a_clip_with_sound(prepared_small: Prepared) -> None:
    clip = clip_of(prepared_small)
    real = clip.real
    made = {"same": real, "frozen": np.repeat(real[:1], len(real), axis=0)}
    found = score_clip(replace(clip, made=made), DEFAULT_FACES, SET_MEASURES)
    same, frozen, measured = (found.scores[name] for name in ("same", "frozen", "real"))
    assert (same["face_px"], same["csim"]) == (0, pytest.approx(measured["csim"]))
    assert (frozen["csim"], frozen["flicker"], frozen["lip_range"]) == (pytest.approx(1), 0, 0)
    assert (frozen["silence_leak"], frozen["pause_px"]) == (0, 0)
    assert measured["loudness_r"] > 0.3
    assert 0 <= measured["silence_leak"] < 25
    assert 0 < measured["pause_px"] < LIPS_MOVE
    assert 0 < measured["head_range"] < measured["lip_range"]
    assert ("frozen", "loudness_r") in {(each.video, each.measure) for each in found.missing}
    assert found.features["facefd"].keys() == {"same", "frozen", "real"}
    assert found.features["facefd"]["same"].shape == (5, 128)
    mute = score_clip(replace(clip, made={}, sound=None), DEFAULT_FACES)
    assert {each.measure for each in mute.missing} == {"loudness_r", "silence_leak"}


def clip_of(prepared: Prepared) -> ClipVideos:
    """A genuine clip with its sound."""
    frames = mjpeg.decode(prepared.artifact("align", "s1_bbaf2n").read_bytes())
    sound = wav.decode(prepared.artifact("resample", "s1_bbaf2n").read_bytes())
    return ClipVideos("s1_bbaf2n", frames, {}, FPS, sound=sound, sample_rate=RATE)


def blurred(video: Frames, sigma: float) -> Frames:
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in video]) if sigma else video
