"""Faces: detection, tracks, the photo's crop, the opening of the mouth."""

from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from support.prepared import Prepared

from s2f.pipeline.core import media, mjpeg
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.faces import alignment, mouth, open_backend, tracking
from s2f.pipeline.faces.base import Backend, Picture

FPS = Fraction(25)


@pytest.fixture(scope="module")
def dlib() -> Backend:
    return open_backend("dlib")


def shown(picture: Picture, x: int, y: int) -> Picture:
    """The picture moved by (x, y) on a larger canvas."""
    canvas = np.full((400, 700, 3), 90, np.uint8)
    canvas[y : y + 288, x : x + 360] = picture
    return canvas


def test_a_face_is_found_where_its_points_are(dlib: Backend, talking: list[Picture]) -> None:
    (face,) = dlib.detect(talking[0])
    points = dlib.points(talking[0], face.box)
    assert points.shape == (68, 2)
    left, top, right, bottom = face.box
    assert 80 < right - left < 160
    assert left < points[36, 0] < points[33, 0] < points[45, 0] < right
    assert top < points[36, 1] < points[33, 1] < points[62, 1] < points[8, 1] + 1
    assert points[8, 1] < bottom + 0.2 * (bottom - top)


def test_the_box_of_a_reduced_picture_is_in_the_pixels_of_the_picture(talking: list[Picture]) -> None:
    large = np.asarray(cv2.resize(talking[0], None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC), np.uint8)
    (small_box,) = (face.box for face in open_backend("dlib").detect(talking[0]))
    (large_box,) = (face.box for face in open_backend("dlib", max_side=720).detect(large))
    assert np.abs(large_box / 4 - small_box).max() < 12


def test_nothing_is_found_where_there_is_no_face(data: Path, dlib: Backend) -> None:
    for picture in islice(media.FrameReader(data / "wild/no_face.mp4"), 0, 90, 30):
        assert dlib.detect(picture) == []


def test_tracking_between_key_frames_finds_what_detection_on_every_frame_finds(
    dlib: Backend, talking: list[Picture]
) -> None:
    (sparse,), total = tracking.find_tracks(talking, dlib, 8, 5)
    (thorough,), _ = tracking.find_tracks(talking, dlib, 1, 5)
    assert total == 75
    assert sparse.frames == thorough.frames == list(range(75))
    stable = [np.stack(track.points)[:, alignment.STABLE] for track in (sparse, thorough)]
    assert np.linalg.norm(stable[0] - stable[1], axis=-1).mean() < 1.0


def test_a_moving_face_is_one_track_that_follows_it(dlib: Backend, talking: list[Picture]) -> None:
    moving = [shown(picture, 10 * at, 2 * at) for at, picture in enumerate(talking[:30])]
    (track,), _ = tracking.find_tracks(moving, dlib, 8, 5)
    (still,), _ = tracking.find_tracks([shown(picture, 0, 0) for picture in talking[:30]], dlib, 8, 5)
    steps = np.array([(10 * at, 2 * at) for at in range(30)])
    noses = [np.stack(each.points)[:, 33] for each in (track, still)]
    assert np.linalg.norm(noses[0] - steps - noses[1], axis=1).mean() < 2


def test_two_faces_are_two_tracks(dlib: Backend, talking: list[Picture], other: list[Picture]) -> None:
    both = [np.concatenate(pair, axis=1) for pair in zip(talking[:20], other, strict=False)]
    tracks, _ = tracking.find_tracks(both, dlib, 8, 5)
    assert [track.frames for track in tracks] == [list(range(20))] * 2
    middles = sorted(float(track.boxes[0][[0, 2]].mean()) for track in tracks)
    assert middles[0] < 360 < middles[1]


def test_a_cut_ends_a_track_at_the_very_frame(
    dlib: Backend, talking: list[Picture], other: list[Picture]
) -> None:
    film = [shown(picture, 0, 0) for picture in talking[:13]]
    film += [255 - shown(255 - picture, 300, 100) for picture in other[:13]]
    tracks, _ = tracking.find_tracks(film, dlib, 8, 5)
    assert [track.frames for track in tracks] == [list(range(13)), list(range(13, 26))]


def test_a_face_that_is_covered_for_a_moment_stays_one_track(dlib: Backend, talking: list[Picture]) -> None:
    film = [shown(picture, 0, 0) for picture in talking[:24]]
    covered = [90 * np.ones_like(film[0]) if 9 <= at <= 11 else picture for at, picture in enumerate(film)]
    (track,), _ = tracking.find_tracks(covered, dlib, 1, 5)
    assert track.frames == [at for at in range(24) if not 9 <= at <= 11]
    assert track.longest_gap(24) == 3
    face = track.dense(0, 24)
    boxes, points, confidence = face.boxes, face.points, face.confidence
    assert boxes.shape == (24, 4)
    assert points[10] == pytest.approx((points[8] + points[12]) / 2, abs=0.01)
    assert not confidence[9:12].any()
    assert (confidence[:9] > 0).all()


def test_gaps_at_the_ends_of_a_clip_count(dlib: Backend, talking: list[Picture]) -> None:
    nothing = np.full_like(talking[0], 90)
    (track,), total = tracking.find_tracks([nothing] * 6 + talking[:4] + [nothing] * 9, dlib, 1, 5)
    assert total == 19
    assert track.frames == [6, 7, 8, 9]
    assert track.longest_gap(total) == 9


def test_no_frames_have_no_tracks(dlib: Backend) -> None:
    assert tracking.find_tracks([], dlib, 8, 5) == ([], 0)


def test_a_photo_becomes_the_crop_of_its_largest_face(talking: list[Picture], other: list[Picture]) -> None:
    detailed = open_backend("dlib", alignment.PHOTO_SIDE)
    large = np.asarray(cv2.resize(other[0], (720, 576), interpolation=cv2.INTER_CUBIC), np.uint8)
    photo = np.full((576, 1080, 3), 90, np.uint8)
    photo[:288, :360], photo[:, 360:] = talking[0], large
    told: list[str] = []
    crop = alignment.crop_photo(photo, detailed, report=told.append)
    assert crop.shape == (128, 96, 3)
    assert np.abs(crop.astype(int) - alignment.crop_photo(large, detailed, report=told.append)).mean() < 5
    # Of two people it is said which one was taken; of one there is nothing to say.
    (only,) = told
    assert "2 faces" in only
    assert "largest" in only


def test_a_small_face_in_a_large_photo_is_found(talking: list[Picture]) -> None:
    photo = np.full((4000, 8000, 3), 90, np.uint8)
    face = np.asarray(cv2.resize(talking[0], (720, 576), interpolation=cv2.INTER_CUBIC), np.uint8)
    photo[3000:3576, 6000:6720] = face
    detailed = open_backend("dlib", alignment.PHOTO_SIDE)
    told: list[str] = []
    crop = alignment.crop_photo(photo, detailed, report=told.append)
    assert np.abs(crop.astype(int) - alignment.crop_photo(face, detailed)).mean() < 5
    assert told == []


@pytest.mark.parametrize(
    ("turns", "word", "way"),
    [(1, "side", "to the right"), (2, "head", "180 degrees"), (3, "side", "to the left")],
)
def test_a_turned_face_is_called_turned(
    dlib: Backend, talking: list[Picture], turns: int, word: str, way: str
) -> None:
    # In the larger picture dlib sees a face that stands on its head, too.
    large = np.asarray(cv2.resize(talking[0], (720, 576), interpolation=cv2.INTER_CUBIC), np.uint8)
    for picture in (talking[0], large):
        with pytest.raises(InputError, match=word) as caught:
            alignment.crop_photo(np.ascontiguousarray(np.rot90(picture, turns)), dlib)
        assert way in caught.value.hint


def test_a_photo_without_a_face_is_an_error_for_a_person(dlib: Backend) -> None:
    with pytest.raises(InputError, match="no face") as caught:
        alignment.crop_photo(np.zeros((300, 300, 3), np.uint8), dlib)
    assert caught.value.hint


def test_mouths_open_in_speech_and_rest_before_it(dlib: Backend, prepared_grid: Prepared) -> None:
    scan = prepared_grid.rows("scan")
    ratios = []
    for clip_id in sorted(prepared_grid.rows("shard"))[::12]:
        frames = mjpeg.decode(prepared_grid.artifact("align", clip_id).read_bytes())
        opening = mouth.mouth_opening(frames, dlib)
        first, last = scan[clip_id]["labels"][0]["start"], scan[clip_id]["labels"][-1]["end"]
        rest = opening[: max(3, int(first * 25) - 5)]
        ratios.append(opening[int(first * 25) : int(last * 25)].mean() / max(rest.mean(), 0.2))
    assert len(ratios) == 5
    assert np.median(ratios) > 1.5


def test_an_emblem_that_is_taken_for_a_larger_face_does_not_speak() -> None:
    photo = cv2.resize(skimage.data.astronaut(), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    backend = open_backend("dlib", alignment.PHOTO_SIDE)
    assert len(backend.detect(photo)) == 2
    told: list[str] = []
    points = alignment.photo_points(photo, backend, report=told.append)
    assert np.abs(points.mean(axis=0) - (445, 260)).max() < 30
    assert told == []
