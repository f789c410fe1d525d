"""How often viewers took clips for real, with exact intervals.

The intervals are those of Clopper and Pearson (1934): they contain the true share in at least 95 % of
studies, provided that the answers are independent of each other.
"""

import csv
import io
import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import ValidationError

from s2f.model.evaluation.study.schema import Answer, Answers, Key
from s2f.pipeline.core import files
from s2f.pipeline.core.errors import InputError

COVERED = 0.95
REAL = "real clips"
RIGHT = "right answers"


@dataclass(frozen=True)
class AnswerShare:
    """The share `taken` of `answers`, with the bounds of its exact 95 % interval; None without answers."""

    name: str
    taken: int
    answers: int
    share: float | None
    low: float | None
    high: float | None
    viewers: int
    median_seconds: float | None


@dataclass(frozen=True)
class Excluded:
    """A file of answers that is not counted, and the reason."""

    file: str
    reason: str


@dataclass(frozen=True)
class StudyScores:
    """How often each system and the real clips were taken for real, and the share of right answers.

    `unfinished` is the number of viewers who answered only some of their questions; these answers count.
    """

    title: str
    pairs: bool
    viewers: int
    unfinished: int
    unplayable: int
    systems: tuple[AnswerShare, ...]
    real: AnswerShare
    right: AnswerShare
    excluded: tuple[Excluded, ...]
    judgements: tuple["Judgement", ...] = ()


@dataclass(frozen=True)
class Judgement:
    """A viewer's judgement of one clip: whether it was taken for real. `system` is None for the real clip."""

    viewer: str
    name: str
    system: str | None
    taken: bool
    seconds: float


def score(paths: Sequence[Path], key_path: Path) -> StudyScores:
    """Score files of answers with the key of their study.

    A file that is damaged, belongs to another study or repeats a viewer is listed in `excluded`. Raises
    InputError where the key cannot be read, or no file is left.
    """
    key = _read_key(key_path)
    counted: dict[str, tuple[Path, Answers]] = {}
    excluded = []
    for path in paths:
        answers = _read_answers(path, key)
        if isinstance(answers, str):
            excluded.append(Excluded(str(path), answers))
            continue
        # A viewer who saves twice, once before the end, sends two files.
        earlier = counted.get(answers.viewer)
        if earlier and len(earlier[1].answers) >= len(answers.answers):
            excluded.append(Excluded(str(path), f"the viewer's answers are already in {earlier[0]}"))
            continue
        if earlier:
            excluded.append(Excluded(str(earlier[0]), f"{path} has more answers of the same viewer"))
        counted[answers.viewer] = (path, answers)
    if not counted:
        first = excluded[0] if excluded else Excluded("nothing", "no file was given")
        raise InputError(
            f"no answers of this study: {first.file}: {first.reason}",
            "give the files that the viewers' browsers saved, and the key of the same page",
        )
    everyone = [answers for _, answers in counted.values()]
    return _summarise(key, everyone, excluded)


def exact_interval(taken: int, answers: int) -> tuple[float, float]:
    """The bounds of the Clopper-Pearson 95 % interval of a share; `answers` must be at least 1."""
    from scipy.stats import binomtest

    bounds = binomtest(taken, answers).proportion_ci(COVERED, method="exact")
    return float(bounds.low), float(bounds.high)


def write_json(scores: StudyScores, path: Path) -> None:
    """Write the scores. Raises OutputError."""
    content = asdict(scores)
    del content["judgements"]
    files.write_bytes(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def write_csv(scores: StudyScores, path: Path) -> None:
    """Write a line per judgement, 1 where a clip was taken for real; see `agreement`. Raises OutputError."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(("viewer", "clip", "video", "answer", "seconds"))
    for each in scores.judgements:
        lines.writerow((each.viewer, each.name, each.system or "real", int(each.taken), each.seconds))
    files.write_bytes(path, text.getvalue().encode())


def _read_key(path: Path) -> Key:
    hint = "give the .key.json that 's2f study make' wrote beside the page"
    try:
        return Key.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"the key {path} cannot be read: {error.strerror}", hint) from error
    except ValidationError as error:
        raise InputError(f"{path} is not the key of a study: {_first(error)}", hint) from error


def _read_answers(path: Path, key: Key) -> Answers | str:
    """A file of answers, or why it is not counted."""
    try:
        answers = Answers.model_validate_json(path.read_bytes())
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    except ValidationError as error:
        return f"it is not a file of answers: {_first(error)}"
    return _problem(answers, key) or answers


def _problem(answers: Answers, key: Key) -> str:
    """Why the answers are not counted; empty if they are."""
    if answers.study != key.study:
        return "it belongs to another study than the key"
    if not answers.answers:
        return "it holds no answer"
    if len({answer.trial for answer in answers.answers}) < len(answers.answers):
        return "it answers a question twice"
    if not all(_fits(answer, key) for answer in answers.answers):
        return "it was changed: an answer does not fit the study's questions"
    return ""


def _fits(answer: Answer, key: Key) -> bool:
    clips = key.trials.get(answer.trial, {})
    if sorted(answer.shown) != sorted(clips) or len(answer.plays) != len(clips):
        return False
    return answer.real in clips or (answer.real is None and not key.pairs)


def _first(error: ValidationError) -> str:
    """Pydantic's first error, in short."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else str(first["msg"])


def _summarise(key: Key, everyone: Sequence[Answers], excluded: list[Excluded]) -> StudyScores:
    judged = [each for answers in everyone for each in _judgements(answers, key)]
    systems = tuple(_share(name, [each for each in judged if each.system == name]) for name in key.systems)
    real = [each for each in judged if each.system is None]
    # A pair has one answer but two judgements; that of the real clip says whether the answer is right.
    right = [
        Judgement(each.viewer, each.name, None, each.taken == (each.system is None), each.seconds)
        for each in (real if key.pairs else judged)
    ]
    return StudyScores(
        title=key.title,
        pairs=key.pairs,
        viewers=len(everyone),
        unfinished=sum(len(each.answers) + len(each.unplayable) < each.questions for each in everyone),
        unplayable=sum(len(each.unplayable) for each in everyone),
        systems=systems,
        real=_share(REAL, real),
        right=_share(RIGHT, right),
        excluded=tuple(excluded),
        judgements=tuple(judged),
    )


def _judgements(answers: Answers, key: Key) -> Iterator[Judgement]:
    for answer in answers.answers:
        for clip, origin in key.trials[answer.trial].items():
            yield Judgement(answers.viewer, origin.name, origin.system, answer.real == clip, answer.seconds)


def _share(name: str, judged: Sequence[Judgement]) -> AnswerShare:
    taken, count = sum(each.taken for each in judged), len(judged)
    if not count:
        return AnswerShare(name, 0, 0, None, None, None, 0, None)
    low, high = exact_interval(taken, count)
    viewers = len({each.viewer for each in judged})
    seconds = statistics.median(each.seconds for each in judged)
    return AnswerShare(name, taken, count, taken / count, low, high, viewers, seconds)
