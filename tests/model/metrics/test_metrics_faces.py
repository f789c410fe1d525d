"""Whose face it is and how it blinks: the same face, another person's, eyes that are painted shut."""

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from s2f.model.evaluation.sources.videos import Pair, read_pair
from s2f.model.metrics import Frames, Values
from s2f.model.metrics.blinks import (
    APART,
    LEAST_FALL,
    aspect_ratio,
    blink_seconds,
    blinks_per_second,
    find_blinks,
)
from s2f.model.metrics.identity import LOOKS, acd, sampled
from s2f.model.metrics.mouth import find_points
from s2f.model.metrics.scoring import ClipVideos, score_clip
from s2f.pipeline.faces import identity, open_backend
from s2f.pipeline.faces.base import Points
from s2f.pipeline.faces.identity import Embedding
from s2f.pipeline.faces.settings import DEFAULT_FACES

FPS = Fraction(25)


def embed(frames: Frames) -> Embedding:
    """The embeddings by dlib's points."""
    return identity.embed(frames, open_backend("dlib"))


def aligned(path: Path) -> Frames:
    """The aligned face of a raw video."""
    return read_pair(Pair("one", "", path, {"same": path}, ()), DEFAULT_FACES)[0].real


@pytest.fixture(scope="module")
def faces(slow: None, data: Path) -> dict[str, Frames]:
    """Aligned clips of four speakers, none of whom blinks, and of a fifth, who does once."""
    clips = ("s4/bbilzs", "s26/swiz3n", "s22/lbbc2a", "s1/bbaf2n")
    return {clip.partition("/")[0]: aligned(data / "grid" / f"{clip}.mpg") for clip in clips}


@pytest.fixture(scope="module")
def points(faces: dict[str, Frames]) -> dict[str, Points]:
    return {speaker: find_points(frames, open_backend("dlib")) for speaker, frames in faces.items()}


def test_the_distance_is_the_mean_of_those_of_the_frames() -> None:
    still = np.zeros(128, np.float32)
    frames = np.zeros((2, 128), np.float32)
    frames[0, :2], frames[1, 5] = (3, 4), 1
    assert acd(frames, still) == 3
    assert acd(np.repeat(still[None], 5, axis=0), still) == 0
    assert math.isnan(acd(frames, np.full(128, np.nan, np.float32)))


def test_frames_are_taken_from_the_whole_video_but_for_the_first() -> None:
    video = np.arange(76, dtype=np.uint8).reshape(-1, 1, 1, 1)
    assert sampled(video).ravel().tolist() == [15, 30, 45, 60, 75]
    assert len(sampled(video[:2])) == LOOKS


def test_another_person_is_farther_away_than_the_same_one_at_any_time(faces: dict[str, Frames]) -> None:
    stills = {speaker: embed(frames[:1])[0] for speaker, frames in faces.items()}
    some = {speaker: embed(sampled(frames)) for speaker, frames in faces.items()}
    for speaker, still in stills.items():
        own = acd(some[speaker], still)
        assert 0 < own < 0.3
        for other, frames in some.items():
            assert other == speaker or acd(frames, still) > 0.55


def test_the_sample_of_frames_stands_for_all_of_them(faces: dict[str, Frames]) -> None:
    video = faces["s1"]
    still = embed(video[:1])[0]
    assert acd(embed(sampled(video)), still) == pytest.approx(acd(embed(video[1::3]), still), rel=0.15)


def test_scores_of_a_repeated_face_and_of_another_one(faces: dict[str, Frames]) -> None:
    real = faces["s4"][:40]
    made = {"frozen": np.repeat(real[:1], 40, axis=0), "other": faces["s22"][:40]}
    scores = score_clip(ClipVideos("a", real, made), DEFAULT_FACES).scores
    assert scores["frozen"]["acd"] == 0
    assert scores["real"]["acd"] < 0.3
    assert scores["other"]["acd"] > 0.55
    assert [scores[name]["blinks"] for name in ("frozen", "other", "real")] == [0, 0, 0]


def course(*blinks: tuple[int, Sequence[float]], frames: int = 75) -> Values:
    """Aspect ratios of eyes that are open at 0.3 but for some frames."""
    ratio = np.full(frames, 0.3)
    for begin, values in blinks:
        ratio[begin : begin + len(values)] = values
    return ratio


def test_the_aspect_ratio_is_height_over_width_of_both_eyes() -> None:
    found = np.zeros((1, 68, 2), np.float32)
    found[0, 36:42] = [(0, 0), (1, -2), (3, -2), (4, 0), (3, 1), (1, 1)]
    found[0, 42:48] = [(10, 0), (11, -1), (13, -1), (14, 0), (13, 0), (11, 0)]
    assert aspect_ratio(found) == pytest.approx([(3 / 4 + 1 / 4) / 2])


@pytest.mark.parametrize(
    ("closing", "frames"),
    [
        # At once shut, at once open: half closed from half a frame before to half a frame after.
        ([0.1, 0.1, 0.1], 4 - 0.5 - 0.5),
        ([0.1], 1),
        ([0.2, 0.1, 0.2], 2),
        ([0.25, 0.15, 0.1, 0.12, 0.2, 0.28], 3.5),
    ],
)
def test_a_blink_is_as_long_as_the_eyes_are_half_closed(closing: list[float], frames: float) -> None:
    (blink,) = find_blinks(course((30, closing)))
    assert blink.frames == pytest.approx(frames)


def test_falls_count_from_the_threshold_on_and_some_frames_apart() -> None:
    assert find_blinks(course((30, [0.3 - LEAST_FALL + 0.001]))) == []
    assert len(find_blinks(course((30, [0.3 - LEAST_FALL - 0.001])))) == 1
    shut = [0.1, 0.1]
    assert len(find_blinks(course((30, shut), (30 + APART, shut)))) == 2
    assert len(find_blinks(course((30, [0.15]), (30 + APART - 2, [0.1])))) == 1
    assert [blink.frame for blink in find_blinks(course((20, shut), (40, shut)))] == [19, 39]


def test_a_blink_that_does_not_end_counts_but_has_no_length() -> None:
    (blink,) = find_blinks(course((70, [0.1] * 5)))
    assert math.isnan(blink.frames)


def test_short_and_unknown_courses_have_no_blinks() -> None:
    for ratio in (np.array([0.3]), np.array([0.3, 0.1]), np.full(9, np.nan)):
        assert find_blinks(ratio) == []
    nobody = np.full((9, 68, 2), np.nan, np.float32)
    assert math.isnan(blinks_per_second(nobody, FPS))
    assert math.isnan(blink_seconds(nobody, FPS))


def lowered(frame: Frames, points: Points, share: float) -> Frames:
    """A picture whose upper lids are painted lower, by a share of the eye's height: skin, then a dark rim."""
    painted = frame.copy()
    for eye in (points[36:42], points[42:48]):
        for x in range(math.floor(eye[0, 0]), math.ceil(eye[3, 0]) + 1):
            upper, lower = (np.interp(x, eye[lid, 0], eye[lid, 1]) for lid in ([0, 1, 2, 3], [0, 5, 4, 3]))
            top, rim = round(upper) - 1, round(upper + share * (lower - upper))
            skin = frame[top - 3 : top - 1, x].mean(axis=0)
            painted[top:rim, x], painted[rim, x] = skin, 0.4 * skin
    return painted


@pytest.mark.parametrize("speaker", ["s4", "s26"])
def test_eyes_that_are_painted_shut_are_blinks(
    faces: dict[str, Frames], points: dict[str, Points], speaker: str
) -> None:
    real, found = faces[speaker], points[speaker]
    assert blinks_per_second(found, FPS) == 0
    assert math.isnan(blink_seconds(found, FPS))
    painted = real.copy()
    for begin, shares in ((15, (0.5, 1, 1, 1, 0.5)), (45, (1, 1, 1))):
        for frame, share in enumerate(shares, start=begin):
            painted[frame] = lowered(real[frame], found[frame], share)
    seen = find_points(painted, open_backend("dlib"))
    assert [blink.frame for blink in find_blinks(aspect_ratio(seen))] == [14, 44]
    assert blinks_per_second(seen, FPS) == pytest.approx(2 / 3, abs=0.01)
    # 4 to 5 frames, and 3.
    assert blink_seconds(seen, FPS) == pytest.approx(3.9 / 25, abs=0.5 / 25)


def test_a_real_blink_is_found_and_none_where_nobody_blinks(points: dict[str, Points]) -> None:
    ratio = aspect_ratio(points["s1"])
    (blink,) = find_blinks(ratio)
    assert 38 <= blink.frame <= 44
    assert 2 < blink.frames < 20
    for speaker in ("s4", "s26", "s22"):
        assert find_blinks(aspect_ratio(points[speaker])) == []


def test_blur_leaves_the_person(faces: dict[str, Frames]) -> None:
    still = embed(faces["s4"][:1])[0]
    far = [
        acd(
            embed(np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in sampled(faces["s4"])])), still
        )
        for sigma in (0.5, 1.5, 4)
    ]
    assert far[0] < far[1] < far[2]
    assert far[1] < 0.55
