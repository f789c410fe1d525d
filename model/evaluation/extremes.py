"""Clips to be looked at: the worst and the best of each measure, and a typical one."""

import math
from dataclasses import dataclass

import numpy as np

from s2f.model.evaluation.results import Evaluation
from s2f.model.metrics import Values
from s2f.model.metrics.scoring import Column


@dataclass(frozen=True)
class Extremes:
    """The clips that the runs do worst and best on in one column, by the mean over the runs."""

    column: Column
    worst: str
    best: str


def extremes(found: Evaluation) -> list[Extremes]:
    """Those of each column that has a better way and is known for some clip."""
    every = []
    for column in found.columns:
        values = _values(found, column)
        if column.higher_is_better is None or np.isnan(values).all():
            continue
        low, high = (found.scored[int(which(values))].clip_id for which in (np.nanargmin, np.nanargmax))
        every.append(Extremes(column, *((low, high) if column.higher_is_better else (high, low))))
    return every


def typical(found: Evaluation) -> str:
    """The clip whose ranks in all columns lie nearest to the middle."""
    far = np.zeros(len(found.scored))
    for column in found.columns:
        values = _values(found, column)
        if column.higher_is_better is not None and not np.isnan(values).any():
            far += np.abs(values.argsort().argsort() - (len(values) - 1) / 2)
    return found.scored[int(far.argmin())].clip_id


def picks(found: Evaluation) -> dict[str, list[str]]:
    """The clips to be looked at, and for each what it is an example of; the typical one first."""
    chosen = {typical(found): ["typical"]}
    for each in extremes(found):
        chosen.setdefault(each.worst, []).append(f"worst {each.column.title}")
        chosen.setdefault(each.best, []).append(f"best {each.column.title}")
    return chosen


def _values(found: Evaluation, column: Column) -> Values:
    """The mean over the runs for each clip, (n,); nan where none has a value."""
    values = np.full(len(found.scored), np.nan)
    for number, clip in enumerate(found.scored):
        each = [clip.scores.get(run.name, {}).get(column.name, math.nan) for run in found.runs]
        known = [value for value in each if not math.isnan(value)]
        if known:
            values[number] = np.mean(known)
    return values
