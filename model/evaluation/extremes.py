"""Which clips to look at: the worst and the best of each metric, and a typical one."""

import math
from dataclasses import dataclass

import numpy as np

from s2f.model.evaluation.results import Evaluation
from s2f.model.metrics import Values
from s2f.model.metrics.scoring import Column


@dataclass(frozen=True)
class Extremes:
    """The ids of the clips with the worst and the best mean over the runs, in one column."""

    column: Column
    worst: str
    best: str


def extremes(evaluation: Evaluation) -> list[Extremes]:
    """The extremes of each brief column in which one direction is better and some clip has a value."""
    chosen = []
    for column in evaluation.clip_columns:
        values = _values(evaluation, column)
        if column.higher_is_better is None or not column.brief or np.isnan(values).all():
            continue
        low, high = (evaluation.scored[int(arg(values))].clip_id for arg in (np.nanargmin, np.nanargmax))
        chosen.append(Extremes(column, *((low, high) if column.higher_is_better else (high, low))))
    return chosen


def typical(evaluation: Evaluation) -> str:
    """The id of the clip whose ranks in all columns are nearest to the middle."""
    distances = np.zeros(len(evaluation.scored))
    for column in evaluation.clip_columns:
        values = _values(evaluation, column)
        if column.higher_is_better is not None and not np.isnan(values).any():
            distances += np.abs(values.argsort().argsort() - (len(values) - 1) / 2)
    return evaluation.scored[int(distances.argmin())].clip_id


def picks(evaluation: Evaluation) -> dict[str, list[str]]:
    """The ids of the clips to look at, the typical one first, each with what it is an example of."""
    chosen = {typical(evaluation): ["typical"]}
    for extreme in extremes(evaluation):
        chosen.setdefault(extreme.worst, []).append(f"worst {extreme.column.title}")
        chosen.setdefault(extreme.best, []).append(f"best {extreme.column.title}")
    return chosen


def _values(evaluation: Evaluation, column: Column) -> Values:
    """The mean over the runs of each clip, (n,); nan where no run has a value."""
    values = np.full(len(evaluation.scored), np.nan)
    for number, clip in enumerate(evaluation.scored):
        scores = [clip.scores.get(run.name, {}).get(column.name, math.nan) for run in evaluation.runs]
        known = [value for value in scores if not math.isnan(value)]
        if known:
            values[number] = np.mean(known)
    return values
