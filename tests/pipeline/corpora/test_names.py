"""Files of any name: all are clips, under ids that serve, which no later file takes over."""

import os
import re
import shutil
from pathlib import Path

import pytest
from support.prepared import Command, Prepared, copy_clips

from s2f.pipeline.corpora import listing

# A long name, one as long as names can be, one that is no UTF-8, and ones that ffmpeg or a terminal could
# take for something else.
STRANGE = (
    b"ann/" + b"x" * 120 + b".mpg",
    b"ann/" + b"y" * 251 + b".mpg",
    b"ann/caf\xe9.mpg",
    b"-bob/-i.mpg",
    b"http:/co:lon.mpg",
    "ann/日本語 %05d.mpg".encode(),
    b"ann/[b]new\nline.mpg",
    b"\xff\xfe/one.MPG",
)


def touch(root: Path, *names: bytes) -> Path:
    for name in names:
        path = root / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def ids(root: Path) -> dict[str, str]:
    return {source.name: source.clip_id for source in listing.find_clips(root)}


def test_every_name_gives_an_id_that_serves_in_a_tar(tmp_path: Path) -> None:
    found = ids(touch(tmp_path, *STRANGE))
    assert len(set(found.values())) == len(STRANGE)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,95}", clip_id) for clip_id in found.values())
    assert "ann/caf\\xe9.mpg" in found


def test_a_clip_that_comes_later_takes_no_id_over(tmp_path: Path) -> None:
    before = ids(touch(tmp_path, b"ann/take.1.mpg", b"ann/take 2.mpg", b"ann/plain.mpg", *STRANGE))
    assert before["ann/plain.mpg"] == "ann_plain"
    after = ids(touch(tmp_path, b"ann/take-1.mpg", b"ann/take-2.mpg", b"ann/take_1.mpg"))
    assert {name: after[name] for name in before} == before
    assert after["ann/take-1.mpg"] == "ann_take-1"


def test_what_is_prepared_keeps_its_id_also_where_the_new_name_is_as_good(
    small: Prepared,
) -> None:
    """`bbaf2n.avi` comes before `bbaf2n.mpg`, and both names serve."""
    shutil.copy2(small.raw / "s1/bbaf2n.mpg", small.raw / "s1/bbaf2n.avi")
    found = listing.list_folder(small.raw, "folder").clips
    recorded = {clip_id: (row["source"], row["speaker"]) for clip_id, row in small.rows("scan").items()}
    known = {source.clip_id: source.relative for source in listing.identified(found, recorded)}
    assert {clip_id: known[clip_id] for clip_id in recorded} == {
        clip_id: name for clip_id, (name, _) in recorded.items()
    }
    (new,) = known.keys() - recorded.keys()
    assert known[new] == "s1/bbaf2n.avi"
    assert re.fullmatch(r"s1_bbaf2n-[0-9a-f]{8}", new)


@pytest.mark.slow
def test_files_of_strange_names_reach_the_shards(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s2f: Command
) -> None:
    plain = copy_clips(data, tmp_path / "plain", "s1/bbaf2n") / "s1/bbaf2n.mpg"
    raw = touch(tmp_path / "raw", *STRANGE, b"ann/notes.pdf", b"ann/a.JPG", b"b.jpg", b"LICENSE")
    for name in STRANGE:
        shutil.copy2(plain, raw / os.fsdecode(name))
    # Relative names: one that begins with a dash could be an option, one with a colon a protocol.
    monkeypatch.chdir(raw)
    ended = s2f("prep", ".", "--out", tmp_path / "out", "--corpus", "folder")
    assert (ended.code, ended.err) == (0, "")
    assert "passed over: 2 .jpg, 1 .pdf, 1 without an ending" in ended.out
    made = Prepared(raw, tmp_path / "out")
    scanned = made.rows("scan")
    assert {row["source"] for row in scanned.values()} == {
        name.decode("utf-8", "backslashreplace") for name in STRANGE
    }
    assert {row["status"] for row in made.rows("window").values()} == {"ok"}
    assert made.rows("shard").keys() == scanned.keys()


@pytest.mark.parametrize("ending", ["MTS", "m2ts", "vob", "mxf", "ogv", "3g2", "rmvb", "dv", "m2v", "y4m"])
def test_what_ffmpeg_reads_as_video_is_a_clip(tmp_path: Path, ending: str) -> None:
    assert [*ids(touch(tmp_path, f"ann/one.{ending}".encode()))] == [f"ann/one.{ending}"]


def test_a_grid_clip_with_its_ending_in_capitals_is_one_clip(tmp_path: Path) -> None:
    assert [*ids(touch(tmp_path, b"s1/bbaf2n.MPG")).values()] == ["s1_bbaf2n"]


def test_a_camcorders_file_is_read(data: Path, tmp_path: Path) -> None:
    shutil.copy2(data / "faults/00001.MTS", tmp_path)
    made = Prepared(tmp_path, tmp_path / "out")
    made.prepare()
    (clip_id,) = made.rows("scan")
    assert made.ending(clip_id) == ("window", "ok", "")
