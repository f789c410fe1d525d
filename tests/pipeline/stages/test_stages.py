"""What becomes of every clip: how it ended, why, and what was measured. The raw files stay as they are."""

import random
import subprocess
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from support.prepared import Command, Prepared, copy_clips, fingerprint, refused

from s2f.pipeline.core import media, mjpeg, wav, windows
from s2f.pipeline.core.errors import ConfigError

WILD = {
    "Adverb_1": {("scan", "rejected", "no_audio")},
    "at_2": {("detect", "rejected", "too_short")},
    "no_face": {("detect", "rejected", "no_face")},
    "face_noface": {("detect", "rejected", "face_lost")},
    "short_hamilton_clip": {("detect", "rejected", "face_lost"), ("detect", "rejected", "several_faces")},
    "single_face": {("window", "rejected", "silent")},
    "Colors_6": {("window", "ok", "")},
}


@pytest.fixture(scope="module")
def spoilt(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Clips made from GRID's that have one fault each, files that are no videos, and one sound clip."""
    folder = tmp_path_factory.mktemp("spoilt")
    raw = copy_clips(data, folder / "raw", "s1/bbaf2n", "s2/pwij3p")
    ann, bob = raw / "s1/bbaf2n.mpg", raw / "s2/pwij3p.mpg"
    first = list(media.FrameReader(ann, Fraction(25)))[:40]
    second = list(media.FrameReader(bob, Fraction(25)))[:40]
    made = raw / "made"
    made.mkdir()
    pairs = [np.concatenate(pair, axis=1) for pair in zip(first, second, strict=True)]
    media.write_video(made / "pair.mp4", pairs, Fraction(25), ann)
    media.write_video(made / "left.mp4", first[:20] + [np.zeros_like(first[0])] * 20, Fraction(25), ann)
    media.write_video(
        made / "tiny.mp4", [frame[::3, ::3] for frame in np.repeat(second, 1, axis=0)], Fraction(25), ann
    )
    ffmpeg = [media.ffmpeg_program(), "-v", "error"]
    for sound, name in ((["-t", "1.5"], "short.mpg"), (["-itsoffset", "0.4"], "late.mkv")):
        streams = ["-i", bob, *sound, "-i", bob, "-map", "0:v", "-map", "1:a", "-c", "copy"]
        subprocess.run([*ffmpeg, *streams, made / name], check=True)
    (made / "noise.mp4").write_bytes(random.Random(1).randbytes(5000))
    (made / "empty.mp4").touch()
    (made / "text.mpg").write_text("this is no video\n" * 20)
    (made / "half.mp4").write_bytes((made / "pair.mp4").read_bytes()[:30_000][::-1])
    prepared = Prepared(raw, folder / "out")
    prepared.prepare("scan.corpus=folder", "detect.several_faces=reject")
    return prepared


def test_every_wild_clip_ends_as_it_must(prepared_wild: Prepared) -> None:
    assert len(prepared_wild.rows("scan")) == len(WILD)
    for name, endings in WILD.items():
        assert prepared_wild.ending(f"wild_{name}") in endings, name


def test_every_rejection_has_a_sentence(prepared_wild: Prepared) -> None:
    for stage in ("scan", "detect", "window"):
        for row in prepared_wild.rows(stage).values():
            assert bool(row["message"]) == (row["status"] != "ok")
            assert row["seconds"] > 0


def test_only_the_damaged_grid_clip_is_rejected(prepared_grid: Prepared) -> None:
    endings = {clip_id: prepared_grid.ending(clip_id) for clip_id in prepared_grid.rows("scan")}
    assert len(endings) == 61
    assert endings.pop("s4_bbaf2a") == ("detect", "rejected", "damaged_video")
    assert set(endings.values()) == {("window", "ok", "")}


def test_grid_clips_have_75_frames_but_for_two_of_74(prepared_grid: Prepared) -> None:
    rows = prepared_grid.rows("detect")
    kept = {clip_id: row["frames"] for clip_id, row in rows.items() if row["status"] == "ok"}
    assert {clip_id for clip_id, frames in kept.items() if frames == 74} == {"s1_lrae3s", "s1_srwi5a"}
    assert Counter(kept.values()) == {75: 58, 74: 2}
    assert rows["s4_bbaf2a"]["decoded"] == 71


def test_a_single_damaged_frame_is_counted_and_kept(prepared_grid: Prepared) -> None:
    rows = prepared_grid.rows("detect")
    damaged = {clip_id for clip_id, row in rows.items() if row["damaged"] and row["status"] == "ok"}
    assert damaged == {"s1_sgib8n"}
    assert (rows["s1_sgib8n"]["damaged"], rows["s1_sgib8n"]["frames"]) == (1, 75)
    assert rows["s1_sgib8n"]["decode_errors"]


def test_every_grid_clip_has_2978_ms_of_sound_fitted_to_its_video(prepared_grid: Prepared) -> None:
    detect = prepared_grid.rows("detect")
    for clip_id, row in prepared_grid.rows("resample").items():
        assert row["samples"] == detect[clip_id]["frames"] * 640
        heard = row["samples"] + row["excess_samples"]
        assert heard == pytest.approx(2.978 * 16_000, abs=16), clip_id
        sound = wav.decode(prepared_grid.artifact("resample", clip_id).read_bytes())
        assert len(sound) == row["samples"]
        assert not sound[heard:].any()
        assert sound[heard - 800 : heard].any()


def test_frames_artifacts_hold_every_frame_at_the_size_of_the_paper(prepared_grid: Prepared) -> None:
    for clip_id, row in prepared_grid.rows("align").items():
        if row["status"] == "ok" and clip_id in ("s1_lrae3s", "s1_sgib8n", "s4_bbilzs", "s22_lbbc2a"):
            data = prepared_grid.artifact("align", clip_id).read_bytes()
            assert len(data) == row["bytes"]
            frames = prepared_grid.rows("detect")[clip_id]["frames"]
            assert mjpeg.decode(data).shape == (frames, 128, 96, 3)


def test_windows_are_recorded_with_their_loudness(prepared_grid: Prepared) -> None:
    row = prepared_grid.rows("window")["s1_bbifzp"]
    sound = wav.decode(prepared_grid.artifact("resample", "s1_bbifzp").read_bytes())
    starts = np.array(row["starts"])
    assert row["window"] == 2560
    assert starts.tolist() == [640 * frame + 320 - 1280 for frame in range(75)]
    assert row["padded_windows"] == 4
    by_hand = [10 * np.log10(np.mean(sound[at : at + 2560].astype(float) ** 2)) for at in starts[2:73]]
    assert row["loudness"][2:73] == pytest.approx(by_hand, abs=0.01)


def test_texts_and_words_of_grid_are_recorded(prepared_grid: Prepared) -> None:
    row = prepared_grid.rows("scan")["s1_bbaf2n"]
    assert (row["speaker"], row["utterance"], row["text"]) == ("s1", "bbaf2n", "bin blue at f two now")
    assert row["labels"][0] == {"label": "bin", "start": 0.95, "end": 1.18}


def test_speech_is_where_the_alignment_says(prepared_grid: Prepared) -> None:
    """Windows within words are louder than those before the first: frames, sound and text share one clock."""
    scan, rows = prepared_grid.rows("scan"), prepared_grid.rows("window")
    louder = []
    for clip_id, row in rows.items():
        first, last = scan[clip_id]["labels"][0]["start"], scan[clip_id]["labels"][-1]["end"]
        spoken, before = slice(int(25 * first), int(25 * last)), slice(2, max(3, int(25 * first) - 3))
        loudness = np.array(row["loudness"])
        louder.append(loudness[spoken].mean() - loudness[before].mean())
    assert np.mean(louder) > 12
    assert min(louder) > 4


def test_a_variable_frame_rate_becomes_a_constant_one(prepared_wild: Prepared) -> None:
    row = prepared_wild.rows("detect")["wild_Colors_6"]
    assert (row["fps"], row["frames"], row["decoded"]) == ("25", 54, 64)
    assert prepared_wild.rows("resample")["wild_Colors_6"]["samples"] == 54 * 640


@pytest.mark.parametrize("name", ["noise", "empty", "text", "half"])
def test_a_file_that_is_no_video_fails_and_the_run_goes_on(spoilt: Prepared, name: str) -> None:
    assert spoilt.ending(f"made_{name}") == ("scan", "failed", "unreadable")
    row = spoilt.rows("scan")[f"made_{name}"]
    assert row["message"]
    assert (row["speaker"], row["utterance"]) == ("made", name)
    assert spoilt.ending("s1_bbaf2n") == ("window", "ok", "")


@pytest.mark.parametrize(
    ("name", "stage", "reason"),
    [
        ("pair", "detect", "several_faces"),
        ("left", "detect", "face_lost"),
        ("short", "resample", "sound_too_short"),
    ],
)
def test_a_spoilt_clip_is_rejected_for_its_fault(
    spoilt: Prepared, name: str, stage: str, reason: str
) -> None:
    assert spoilt.ending(f"made_{name}") == (stage, "rejected", reason)


def test_a_face_of_few_pixels_is_rejected(spoilt: Prepared) -> None:
    stage, status, reason = spoilt.ending("made_tiny")
    assert (stage, status) == ("detect", "rejected")
    assert reason in ("no_face", "face_too_small")


def test_sound_that_begins_late_is_preceded_by_silence(spoilt: Prepared) -> None:
    plain, late = (
        wav.decode(spoilt.artifact("resample", name).read_bytes()) for name in ("s2_pwij3p", "made_late")
    )
    assert len(plain) == len(late) == 48_000
    assert not late[:6000].any()
    shifts = {
        shift: float(np.dot(late[shift : shift + 40_000], plain[:40_000])) for shift in range(6000, 7001)
    }
    assert max(shifts, key=lambda shift: shifts[shift]) == pytest.approx(6400, abs=16)


def test_video_that_begins_late_has_the_sound_of_its_own_time(data: Path, tmp_path: Path) -> None:
    """A clip whose face stays to the end is cut from the start of its picture on."""
    raw = tmp_path / "raw/ann"
    raw.mkdir(parents=True)
    grid = data / "grid/s2/pwij3p.mpg"
    options = ["-itsoffset", "0.4", "-i", grid, "-i", grid, "-map", "0:v", "-map", "1:a", "-c", "copy"]
    subprocess.run([media.ffmpeg_program(), "-v", "error", *options, raw / "a.mkv"], check=True)
    prepared = Prepared(tmp_path / "raw", tmp_path / "out")
    prepared.prepare("resample.max_missing=1")
    assert prepared.rows("scan")["ann_a"]["video_start"] == pytest.approx(0.4, abs=0.002)
    sound = wav.decode(prepared.artifact("resample", "ann_a").read_bytes())
    whole = np.concatenate(list(media.read_audio(grid, 16_000)))
    begin = round(prepared.rows("scan")["ann_a"]["video_start"] * 16_000)
    shifts = {
        at: float(np.dot(sound[:30_000], whole[at : at + 30_000])) for at in range(begin - 400, begin + 400)
    }
    assert max(shifts, key=lambda at: shifts[at]) == pytest.approx(begin, abs=32)


def test_an_alignment_that_cannot_be_read_leaves_the_text_of_the_name(small: Prepared) -> None:
    (small.raw / "alignments/s1/bbaf2n.align").write_text("0 zero bin\n", encoding="utf-8")
    (small.raw / "alignments/s2/pwij3p.align").write_bytes(b"\xff\xfe\x00\x01")
    small.prepare()
    for clip_id, text in (
        ("s1_bbaf2n", "bin blue at f two now"),
        ("s2_pwij3p", "place white in j three please"),
    ):
        row = small.rows("scan")[clip_id]
        assert (row["status"], row["text"], row["labels"]) == ("ok", text, [])
        assert "cannot be read" in row["message"]
        assert small.ending(clip_id) == ("window", "ok", "")


def test_other_rates_and_sizes_serve(small: Prepared) -> None:
    overrides = [
        "detect.fps=30000/1001",
        "align.size=[64, 64]",
        "resample.sample_rate=22050",
        "window.seconds=0.2",
    ]
    small.prepare(*overrides, limit=1)
    detect, window = small.rows("detect")["s1_bbaf2n"], small.rows("window")["s1_bbaf2n"]
    assert (detect["fps"], detect["frames"]) == ("30000/1001", 90)
    assert mjpeg.decode(small.artifact("align", "s1_bbaf2n").read_bytes()).shape == (90, 64, 64, 3)
    assert small.rows("resample")["s1_bbaf2n"]["samples"] == round(90 * 22_050 * 1001 / 30_000)
    assert window["window"] == 4410
    starts = windows.window_starts(90, Fraction(30_000, 1001), 22_050, 4410)
    assert window["starts"] == starts.tolist()


def test_the_raw_folder_is_left_as_it_was(small: Prepared) -> None:
    before = fingerprint(small.raw)
    small.prepare("align.quality=60", "window.min_loudness=-40")
    assert fingerprint(small.raw) == before


def test_known_offsets_are_taken_out_of_the_sound(small: Prepared) -> None:
    """Late sound loses its begin, early sound gets silence before it; a clip's own offset comes first."""
    plain = {name: small.artifact("resample", name).read_bytes() for name in small.rows("scan")}
    keys = {name: row["key"] for name, row in small.rows("resample").items()}
    clip, other = sorted(name for name in plain if name[:2] in ("s1", "s2"))
    small.prepare(f"resample.offsets={{s1: 125.0, s2: 50, {other}: -200}}")
    rows = small.rows("resample")
    assert {name: row["offset_ms"] for name, row in rows.items() if row["offset_ms"]} == {
        clip: 125, other: -200,
    }  # fmt: skip
    assert {name for name, row in rows.items() if row["key"] != keys[name]} == {clip, other}
    heard = {name: wav.decode(small.artifact("resample", name).read_bytes()) for name in plain}
    was = {name: wav.decode(data) for name, data in plain.items()}
    assert {name: len(sound) for name, sound in heard.items()} == {name: len(was[name]) for name in was}
    assert np.array_equal(heard[clip][:40_000], was[clip][2000:42_000])
    assert not heard[clip][-2000:].any()
    assert np.array_equal(heard[other][3200:], was[other][:-3200])
    assert not heard[other][:3200].any()
    assert rows[clip]["lost_seconds"] == rows[other]["lost_seconds"] == 0
    small.prepare()
    assert {name: small.artifact("resample", name).read_bytes() for name in plain} == plain


def test_an_offset_that_leaves_no_sound_at_the_end_is_told(small: Prepared) -> None:
    small.prepare("resample.offsets={s1: 400, s2: 9000}")
    rows = [row for name, row in sorted(small.rows("resample").items()) if name[:2] in ("s1", "s2")]
    assert [row["reason"] for row in rows] == ["sound_too_short"] * 2
    assert rows[0]["message"].endswith("s before the video, 400 ms of which are its offset")


@pytest.mark.parametrize(
    ("offsets", "words"),
    [
        ("{s11: 80}", "resample.offsets names s11, which is neither a speaker nor a clip"),
        ("{s1: 80000}", "resample.offsets.s1 .*is 80000: Input should be less than or equal to 10000"),
        ("{s1: late}", "resample.offsets.s1 .*is .late.: Input should be a valid number"),
    ],
)
def test_offsets_of_nobody_and_of_no_sense_are_refused(small: Prepared, offsets: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        small.prepare(f"resample.offsets={offsets}")


def test_the_offsets_of_an_audit_are_taken_out(small: Prepared, s2f: Command) -> None:
    audited = small.out / "audit/audit.json"
    audited.parent.mkdir(exist_ok=True)
    audited.write_text('{"offsets": {"s1": 80.0}}', encoding="utf-8")
    by_hand = ["--set", "resample.offsets={s1: 40, s2: -40}"]
    for source in (small.out, audited):
        assert s2f("prep", small.raw, "--out", small.out, "--offsets-from", source, *by_hand).code == 0
        rows = small.rows("resample")
        assert {name[:2]: row["offset_ms"] for name, row in rows.items()} == {"s1": 80, "s2": -40, "s3": 0}
    audited.write_text("{}", encoding="utf-8")
    ended = s2f("prep", small.raw, "--out", small.out, "--offsets-from", small.out)
    refused(ended, "audit.json tells no offsets")
    refused(s2f("prep", small.raw, "--out", small.out, "--offsets-from", small.raw), "does not exist")
