"""The whole photo speaks: nothing else of it moves, no seam is seen; and a video says something else."""

import itertools
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.comments import comment

from s2f.model.inference.animate import animate, read_photo
from s2f.model.inference.compositing import Compositor, Face, Floats, Part, calm_colours, face_mask
from s2f.model.inference.dubbing import dub
from s2f.model.networks.weights import PRETRAINED
from s2f.pipeline.core import wav
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.media import SYNTHETIC, FrameReader, probe, read_audio, write_video
from s2f.pipeline.core.pictures import encode_png
from s2f.pipeline.faces.alignment import crop, transform_points
from s2f.pipeline.faces.base import Picture

FPS = Fraction(25)
RATE = 16_000


@pytest.fixture(scope="module")
def video(data: Path) -> Path:
    return data / "grid/s1/bbaf2n.mpg"


@pytest.fixture(scope="module")
def photo(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A large photo of odd size, which leans to one side."""
    picture = next(iter(FrameReader(video)))
    turn = cv2.getRotationMatrix2D((180, 144), 8, 2.5)
    turn[:, 2] += (275, 220)
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    path.write_bytes(encode_png(cv2.warpAffine(picture, turn, (911, 727), borderMode=cv2.BORDER_REFLECT)))
    return path


@pytest.fixture(scope="module")
def speech(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of a speech."""
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    sound = np.concatenate(list(read_audio(data / "audio/jfk.flac", RATE)))
    path.write_bytes(wav.encode(sound[:RATE], RATE))
    return path


@pytest.fixture(scope="module")
def face(photo: Path) -> Face:
    return read_photo(photo, (96, 128))


def opened(still: Picture) -> Picture:
    """The still with a mouth as dark and wide as that of a shout."""
    frame = still.copy()
    cv2.ellipse(frame, (48, 92), (12, 10), 0, 0, 360, (40, 10, 10), -1)
    return frame


def shown(face: Face, part: Part = "face") -> Floats:
    """How much of a generated face is seen in each pixel of the photo."""
    points = transform_points(face.points[None], face.transform[None])[0]
    size = face.picture.shape[1::-1]
    return cv2.warpAffine(face_mask(points, part), cv2.invertAffineTransform(face.transform), size)


def test_a_face_that_does_not_move_leaves_every_pixel_as_it_is(face: Face) -> None:
    assert np.array_equal(Compositor(face).composite(calm_colours(face.crop, face.crop)), face.picture)


def test_the_photo_outside_of_the_mask_is_still_to_the_bit(face: Face) -> None:
    result = Compositor(face).composite(calm_colours(opened(face.crop), face.crop))
    outside = cv2.dilate((shown(face) > 0).astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
    assert outside.mean() > 0.5
    assert np.array_equal(result[outside], face.picture[outside])
    # What is seen in the mask is the generated face: aligned again it is the frame.
    again = crop(result, face.transform)
    assert abs(again[85:99, 40:57].astype(int) - opened(face.crop)[85:99, 40:57]).mean() < 6


def test_the_upper_face_is_kept_where_that_is_asked(face: Face) -> None:
    frame = opened(face.crop)
    frame[35:55] //= 2  # the eyes
    result = Compositor(face, "lower").composite(calm_colours(frame, face.crop))
    upper = crop(result, face.transform)[:52]
    assert abs(upper.astype(int) - face.crop[:52]).max() <= 2
    assert not np.array_equal(result, face.picture)


def test_the_seam_has_less_contrast_than_the_photo(face: Face) -> None:
    """Even where the generated face is lighter as a whole than the photo."""
    frame = calm_colours(opened(face.crop), face.crop) + 12
    result = Compositor(face).composite(frame.clip(0, 255))
    mask = shown(face)
    rim = (mask > 0.02) & (mask < 0.6)

    def contrast(picture: Picture | Floats) -> float:
        grey = picture.astype(np.float32).mean(axis=2)
        across, down = (cv2.Sobel(grey, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
        return float(np.hypot(across, down)[rim].mean())

    added = result.astype(np.float32) - face.picture
    assert contrast(added) < 0.5 * contrast(face.picture)
    assert contrast(result) < 1.1 * contrast(face.picture)


def test_speckles_of_colour_are_calmed_and_brightness_is_kept() -> None:
    still = np.full((128, 96, 3), 128, np.uint8)
    noise = np.random.default_rng(0).integers(-40, 40, still.shape)
    calm = calm_colours((still + noise).astype(np.uint8), still)
    assert abs(calm.mean(axis=2) - 128 - noise.mean(axis=2)).max() < 1
    assert calm.std(axis=2).mean() < 0.3 * (still + noise).std(axis=2).mean()


def test_a_photo_of_odd_size_speaks_as_a_whole(photo: Path, speech: Path, tmp_path: Path, face: Face) -> None:
    made = animate(Path(PRETRAINED), photo, speech, tmp_path / "talk.mp4")
    found = probe(made.path)
    assert (found.width, found.height) == (912, 728)
    assert made.frames == 25
    pictures = list(FrameReader(made.path))
    mask = shown(face)
    far = mask == 0
    mouth = mask > 0.9
    changes = [abs(each.astype(int) - face.picture).mean(axis=2) for each in pictures]
    # H.264 alone changes the rest.
    assert max(change[far].mean() for change in changes) < 3
    assert max(change[mouth].mean() for change in changes) > 2 * np.mean([c[far].mean() for c in changes])


@pytest.mark.parametrize("whole", [True, False], ids=["photo", "face"])
def test_the_file_says_that_it_is_synthetic(whole: bool, photo: Path, speech: Path, tmp_path: Path) -> None:
    made = animate(Path(PRETRAINED), photo, speech, tmp_path / "talk.mp4", whole=whole)
    assert comment(made.path) == SYNTHETIC
    assert "trainedAlgorithmicMedia" in SYNTHETIC


def test_a_real_video_does_not_say_that_it_is_synthetic(video: Path, tmp_path: Path) -> None:
    write_video(tmp_path / "real.mp4", FrameReader(video), FPS)
    assert comment(tmp_path / "real.mp4") == ""


def test_the_face_alone_is_shown_as_large_as_asked(photo: Path, speech: Path, tmp_path: Path) -> None:
    made = animate(Path(PRETRAINED), photo, speech, tmp_path / "face.mp4", whole=False, scale=2)
    found = probe(made.path)
    assert (found.width, found.height) == (192, 256)


def test_too_large_a_photo_is_shown_smaller_and_a_line_says_so(
    tmp_path: Path, photo: Path, caplog: pytest.LogCaptureFixture
) -> None:
    picture = cv2.resize(cv2.imread(str(photo)), (5_000, 3_990))
    cv2.imwrite(str(tmp_path / "large.jpg"), picture)
    height, width = read_photo(tmp_path / "large.jpg", (96, 128)).picture.shape[:2]
    assert (height, width) == (3270, 4096)
    assert "4096" in caplog.text


def test_a_video_says_something_else(video: Path, speech: Path, tmp_path: Path) -> None:
    made = dub(Path(PRETRAINED), video, speech, tmp_path / "dubbed.mp4")
    assert comment(made.path) == SYNTHETIC
    assert made.frames == 25
    before, after = (list(itertools.islice(FrameReader(path, FPS), 25)) for path in (video, made.path))
    changes = np.stack([abs(b.astype(int) - a) for b, a in zip(before, after, strict=True)]).mean(axis=(0, 3))
    # GRID's first speaker: the mouth, and what lies around the head.
    assert changes[210:240, 150:200].mean() > 3 * changes[:80].mean()


def test_a_small_face_in_a_very_large_photo_speaks(video: Path, tmp_path: Path) -> None:
    picture = np.full((6000, 8001, 3), 200, np.uint8)
    picture[2000:2288, 3000:3360] = next(iter(FrameReader(video)))
    path = tmp_path / "huge.png"
    path.write_bytes(encode_png(picture))
    face = read_photo(path, (96, 128))
    assert face.picture.shape == (3072, 4096, 3)
    # It lies where it lay, half as large.
    assert np.abs(face.points.mean(axis=0) * 8001 / 4096 - (3180, 2160)).max() < 60


def test_what_cannot_be_dubbed_is_refused(speech: Path, photo: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no video"):
        dub(Path(PRETRAINED), photo, speech, tmp_path / "dubbed.mp4")
    with pytest.raises(InputError, match="shows no face"):
        dub(Path(PRETRAINED), data / "wild/no_face.mp4", speech, tmp_path / "dubbed.mp4")
    with pytest.raises(InputError, match="is not a file"):
        dub(Path(PRETRAINED), data / "wild/no_face.mp4", tmp_path / "none.wav", tmp_path / "dubbed.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_speech_longer_than_the_video_is_told(
    video: Path, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = dub(Path(PRETRAINED), video, data / "audio/jfk.flac", tmp_path / "dubbed.mp4")
    assert made.frames == 75
    assert "ends before the speech" in caplog.text
