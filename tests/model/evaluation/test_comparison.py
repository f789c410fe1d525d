"""Runs against each other, clip by clip; clips that are worst, best and typical."""

import math

import numpy as np
import pytest

from s2f.model.evaluation.comparison import UNDECIDED, compare, verdict
from s2f.model.evaluation.extremes import extremes, picks, typical
from s2f.model.evaluation.results import Evaluation, speaker_means, summarise
from s2f.model.metrics.interval import bootstrap
from s2f.model.metrics.scoring import REAL, STILL, Column, Scored

PSNR = Column("psnr", "PSNR", "dB", True, 2)
L1 = Column("l1", "L1", "error", False, 4)
BLINKS = Column("blinks", "blinks per s", "eyes", None, 2)
COLUMNS = (PSNR, L1, BLINKS)


def clips(**scores: list[dict[str, float]]) -> list[Scored]:
    """Clips with the scores of each run."""
    names, values = list(scores), zip(*scores.values(), strict=True)
    return [
        Scored(f"c{number}", 75, dict(zip(names, each, strict=True)), speaker=f"s{number % 2}")
        for number, each in enumerate(values)
    ]


def evaluation_of(scored: list[Scored]) -> Evaluation:
    names = list(scored[0].scores)
    rows = tuple(summarise(name, scored, COLUMNS, 0, None) for name in (*names, STILL, REAL))
    return Evaluation("drawn", {}, len(scored), 0, COLUMNS, rows, (), tuple(scored), ())


def shows(differences: list[float], column: Column) -> str:
    """The verdict on runs that differ so in one column."""
    a = [{column.name: 10.0} for _ in differences]
    b = [{column.name: 10.0 + each} for each in differences]
    compared = compare("b", "a", clips(a=a, b=b), [column], 0)
    return verdict(column, compared.differences[column.name])


def test_a_small_difference_in_every_clip_is_shown_where_the_means_overlap() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(25, 3, 40)
    better = values + rng.normal(0.2, 0.1, 40)
    scored = clips(a=[{"psnr": x} for x in values], b=[{"psnr": x} for x in better])
    one, other = (summarise(name, scored, [PSNR], 0, None).scores["psnr"] for name in ("a", "b"))
    assert one.high > other.low
    compared = compare("b", "a", scored, [PSNR], 0)
    assert (compared.name, compared.against, compared.title) == ("b", "a", "b less a")
    difference = compared.differences["psnr"]
    assert difference == bootstrap(better - values, 0)
    assert difference.mean == pytest.approx(other.mean - one.mean)
    assert verdict(PSNR, difference) == "better"
    back = compare("a", "b", scored, [PSNR], 0).differences["psnr"]
    assert (verdict(PSNR, back), back.mean) == ("worse", -difference.mean)


def test_which_way_is_better_depends_on_the_measure() -> None:
    up, down = [0.1, 0.2, 0.1, 0.3, 0.2, 0.1], [-0.1, -0.2, -0.1, -0.3, -0.2, -0.1]
    assert (shows(up, PSNR), shows(down, PSNR)) == ("better", "worse")
    assert (shows(up, L1), shows(down, L1)) == ("worse", "better")
    assert (shows(up, BLINKS), shows(down, BLINKS)) == ("more", "less")


def test_nothing_is_shown_by_equal_runs_by_chance_or_by_few_clips() -> None:
    assert shows([0] * 20, PSNR) == UNDECIDED
    assert shows([0.1, -0.1] * 10, PSNR) == UNDECIDED
    assert shows([0.1] * 5, PSNR) == UNDECIDED
    assert shows([0.1] * 6, PSNR) == "better"
    assert shows([math.nan] * 9, PSNR) == UNDECIDED


def test_runs_without_a_difference_are_told_apart_seldom() -> None:
    rng = np.random.default_rng(1)
    wrong = sum(shows(list(rng.normal(0, 1, 20)), PSNR) != UNDECIDED for _ in range(200))
    assert wrong < 0.12 * 200


def test_only_clips_that_both_have_are_compared() -> None:
    a = [{"psnr": 1.0}, {}, {"psnr": 3.0}, {"psnr": math.nan}]
    b = [{"psnr": 2.0, "l1": 1.0}, {"psnr": 9.0}, {"psnr": 5.0}, {"psnr": 1.0}]
    compared = compare("b", "a", clips(a=a, b=b), COLUMNS, 0)
    assert compared.differences.keys() == {"psnr"}
    assert compared.differences["psnr"].mean == 1.5
    assert compared.differences["psnr"].clips == 2


def test_infinite_scores_have_no_difference() -> None:
    a = [{"psnr": math.inf}] * 3 + [{"psnr": 30.0}] * 4
    b = [{"psnr": math.inf}] * 2 + [{"psnr": 30.0}] * 4 + [{"psnr": math.inf}]
    compared = compare("b", "a", clips(a=a, b=b), [PSNR], 0)
    assert verdict(PSNR, compared.differences["psnr"]) == UNDECIDED


def test_the_worst_the_best_and_a_typical_clip() -> None:
    a = [{"psnr": p, "l1": e} for p, e in ((20, 0.5), (30, 0.1), (25, 0.3), (26, 0.9), (24, 0.2))]
    b = [{"psnr": p, "l1": e} for p, e in ((20, 0.5), (30, 0.1), (25, 0.3), (26, 0.9), (math.nan, 0.2))]
    evaluation = evaluation_of(clips(a=a, b=b))
    assert [(each.column, each.worst, each.best) for each in extremes(evaluation)] == [
        (PSNR, "c0", "c1"),
        (L1, "c3", "c1"),
    ]
    assert typical(evaluation) == "c2"
    assert picks(evaluation) == {
        "c2": ["typical"],
        "c0": ["worst PSNR"],
        "c1": ["best PSNR", "best L1"],
        "c3": ["worst L1"],
    }


def test_measures_that_nothing_is_known_of_have_no_worst_clip() -> None:
    evaluation = evaluation_of(clips(a=[{"psnr": math.nan, "blinks": 1.0}] * 3))
    assert extremes(evaluation) == []
    assert picks(evaluation) == {"c0": ["typical"]}


def test_the_means_of_each_speaker() -> None:
    evaluation = evaluation_of(clips(a=[{"psnr": 1.0}, {"psnr": 2.0}, {"psnr": 3.0}, {"psnr": math.nan}]))
    means = speaker_means(evaluation)
    assert means == {
        "s0": {"a": {"psnr": 2}, STILL: {}, REAL: {}},
        "s1": {"a": {"psnr": 2}, STILL: {}, REAL: {}},
    }
