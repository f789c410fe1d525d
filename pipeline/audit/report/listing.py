"""The clips as the page's table holds them: columns of few bytes, so that 33,000 clips fit on a page."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from s2f.pipeline.audit.auditing import Audit
from s2f.pipeline.audit.checks.judging import made
from s2f.pipeline.audit.clips import Clips, Scores


def listing(audit: Audit) -> dict[str, Any]:
    """All clips and their scores in the terms of JSON.

    Names that recur are numbers into a list. `flagged` are numbers of clips; scores have three digits.
    """
    clips = audit.clips
    findings = {each.check: each for each in audit.findings}
    numbers = {clip_id: number for number, clip_id in enumerate(clips.ids)}
    sources = audit.tables["scan"].column("source")
    columns = []
    for check in made(clips):
        finding = findings[check.name]
        least, most = finding.bounds
        columns.append(
            {
                "check": check.name,
                "title": check.title,
                "unit": check.unit,
                "level": finding.level,
                "expected": finding.expected,
                "least": least,
                "most": most,
                "flagged": [numbers[clip_id] for clip_id in finding.flagged],
                "scores": short(clips.scores[check.name]),
            }
        )
    return {
        "ids": clips.ids,
        "speaker": coded(clips.speaker),
        "split": coded(clips.split),
        "status": coded(statuses(clips)),
        "sources": [sources[clip_id] or "" for clip_id in clips.ids],
        "texts": [text or "" for text in clips.text],
        "messages": {number: message for number, message in enumerate(clips.message) if message},
        "checks": columns,
    }


def statuses(clips: Clips) -> list[str]:
    """How each clip fared: ok, or the stage that it ended at and why."""
    endings = zip(clips.stage, clips.status, clips.reason, strict=True)
    return ["ok" if status == "ok" else f"{stage}: {reason}" for stage, status, reason in endings]


def coded(values: Sequence[str]) -> dict[str, Any]:
    """Values that recur, as the list of those there are and a number into it for each."""
    names = {name: number for number, name in enumerate(dict.fromkeys(values))}
    return {"names": list(names), "codes": [names[value] for value in values]}


def short(scores: Scores) -> list[float | int | None]:
    """Scores to three digits; None where there is none."""
    rounded = (float(f"{score:.3g}") if np.isfinite(score) else None for score in scores.tolist())
    return [int(score) if score is not None and score.is_integer() else score for score in rounded]
