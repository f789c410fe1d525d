"""`s2f evaluate --videos`: videos of any system, whatever their size, rate, length and state."""

import io
import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console
from support.prepared import Command, Prepared, copy_short_clips

from s2f.model.evaluation.evaluate import evaluate
from s2f.model.evaluation.results import Evaluation
from s2f.model.evaluation.sources.videos import (
    AS_IT_IS,
    BY_ITS_OWN,
    BY_THE_REAL,
    FPS,
    Pair,
    Videos,
    read_pair,
    score_pair,
    with_sound,
)
from s2f.model.metrics.scoring import ClipVideos, Missing, Scored
from s2f.pipeline.core import media, mjpeg
from s2f.pipeline.core.mjpeg import Frames
from s2f.pipeline.faces.base import Picture
from s2f.pipeline.faces.settings import DEFAULT_FACES

pytestmark = pytest.mark.slow

# In the beginning of this clip, so many frames long, the eyes blink.
CLIP, FRAMES = "s1/bbas1s", 35
SILENT = Console(file=io.StringIO())


@pytest.fixture(scope="module")
def whole(data: Path) -> Path:
    """A genuine video."""
    return data / "grid/s1/bbaf2n.mpg"


@pytest.fixture(scope="module")
def real(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of another one."""
    return copy_short_clips(data, tmp_path_factory.mktemp("real"), CLIP, frames=FRAMES) / f"{CLIP}.mpg"


def changed(
    source: Path,
    target: Path,
    change: Callable[[Picture], Picture] = lambda picture: picture,
    *,
    frames: slice = slice(None),
    fps: Fraction = FPS,
) -> Path:
    """Another system's video: the pictures of one, changed, with its sound."""
    target.parent.mkdir(parents=True, exist_ok=True)
    pictures = [np.ascontiguousarray(change(picture)) for picture in media.FrameReader(source, fps)]
    media.write_video(target, pictures[frames], fps, sound=source)
    return target


def blurred(picture: Picture) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 2), np.uint8)


def shifted(picture: Picture) -> Picture:
    """The face is its width further to the right."""
    return np.roll(picture, 100, axis=1)


def doubled(picture: Picture) -> Picture:
    return np.asarray(cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)


def halved(picture: Picture) -> Picture:
    return np.asarray(cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)


def scored(real: Path, **made: Path) -> Scored:
    clip = score_pair(Pair("one", "", real, made, ()), DEFAULT_FACES)
    assert isinstance(clip, Scored)
    return clip


def notes(found: Scored, video: str) -> list[str]:
    return [each.text for each in found.notes if each.video == video]


def aligned(video: Path) -> Frames:
    """The aligned face of a real video."""
    return read_pair(Pair("one", "", video, {"same": video}, ()), DEFAULT_FACES)[0].real


@pytest.fixture(scope="module")
def others(data: Path, real: Path, tmp_path_factory: pytest.TempPathFactory) -> Scored:
    """Videos of many kinds against one real video."""
    folder = tmp_path_factory.mktemp("others")
    media.write_video(folder / "crops.mp4", aligned(real), FPS)
    changes: dict[str, Callable[[Picture], Picture]] = {
        "sharp": lambda picture: picture,
        "soft": blurred,
        "shifted": shifted,
        "doubled": doubled,
        "halved": halved,
        "lower": lambda picture: np.roll(picture, 6, axis=0),
    }
    made = {name: changed(real, folder / f"{name}.mp4", change) for name, change in changes.items()}
    return scored(real, same=real, crops=folder / "crops.mp4", person=data / "grid/s2/pwij3p.mpg", **made)


def test_a_video_equals_itself(others: Scored) -> None:
    same = others.scores["same"]
    assert (same["psnr"], same["l1"], same["mouth_px"]) == (np.inf, 0, 0)
    assert (same["ssim"], same["mouth_r"]) == pytest.approx((1, 1))
    for name, value in others.scores["real"].items():
        assert same[name] == value
    assert (others.frames, others.missing, notes(others, "same")) == (FRAMES, (), [BY_THE_REAL])


def test_the_real_video_is_aligned_as_the_preparation_aligns_it(
    whole: Path, prepared_small: Prepared
) -> None:
    prepared = mjpeg.decode(prepared_small.artifact("align", "s1_bbaf2n").read_bytes())
    assert np.abs(aligned(whole).astype(int) - prepared).mean() < 1


def test_blur_is_measured_as_such(others: Scored) -> None:
    sharp, blurry = others.scores["sharp"], others.scores["soft"]
    assert blurry["psnr"] < sharp["psnr"]
    for name in ("fdbm", "cpbd"):
        assert blurry[name] < 0.7 * sharp[name]
        assert sharp[name] == pytest.approx(others.scores["real"][name], rel=0.15)
    assert sharp["psnr"] > 35
    assert sharp["mouth_r"] > 0.95


@pytest.mark.parametrize(("name", "psnr"), [("shifted", 30), ("doubled", 30), ("halved", 25)])
def test_pictures_of_another_size_or_framing_are_aligned_by_their_own_face(
    others: Scored, name: str, psnr: float
) -> None:
    assert notes(others, name) == [BY_ITS_OWN]
    assert others.scores[name]["psnr"] > psnr
    assert others.scores[name]["mouth_r"] > 0.9


def test_a_head_that_moves_otherwise_in_the_same_picture_counts_as_it_is(others: Scored) -> None:
    assert notes(others, "lower") == [BY_THE_REAL]
    assert others.scores["lower"]["psnr"] < 25


def test_aligned_faces_are_taken_as_they_are(others: Scored) -> None:
    assert notes(others, "crops") == [AS_IT_IS]
    assert others.scores["crops"]["psnr"] > 35


def test_another_persons_face_is_far_away(others: Scored) -> None:
    assert others.scores["real"]["acd"] < 0.3
    assert others.scores["person"]["acd"] > 0.5


def test_what_all_have_counts_and_other_lengths_and_rates_are_told(real: Path, tmp_path: Path) -> None:
    short = changed(real, tmp_path / "short.mp4", frames=slice(0, 20))
    quick = changed(real, tmp_path / "quick.mp4", fps=Fraction(50))
    clip = scored(real, short=short, quick=quick)
    assert clip.frames == 20
    told = "15 frames shorter than the real video: only frames that all videos have are measured"
    assert notes(clip, "short") == [BY_THE_REAL, told]
    assert clip.scores["quick"]["mouth_r"] > 0.9


def test_what_cannot_be_read_is_named(data: Path, real: Path, tmp_path: Path) -> None:
    broken, sound, nobody = tmp_path / "broken.mp4", tmp_path / "sound.mp4", data / "wild/no_face.mp4"
    broken.write_bytes(b"no video")
    shutil.copy2(data / "audio/bus_chinese.wav", sound)
    half = data / "wild/face_noface.mov"
    clip = scored(real, same=real, broken=broken, sound=sound, nobody=nobody, half=half)
    reasons = {each.video: each.reason for each in clip.missing}
    assert "broken.mp4 cannot be read" in reasons["broken"]
    assert "sound.mp4 holds no video stream" in reasons["sound"]
    assert "no face is found in" in reasons["nobody"]
    assert "in a row" in reasons["half"]
    assert clip.scores.keys() == {"same", "still", "real"}
    for pair in (Pair("a", "", real, {"x": broken}, ()), Pair("a", "", broken, {"x": real}, ())):
        lost = score_pair(pair, DEFAULT_FACES)
        assert isinstance(lost, Missing)
        assert "broken.mp4 cannot be read" in lost.reason


def test_the_sound_is_that_of_the_real_video_else_of_another(data: Path, whole: Path, tmp_path: Path) -> None:
    mute = data / "wild/Adverb_1.mp4"
    clip = ClipVideos("a", np.zeros((75, 128, 96, 3), np.uint8), {})
    heard = with_sound(clip, Pair("a", "", whole, {"x": mute}, ())).sound
    other = with_sound(clip, Pair("a", "", mute, {"x": whole}, ())).sound
    assert heard is not None
    assert other is not None
    assert len(heard) == 3 * 16_000
    assert np.array_equal(heard, other)
    assert with_sound(clip, Pair("a", "", mute, {"x": mute}, ())).sound is None


@pytest.fixture(scope="module")
def folders(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos of three speakers, and two systems': of one a video is missing and one is too many."""
    root = tmp_path_factory.mktemp("systems")
    clips = ("s1/bbaf2n", "s2/pwij3p", "s3/sbia1a")
    copy_short_clips(data, root / "real", *clips)
    for clip in clips:
        source = root / "real" / f"{clip}.mpg"
        if clip != "s3/sbia1a":
            changed(source, root / "good" / f"{clip}.mp4")
        changed(source, root / "soft" / f"{clip}.mp4", blurred)
    (root / "soft/s2/pwij3p.mp4").write_bytes(b"no video")
    shutil.copy2(root / "good/s1/bbaf2n.mp4", root / "good/s1/alone.mp4")
    return root


def test_folders_of_videos(s2f: Command, folders: Path, tmp_path: Path) -> None:
    ended = s2f(
        *("evaluate", "--videos", folders / "good", "--videos", folders / "soft"),
        *("--reference", folders / "real", "--out", tmp_path / "out", "--workers", 1),
    )
    assert ended.code == 0, ended.err
    assert "4/4" in ended.out
    assert "not measured in 1 of 4 clips, there is no video of that name in" in ended.out
    assert "(s1/alone)" in ended.out
    assert f"good: there is no video of that name in {folders / 'good'} (s3/sbia1a)" in ended.out
    assert "soft/s2/pwij3p.mp4 cannot be read" in ended.out
    assert f"in 2 of 4 clips, good: {BY_THE_REAL} (s1/bbaf2n, s2/pwij3p)" in ended.out
    written = json.loads((tmp_path / "out/evaluation.json").read_text())
    assert written["reference"] == str(folders / "real")
    assert (written["clips"], written["measured"]) == (4, 3)
    assert [row["name"] for row in written["rows"]] == ["good", "soft", "still", "real"]
    assert [row["scores"]["psnr"]["clips"] for row in written["rows"][:3]] == [2, 2, 3]
    (compared,) = written["comparisons"]
    assert compared["differences"]["fdbm"]["clips"] == 1
    assert compared["differences"]["fdbm"]["mean"] < 0
    assert compared["differences"]["fdbm"]["verdict"] == "no difference shown"
    assert written["speakers"].keys() == {"s1", "s2", "s3"}
    assert (tmp_path / "out/evaluation.html").stat().st_size < 3_000_000


def measured(*arguments: Path) -> Evaluation:
    return evaluate(Videos([arguments[0]], arguments[1], None, DEFAULT_FACES), SILENT, workers=1)


def test_two_files_belong_together_whatever_they_are_called(folders: Path) -> None:
    evaluation = measured(folders / "good/s1/alone.mp4", folders / "real/s1/bbaf2n.mpg")
    assert [row.name for row in evaluation.rows] == ["alone.mp4", "still", "real"]
    assert [clip.clip_id for clip in evaluation.scored] == ["bbaf2n"]
    assert evaluation.rows[0].scores["psnr"].mean > 35


def test_what_users_get_wrong(s2f: Command, folders: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    shutil.copytree(folders / "good", tmp_path / "twice")
    shutil.copy2(folders / "real/s1/bbaf2n.mpg", tmp_path / "twice/s1/bbaf2n.mpg")
    shutil.copytree(folders / "good/s1", tmp_path / "others/s9")
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    real = folders / "real"
    for videos, reference, words in [
        (tmp_path / "none", real, "none does not exist"),
        (folders / "good", tmp_path / "none", "none does not exist"),
        (tmp_path / "empty", real, "empty holds no videos"),
        (tmp_path / "twice", real, "have the same name"),
        (tmp_path / "others", real, "has the name of one in"),
        (folders / "good/s1/bbaf2n.mp4", real, "a file and a folder cannot be compared"),
        (broken, real / "s1/bbaf2n.mpg", "no clip could be measured"),
    ]:
        ended = s2f("evaluate", "--videos", videos, "--reference", reference)
        error, hint = ended.err.splitlines()
        assert words in error
        assert hint.removeprefix("hint: ")
        assert ended.code == 1
