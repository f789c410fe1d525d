"""How many clips come to each stage, and how they end there."""

from collections import Counter
from dataclasses import dataclass

from s2f.pipeline.core.manifest import Manifest


@dataclass(frozen=True)
class Funnel:
    """One stage of the funnel: how many clips came in, how they ended, how many were run now.

    `reasons` counts why clips did not pass, the most common reason first.
    """

    stage: str
    entered: int
    ok: int
    rejected: int
    failed: int
    reasons: Counter[str]
    run: int = 0

    @property
    def passed(self) -> int:
        """How many clips went on to the next stage."""
        return self.ok


def count(stage: str, table: Manifest, run: int = 0) -> Funnel:
    """Count the rows of a stage's manifest."""
    briefs = [table.brief(clip_id) for clip_id in table]
    ends = Counter(status for _, status, _ in briefs)
    reasons = Counter(reason for _, _, reason in briefs if reason)
    return Funnel(
        stage,
        entered=len(briefs),
        ok=ends["ok"],
        rejected=ends["rejected"],
        failed=ends["failed"],
        reasons=Counter(dict(reasons.most_common())),
        run=run,
    )
