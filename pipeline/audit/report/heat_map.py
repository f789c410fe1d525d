"""Speakers by checks as a table in colours: who has flagged clips, and who is near to being flagged."""

from collections import Counter
from html import escape

import numpy as np

from s2f.pipeline.audit.auditing import Audit
from s2f.pipeline.audit.checks.clips import Check, made
from s2f.pipeline.audit.clips import Scores
from s2f.pipeline.audit.findings import Finding, number
from s2f.pipeline.audit.names import natural

# Of more speakers, those with the most flags are shown.
MOST = 100

# Flagged clips by speaker.
Flags = Counter[str]


def heat_map(found: Audit) -> str:
    """A row per speaker, those with the most flags per clip first; a column per check."""
    clips, findings = found.clips, {each.check: each for each in found.findings}
    members = clips.of_speakers(np.ones(len(clips), bool))
    flags = _flags(found)
    total = sum(flags.values(), Counter[str]())
    columns = {
        check: _Column(check, clips.scores[check.name], findings[check.name], flags[check.name])
        for check in made(clips)
        if flags[check.name] or np.isfinite(clips.scores[check.name]).any()
    }
    chosen = sorted(members, key=lambda name: (-total[name] / len(members[name]), natural(name)))
    rows = (_row(name, members[name], list(columns.values())) for name in chosen[:MOST])
    left_out = (
        f"{MOST} of {len(members):,} speakers, those with the most flags." if len(members) > MOST else ""
    )
    return (
        f'<div class="scroll tall" tabindex="0"><table class="heat"><thead>{_heads(list(columns))}</thead>'
        f'<tbody>{"".join(rows)}</tbody></table></div><p class="unit">{left_out}</p>'
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

    def __init__(self, check: Check, scores: Scores, finding: Finding, flags: Flags) -> None:
        self._check, self._scores, self._finding, self._flags = check, scores, finding, flags
        self._usual = _median(scores)

    def cell(self, speaker: str, members: list[int]) -> str:
        """How a speaker stands, with the figures in the title."""
        flagged, median = self._flags[speaker], _median(self._scores[members])
        look, strength, told = "", 0.0, f"{flagged:,} of {len(members):,} flagged"
        if median is None or self._usual is None:
            look, told = "unknown", "not known"
        elif self._check.least or self._check.most:
            strength = toward(median, self._usual, *self._finding.bounds)
            look = "near" if strength > 0 else "far" if strength < 0 else ""
            told += f"; median {number(median)} {self._check.unit}, of the set {number(self._usual)}"
        if flagged:
            look, strength = self._finding.level, 0.25 + 0.75 * (flagged / len(members)) ** 0.5
        strong = f' style="--s:{100 * min(1.0, abs(strength)):.0f}%"' if strength else ""
        return (
            f'<td class="{look}"{strong} data-check="{self._check.name}"'
            f' title="{escape(self._check.title)}: {escape(told)}">{flagged or ""}</td>'
        )


def _row(speaker: str, members: list[int], columns: list[_Column]) -> str:
    cells = "".join(column.cell(speaker, members) for column in columns)
    name = escape(speaker)
    return (
        f'<tr data-speaker="{name}"><th scope="row"><button>{name or "?"}</button></th>'
        f"<td>{len(members):,}</td>{cells}</tr>"
    )


def _heads(shown: list[Check]) -> str:
    groups = Counter(check.name.partition(".")[0] for check in shown)
    spans = "".join(f'<th colspan="{count}">{group}</th>' for group, count in groups.items())
    names = "".join(
        f'<th scope="col"><button data-check="{check.name}" title="{escape(check.title)}">'
        f"{check.name.partition('.')[2].replace('_', ' ')}</button></th>"
        for check in shown
    )
    return f"<tr><th></th><th></th>{spans}</tr><tr><th>speaker</th><th>clips</th>{names}</tr>"


def _flags(found: Audit) -> dict[str, Flags]:
    speakers = dict(zip(found.clips.ids, found.clips.speaker, strict=True))
    findings = {each.check: each for each in found.findings}
    return {
        check.name: Counter(speakers[clip_id] for clip_id in findings[check.name].flagged)
        for check in made(found.clips)
    }


def _median(scores: Scores) -> float | None:
    known = scores[np.isfinite(scores)]
    return float(np.median(known)) if len(known) else None
