"""A prepared set as the tests look at it, and the command line as they call it."""

import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from s2f.pipeline.app import config
from s2f.pipeline.app.cli import main
from s2f.pipeline.core import media
from s2f.pipeline.prep.funnel import Funnel
from s2f.pipeline.prep.plan import Selection, chosen_stages
from s2f.pipeline.prep.runner import Preparation

GRID_FPS = Fraction(25)

Rows = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Prepared:
    """A raw folder and what prep has made of it."""

    raw: Path
    out: Path

    def rows(self, stage: str) -> Rows:
        """The manifest of a stage, by clip id."""
        found = pq.ParquetFile(self.out / "manifests" / f"{stage}.parquet").read().to_pylist()
        return {row["clip_id"]: row for row in found}

    def shards(self) -> list[dict[str, Any]]:
        """The rows of the shard manifest."""
        rows: list[dict[str, Any]] = (
            pq.ParquetFile(self.out / "shards" / "manifest.parquet").read().to_pylist()
        )
        return rows

    def artifact(self, stage: str, clip_id: str) -> Path:
        """The one file that a stage has made of a clip."""
        (found,) = (self.out / "artifacts" / stage).glob(f"{clip_id}.*")
        return found

    def ending(self, clip_id: str) -> tuple[str, str, str]:
        """The last stage that a clip reached, with status and reason."""
        for stage in ("window", "resample", "align", "detect", "scan"):
            row = self.rows(stage).get(clip_id)
            if row:
                return stage, row["status"], row["reason"]
        raise KeyError(clip_id)

    def prepare(self, *overrides: str, stage: str | None = None, **selection: Any) -> dict[str, Funnel]:
        """Run the preparation with one worker; the lines of its funnel by stage."""
        settings = config.load(None, ["run.workers=1", *overrides])
        chosen = Selection(chosen_stages(stage), **selection)
        funnel = Preparation(self.raw, self.out, settings, chosen).run(lambda what, done, total: None)
        return {line.stage: line for line in funnel}

    def begun(self, raw: Path, out: Path) -> "Prepared":
        """Another raw folder, and an OUT that holds what is made of these clips: none is prepared twice.

        A clip's keys follow from its content, so those of `raw` that are the same are taken as they are.
        """
        for name in ("artifacts", "manifests"):
            shutil.copytree(self.out / name, out / name)
        measures = self.out / "audit" / "measures.parquet"
        if measures.exists():
            (out / "audit").mkdir()
            shutil.copy2(measures, out / "audit")
        return Prepared(raw, out)

    def copy(self, folder: Path) -> "Prepared":
        """The same set, raw videos included, to be changed at will."""
        for part, name in ((self.raw, "raw"), (self.out, "out")):
            shutil.copytree(part, folder / name)
        return Prepared(folder / "raw", folder / "out")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


def call(*arguments: object) -> int:
    """Run a command of s2f in this process; its exit status."""
    with pytest.raises(SystemExit) as exited:
        main([str(argument) for argument in arguments])
    return int(exited.value.code or 0)


def refused(ended: Ended, *words: str) -> None:
    """One line that says what is wrong, one that says what to do, and nothing else."""
    error, hint = ended.err.splitlines()
    assert error.startswith("error: ")
    assert hint.startswith("hint: ")
    assert len(hint) > len("hint: ")
    for word in words:
        assert word in error
    assert ended.code == 1
    assert "Traceback" not in ended.out


def ran(funnel: dict[str, Funnel]) -> dict[str, int]:
    """How many clips were run, for the stages that ran at all."""
    return {name: line.run for name, line in funnel.items() if line.run}


def copy_clips(data: Path, raw: Path, *clips: str) -> Path:
    """Some GRID clips, named like `s1/bbaf2n`, with their alignments, in the layout of GRID."""
    for clip in clips:
        for name in (f"{clip}.mpg", f"alignments/{clip}.align"):
            target = raw / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(data / "grid" / name, target)
    return raw


def copy_short_clips(data: Path, raw: Path, *clips: str, frames: int = 25) -> Path:
    """The beginnings of some GRID clips, encoded anew, for tests of what is done with clips of any length."""
    copy_clips(data, raw, *clips)
    for clip in clips:
        shorten(data / "grid" / f"{clip}.mpg", raw / f"{clip}.mpg", frames)
    return raw


def shorten(video: Path, target: Path, frames: int = 25) -> None:
    """Write the beginning of a GRID clip."""
    shown = itertools.islice(media.FrameReader(video, GRID_FPS), frames)
    media.write_video(target, shown, GRID_FPS, sound=video)


def fingerprint(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Time stamp and content of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def descendants(process: int) -> list[int]:
    """A process, its children, and theirs."""
    listed = Path(f"/proc/{process}/task/{process}/children")
    try:
        children = [int(child) for child in listed.read_text().split()]
    except OSError:
        children = []
    return [process, *(each for child in children for each in descendants(child))]
