"""Do our rows stand to each other as the reported ones do?"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from s2f.model.evaluation.ablation.recipes import Row
from s2f.model.evaluation.comparison import UNDECIDED, compare, verdict
from s2f.model.evaluation.results import Evaluation
from s2f.model.metrics.interval import Interval
from s2f.model.metrics.scoring import Column

Found = Literal["same", "opposite", "not shown", "equal", "not measured"]
SAME: Found = "same"
OPPOSITE: Found = "opposite"
UNSHOWN: Found = "not shown"
EQUAL: Found = "equal"
UNMEASURED: Found = "not measured"


@dataclass(frozen=True)
class Direction:
    """One measure of a row against an earlier one: the reported difference, ours clip by clip, and whether
    both go the same way. `equal`: the reported figures do not differ, so there is no way to go.
    """

    name: str
    against: str
    measure: str
    reported: float
    ours: Interval | None
    found: Found


def directions(
    rows: Sequence[Row], names: Sequence[str], evaluation: Evaluation, measures: Sequence[str]
) -> list[Direction]:
    """Each row against each earlier one, in each of the measures that was reported of both.

    `names` are those of the rows in the evaluation, empty where there is none. The differences are paired,
    and show something by the rule of `comparison.verdict`.
    """
    columns = {each.name: each for each in evaluation.columns}
    found = []
    for (earlier, known), (later, name) in combinations(zip(rows, names, strict=True), 2):
        differences: dict[str, Interval] = {}
        if known and name:
            differences = compare(
                name, known, evaluation.scored, evaluation.columns, evaluation.seed
            ).differences
        for measure in measures:
            if measure in earlier.reported and measure in later.reported:
                reported = later.reported[measure] - earlier.reported[measure]
                ours = differences.get(measure)
                way = _way(reported, ours, columns.get(measure))
                found.append(Direction(later.name, earlier.name, measure, reported, ours, way))
    return found


def _way(reported: float, ours: Interval | None, column: Column | None) -> Found:
    if not reported:
        return EQUAL
    if column is None or ours is None or not ours.clips:
        return UNMEASURED
    if verdict(column, ours) == UNDECIDED:
        return UNSHOWN
    return SAME if (ours.mean > 0) == (reported > 0) else OPPOSITE
