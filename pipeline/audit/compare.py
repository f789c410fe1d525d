"""What changed between two preparations: settings, clips, findings, and how the scores moved."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml

from s2f.pipeline.audit.auditing import Audit
from s2f.pipeline.audit.checks.judging import made
from s2f.pipeline.audit.findings import number
from s2f.pipeline.core.files import Place


@dataclass(frozen=True)
class Change:
    """Something that differs: what, what it was, what it is now."""

    what: str
    before: str
    now: str


@dataclass(frozen=True)
class Comparison:
    """All that differs between two prepared sets. Clips are the same if they have the same id."""

    settings: tuple[Change, ...]
    counts: tuple[Change, ...]
    clips: tuple[Change, ...]
    findings: tuple[Change, ...]
    scores: tuple[Change, ...]


def compare(before: Audit, now: Audit) -> Comparison:
    """Compare two audits, the older one first."""
    return Comparison(
        settings=tuple(_different(_settings(before.place), _settings(now.place))),
        counts=tuple(_different(_counts(before), _counts(now))),
        clips=tuple(_different(_endings(before), _endings(now))),
        findings=tuple(_findings(before, now)),
        scores=tuple(_scores(before, now)),
    )


def _different(before: dict[str, str], now: dict[str, str]) -> Iterator[Change]:
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            yield Change(name, before.get(name, "-"), now.get(name, "-"))


def _settings(out: Place) -> dict[str, str]:
    """The settings of prep as `block.name`; what training and audit are set to makes no other set."""
    path = out / "stages.yaml"
    if not path.exists():
        return {}
    blocks: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return {
        f"{block}.{name}": str(value)
        for block, values in blocks.items()
        if block not in ("run", "audit", "train", "lipread", "sync")
        for name, value in values.items()
    }


def _counts(audit: Audit) -> dict[str, str]:
    counts = {"clips": str(len(audit.clips)), "kept": str(audit.kept), "hours": f"{audit.hours:.3f}"}
    counts |= {f"clips in {name}": str(totals.clips) for name, totals in audit.splits.items()}
    return counts | {"shards": str(len(audit.shards))}


def _endings(audit: Audit) -> dict[str, str]:
    """How each clip fared: its split, or where and why it was lost."""
    clips = audit.clips
    return {
        clip_id: clips.split[place]
        or f"{clips.stage[place]} {clips.status[place]} {clips.reason[place]}".strip()
        for place, clip_id in enumerate(clips.ids)
    }


def _findings(before: Audit, now: Audit) -> Iterator[Change]:
    """Checks that flag others than before: how many, and who came and went."""
    old = {finding.check: finding for finding in before.findings}
    for finding in now.findings:
        known = set(old[finding.check].flagged) if finding.check in old else set()
        flagged = set(finding.flagged)
        if flagged != known:
            came, went = sorted(flagged - known)[:5], sorted(known - flagged)[:5]
            changes = [f"new: {', '.join(came)}"] * bool(came) + [f"gone: {', '.join(went)}"] * bool(went)
            yield Change(finding.check, str(len(known)), f"{len(flagged)} ({'; '.join(changes)})")


def _scores(before: Audit, now: Audit) -> Iterator[Change]:
    """Checks whose scores moved on the clips that both sets hold: their medians."""
    old = {clip_id: place for place, clip_id in enumerate(before.clips.ids)}
    pairs = [(old[clip_id], place) for place, clip_id in enumerate(now.clips.ids) if clip_id in old]
    if not pairs:
        return
    first, second = np.array(pairs).T
    for check in made(before.clips, now.clips):
        one, other = before.clips.scores[check.name][first], now.clips.scores[check.name][second]
        both = ~np.isnan(one) & ~np.isnan(other)
        if both.any() and not np.allclose(one[both], other[both], rtol=1e-3, atol=1e-6):
            unit = f" {check.unit}" if check.unit else ""
            medians = (float(np.median(values[both])) for values in (one, other))
            yield Change(check.name, *(f"{number(value)}{unit}" for value in medians))
