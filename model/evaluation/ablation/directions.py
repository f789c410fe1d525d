"""Do our rows differ in the same direction as the reported ones?"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from s2f.model.evaluation.ablation.rows import AblationRow
from s2f.model.evaluation.comparison import UNDECIDED, compare, verdict
from s2f.model.evaluation.results import Evaluation
from s2f.model.metrics.interval import Interval
from s2f.model.metrics.scoring import Column

Agreement = Literal["same", "opposite", "not shown", "equal", "not measured"]
SAME: Agreement = "same"
OPPOSITE: Agreement = "opposite"
UNSHOWN: Agreement = "not shown"
EQUAL: Agreement = "equal"
UNMEASURED: Agreement = "not measured"


@dataclass(frozen=True)
class Direction:
    """A row against an earlier row in one metric: the reported difference, ours, and whether they agree.

    The agreement is `equal` where the reported figures are equal, so that there is no direction.
    """

    name: str
    against: str
    measure: str
    reported: float
    ours: Interval | None
    agreement: Agreement


def directions(
    rows: Sequence[AblationRow], names: Sequence[str], evaluation: Evaluation, measures: Sequence[str]
) -> list[Direction]:
    """Each row against each earlier one, in each metric that was reported for both.

    `names` are the rows' names in the evaluation, "" for a row that has no model. Our differences are
    taken clip by clip; `comparison.verdict` says whether they are decided.
    """
    columns = {each.name: each for each in evaluation.columns}
    every = []
    for (earlier, earlier_name), (later, name) in combinations(zip(rows, names, strict=True), 2):
        differences: dict[str, Interval] = {}
        if earlier_name and name:
            differences = compare(
                name, earlier_name, evaluation.scored, evaluation.columns, evaluation.seed
            ).differences
        for measure in measures:
            if measure in earlier.reported and measure in later.reported:
                reported = later.reported[measure] - earlier.reported[measure]
                ours = differences.get(measure)
                agreement = _agreement(reported, ours, columns.get(measure))
                every.append(Direction(later.name, earlier.name, measure, reported, ours, agreement))
    return every


def _agreement(reported: float, ours: Interval | None, column: Column | None) -> Agreement:
    if not reported:
        return EQUAL
    if column is None or ours is None or not ours.clips:
        return UNMEASURED
    if verdict(column, ours) == UNDECIDED:
        return UNSHOWN
    return SAME if (ours.mean > 0) == (reported > 0) else OPPOSITE
