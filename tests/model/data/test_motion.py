"""What the points of a clip tell: how its lips move, and how far its eyes are closed."""

import io

import numpy as np
import pytest
from support.model_shards import make_members

from s2f.model.data.loader import Cut, cut_clip
from s2f.model.data.motion import LIP_NUMBERS, MIRRORED, read_motion
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.schema import POINTS
from s2f.pipeline.core.shards import Sample
from s2f.pipeline.faces.base import Points


def sample(points: Points | None = None) -> Sample:
    members: Sample = {"__key__": "a", **make_members("a", "train", 12, 0)}
    if points is not None:
        stored = io.BytesIO()
        np.save(stored, points)
        members[POINTS] = stored.getvalue()
    return members


def points_of(members: Sample) -> Points:
    points: Points = np.load(io.BytesIO(members[POINTS])).astype(np.float32)
    return points


def test_lips_are_told_as_they_move_about_their_mean_place() -> None:
    members = sample()
    motion = read_motion(members)
    assert motion.shape == (12, LIP_NUMBERS + 1)
    assert motion[:, :LIP_NUMBERS].mean(axis=0) == pytest.approx(np.zeros(LIP_NUMBERS), abs=1e-4)
    lips = points_of(members)[:, 48:]
    # The middle of the lower lip, in units of two px.
    assert motion[:, 2 * 9 + 1] == pytest.approx((lips[:, 9, 1] - lips[:, 9, 1].mean()) / 2, abs=1e-4)


def test_a_mirrored_clip_moves_as_its_mirror_image() -> None:
    members = sample()
    points = points_of(members)
    points[3, 48, 0] += 4
    turned = points.copy()
    turned[:, 48:] = points[:, 48:][:, MIRRORED] * (-1, 1) + (95, 0)
    ours = read_motion(sample(points), mirror=True)
    assert ours[:, :LIP_NUMBERS] == pytest.approx(read_motion(sample(turned))[:, :LIP_NUMBERS], abs=0.02)


def test_closed_eyes_are_told() -> None:
    points = points_of(sample())
    # Half as high: closed.
    points[5, 36:48, 1] = 44 + (points[5, 36:48, 1] - 44) / 2
    closed = read_motion(sample(points))[:, -1]
    assert closed[5] == pytest.approx(1, abs=0.02)
    assert np.delete(closed, 5) == pytest.approx(np.zeros(11), abs=0.02)


def test_a_cut_clip_holds_the_motion_of_its_frames() -> None:
    members = sample()
    assert cut_clip(members, 0.16, Cut(3, 4)).motion.shape == (4, 0)
    cut = cut_clip(members, 0.16, Cut(3, 4), motion=True).motion
    assert np.array_equal(cut.numpy(), read_motion(members)[3:7])


def test_a_sample_without_usable_points_says_so() -> None:
    members = sample()
    members[POINTS] = members[POINTS][:40]
    with pytest.raises(InputError, match="points of the clip a cannot be read"):
        read_motion(members)
    del members[POINTS]
    with pytest.raises(InputError, match="holds no points") as caught:
        read_motion(members)
    assert "s2f prep" in caught.value.hint
