"""Measures beside the answers of a study: a simulated jury that sees some of them, and wrong input."""

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import kendalltau, spearmanr
from support.prepared import Command, refused

from s2f.model.evaluation.results import CLIPS, SUMMARY
from s2f.model.evaluation.study import agreement
from s2f.model.evaluation.study.agreement import AGAINST, AGREES, UNSHOWN, rank_correlations
from s2f.model.evaluation.study.schema import Answer, Answers, Key, Origin
from s2f.pipeline.core.manifest import write_table

SYSTEMS, NAMES, VIEWERS = ("ours", "theirs"), [f"clip{number:02}" for number in range(24)], 15
# What each measure has to do with what the jury sees.
MEASURES = {
    "seen": {"title": "Seen", "higher_is_better": True},
    "error": {"title": "Error", "higher_is_better": False},
    "wrong": {"title": "Wrong", "higher_is_better": True},
    "near": {"title": "Near real", "higher_is_better": None},
    "blind": {"title": "Blind", "higher_is_better": True},
    "same": {"title": "Same", "higher_is_better": True},
    "lacking": {"title": "Lacking", "higher_is_better": True},
    "facefd": {"title": "FaceFD", "higher_is_better": False},
}


@pytest.fixture(scope="module")
def quality() -> dict[tuple[str, str], float]:
    """How real each video looks, from 0 to 1."""
    random = np.random.default_rng(1)
    return {(name, system): float(random.uniform()) for name in NAMES for system in SYSTEMS}


@pytest.fixture(scope="module")
def scores(quality: dict[tuple[str, str], float], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an evaluation, whose measures see the quality, or do not."""
    folder = tmp_path_factory.mktemp("scores")
    random = np.random.default_rng(2)
    rows = []
    for (name, system), real in quality.items():
        noisy = real + random.normal(0, 0.05)
        rows.append(
            {"clip_id": name, "video": system, "seen": noisy, "error": 9 - noisy, "wrong": -noisy}
            | {"near": 3 + (1 - noisy) * random.choice([-1, 1]), "blind": random.normal(), "same": 1.0}
        )
    rows += [{"clip_id": name, "video": "real", "near": 3.0} for name in NAMES]
    known = [name for name in MEASURES if name != "facefd"]
    texts = [(name, pa.string()) for name in ("clip_id", "video")]
    write_table(folder / CLIPS, rows, pa.schema([*texts, *((name, pa.float64()) for name in known)]))
    (folder / SUMMARY).write_text(json.dumps({"measures": MEASURES}))
    return folder


def jury(quality: dict[tuple[str, str], float], folder: Path) -> tuple[list[Path], Path]:
    """The answers of viewers who take a clip for real the more often the better it is, and their key."""
    random = np.random.default_rng(3)
    trials = {
        f"{name} {system}": {f"{name} {system} clip": Origin(name=name, system=system)}
        for name, system in quality
    }
    trials |= {f"{name} real": {f"{name} real clip": Origin(name=name, system=None)} for name in NAMES}
    key = Key(format=1, study="s", title="t", pairs=False, systems=list(SYSTEMS), trials=trials)
    (folder / "study.key.json").write_text(key.model_dump_json())
    files = []
    for viewer in range(VIEWERS):
        answers = []
        for trial, clips in trials.items():
            ((clip, origin),) = clips.items()
            share = 0.9 if origin.system is None else 0.1 + 0.8 * quality[origin.name, origin.system]
            real = clip if random.uniform() < share else None
            answers.append(Answer(trial=trial, shown=[clip], real=real, plays=[1], seconds=1.0))
        given = Answers(
            kind="s2f study answers", format=1, study="s", viewer=str(viewer), questions=len(trials),
            unplayable=[], answers=answers,
        )  # fmt: skip
        files.append(folder / f"answers-{viewer}.json")
        files[-1].write_text(given.model_dump_json())
    return files, folder / "study.key.json"


def test_a_jury_agrees_with_the_measures_that_see_what_it_sees(
    quality: dict[tuple[str, str], float], scores: Path, tmp_path: Path, s2f: Command
) -> None:
    answers, key = jury(quality, tmp_path)
    table, result = tmp_path / "answers.csv", tmp_path / "agreement.json"
    ended = s2f("study", "score", *answers, "--key", key, "--csv", table)
    assert ended.code == 0, ended.err
    lines = table.read_text().splitlines()
    assert lines[0] == "viewer,clip,video,answer,seconds"
    assert len(lines) == 1 + VIEWERS * 3 * len(NAMES)
    ended = s2f("study", "agree", table, "--scores", scores, "--json", result)
    assert ended.code == 0, ended.err
    found = {row["name"]: row for row in json.loads(result.read_text())}
    # All values are alike in one, and two have none.
    assert found.keys() == {"seen", "error", "wrong", "near", "blind"}
    for name in ("seen", "error", "near"):
        assert found[name]["verdict"] == AGREES
        assert found[name]["spearman"] > 0.7
        low, high = found[name]["spearman_interval"]
        assert 0.5 < low < found[name]["spearman"] < high <= 1
        assert 0 < found[name]["kendall"] < found[name]["spearman"]
    assert found["wrong"]["verdict"] == AGAINST
    assert found["wrong"]["spearman"] == pytest.approx(-found["seen"]["spearman"])
    assert found["blind"]["verdict"] == UNSHOWN
    assert (found["seen"]["videos"], found["seen"]["clips"]) == (48, 24)
    assert "Near real" in ended.out
    assert AGREES in ended.out


def test_the_correlations_are_those_of_scipy() -> None:
    random = np.random.default_rng(0)
    some, others = random.integers(0, 6, 40).astype(float), random.normal(0, 1, 40).round(1)
    weights = random.integers(0, 3, (5, 40)).astype(float)
    spearman, kendall = rank_correlations(some, others, np.vstack([np.ones(40), weights]))
    for number, counts in enumerate([np.ones(40), *weights]):
        drawn = np.repeat(np.arange(40), counts.astype(int))
        assert spearman[number] == pytest.approx(spearmanr(some[drawn], others[drawn]).statistic)
        assert kendall[number] == pytest.approx(kendalltau(some[drawn], others[drawn]).statistic)
    assert math.isnan(rank_correlations(np.ones(40), others, np.ones((1, 40)))[0][0])


def test_ratings_of_any_study(quality: dict[tuple[str, str], float], scores: Path, tmp_path: Path) -> None:
    """With one rating of 1 to 5 per video, a byte order mark, and columns in another order."""
    lines = ["rater,answer,video,clip"]
    lines += [f"a,{1 + round(4 * real)},{system},{name}" for (name, system), real in quality.items()]
    path = tmp_path / "ratings.csv"
    path.write_text("\n".join(lines), encoding="utf-8-sig")
    first, *rest = agreement.agreement(path, scores)
    assert first.verdict == AGREES
    assert first.spearman > 0.9
    assert rest[-1].name == "wrong"
    assert agreement.agreement(path, scores) == [first, *rest]
    assert agreement.agreement(path, scores, seed=1)[0].spearman_interval != first.spearman_interval
    # Too few clips tell nothing.
    path.write_text("\n".join(lines[:10]), encoding="utf-8")
    few = agreement.agreement(path, scores)
    assert few == []
    assert "nothing can be said" in agreement.notes(few)[0]


def test_what_cannot_be_compared_is_said(s2f: Command, scores: Path, tmp_path: Path) -> None:
    def asked(text: str, folder: Path = scores) -> tuple[object, ...]:
        path = tmp_path / "a.csv"
        path.write_text(text)
        return s2f("study", "agree", path, "--scores", folder)  # type: ignore[return-value]

    refused(asked("clip,video\n1,2\n"), "has no column answer")  # type: ignore[arg-type]
    refused(asked("clip,video,answer\na,b,real\n"), "line 2: the answer 'real' is not a number")  # type: ignore[arg-type]
    refused(asked("clip,video,answer\na,real,1\n"), "holds no answer on a generated video")  # type: ignore[arg-type]
    refused(asked("clip,video,answer\nclip00,other,1\n"), "it has answers on other, the evaluation has")  # type: ignore[arg-type]
    refused(asked("clip,video,answer\na,b,1\n", tmp_path), "holds no evaluation")  # type: ignore[arg-type]
    refused(s2f("study", "agree", tmp_path / "no.csv", "--scores", scores), "cannot be read")
