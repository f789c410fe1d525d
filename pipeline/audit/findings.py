"""Findings: the level, what was expected and observed, the worst clips, and what to do."""

from dataclasses import dataclass
from typing import Literal

# A note is worth knowing, a warning is worth a look, an error spoils a training.
Level = Literal["ok", "note", "warning", "error"]
LEVELS: tuple[Level, ...] = ("ok", "note", "warning", "error")


@dataclass(frozen=True)
class Finding:
    """The outcome of one check. `check` is `<group>.<name>`.

    `flagged` are clips, speakers, shards or splits; `worst` are clips with their scores, flagged or not, the
    worst first; `details` are lines about single ones of them.
    """

    check: str
    title: str
    level: Level
    unit: str
    expected: str
    observed: str
    meaning: str
    advice: str
    flagged: tuple[str, ...] = ()
    worst: tuple[tuple[str, float], ...] = ()
    details: tuple[str, ...] = ()
    bounds: tuple[float | None, float | None] = (None, None)


def at_least(findings: list[Finding], level: Level) -> list[Finding]:
    """The findings of this level or a more serious one, the most serious first."""
    chosen = [each for each in findings if LEVELS.index(each.level) >= LEVELS.index(level)]
    return sorted(chosen, key=lambda each: -LEVELS.index(each.level))


def number(value: float) -> str:
    """A figure as a person reads it."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
