"""Which measures agree with eyes: a study's answers beside the scores of an evaluation, by their ranks."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from s2f.model.evaluation.comparison import LEAST_CLIPS
from s2f.model.evaluation.results import CLIPS, SUMMARY, finite
from s2f.model.metrics import Values
from s2f.model.metrics.interval import COVERED, RESAMPLES
from s2f.model.metrics.scoring import REAL
from s2f.pipeline.core import files
from s2f.pipeline.core.errors import InputError

COLUMNS = ("clip", "video", "answer")
AGREES, AGAINST, UNSHOWN = "agrees", "goes against", "not shown"

# The mean answer of each video of a clip, by clip and name of the video.
Answers = dict[tuple[str, str], float]
Bounds = tuple[float, float]


@dataclass(frozen=True)
class Agreement:
    """How the ranks by a measure agree with those by the answers, 1 for the same order, and the bounds.

    Positive where videos that the measure calls better, or closer to the real one, had higher answers.
    `videos` are those that have both, `clips` the names among them.
    """

    name: str
    title: str
    videos: int
    clips: int
    spearman: float
    spearman_interval: Bounds
    kendall: float
    kendall_interval: Bounds

    @property
    def verdict(self) -> str:
        """What the interval of Spearman's correlation shows."""
        low, high = self.spearman_interval
        return AGREES if low > 0 else AGAINST if high < 0 else UNSHOWN


def agreement(study: Path, scores: Path, seed: int = 0) -> list[Agreement]:
    """The agreement of each measure of an evaluation's folder with a study's CSV, the best first.

    A measure needs six clips with different answers and values. Raises InputError where a file cannot be
    read, or no video is in both.
    """
    answers = read_answers(study)
    measures, values = _read_scores(scores)
    both = sorted(key for key in answers if key in values)
    if not both:
        theirs, ours = ({video for _, video in keys} for keys in (answers, values))
        raise InputError(
            f"no video of {study} is in {scores}: it has answers on {', '.join(sorted(theirs))},"
            f" the evaluation has {', '.join(sorted(ours))}",
            "name systems and clips in both alike: 's2f evaluate --videos ours', '--generated ours=FOLDER'",
        )
    found = [_agreement(name, about, answers, values, both, seed) for name, about in measures.items()]
    return sorted(filter(None, found), key=lambda each: -each.spearman)


def read_answers(path: Path) -> Answers:
    """The mean answer on each video of a CSV with the columns clip, video and answer, a line per answer.

    An answer is a number that is higher for what looks more real. Real videos do not count.
    """
    hint = f"its first line names the columns {', '.join(COLUMNS)}, as 's2f study score --csv' writes them"
    given: dict[tuple[str, str], list[float]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.DictReader(file)
            if lacking := [name for name in COLUMNS if name not in (lines.fieldnames or ())]:
                raise InputError(f"{path} has no column {lacking[0]}", hint)
            for line in lines:
                try:
                    answer = float(line["answer"])
                except (TypeError, ValueError):
                    answer = math.nan
                if not math.isfinite(answer):
                    raise InputError(
                        f"{path}, line {lines.line_num}: the answer {line['answer']!r} is not a number",
                        "write 1 for real and 0 for generated, or any rating that is higher for the better",
                    )
                given.setdefault((line["clip"], line["video"]), []).append(answer)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: {error}", hint) from error
    answers = {key: float(np.mean(some)) for key, some in given.items() if key[1] not in ("", REAL)}
    if not answers:
        raise InputError(f"{path} holds no answer on a generated video", hint)
    return answers


def rank_correlations(some: Values, others: Values, weights: Values) -> tuple[Values, Values]:
    """Spearman's rho and Kendall's tau-b of two values (n,), for each row of weights (k, n): (k,) and (k,).

    A weight is how often a value counts. Ties share a rank. nan where either has one value only.
    """
    products, squares, ranks = np.ones((len(some), len(some))), [], []
    for values in (some, others):
        signs = np.sign(values[:, None] - values[None])
        products = products * signs
        squares.append(_pairs(weights, signs**2))
        # How much lies below a value, and half of what is equal to it.
        ranks.append(weights @ ((signs < 0) + 0.5 * (signs == 0)))
    with np.errstate(invalid="ignore", divide="ignore"):
        kendall = _pairs(weights, products) / np.sqrt(squares[0] * squares[1])
        total = weights.sum(axis=1, keepdims=True)
        first, second = (each - (weights * each).sum(axis=1, keepdims=True) / total for each in ranks)
        spread = np.sqrt((weights * first**2).sum(axis=1) * (weights * second**2).sum(axis=1))
        spearman = (weights * first * second).sum(axis=1) / spread
    return spearman, kendall


def table(found: Sequence[Agreement]) -> Table:
    """A row per measure; the JSON has the interval of Kendall's correlation too."""
    table = Table(
        box=SIMPLE_HEAD,
        title="do measures agree with eyes? Spearman's rho, Kendall's tau",
        title_justify="left",
    )
    table.add_column("", no_wrap=True)
    for name in ("rho", "95 % interval", "tau", "videos"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for each in found:
        low, high = each.spearman_interval
        table.add_row(
            escape(each.title),
            f"{each.spearman:+.2f}",
            f"{low:+.2f} to {high:+.2f}",
            f"{each.kendall:+.2f}",
            str(each.videos),
            each.verdict,
        )
    return table


def notes(found: Sequence[Agreement]) -> list[str]:
    """What the figures mean."""
    if not found:
        return [f"no measure has values and different answers on {LEAST_CLIPS} clips: nothing can be said"]
    return [
        "1: the measure puts the videos in the order of the answers; 0: it does not know of them; below 0: it"
        " prefers what viewers do not. Measures without a better direction are taken by their distance from"
        " the real video. Clips are drawn anew for the intervals; of many measures one in twenty is shown by"
        " chance.",
    ]


def write_json(found: Sequence[Agreement], path: Path) -> None:
    """Write the agreements. Raises OutputError."""
    content = finite([asdict(each) | {"verdict": each.verdict} for each in found])
    files.write_bytes(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def _agreement(
    name: str,
    about: Mapping[str, Any],
    answers: Answers,
    values: Mapping[tuple[str, str], Mapping[str, float]],
    both: Sequence[tuple[str, str]],
    seed: int,
) -> Agreement | None:
    """The agreement of one measure; None where too few clips have it, or all alike."""
    goodness = {key: _goodness(name, about["higher_is_better"], key, values) for key in both}
    keys = [key for key in both if math.isfinite(goodness[key])]
    clips = sorted({clip for clip, _ in keys})
    if len(clips) < LEAST_CLIPS:
        return None
    measured, answered = (np.array([each[key] for key in keys]) for each in (goodness, answers))
    # How often each clip is drawn, and so each of its videos.
    drawn = np.random.default_rng(seed).multinomial(
        len(clips), np.full(len(clips), 1 / len(clips)), RESAMPLES
    )
    weights = drawn[:, [clips.index(clip) for clip, _ in keys]].astype(np.float64)
    once = rank_correlations(measured, answered, np.ones((1, len(keys))))
    if not all(math.isfinite(each[0]) for each in once):
        return None
    many = rank_correlations(measured, answered, weights)
    spearman, kendall = (
        (float(each[0]), _bounds(drawn_anew)) for each, drawn_anew in zip(once, many, strict=True)
    )
    return Agreement(name, about["title"], len(keys), len(clips), *spearman, *kendall)


def _goodness(
    name: str,
    higher_is_better: bool | None,
    key: tuple[str, str],
    values: Mapping[tuple[str, str], Mapping[str, float]],
) -> float:
    """How good a video is by a measure: higher is better; nan where it has no value."""
    value = values[key].get(name, math.nan)
    if higher_is_better is None:
        real = values.get((key[0], REAL), {}).get(name, math.nan)
        return -abs(value - real)
    return value if higher_is_better else -value


def _bounds(values: Values) -> Bounds:
    known = values[np.isfinite(values)]
    if not len(known):
        return math.nan, math.nan
    low, high = np.quantile(known, [(1 - COVERED) / 2, (1 + COVERED) / 2])
    return float(low), float(high)


def _pairs(weights: Values, matrix: npt.NDArray[np.float64]) -> Values:
    """The sum over all pairs, for each row of weights."""
    return np.asarray(((weights @ matrix) * weights).sum(axis=1), np.float64)


def _read_scores(
    folder: Path,
) -> tuple[dict[str, dict[str, Any]], dict[tuple[str, str], dict[str, float]]]:
    """The measures of an evaluation by name, and their values by clip and video."""
    hint = "give the folder that 's2f evaluate --out' has written"
    try:
        measures = json.loads((folder / SUMMARY).read_bytes())["measures"]
        rows = pq.read_table(pa.BufferReader((folder / CLIPS).read_bytes())).to_pylist()
        values = {
            (row["clip_id"], row["video"]): {
                name: math.nan if row[name] is None else float(row[name]) for name in measures if name in row
            }
            for row in rows
        }
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise InputError(f"{folder} holds no evaluation: {error}", hint) from error
    return measures, values
