"""Speakers by checks as a table in colours: who has flagged clips, and who is near to being flagged."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from s2f.pipeline.audit.auditing import Audit
from s2f.pipeline.audit.checks.base import ClipCheck
from s2f.pipeline.audit.checks.judging import made
from s2f.pipeline.audit.clips import Scores
from s2f.pipeline.audit.findings import Finding, number
from s2f.pipeline.audit.report.names import natural

# Of more speakers, those with the most flags are shown.
MOST = 100

# Flagged clips by speaker.
Flags = Counter[str]


@dataclass(frozen=True)
class Cell:
    """How a speaker stands at a check; `look` is a level, near, far, unknown or empty, `strength` is in %."""

    check: str
    look: str
    strength: int | None
    title: str
    flagged: int


@dataclass(frozen=True)
class Line:
    """A speaker with its number of clips and a cell per check."""

    speaker: str
    clips: int
    cells: list[Cell]


@dataclass(frozen=True)
class Head:
    """The head of a column: the check, its name within its group, and its title."""

    check: str
    name: str
    title: str


@dataclass(frozen=True)
class HeatMap:
    """The rows of `speakers` speakers, or of those with the most flags; `groups` counts columns by group."""

    speakers: int
    groups: dict[str, int]
    heads: list[Head]
    rows: list[Line]


def heat_map(audit: Audit) -> HeatMap:
    """A row per speaker, those with the most flags per clip first; a column per check."""
    clips, findings = audit.clips, {each.check: each for each in audit.findings}
    members = clips.of_speakers(np.ones(len(clips), bool))
    flags = _flags(audit)
    total = sum(flags.values(), Counter[str]())
    checks = [
        check for check in made(clips) if flags[check.name] or np.isfinite(clips.scores[check.name]).any()
    ]
    columns = [
        _Column(check, clips.scores[check.name], findings[check.name], flags[check.name]) for check in checks
    ]
    chosen = sorted(members, key=lambda name: (-total[name] / len(members[name]), natural(name)))
    return HeatMap(
        len(members),
        Counter(check.name.partition(".")[0] for check in checks),
        [Head(check.name, check.name.partition(".")[2].replace("_", " "), check.title) for check in checks],
        [
            Line(name, len(members[name]), [column.cell(name, members[name]) for column in columns])
            for name in chosen[:MOST]
        ],
    )


def toward(median: float, usual: float, least: float | None, most: float | None) -> float:
    """Where a median lies on the way from the usual one, 0, to the nearer bound, 1; below 0 farther off.

    A bound that the usual one is beyond of has no such way.
    """
    ways = []
    if least is not None and usual > least:
        ways.append((usual - median) / (usual - least))
    if most is not None and usual < most:
        ways.append((median - usual) / (most - usual))
    return max(ways, default=0.0)


class _Column:
    """A check over the whole set, which tells the cells of single speakers."""

    def __init__(self, check: ClipCheck, scores: Scores, finding: Finding, flags: Flags) -> None:
        self._check, self._scores, self._finding, self._flags = check, scores, finding, flags
        self._usual = _median(scores)

    def cell(self, speaker: str, members: list[int]) -> Cell:
        """How a speaker stands, with the figures in the title."""
        flagged, median = self._flags[speaker], _median(self._scores[members])
        look, strength, told = "", 0.0, f"{flagged:,} of {len(members):,} flagged"
        if median is None or self._usual is None:
            look, told = "unknown", "not known"
        elif self._check.settings:
            strength = toward(median, self._usual, *self._finding.bounds)
            look = "near" if strength > 0 else "far" if strength < 0 else ""
            told += f"; median {number(median)} {self._check.unit}, of the set {number(self._usual)}"
        if flagged:
            look, strength = self._finding.level, 0.25 + 0.75 * (flagged / len(members)) ** 0.5
        return Cell(
            self._check.name,
            look,
            round(100 * min(1.0, abs(strength))) if strength else None,
            f"{self._check.title}: {told}",
            flagged,
        )


def _flags(audit: Audit) -> dict[str, Flags]:
    speakers = dict(zip(audit.clips.ids, audit.clips.speaker, strict=True))
    findings = {each.check: each for each in audit.findings}
    return {
        check.name: Counter(speakers[clip_id] for clip_id in findings[check.name].flagged)
        for check in made(audit.clips)
    }


def _median(scores: Scores) -> float | None:
    known = scores[np.isfinite(scores)]
    return float(np.median(known)) if len(known) else None
