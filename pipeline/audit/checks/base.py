"""What a check is: how it judges, what its findings mean, and which settings it has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import Field

from s2f.pipeline.audit.clips import Clips, Records, Scores
from s2f.pipeline.audit.findings import Level
from s2f.pipeline.audit.measures.lag import PooledLag
from s2f.pipeline.core.params import Params


@dataclass(frozen=True)
class Setting:
    """A setting of a check in the `audit` block of stages.yaml; a whole number if the default is one."""

    name: str
    default: float
    description: str
    minimum: int | None = None


class Thresholds(Params):
    """The base of the `audit` block, to which the settings of all checks are added."""

    worst: int = Field(8, ge=1, le=100, description="how many clips are shown per check")

    def value(self, setting: Setting) -> float:
        """The value of a check's setting."""
        number: float = getattr(self, setting.name)
        return number


@dataclass(frozen=True)
class Evidence:
    """What the checks of a set look at. `lags` are by speaker; with `deep` shards are read to their end."""

    records: Records
    clips: Clips
    lags: Mapping[str, PooledLag]
    params: Thresholds
    deep: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a check of the set saw. `flagged` are speakers, clips, splits or shards; `details` are lines."""

    expected: str
    observed: str
    flagged: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Check:
    """What all checks have. `name` is `<group>.<name>`; `basis` tells in docs/audit.md what is judged."""

    name: str
    title: str
    level: Level
    meaning: str
    advice: str
    basis: str

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings of the check."""
        return ()


@dataclass(frozen=True, kw_only=True)
class ClipCheck(Check):
    """A check of single clips: `score` gives a number per clip, nan where it is not known.

    Scores below `least` or above `most` are flagged; without either, those above 0. A clip that prep
    rejected for one of `reasons` is flagged too. `score` is None where the check cannot be made.
    `notes` say more of single clips, by their number.
    """

    score: Callable[[Clips], Scores | None]
    notes: Callable[[Clips], Mapping[int, str]] | None = None
    unit: str = ""
    least: Setting | None = None
    most: Setting | None = None
    reasons: tuple[str, ...] = ()

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The bounds."""
        return tuple(each for each in (self.least, self.most) if each)

    def bounds(self, params: Thresholds) -> tuple[float | None, float | None]:
        """The least and the greatest score that is not flagged."""
        if not self.settings:
            return None, 0.0
        least, most = (params.value(each) if each else None for each in (self.least, self.most))
        return least, most


@dataclass(frozen=True, kw_only=True)
class SetCheck(Check):
    """A check of the set as a whole."""

    look: Callable[[Evidence], Outcome]
    uses: tuple[Setting, ...] = ()

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings that `look` reads."""
        return self.uses


def measured(column: str) -> Callable[[Clips], Scores]:
    """The score that is a measure of each clip as it is."""

    def score(clips: Clips) -> Scores:
        return clips.numbers("measures", column)

    return score
