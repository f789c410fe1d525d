"""Long recordings: cut into pieces of one talking face, as the sound and the lips say, or as a table says."""

import itertools
import logging
import re
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from support.audits import finding, look
from support.kept import kept
from support.prepared import Prepared, ran

from s2f.pipeline.core import media, mjpeg, wav, windows
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.corpora.pieces import read_pieces
from s2f.pipeline.faces import talking

FPS = Fraction(25)
RATE = 16_000
# Two people of GRID side by side, who both talk all the time; now the one is heard, now the other.
LEFT = ("s1/bbaf2n", "s1/lbid5a", "s1/swib2n", "s1/pgby7a")
RIGHT = ("s2/pwij3p", "s5/lbax4n", "s2/swwp2s", "s10/bbab8n")
HEARD = (0, 1, 1, 0)
WIDTH = 360
SHORT = ("segment.max_seconds=6",)


def make_recording(data: Path, folder: Path) -> Path:
    """12 s of two people, of whom one is heard at a time."""
    people = [[data / "grid" / f"{clip}.mpg" for clip in clips] for clips in (LEFT, RIGHT)]
    (folder / "raw/talks").mkdir(parents=True)
    spoken = [
        windows.fit_length(np.concatenate(list(media.read_audio(people[heard][number], RATE))), 3 * RATE)
        for number, heard in enumerate(HEARD)
    ]
    (folder / "sound.wav").write_bytes(wav.encode(np.concatenate(spoken), RATE))
    sides = (
        itertools.chain.from_iterable(media.FrameReader(clip, FPS) for clip in clips) for clips in people
    )
    frames = (np.concatenate(pair, axis=1) for pair in zip(*sides, strict=True))
    media.write_video(folder / "raw/talks/two.mp4", frames, FPS, folder / "sound.wav")
    return folder


@pytest.fixture(scope="module")
def cut(slow: None, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    def make(folder: Path) -> None:
        make_recording(data, folder)
        Prepared(folder / "raw", folder / "out").prepare(*SHORT)

    folder = kept("segment", make, tmp_path_factory.mktemp("segment"), ("pipeline",))
    return Prepared(folder / "raw", folder / "out")


def test_each_piece_shows_the_face_that_is_heard(cut: Prepared) -> None:
    scan, recording = cut.rows("scan"), cut.rows("segment")["talks_two"]
    assert (recording["status"], recording["lag"]) == ("ok", 0)
    assert len(scan) == len(recording["pieces"]) >= len(HEARD)
    for row, piece in zip(scan.values(), recording["pieces"], strict=True):
        assert (row["begin"], row["end"]) == (piece["begin"], piece["end"])
        assert 1 <= piece["end"] - piece["begin"] <= 6
        number = int((piece["begin"] + piece["end"]) / 2 / 3)
        assert (piece["box"][0] > WIDTH) == (HEARD[number] == 1)
    assert {int((piece["begin"] + piece["end"]) / 6) for piece in recording["pieces"]} == {0, 1, 2, 3}
    assert not finding(look(cut.out), "set.recordings").flagged
    assert finding(look(cut.out, min_cut=0.9), "set.recordings").flagged == ("talks_two",)


def test_a_piece_is_what_the_whole_recording_shows_and_sounds_like_there(cut: Prepared) -> None:
    video = cut.raw / "talks/two.mp4"
    whole = list(media.FrameReader(video, FPS))
    sound = np.concatenate(list(media.read_audio(video, RATE)))
    for clip_id, row in cut.rows("scan").items():
        first, count = round(row["begin"] * FPS), cut.rows("detect")[clip_id]["frames"]
        piece = list(media.FrameReader(video, FPS, begin=row["begin"], end=row["end"]))
        assert len(piece) == round((row["end"] - row["begin"]) * FPS)
        assert all(np.array_equal(one, other) for one, other in zip(piece, whole[first:], strict=False))
        begin = first + cut.rows("detect")[clip_id]["first"]
        heard = wav.decode(cut.artifact("resample", clip_id).read_bytes())
        assert np.abs(heard - sound[begin * 640 :][: count * 640]).max() < 1e-3
        assert len(mjpeg.decode(cut.artifact("align", clip_id).read_bytes())) == count


def test_another_setting_prepares_only_the_pieces_that_differ(cut: Prepared, tmp_path: Path) -> None:
    changed = cut.copy(tmp_path)
    before = set(changed.rows("scan"))
    # The longest piece becomes too long.
    longest = max(row["end"] - row["begin"] for row in changed.rows("scan").values())
    runs = ran(changed.prepare(f"segment.max_seconds={longest - 0.1}"))
    after = set(changed.rows("scan"))
    assert runs["segment"] == 1
    assert 0 < runs["detect"] == len(after - before) < len(after)
    assert ran(changed.prepare(f"segment.max_seconds={longest - 0.1}")) == {}
    # Where nothing is too long for a clip, the file is one.
    changed.prepare("segment.max_seconds=20")
    assert (set(changed.rows("scan")), changed.rows("segment")) == ({"talks_two"}, {})


def test_stages_that_are_run_one_by_one_cut_recordings_too(cut: Prepared, tmp_path: Path) -> None:
    single = Prepared(cut.raw, tmp_path / "out")
    single.prepare(*SHORT, stage="scan")
    assert set(single.rows("scan")) == {"talks_two"}
    single.prepare(*SHORT, stage="segment")
    assert single.rows("segment")["talks_two"]["pieces"] == cut.rows("segment")["talks_two"]["pieces"]
    single.prepare(*SHORT, stage="scan")
    assert set(single.rows("scan")) == set(cut.rows("scan"))
    single.prepare(*SHORT, stage="segment")


def test_a_recording_whose_file_does_not_know_its_length_is_cut_too(cut: Prepared, tmp_path: Path) -> None:
    """As browsers' recorders write it."""
    video = tmp_path / "raw/talks/two.webm"
    video.parent.mkdir(parents=True)
    command = [media.ffmpeg_program(), "-v", "error", "-i", cut.raw / "talks/two.mp4", "-b:v", "1M", "-c:v"]
    codecs = ["libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"]
    piped = subprocess.run(
        [*command, *codecs, "-live", "1", "-f", "webm", "-"], check=True, capture_output=True
    )
    video.write_bytes(piped.stdout)
    with av.open(str(video)) as container:
        assert container.duration is None
    single = Prepared(tmp_path / "raw", tmp_path / "out")
    single.prepare(*SHORT, stage="scan")
    assert single.rows("scan")["talks_two"]["duration"] == pytest.approx(12, abs=0.1)
    single.prepare(*SHORT)
    sides = [piece["box"][0] > WIDTH for piece in single.rows("segment")["talks_two"]["pieces"]]
    assert {*sides} == {False, True}
    assert {row["status"] for row in single.rows("window").values()} == {"ok"}


def test_sound_that_is_late_is_taken_into_account(cut: Prepared, tmp_path: Path) -> None:
    (tmp_path / "raw/talks").mkdir(parents=True)
    video = cut.raw / "talks/two.mp4"
    sound = np.concatenate(list(media.read_audio(video, RATE)))
    (tmp_path / "late.wav").write_bytes(wav.encode(np.pad(sound, (5 * 640, 0)), RATE))
    media.write_video(
        tmp_path / "raw/talks/two.mp4", media.FrameReader(video, FPS), FPS, tmp_path / "late.wav"
    )
    late = Prepared(tmp_path / "raw", tmp_path / "out")
    late.prepare(*SHORT)
    row = late.rows("segment")["talks_two"]
    assert row["lag"] == 5
    found = finding(look(late.out), "set.recordings")
    assert found.flagged == ("talks_two",)
    assert "200 ms" in found.details[0]
    assert "late" in row["message"]
    sides = [piece["box"][0] > WIDTH for piece in row["pieces"]]
    assert {*sides} == {False, True}


@pytest.mark.parametrize("heard", [0, 1])
def test_of_two_faces_in_a_clip_the_one_that_is_heard_is_kept(
    slow: None, data: Path, tmp_path: Path, heard: int
) -> None:
    (tmp_path / "raw/two").mkdir(parents=True)
    people = [data / "grid" / f"{clips[1]}.mpg" for clips in (LEFT, RIGHT)]
    frames = (
        np.concatenate(pair, axis=1)
        for pair in zip(*(media.FrameReader(each, FPS) for each in people), strict=True)
    )
    media.write_video(tmp_path / "raw/two/two.mp4", frames, FPS, people[heard])
    both = Prepared(tmp_path / "raw", tmp_path / "out")
    both.prepare(stage="scan")
    both.prepare(stage="detect")
    row = both.rows("detect")["two_two"]
    assert "2 faces" in row["several_faces"]
    with np.load(both.artifact("detect", "two_two")) as track:
        assert bool(track["boxes"][0, 0] > WIDTH) == bool(heard)


def test_pieces_of_one_recording_are_not_copies_of_each_other(cut: Prepared) -> None:
    assert not finding(look(cut.out), "set.duplicates").flagged


def test_a_table_says_which_pieces_are_clips(
    cut: Prepared, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    listed = cut.copy(tmp_path)
    (listed.raw / "segments.csv").write_text(
        "\ufefffile,start,end,speaker,text,box\n"
        "talks/two.mp4,0.4,2.8,ann,place blue at,\n"
        "talks/two.mp4, 0:03.2,0:5.6,ben,,400 60 560 260\n"
        "talks/two.mp4,8,14,ann,,\n"
        "talks/two.mp4,20,24,ann,,\n"
        "gone.mp4,1,2,,,\n"
    )
    with caplog.at_level(logging.WARNING):
        listed.prepare(*SHORT)
    assert "1 files that are not among the raw videos, such as gone.mp4" in caplog.text
    assert "two.mp4: pieces end after the 12 s that it has: 2, such as 8 to 14 s" in caplog.text
    assert "8 to 14 s" in listed.rows("segment")["talks_two"]["message"]
    assert listed.rows("detect").pop("ann_two-00020000-00024000")["reason"] == "too_short"
    rows = {clip_id: row for clip_id, row in listed.rows("scan").items() if row["begin"] < 8}
    assert {(row["speaker"], row["text"], row["begin"], row["end"]) for row in rows.values()} == {
        ("ann", "place blue at", 0.4, 2.8),
        ("ben", None, 3.2, 5.6),
    }
    assert set(rows) == {"ann_two-00000400-00002800", "ben_two-00003200-00005600"}
    for clip_id, right in (("ann_two-00000400-00002800", False), ("ben_two-00003200-00005600", True)):
        with np.load(listed.artifact("detect", clip_id)) as track:
            assert bool(track["boxes"][0, 0] > WIDTH) == right
    # Only what a line says is prepared anew when the line changes.
    table = listed.raw / "segments.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("5.6", "5.4"))
    assert ran(listed.prepare(*SHORT))["detect"] == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("file,start\na.mp4,1\n", "has the columns file, start"),
        ("file,start,end,speeker\na.mp4,1,2,x\n", "speeker"),
        ("", "has the columns none"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "segments.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=words) as caught:
        read_pieces(path)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("a.mp4,3,2,", "line 2 .* from 3 to 2 s"),
        ("a.mp4,1,1,", "line 2 .* from 1 to 1 s"),
        ("a.mp4,1,x,", "line 2"),
        ("a.mp4,1", "line 2"),
        ("a.mp4,1,2,5 5 5 9", "line 2 .* the box"),
        ("a.mp4,nan,2,", "line 2"),
        ("b.mp4,1,2,\nb.mp4,1,2,", "line 3 .* second time"),
        ("b.mp4,1,2,\nb.mp4,1.5,2.5,", "b.mp4 overlap, 1 times, such as 1 to 2 s and 1.5 to 2.5 s"),
        ("a.mp4,2,1,\n" * 7, "2 more lines"),
    ],
)
def test_a_line_that_cannot_be_used_is_told_and_the_others_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, lines: str, words: str
) -> None:
    path = tmp_path / "segments.csv"
    path.write_text(f"file,start,end,box\n{lines}\na.mp4,4,6,\n")
    with caplog.at_level(logging.WARNING):
        found = read_pieces(path)
    assert re.search(words, caplog.text)
    assert [(each.piece.begin, each.piece.end) for each in found["a.mp4"]] == [(4, 6)]


def test_spectra_do_not_depend_on_how_the_sound_comes_in() -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, 5 * RATE + 123).astype(np.float32)
    at_once = talking.spectra([sound], Fraction(30_000, 1001))
    in_parts = talking.spectra(np.split(sound, range(777, len(sound), 777)), Fraction(30_000, 1001))
    assert len(at_once) == windows.frames_for(len(sound), Fraction(30_000, 1001), RATE)
    assert np.array_equal(at_once, in_parts)
