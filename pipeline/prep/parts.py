"""Parts of a preparation: shares of the raw files, each prepared by a run of its own, at the same time.

OUT/parts/3-of-16/   the manifests of a part: all rows of its clips, whoever made them
OUT/artifacts        the artifacts of all: no two parts have a clip in common

Which files are in which part depends on their names alone, so that parts agree without a word between them.
The next run of the whole set, or `--merge`, takes the rows of all parts over.
"""

import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from s2f.pipeline.core import files, locks
from s2f.pipeline.core.errors import ConfigError, InputError
from s2f.pipeline.core.files import Place
from s2f.pipeline.core.manifest import Manifest
from s2f.pipeline.corpora.base import Source
from s2f.pipeline.stages.splits import fraction

FOLDER, LOCK = "parts", ".lock"

State = Literal["never ran", "died", "is not complete"]


@dataclass(frozen=True, order=True)
class Part:
    """One of `count` parts of a raw folder; the first has the number 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Part":
        """The part of a text such as `3/16`. Raises ConfigError."""
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise ConfigError(f"--part {text} is no part", "write 3/16 for the third of sixteen parts")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def holds(self, source: Source) -> bool:
        """Whether a clip is in this part. All pieces of a recording are in one."""
        return Part.of(source, self.count) == self

    @classmethod
    def of(cls, source: Source, count: int) -> "Part":
        """The part that a clip is in."""
        return cls(int(fraction(source.name) * count) + 1, count)

    def folder(self, out: Place) -> Place:
        """Where its manifests lie."""
        return out / FOLDER / f"{self.number}-of-{self.count}"


@dataclass(frozen=True)
class Lacking:
    """A part that has not done all its clips: what became of it, and why they would run, counted."""

    part: Part
    state: State
    reasons: Counter[str]


class IncompleteError(InputError):
    """Parts of OUT are not done; `due` are the clips that would run, and why."""

    def __init__(self, out: Place, begun: Sequence[Part], due: Iterable[tuple[Source, str]]) -> None:
        count = begun[0].count if begun else 1
        reasons: dict[Part, Counter[str]] = {}
        for source, reason in due:
            reasons.setdefault(Part.of(source, count), Counter())[reason] += 1
        self.lacking = [Lacking(part, _state(out, part), reasons[part]) for part in sorted(reasons)]
        numbers = ",".join(str(each.part.number) for each in self.lacking)
        if begun:
            problem = f"{len(self.lacking)} of {count} parts are not done: {numbers}"
            hint = f"run them again, in Slurm with --array={numbers}, and merge with the same settings"
        else:
            problem = (
                f"{out / FOLDER} holds no part, and {reasons[Part(1, 1)].total()} clips are not prepared"
            )
            hint = "run the parts first, with --part 1/16 and so on"
        super().__init__(problem, hint)


def _state(out: Place, part: Part) -> State:
    names = files.names(part.folder(out))
    if not names:
        return "never ran"
    # What is written during a run is put together at its end, also where it is stopped.
    died = "scan.parquet" not in names or any(name.endswith(".parts") for name in names)
    return "died" if died else "is not complete"


def begun(out: Place) -> list[Part]:
    """The parts that have been begun in OUT. Raises InputError where these are parts of several divisions."""
    names = (re.fullmatch(r"(\d+)-of-(\d+)", name) for name in files.names(out / FOLDER))
    found = sorted(Part(int(name[1]), int(name[2])) for name in names if name)
    counts = sorted({each.count for each in found})
    if len(counts) > 1:
        raise InputError(
            f"{out / FOLDER} holds parts of {' and of '.join(map(str, counts))}",
            "delete the folders of one division; what is in artifacts/ is used again",
        )
    return found


@contextmanager
def alone(out: Place) -> Iterator[None]:
    """Have OUT for a run of the whole. Raises InputError where another one, or a part, is at work."""
    with locks.alone(out / LOCK):
        locks.check_free([each.folder(out) / LOCK for each in begun(out)])
        yield


@contextmanager
def beside(out: Place, part: Part) -> Iterator[None]:
    """Have OUT for a part, beside others. Raises InputError where the whole, or this part, is at work.

    Whoever begins shows its own lock before it looks for others', so that of two one always sees the other.
    """
    others = {each.count for each in begun(out)} - {part.count}
    if others:
        raise InputError(
            f"{out / FOLDER} holds parts of {others.pop()}, and this is one of {part.count}",
            "end those with --merge, or delete that folder; what is in artifacts/ is used again",
        )
    with locks.alone(files.make_folder(part.folder(out)) / LOCK):
        locks.check_free([out / LOCK])
        yield


def take_over(table: Manifest, out: Place, parts: Collection[Part], clips: Mapping[str, Source]) -> None:
    """Put the rows of parts into a manifest of the whole: for the clips of a part what the part says of them.

    `clips` are the sources by the ids that rows of this manifest have.
    """
    shares: dict[Part, list[str]] = {part: [] for part in parts}
    counts = {part.count for part in parts}
    for (clip_id, source), count in itertools.product(clips.items(), counts):
        shares.get(Part.of(source, count), []).append(clip_id)
    for part, clip_ids in shares.items():
        rows = table.copied(part.folder(out))
        for clip_id in clip_ids:
            if clip_id in rows:
                table.put(rows.row(clip_id))
            elif clip_id in table:
                table.remove(clip_id)
