"""What the viewers said: how often clips were taken for real, with exact intervals.

The intervals are those of Clopper and Pearson (1934): whatever the true share is, they hold it in at
least 95 % of studies, as far as the answers are independent of each other.
"""

import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import ValidationError
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from s2f.model.evaluation.study.schema import Answer, Answers, Key
from s2f.pipeline.core import files
from s2f.pipeline.core.errors import InputError

COVERED = 0.95
REAL = "real clips"
RIGHT = "right answers"


@dataclass(frozen=True)
class Share:
    """`taken` of `answers` with the bounds of the exact 95 % interval; None where there is no answer."""

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
    """A file of answers that does not count, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Scores:
    """Shares taken for real, per system and of the real clips, and the share of right answers.

    `unfinished` viewers answered some of their questions only; their answers count.
    """

    title: str
    pairs: bool
    viewers: int
    unfinished: int
    unplayable: int
    systems: tuple[Share, ...]
    real: Share
    right: Share
    excluded: tuple[Excluded, ...]


@dataclass(frozen=True)
class _Judgement:
    """One clip that a viewer has judged."""

    viewer: str
    system: str | None
    taken: bool
    seconds: float


def score(paths: Sequence[Path], key_path: Path) -> Scores:
    """Score files of answers against the key of their study.

    A file that is damaged, belongs to another study or repeats a viewer is named in `excluded`. Raises
    InputError where the key cannot be used, or no file is left.
    """
    key = _read_key(key_path)
    counted: dict[str, tuple[Path, Answers]] = {}
    excluded = []
    for path in paths:
        found = _read_answers(path, key)
        if isinstance(found, str):
            excluded.append(Excluded(str(path), found))
            continue
        # A viewer who saves twice, first half-way, sends two files.
        held = counted.get(found.viewer)
        if held and len(held[1].answers) >= len(found.answers):
            excluded.append(Excluded(str(path), f"the viewer's answers are in {held[0]} already"))
            continue
        if held:
            excluded.append(Excluded(str(held[0]), f"the viewer's answers are in {path}, and more of them"))
        counted[found.viewer] = (path, found)
    if not counted:
        first = excluded[0] if excluded else Excluded("nothing", "no file was given")
        raise InputError(
            f"no answers of this study: {first.file}: {first.reason}",
            "give the files that the viewers' browsers saved, and the key of the same page",
        )
    everyone = [answers for _, answers in counted.values()]
    return _summarise(key, everyone, excluded)


def exact_interval(taken: int, answers: int) -> tuple[float, float]:
    """The bounds of the Clopper-Pearson 95 % interval of a share; at least one answer."""
    from scipy.stats import binomtest

    bounds = binomtest(taken, answers).proportion_ci(COVERED, method="exact")
    return float(bounds.low), float(bounds.high)


def table(found: Scores) -> Table:
    """A row per system, the real clips, and the right answers."""
    what = "taken for the real one of a pair" if found.pairs else "judged real"
    shown = Table("", box=SIMPLE_HEAD, title=f"{escape(found.title)}: share {what}", title_justify="left")
    for name in ("share", "95 % interval", "answers", "viewers", "median s"):
        shown.add_column(name, justify="right")
    # In pairs each answer that takes the real clip is a right one.
    for row in (*found.systems, found.real, *(() if found.pairs else (found.right,))):
        shown.add_row(escape(row.name), *_cells(row), end_section=row is found.real)
    return shown


def notes(found: Scores) -> str:
    """What the figures mean, who has not finished, and which files do not count and why."""
    lines = []
    for row in found.systems:
        if row.share is not None and row.low is not None and row.high is not None:
            lines.append(_meaning(found, row, row.low, row.high))
    if found.unfinished:
        lines.append(
            f"{found.unfinished} of {found.viewers} viewers did not finish; what they answered counts"
        )
    if found.unplayable:
        lines.append(f"{found.unplayable} questions were left out since a clip could not be played")
    lines += [f"not counted: {each.file}: {each.reason}" for each in found.excluded]
    return "".join(f"{line}\n" for line in lines)


def write_json(found: Scores, path: Path) -> None:
    """Write the scores. Raises OutputError."""
    files.write_bytes(path, (json.dumps(asdict(found), indent=2, ensure_ascii=False) + "\n").encode())


def _read_key(path: Path) -> Key:
    hint = "give the .key.json that 's2f study make' wrote beside the page"
    try:
        return Key.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"the key {path} cannot be read: {error.strerror}", hint) from error
    except ValidationError as error:
        raise InputError(f"{path} is not the key of a study: {_first(error)}", hint) from error


def _read_answers(path: Path, key: Key) -> Answers | str:
    """A file of answers, or why it does not count."""
    try:
        found = Answers.model_validate_json(path.read_bytes())
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    except ValidationError as error:
        return f"it holds no answers that can be read: {_first(error)}"
    return _problem(found, key) or found


def _problem(found: Answers, key: Key) -> str:
    """Why answers do not count, or nothing."""
    if found.study != key.study:
        return "it belongs to another study than the key"
    if not found.answers:
        return "it holds no answer"
    if len({answer.trial for answer in found.answers}) < len(found.answers):
        return "it answers a question twice"
    if not all(_fits(answer, key) for answer in found.answers):
        return "it was changed: an answer does not fit the study's questions"
    return ""


def _fits(answer: Answer, key: Key) -> bool:
    clips = key.trials.get(answer.trial, {})
    if sorted(answer.shown) != sorted(clips) or len(answer.plays) != len(clips):
        return False
    return answer.real in clips or (answer.real is None and not key.pairs)


def _first(error: ValidationError) -> str:
    """The first complaint of pydantic, in short."""
    told = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, told["loc"]))
    return f"{where}: {told['msg']}" if where else str(told["msg"])


def _summarise(key: Key, everyone: Sequence[Answers], excluded: list[Excluded]) -> Scores:
    judged = [each for answers in everyone for each in _judgements(answers, key)]
    systems = tuple(_share(name, [each for each in judged if each.system == name]) for name in key.systems)
    real = [each for each in judged if each.system is None]
    # Of a pair, the real clip alone tells whether the answer is right.
    right = [
        _Judgement(each.viewer, None, each.taken == (each.system is None), each.seconds)
        for each in (real if key.pairs else judged)
    ]
    return Scores(
        title=key.title,
        pairs=key.pairs,
        viewers=len(everyone),
        unfinished=sum(len(each.answers) + len(each.unplayable) < each.questions for each in everyone),
        unplayable=sum(len(each.unplayable) for each in everyone),
        systems=systems,
        real=_share(REAL, real),
        right=_share(RIGHT, right),
        excluded=tuple(excluded),
    )


def _judgements(answers: Answers, key: Key) -> Iterator[_Judgement]:
    for answer in answers.answers:
        for clip, origin in key.trials[answer.trial].items():
            yield _Judgement(answers.viewer, origin.system, answer.real == clip, answer.seconds)


def _share(name: str, judged: Sequence[_Judgement]) -> Share:
    taken, count = sum(each.taken for each in judged), len(judged)
    if not count:
        return Share(name, 0, 0, None, None, None, 0, None)
    low, high = exact_interval(taken, count)
    viewers = len({each.viewer for each in judged})
    seconds = statistics.median(each.seconds for each in judged)
    return Share(name, taken, count, taken / count, low, high, viewers, seconds)


def _cells(row: Share) -> tuple[str, ...]:
    if row.share is None or row.low is None or row.high is None:
        return "-", "-", "0", "0", "-"
    interval = f"{100 * row.low:.1f} to {100 * row.high:.1f} %"
    counts = f"{row.answers}", f"{row.viewers}", f"{row.median_seconds:.1f}"
    return f"{100 * row.share:.1f} %", interval, *counts


def _meaning(found: Scores, row: Share, low: float, high: float) -> str:
    """One system's figure in words."""
    real = found.real
    if found.pairs:
        if low > 0.5:
            return f"{row.name}: taken for the real one more often than the real one is"
        if high < 0.5:
            return f"{row.name}: viewers can tell it from the real one; guessing gives 50 %"
        return f"{row.name}: not shown that viewers can tell it; 50 %, guessing, lies in the interval"
    if real.low is not None and high < real.low:
        return f"{row.name}: judged real less often than the real clips are"
    if real.high is not None and low > real.high:
        return f"{row.name}: judged real more often than the real clips are"
    return f"{row.name}: not shown that viewers can tell it; its interval meets that of the real clips"
