"""The scores of a study on the terminal: a table, and what the figures mean."""

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from s2f.model.evaluation.study.scores import AnswerShare, StudyScores


def table(scores: StudyScores) -> Table:
    """A row per system, one of the real clips, and one of the right answers."""
    share_of = "taken for the real one of a pair" if scores.pairs else "judged real"
    title = f"{escape(scores.title)}: share {share_of}"
    table = Table("", box=SIMPLE_HEAD, title=title, title_justify="left")
    for name in ("share", "95 % interval", "answers", "viewers", "median s"):
        table.add_column(name, justify="right")
    # In pairs the right answers are those that take the real clip, which has a row already.
    for row in (*scores.systems, scores.real, *(() if scores.pairs else (scores.right,))):
        table.add_row(escape(row.name), *_cells(row), end_section=row is scores.real)
    return table


def notes(scores: StudyScores) -> str:
    """What the figures mean, how many viewers did not finish, and which files are not counted and why."""
    lines = []
    for row in scores.systems:
        if row.share is not None and row.low is not None and row.high is not None:
            lines.append(_meaning(scores, row, row.low, row.high))
    if scores.unfinished:
        lines.append(f"{scores.unfinished} of {scores.viewers} viewers did not finish; their answers count")
    if scores.unplayable:
        lines.append(f"{scores.unplayable} questions were left out because a clip could not be played")
    lines += [f"not counted: {each.file}: {each.reason}" for each in scores.excluded]
    return "".join(f"{line}\n" for line in lines)


def _cells(row: AnswerShare) -> tuple[str, ...]:
    if row.share is None or row.low is None or row.high is None:
        return "-", "-", "0", "0", "-"
    interval = f"{100 * row.low:.1f} to {100 * row.high:.1f} %"
    counts = f"{row.answers}", f"{row.viewers}", f"{row.median_seconds:.1f}"
    return f"{100 * row.share:.1f} %", interval, *counts


def _meaning(scores: StudyScores, row: AnswerShare, low: float, high: float) -> str:
    """What a system's figure shows, in words."""
    real = scores.real
    if scores.pairs:
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
