"""What a check has found: a level, expected against observed, the worst clips, and what to do."""

from dataclasses import dataclass
from typing import Literal

# From nothing to say, by what is worth knowing and what is worth a look, to what spoils a training.
Level = Literal["ok", "note", "warning", "error"]
LEVELS: tuple[Level, ...] = ("ok", "note", "warning", "error")


@dataclass(frozen=True)
class Finding:
    """The outcome of one check. `check` is `<group>.<name>`.

    `flagged` are the clips, speakers, shards or splits that the check speaks of; `worst` are clips with
    their scores, flagged or not, the worst first; `details` are lines that say more of single ones.
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
    """The findings of a level or a graver one, the gravest first."""
    chosen = [each for each in findings if LEVELS.index(each.level) >= LEVELS.index(level)]
    return sorted(chosen, key=lambda each: -LEVELS.index(each.level))


def number(value: float) -> str:
    """A figure as a person reads it."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
