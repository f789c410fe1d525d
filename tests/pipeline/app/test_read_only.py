"""Folders that may not be written to: a command says so in one line and what to do, and leaves all as it is.

Root may write anywhere. Its commands are started without the capability that lets it, so that they have the
rights which modes give to the owner of a folder; another user may have no right to this Python.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from support.model_runs import TINIEST, make_generator, write_run
from support.model_shards import make_shards
from support.prepared import Ended, Prepared, fingerprint, refused

pytestmark = pytest.mark.slow

# PR_CAPBSET_DROP of CAP_DAC_OVERRIDE, which whoever is not root does not have.
OBEDIENT = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def obedient(*command: object) -> Ended:
    """Run a program that may write only where modes allow it."""
    words = [sys.executable, "-c", OBEDIENT, *map(str, command)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=240, check=False)
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def s2f(*arguments: object) -> Ended:
    return obedient(Path(sys.executable).with_name("s2f"), *arguments)


def forbid(*folders: Path) -> None:
    """Take from everybody the right to write to these folders, and check that it is taken from commands."""
    for folder in folders:
        folder.chmod(0o555)
        assert "Permission denied" in obedient("/bin/sh", "-c", f"echo > '{folder}/one'").err


def test_a_new_out_in_a_folder_that_is_read_only(small: Prepared, tmp_path: Path) -> None:
    parent = tmp_path / "parent"
    parent.mkdir()
    forbid(parent)
    before = fingerprint(small.raw)
    refused(s2f("prep", small.raw, "--out", parent / "out"), str(parent / "out"), "Permission denied")
    assert not list(parent.iterdir())
    assert fingerprint(small.raw) == before


def test_an_empty_out_that_is_read_only(small: Prepared, tmp_path: Path) -> None:
    out = tmp_path / "empty"
    out.mkdir()
    forbid(out)
    for more in ((), ("--part", "1/2")):
        refused(s2f("prep", small.raw, "--out", out, *more), str(out))
    assert not list(out.iterdir())


@pytest.mark.parametrize("part", [".", "artifacts", "artifacts/align", "manifests", "shards"])
def test_a_prepared_out_of_which_a_folder_is_read_only(small: Prepared, part: str) -> None:
    """Nothing is half written, and once the folder may be written to the next run goes on."""
    forbid(small.out / part)
    before, raw = fingerprint(small.out / part), fingerprint(small.raw)
    changed = ("prep", small.raw, "--out", small.out, "--set", "align.quality=80", "--set", "run.workers=1")
    refused(s2f(*changed), str(small.out / part), "cannot be")
    after = fingerprint(small.out / part)
    # Below OUT itself lies who had its lock last.
    before.pop(".lock.holder", None), after.pop(".lock.holder", None)
    assert after == before
    assert fingerprint(small.raw) == raw
    (small.out / part).chmod(0o755)
    assert {line.run for line in small.prepare("align.quality=80").values()} <= {0, 3}
    assert {row["status"] for row in small.rows("window").values()} == {"ok"}


def test_a_prepared_out_that_is_read_only_to_the_last_file(small: Prepared) -> None:
    for path in small.out.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    forbid(small.out)
    before = fingerprint(small.out)
    refused(s2f("prep", small.raw, "--out", small.out, "--force", "align"), str(small.out))
    assert fingerprint(small.out) == before


@pytest.mark.parametrize("name", [".lock", ".lock.holder"])
def test_a_lock_of_somebody_else(small: Prepared, name: str) -> None:
    (small.out / name).chmod(0o444)
    before = fingerprint(small.out)
    refused(s2f("prep", small.raw, "--out", small.out), f"{small.out / name} cannot be written: Permission")
    assert fingerprint(small.out) == before


def test_a_lock_of_somebody_else_that_a_part_looks_at(small: Prepared) -> None:
    (small.out / ".lock").chmod(0o444)
    ended = s2f("prep", small.raw, "--out", small.out, "--part", "1/2")
    refused(ended, f"{small.out / '.lock'} cannot be written: Permission")


@pytest.mark.parametrize("exists", [True, False], ids=["folder", "parent"])
@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_the_folder_of_a_training_or_an_evaluation(tmp_path: Path, command: str, exists: bool) -> None:
    data = make_shards(tmp_path / "data", train=4, val=1, frames=6)
    target = tmp_path / "parent" / "target"
    (target if exists else target.parent).mkdir(parents=True)
    forbid(target if exists else target.parent)
    given: list[object]
    if command == "train":
        tiny = {**TINIEST, "batch": 2, "frames": 3, "judged_frames": 1, "threads": 1, "device": "cpu"}
        given = ["train", data, "--run", target]
        given += [f"--set=train.{name}={value}" for name, value in tiny.items()]
    else:
        run = write_run(tmp_path / "run", make_generator())
        given = ["evaluate", run, "--data", data, "--out", target]
    refused(s2f(*given), str(target))
    assert [path.name for path in target.parent.rglob("*")] == ["target"] * exists
