"""Recordings as people have them: each comes out right, or is rejected for a reason of its own."""

import io
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from support.audits import finding, look
from support.kept import kept
from support.prepared import Prepared

from s2f.pipeline.core import media, mjpeg, wav
from s2f.pipeline.core.errors import InputError

FILES = (
    "bbizzn.mpg",
    "black-first.mp4",
    "channels-cancel.mkv",
    "joined.ts",
    "metadata-not-utf8.mkv",
    "mirrored.mp4",
    "music-first.mkv",
    "no-key.mkv",
    "only-changed-frames.mp4",
    "recorder-1000fps.webm",
    "size-changes.mpg",
    "sound-gaps.mkv",
    "sound-whole.mkv",
    "squeezed-4-3.mp4",
    "thumbnail-first.mkv",
    "time-jumps.avi",
    "unknown-codec.mkv",
)
# Stage, status and reason; frames, and how many in front are left out.
ENDINGS: dict[str, tuple[str, str, str, int | None, int | None]] = {
    "bbizzn": ("detect", "rejected", "damaged_video", 75, 0),
    "black-first": ("window", "ok", "", 74, 1),
    "channels-cancel": ("window", "ok", "", 75, 0),
    "joined": ("detect", "rejected", "time_stamps", None, None),
    "metadata-not-utf8": ("detect", "rejected", "damaged_video", 20, 0),
    "mirrored": ("window", "ok", "", 75, 0),
    "music-first": ("window", "ok", "", 75, 0),
    "no-key": ("window", "ok", "", 45, 0),
    "only-changed-frames": ("window", "ok", "", 75, 0),
    "recorder-1000fps": ("window", "ok", "", 75, 0),
    "size-changes": ("detect", "rejected", "size_changes", None, None),
    "sound-gaps": ("window", "ok", "", 75, 0),
    "sound-whole": ("window", "ok", "", 75, 0),
    "squeezed-4-3": ("window", "ok", "", 75, 0),
    "thumbnail-first": ("window", "ok", "", 75, 0),
    "time-jumps": ("detect", "rejected", "time_stamps", None, None),
    "unknown-codec": ("scan", "rejected", "unknown_codec", None, None),
}


@pytest.fixture(scope="module")
def recordings(slow: None, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    def make(folder: Path) -> None:
        (folder / "raw/fx").mkdir(parents=True)
        for name in FILES:
            shutil.copy2(data / "faults" / name, folder / "raw/fx")
        Prepared(folder / "raw", folder / "out").prepare()

    folder = kept("recordings", make, tmp_path_factory.mktemp("recordings"), ("pipeline",))
    return Prepared(folder / "raw", folder / "out")


def sound(prepared: Prepared, name: str) -> media.Sound:
    return wav.decode(prepared.artifact("resample", f"fx_{name}").read_bytes())


def lag(one: media.Sound, other: media.Sound, most: int = 800) -> int:
    """By how many samples `other` is late."""
    middle = other[most:-most]
    products = [float(one[most + by : len(one) - most + by] @ middle) for by in range(-most, most + 1)]
    return most - int(np.argmax(products))


@pytest.mark.parametrize("name", ENDINGS)
def test_each_recording_ends_as_it_should(recordings: Prepared, name: str) -> None:
    stage, status, reason, frames, first = ENDINGS[name]
    row = recordings.rows("detect").get(f"fx_{name}", {})
    seen = (*recordings.ending(f"fx_{name}"), row.get("frames"), row.get("first"))
    assert seen == (stage, status, reason, frames, first)


def test_frames_made_from_nothing_are_damaged_and_the_message_says_so(recordings: Prepared) -> None:
    row = recordings.rows("detect")["fx_bbizzn"]
    assert row["damaged"] == 12
    assert "the first 12 are torn or made from nothing" in row["message"]


def test_trim_keeps_the_whole_frames_with_their_own_sound(data: Path, tmp_path: Path) -> None:
    (tmp_path / "raw/fx").mkdir(parents=True)
    shutil.copy2(data / "faults/bbizzn.mpg", tmp_path / "raw/fx")
    trimmed = Prepared(tmp_path / "raw", tmp_path / "out")
    trimmed.prepare("detect.trim=true")
    row = trimmed.rows("detect")["fx_bbizzn"]
    assert (row["status"], row["first"], row["frames"]) == ("ok", 12, 63)
    heard = np.concatenate(list(media.read_audio(data / "faults/bbizzn.mpg", 16_000, start=0.48)))
    kept_ = sound(trimmed, "bbizzn")
    assert len(kept_) == 63 * 640
    assert np.abs(kept_[: len(heard)] - heard[: len(kept_)]).max() < 1e-3


def test_the_sound_begins_with_the_first_whole_frame(recordings: Prepared) -> None:
    assert recordings.rows("scan")["fx_no-key"]["video_start"] == pytest.approx(1.2)
    late = sound(recordings, "no-key")
    whole = np.concatenate(list(media.read_audio(recordings.raw / "fx/no-key.mkv", 16_000)))
    own = whole[round(1.2 * 16_000) :]
    assert len(late) == 45 * 640
    assert np.abs(late[: len(own)] - own[: len(late)]).max() < 1e-3


def test_a_black_first_frame_is_not_the_still(recordings: Prepared) -> None:
    crops = mjpeg.decode(recordings.artifact("align", "fx_black-first").read_bytes())
    assert crops[0].mean() > 50
    assert "1 frames in front are left out" in recordings.rows("detect")["fx_black-first"]["message"]


def test_lost_sound_stays_silent_in_its_place_and_is_counted(recordings: Prepared) -> None:
    whole, gaps = sound(recordings, "sound-whole"), sound(recordings, "sound-gaps")
    for begin in range(2_000, 40_000, 8_000):
        assert abs(lag(whole[begin : begin + 8_000], gaps[begin : begin + 8_000], 400)) < 160
    row = recordings.rows("resample")["fx_sound-gaps"]
    assert row["lost_seconds"] == pytest.approx(3 * 1024 / 44_100, abs=0.005)
    assert recordings.rows("resample")["fx_sound-whole"]["lost_seconds"] == 0


def test_the_moving_picture_and_the_default_track_are_taken(recordings: Prepared) -> None:
    rows = recordings.rows("scan")
    picture, track = rows["fx_thumbnail-first"], rows["fx_music-first"]
    assert (picture["video_stream"], picture["video_streams"], picture["width"]) == (2, 2, 360)
    assert (track["sound_track"], track["sound_tracks"], track["channels"]) == (2, 2, 2)


def test_of_channels_that_cancel_one_is_taken(recordings: Prepared) -> None:
    row = recordings.rows("resample")["fx_channels-cancel"]
    assert row["cancelled"]
    assert "channel 1 of 2 was taken" in row["message"]
    assert np.abs(sound(recordings, "channels-cancel")).max() > 0.05


def test_rates_are_judged_by_the_stamps(recordings: Prepared) -> None:
    rows = recordings.rows("detect")
    recorder, screen = rows["fx_recorder-1000fps"], rows["fx_only-changed-frames"]
    assert (recorder["decoded"], recorder["missing"], recorder["still"]) == (75, 0, 0)
    assert (screen["decoded"], screen["missing"], screen["still"]) == (45, 0, 30)
    assert "stands still" in screen["message"]


def test_squeezed_pixels_give_the_crops_of_square_ones(recordings: Prepared, tmp_path: Path) -> None:
    (tmp_path / "raw/fx").mkdir(parents=True)
    square = Prepared(tmp_path / "raw", tmp_path / "out")
    pictures = list(media.FrameReader(recordings.raw / "fx/squeezed-4-3.mp4", Fraction(25)))
    assert pictures[0].shape == (576, 720, 3)
    video = square.raw / "fx/square.mp4"
    media.write_video(video, pictures, Fraction(25), recordings.raw / "fx/squeezed-4-3.mp4")
    square.prepare()
    crops = [
        mjpeg.decode(prepared.artifact("align", f"fx_{name}").read_bytes()).astype(float)
        for prepared, name in ((recordings, "squeezed-4-3"), (square, "square"))
    ]
    assert 10 * np.log10(255**2 / np.square(crops[0] - crops[1]).mean()) > 25


def test_the_reasons_name_what_is_wrong(recordings: Prepared) -> None:
    rows = recordings.rows("detect")
    assert "time stamps jump by -2.96 s after 75 frames" in rows["fx_joined"]["message"]
    assert "time stamps jump" in rows["fx_time-jumps"]["message"]
    assert "from 360x288 to 366x544 px" in rows["fx_size-changes"]["message"]
    assert "codec" in recordings.rows("scan")["fx_unknown-codec"]["message"]


def test_the_audit_names_them(recordings: Prepared) -> None:
    audit = look(recordings.out)
    flagged = {check: set(finding(audit, check).flagged) for check in ("sound.lost", "sound.cancelled")}
    assert flagged["sound.lost"] == {"fx_sound-gaps"}
    assert flagged["sound.cancelled"] == {"fx_channels-cancel"}
    assert {"fx_thumbnail-first", "fx_music-first"} == set(finding(audit, "video.streams").flagged)
    assert "fx_only-changed-frames" in finding(audit, "video.frozen").flagged
    broken = {"fx_bbizzn", "fx_joined", "fx_size-changes", "fx_time-jumps", "fx_unknown-codec"}
    assert broken <= set(finding(audit, "video.damage").flagged)


def test_the_points_of_a_mirrored_clip_are_those_of_the_mirrored_picture(recordings: Prepared) -> None:
    stored = io.BytesIO(recordings.artifact("detect", "fx_mirrored").read_bytes())
    with np.load(stored, allow_pickle=False) as track:
        points = track["points"][0]
    # The first of the right eye's points, as the viewer has it, lies left of the last of the left eye's.
    assert points[36, 0] < points[45, 0]


@pytest.mark.slow
def test_sound_that_is_no_numbers_is_rejected(data: Path, tmp_path: Path) -> None:
    prepared = Prepared(tmp_path / "raw", tmp_path / "out")
    prepared.raw.mkdir()
    # The picture of one file and the sound of another, both as they are.
    command = [media.ffmpeg_program(), "-v", "error"]
    for name in ("faults/sound-whole.mkv", "faults/nan.wav"):
        command += ["-i", str(data / name)]
    command += ["-map", "0:v", "-map", "1:a", "-c", "copy", str(prepared.raw / "spoiled.mkv")]
    subprocess.run(command, check=True)
    with pytest.raises(InputError, match="no clip is left"):
        prepared.prepare()
    assert prepared.ending("raw_spoiled") == ("resample", "rejected", "no_numbers")
