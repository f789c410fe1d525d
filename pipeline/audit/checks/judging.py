"""Checks become findings."""

from collections.abc import Iterator

import numpy as np

from s2f.pipeline.audit.checks import table
from s2f.pipeline.audit.checks.base import ClipCheck, Evidence, SetCheck
from s2f.pipeline.audit.clips import Clips, Scores
from s2f.pipeline.audit.findings import Finding, Level, number


def score(clips: Clips) -> None:
    """Fill in the scores of all checks that can be made of the clips."""
    for check in table.clip_checks():
        if (scores := check.score(clips)) is not None:
            clips.scores[check.name] = scores


def made(*sets: Clips) -> list[ClipCheck]:
    """The checks of single clips that were made of all these sets: the one of sync needs a scorer."""
    return [check for check in table.clip_checks() if all(check.name in clips.scores for clips in sets)]


def judge(data: Evidence) -> Iterator[Finding]:
    """The findings of all checks, in the order of the table."""
    for check in table.CHECKS:
        if isinstance(check, SetCheck):
            yield _judge_set(check, data)
        elif isinstance(check, ClipCheck) and check.name in data.clips.scores:
            yield _judge_clips(check, data)


def beyond(scores: Scores, least: float | None, most: float | None) -> Scores:
    """By how much each score is out of its bounds: above 0 where it is, nan where there is none."""
    below = least - scores if least is not None else np.full(len(scores), -np.inf)
    above = scores - most if most is not None else np.full(len(scores), -np.inf)
    return np.maximum(below, above)


def _judge_set(check: SetCheck, data: Evidence) -> Finding:
    outcome = check.look(data)
    return Finding(
        check=check.name,
        title=check.title,
        level=check.level if outcome.flagged else "ok",
        unit="",
        expected=outcome.expected,
        observed=outcome.observed,
        meaning=check.meaning,
        advice=check.advice,
        flagged=outcome.flagged,
        details=outcome.details,
    )


def _judge_clips(check: ClipCheck, data: Evidence) -> Finding:
    clips, scores = data.clips, data.clips.scores[check.name]
    least, most = check.bounds(data.params)
    excess = beyond(scores, least, most)
    known = np.flatnonzero(~np.isnan(excess))
    rejected = [n for n, reason in enumerate(clips.reason) if reason and reason in check.reasons]
    wrong = np.union1d(np.flatnonzero(excess > 0), np.array(rejected, int)).tolist()
    ranked = known[np.argsort(-excess[known], kind="stable")][: data.params.worst].tolist()
    return Finding(
        check=check.name,
        title=check.title,
        level=_level(check, [clips.status[n] for n in wrong]),
        unit=check.unit,
        expected=_expected(check, least, most),
        observed=_observed(check, scores[known], len(wrong), len(clips)),
        meaning=check.meaning,
        advice=check.advice,
        flagged=tuple(clips.ids[n] for n in wrong),
        worst=tuple((clips.ids[n], float(scores[n])) for n in ranked),
        details=tuple(_details(check, clips, wrong)),
        bounds=(least, most),
    )


def _level(check: ClipCheck, statuses: list[str]) -> Level:
    """A clip that prep has left out cannot spoil a training any more."""
    if not statuses:
        return "ok"
    return "warning" if check.level == "error" and "ok" not in statuses else check.level


def _details(check: ClipCheck, clips: Clips, wrong: list[int]) -> Iterator[str]:
    """Why each clip is flagged: what prep said, else what the check notes of it and its score."""
    notes = check.notes(clips) if wrong and check.notes else {}
    for n in wrong:
        score = f"{number(clips.scores[check.name][n])} {check.unit}".strip() if check.settings else ""
        why = ", ".join(filter(None, (notes.get(n), score)))
        if clips.reason[n] in check.reasons:
            why = clips.message[n]
        if why:
            yield f"{clips.ids[n]}: {why}"


def _expected(check: ClipCheck, least: float | None, most: float | None) -> str:
    unit = f" {check.unit}" if check.unit else ""
    if not check.settings:
        return "none"
    if least is not None and most is not None:
        return f"{number(least)} to {number(most)}{unit}"
    return f"at least {number(least)}{unit}" if least is not None else f"at most {number(most or 0)}{unit}"


def _observed(check: ClipCheck, known: Scores, wrong: int, count: int) -> str:
    counted = f"{wrong} of {count} clips" if wrong else f"none of {len(known)} clips"
    if not len(known) or not check.settings:
        return counted
    unit = f" {check.unit}" if check.unit else ""
    least, most, middle = (number(float(each)) for each in np.percentile(known, [0, 100, 50]))
    return f"{counted} beyond; {least} to {most}{unit}, median {middle}"
