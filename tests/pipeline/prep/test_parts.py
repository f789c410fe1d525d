"""Parts of a preparation: run at once, killed, joined to the set of one run."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.prepared import (
    Command,
    Prepared,
    copy_short_clips,
    descendants,
    fingerprint,
    ran,
    refused,
    shorten,
)

from s2f.pipeline.app import config
from s2f.pipeline.core import locks
from s2f.pipeline.core.errors import ConfigError, InputError
from s2f.pipeline.corpora.base import Piece, Source
from s2f.pipeline.prep import parts
from s2f.pipeline.prep.parts import IncompleteError, Part
from s2f.pipeline.prep.runner import Preparation

CLIPS = ("s1/bbaf2n", "s1/bbas1s", "s2/pwij3p", "s3/sbia1a", "s5/lbax4n")
PIECES = "file,start,end,speaker\ntalks/long.mpg,0,0.8,ann\ntalks/long.mpg,0.8,1.8,ann\n"
STAGES = ("scan", "detect", "align", "resample", "window", "shard")
ONE = ("--set", "run.workers=1")


def start(*arguments: object) -> subprocess.Popen[str]:
    program = Path(sys.executable).with_name("s2f")
    return subprocess.Popen(
        [program, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def end(running: subprocess.Popen[str]) -> tuple[int, str, str]:
    told, complained = running.communicate(timeout=400)
    return running.returncode, told, complained


def rows(out: Path, stage: str) -> list[dict[str, object]]:
    """The rows of a manifest, in their order, without the seconds that they took."""
    found = Prepared(out, out).rows(stage).values()
    return [{name: value for name, value in row.items() if name != "seconds"} for row in found]


def shards(out: Path) -> dict[str, bytes]:
    return {name: content for name, (_, content) in fingerprint(out / "shards").items()}


def run_part(prepared: Prepared, text: str, *overrides: str) -> Preparation:
    settings = config.load(None, ["run.workers=1", *overrides])
    preparation = Preparation(prepared.raw, prepared.out, settings, part=Part.parse(text))
    preparation.run(lambda what, done, total: None)
    return preparation


def merge(prepared: Prepared, *overrides: str) -> dict[str, int]:
    settings = config.load(None, ["run.workers=1", *overrides])
    funnel = Preparation(prepared.raw, prepared.out, settings).run(lambda what, done, total: None, merge=True)
    return ran({line.stage: line for line in funnel})


@pytest.mark.slow
def test_parts_at_once_one_of_them_killed_make_the_set_of_one_run(data: Path, tmp_path: Path) -> None:
    raw, one, out = copy_short_clips(data, tmp_path / "raw", *CLIPS), tmp_path / "one", tmp_path / "out"
    (raw / "talks").mkdir()
    shorten(data / "grid/s1/bbaf2n.mpg", raw / "talks/long.mpg", 50)
    (raw / "segments.csv").write_text(PIECES)
    # Damaged, and so in no shard of either.
    (raw / "s5/lbax4n.mpg").write_bytes((raw / "s5/lbax4n.mpg").read_bytes()[:3000])
    assert end(start("prep", raw, "--out", one, *ONE))[0] == 0

    shares = {part: Preparation(raw, out, config.load(None, []), part=part) for part in thirds()}
    victim = max(shares, key=lambda part: len(shares[part].files))
    assert len(shares[victim].files) > 1
    running = {part: start("prep", raw, "--out", out, *ONE, "--part", part) for part in shares}
    mine = [f"artifacts/detect/{clip_id}*" for clip_id in shares[victim].files]
    while not any(found for pattern in mine for found in out.glob(pattern)):
        assert running[victim].poll() is None
        time.sleep(0.02)
    for process in descendants(running[victim].pid):
        os.kill(process, signal.SIGKILL)
    ended = {part: end(each) for part, each in running.items()}
    assert {part: code for part, (code, _, _) in ended.items() if code} == {victim: -signal.SIGKILL}

    before = fingerprint(out)
    code, told, complained = end(start("prep", raw, "--out", out, *ONE, "--merge"))
    assert code == 1
    assert f"error: 1 of 3 parts are not done: {victim.number}\n" in complained
    named, again = told.splitlines()[-2:]
    assert named.startswith(f"part {victim} died: ")
    changed = {name for name, content in fingerprint(out).items() if before.get(name) != content}
    assert changed <= {".lock", ".lock.holder", *(f"parts/{n}-of-3/.lock" for n in (1, 2, 3))}

    program, *words = shlex.split(again)
    assert program == "s2f"
    assert end(start(*words))[0] == 0
    assert end(start("prep", raw, "--out", out, *ONE, "--merge"))[::2] == (0, "")
    assert shards(out) == shards(one)
    for stage in STAGES:
        assert rows(out, stage) == rows(one, stage)
    assert len(rows(out, "shard")) == 6
    assert not (out / "parts").exists()
    assert fingerprint(out / "artifacts").keys() == fingerprint(one / "artifacts").keys()


def thirds() -> list[Part]:
    return [Part(number, 3) for number in (1, 2, 3)]


def test_each_file_is_in_one_part_and_its_pieces_are_with_it(tmp_path: Path) -> None:
    files = [Source("folder", "ann", str(each), tmp_path, f"ann/{each}.mp4") for each in range(300)]
    counts = [sum(part.holds(file) for file in files) for part in thirds()]
    assert sum(counts) == 300
    assert min(counts) > 70
    for file in files:
        piece = Source("folder", "ben", f"{file.utterance}-1", tmp_path, file.relative, piece=Piece(1.0, 2.0))
        assert Part.of(piece, 3) == Part.of(file, 3)


@pytest.mark.parametrize("text", ["3", "0/3", "4/3", "1/0", "a/3", "1/3/5", "-1/3"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="no part"):
        Part.parse(text)


def test_a_merge_names_parts_that_never_ran_or_had_other_settings(small: Prepared, s2f: Command) -> None:
    whole = shards(small.out)
    shutil.rmtree(small.out / "manifests")
    shutil.rmtree(small.out / "shards")
    with pytest.raises(IncompleteError, match="holds no part, and 3 clips are not prepared"):
        merge(small)
    held = [part for part in thirds() if run_part_if_it_holds(small, part)]
    assert len(held) > 1
    shutil.rmtree(held[0].folder(small.out))
    ended = s2f("prep", small.raw, "--out", small.out, "--set", "align.size=[96, 128]", "--merge")
    refused(ended, "1 of 3 parts are not done", str(held[0].number))
    assert f"part {held[0]} never ran" in ended.out
    assert f"--set 'align.size=[96, 128]' --part {held[0]}" in ended.out
    run_part(small, str(held[0]))
    with pytest.raises(IncompleteError) as other:
        merge(small, "align.quality=80")
    assert {reason for each in other.value.lacking for reason in each.reasons} == {"settings changed"}
    assert ran_nothing(merge(small))
    assert shards(small.out) == whole
    # Joined already: there is nothing to do.
    assert ran_nothing(merge(small))


def run_part_if_it_holds(prepared: Prepared, part: Part) -> bool:
    return bool(run_part(prepared, str(part)).files)


def ran_nothing(counts: dict[str, int]) -> bool:
    return counts == {}


def test_a_part_goes_on_from_what_the_whole_has_done(small: Prepared) -> None:
    before = shards(small.out)
    for part in thirds():
        done = run_part(small, str(part))
        assert ran({line.stage: line for line in done.funnel()}) == {}
        assert {*done.manifests["window"]} == {*done.files}
    assert ran_nothing(merge(small))
    assert shards(small.out) == before


def test_a_run_of_the_whole_takes_over_what_parts_have_done(small: Prepared) -> None:
    first, *others = [
        part for part in thirds() if Preparation(small.raw, small.out, settings(), part=part).files
    ]
    done = len(run_part(small, str(first), "align.quality=80").files)
    assert ran(small.prepare("align.quality=80"))["align"] == 3 - done > 0
    assert not (small.out / "parts").exists()
    assert others


def settings() -> config.Settings:
    return config.load(None, ["run.workers=1"])


def test_a_clip_that_vanished_is_gone_after_the_merge(small: Prepared) -> None:
    (small.raw / "s2/pwij3p.mpg").unlink()
    for part in thirds():
        run_part(small, str(part))
    # A part deletes nothing that might be another's.
    assert list(small.out.glob("artifacts/align/s2_pwij3p*"))
    assert ran_nothing(merge(small))
    assert small.rows("scan").keys() == small.rows("shard").keys() == {"s1_bbaf2n", "s3_sbia1a"}
    assert not list(small.out.glob("artifacts/align/s2_pwij3p*"))


def test_what_cannot_be_read_at_all_does_not_hold_up_the_merge(small: Prepared, tmp_path: Path) -> None:
    before = shutil.copytree(small.out, tmp_path / "before")
    (small.raw / "s2/pwij3p.mpg").unlink()
    (small.raw / "s2/pwij3p.mpg").symlink_to(small.raw / "nowhere.mpg")
    for part in thirds():
        run_part(small, str(part))
    merge(small)
    row = small.rows("scan")["s2_pwij3p"]
    assert (row["status"], row["reason"]) == ("failed", "unreadable")
    assert small.rows("shard").keys() == {"s1_bbaf2n", "s3_sbia1a"}
    # As one run has it, to the row.
    merged = {stage: rows(small.out, stage) for stage in STAGES}
    shutil.rmtree(small.out)
    shutil.copytree(before, small.out)
    small.prepare()
    assert {stage: rows(small.out, stage) for stage in STAGES} == merged


def test_the_whole_and_a_part_keep_each_other_out(small: Prepared) -> None:
    part = Part(1, 3)
    with (
        parts.beside(small.out, Part(2, 3)),
        parts.beside(small.out, part),
        pytest.raises(InputError, match=f"at work on .*1-of-3.*process {os.getpid()}"),
    ):
        small.prepare()
    with parts.alone(small.out), pytest.raises(InputError, match="another run is at work"):
        run_part(small, "1/3")
    with locks.alone(part.folder(small.out) / parts.LOCK), pytest.raises(InputError, match="at work"):
        run_part(small, "1/3")


def test_parts_of_another_division_are_refused(small: Prepared) -> None:
    run_part(small, "1/3")
    with pytest.raises(InputError, match="parts of 3, and this is one of 4"):
        run_part(small, "1/4")
    assert not Part(1, 4).folder(small.out).exists()


@pytest.mark.parametrize("more", [("--part", "1/3"), ("--limit", "1"), ("--until", "align"), ("--plan",)])
def test_merge_goes_with_settings_alone(small: Prepared, s2f: Command, more: tuple[str, ...]) -> None:
    refused(s2f("prep", small.raw, "--out", small.out, "--merge", *more), "--merge")


def test_the_plan_of_a_part_is_of_its_clips(small: Prepared, s2f: Command) -> None:
    part = next(part for part in thirds() if Preparation(small.raw, small.out, settings(), part=part).files)
    ended = s2f("prep", small.raw, "--out", small.out, "--part", part, "--plan")
    assert ended.code == 0
    assert f"part {part} has" in ended.out
    assert not part.folder(small.out).exists()
