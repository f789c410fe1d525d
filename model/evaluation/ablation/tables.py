"""The tables of an ablation with their notes, for the terminal and as Markdown."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from s2f.model.evaluation.ablation.directions import EQUAL, OPPOSITE, SAME, UNMEASURED, UNSHOWN, Direction
from s2f.model.evaluation.ablation.results import Ablation
from s2f.model.evaluation.ablation.rows import TITLES
from s2f.model.evaluation.comparison import LEAST_CLIPS
from s2f.model.evaluation.table import ARROWS, mean_text, noted, unmeasured
from s2f.model.metrics.scoring import REAL, STILL, Column

# The width on a terminal of the rows' names, and of the column of a metric.
NAME, CELL = 26, 18
REPORTED = "  as reported *"


@dataclass(frozen=True)
class Sheet:
    """A table as text; the first column holds the names of the lines."""

    title: str
    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def show(ablation: Ablation, console: Console) -> None:
    """Print the tables, their notes, and what could not be measured."""
    for sheet in sheets(ablation, max(1, (console.width - NAME) // CELL)):
        table = Table(box=SIMPLE_HEAD, title=escape(sheet.title), title_justify="left")
        table.add_column(sheet.head[0], min_width=NAME - 4, overflow="fold")
        for name in sheet.head[1:]:
            table.add_column(escape(name), justify="right", no_wrap=True)
        for first, *cells in sheet.lines:
            style = "dim" if first == REPORTED else ""
            table.add_row(escape(first), *map(escape, cells), style=style)
        console.print(table)
    for line in [*notes(ablation), *unmeasured(ablation.evaluation), *noted(ablation.evaluation)]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def markdown(ablation: Ablation) -> str:
    """The tables and their notes as Markdown."""
    parts = []
    for sheet in sheets(ablation):
        rules = ["---", *("---:" for _ in sheet.head[1:])]
        lines = [_escaped(sheet.head), rules, *map(_escaped, sheet.lines)]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        parts.append(f"**{_escaped([sheet.title])[0]}**\n\n{table}\n")
    parts += [f"{line}\n" for line in _escaped(notes(ablation))]
    return "\n".join(parts)


def sheets(ablation: Ablation, most: int = 1000) -> list[Sheet]:
    """Our scores above the reported figures, our other metrics, and the reported order.

    A table with more than `most` metrics is split into several.
    """
    known = {each.name: each for each in ablation.evaluation.columns}
    beside = [known.get(name, Column(name, TITLES[name], "", None, 2)) for name in ablation.reported]
    others = [each for name, each in known.items() if name not in ablation.reported and each.brief]
    # The source is in the title too, for a table that is quoted alone.
    reported = f"ours, and as reported * ({ablation.plan.source}; {ablation.plan.certainty})"
    kinds = (
        (_scores, reported, beside),
        (_scores, "ours, other measures" if beside else "ours", others),
        (_order, "the reported order *, and whether ours is the same", beside if ablation.order else []),
    )
    every = [
        make(ablation, title, columns[begin : begin + most])
        for make, title, columns in kinds
        for begin in range(0, len(columns), most)
    ]
    return [*every, *_pieces(ablation, most)]


def _scores(ablation: Ablation, title: str, columns: Sequence[Column]) -> Sheet:
    rows = [(each.row.name, each.name, each.row.reported) for each in ablation.trained]
    compared = [each for each in columns if each.name in ablation.reported]
    lines = []
    for line, name, reported in (*rows, ("still frame", STILL, {}), ("real", REAL, ablation.plan.real)):
        ours = ablation.scores(name)
        lines.append((line, *(mean_text(ours.get(each.name), each.digits) for each in columns)))
        if any(each.name in reported for each in compared):
            lines.append((REPORTED, *(_figure(reported.get(each.name), each.digits) for each in columns)))
    heads = (f"{each.title} {ARROWS[each.higher_is_better]}".strip() for each in columns)
    return Sheet(title, ("", *heads), tuple(lines))


def _pieces(ablation: Ablation, most: int) -> Iterable[Sheet]:
    """What rows cost that make a fixed number of frames."""
    head = ("frames at once", "in common", "made per frame", "apart at seams", "frame to frame")
    costs = {
        each.row.name: (
            str(each.seams.frames),
            str(each.seams.common),
            f"{each.seams.frames / (each.seams.frames - each.seams.common):.2f}",
            mean_text(each.seams.apart, 2),
            mean_text(each.seams.change, 2),
        )
        for each in ablation.trained
        if each.seams
    }
    for begin in range(0, len(head) if costs else 0, most):
        some = slice(begin, begin + most)
        lines = tuple((name, *cells[some]) for name, cells in costs.items())
        yield Sheet("what pieces cost", ("", *head[some]), lines)


def _figure(value: float | None, digits: int) -> str:
    """A reported figure with as many digits as ours, or more if it has more."""
    return "-" if value is None else f"{value:.{max(digits, len(str(value).partition('.')[2]))}f}"


def _order(ablation: Ablation, title: str, columns: Sequence[Column]) -> Sheet:
    by_pair: dict[tuple[str, str], dict[str, Direction]] = {}
    for each in ablation.order:
        by_pair.setdefault((each.name, each.against), {})[each.measure] = each
    lines = (
        (f"{name} against {against}", *(_agreement(directions.get(column.name)) for column in columns))
        for (name, against), directions in by_pair.items()
    )
    return Sheet(title, ("", *(each.title for each in columns)), tuple(lines))


def _agreement(direction: Direction | None) -> str:
    """The direction of the reported difference, and whether ours agrees."""
    if direction is None:
        return "-"
    arrow = "↑" if direction.reported > 0 else "↓"
    return EQUAL if direction.agreement == EQUAL else f"{arrow} {direction.agreement}"


def notes(ablation: Ablation) -> list[str]:
    """Where the figures come from, how certain they are, and what the order shows."""
    return [*_sources(ablation), *_seams(ablation), *_orders(ablation), *_failures(ablation)]


def _sources(ablation: Ablation) -> Iterable[str]:
    plan, evaluation, base = ablation.plan, ablation.evaluation, ablation.base
    if plan.source:
        yield f"* {plan.source}; {plan.certainty}."
    for measure, reason in plan.apart.items():
        rows = ((each.name, each.reported) for each in plan.rows)
        figures = [
            f"{name} {value:g}"
            for name, reported in (*rows, ("real", plan.real))
            if (value := reported.get(measure)) is not None
        ]
        quoted = f" ({', '.join(figures)}; * {plan.certainty})" if figures else ""
        yield f"{TITLES[measure]} as reported{quoted} is not compared with ours: {reason}."
    known = {each.name for each in evaluation.columns}
    lacking = [TITLES[name] for name in ablation.reported if name not in known]
    steps = {each.steps for each in ablation.trained if not each.failed}
    yield (
        f"Ours: recipe {base.recipe}, width {base.width},"
        f" {' or '.join(f'{step:,}' for step in sorted(steps))} steps; {len(evaluation.scored)} clips of the"
        f" {evaluation.title}. ± is half the width of the 95 % interval. The arrow beside a metric shows"
        " which direction is better."
    )
    if lacking:
        yield f"Not measured here: {', '.join(lacking)}."


def _seams(ablation: Ablation) -> Iterable[str]:
    names = [each.row.name for each in ablation.trained if each.seams]
    if names:
        yield (
            f"{' and '.join(names)} make a fixed number of frames at once: a longer clip is made of pieces,"
            " the end of each faded into the begin of the next. So more frames are made than are shown, and"
            " the first comes only after the sound of a piece. Apart at seams: how far two pieces are apart"
            " in the frames that they have in common, in grey levels of 255; beside it, how far a frame is"
            " from the next one within a piece."
        )


def _orders(ablation: Ablation) -> Iterable[str]:
    if not ablation.order:
        return
    count = Counter(each.agreement for each in ablation.order)
    directed = [each for each in ablation.order if each.agreement not in (EQUAL, UNMEASURED)]
    yield (
        f"Of {len(directed)} reported differences that are measured here, ours go the same way in"
        f" {count[SAME]} and the opposite way in {count[OPPOSITE]}; in {count[UNSHOWN]} no difference is"
        " shown. The arrow is the direction of the reported figures, from the second row to the first. Ours"
        " counts as a difference where the 95 % interval of the differences clip by clip excludes 0, with"
        f" {LEAST_CLIPS} clips or more."
    )
    for each in ablation.order:
        if each.agreement == OPPOSITE and each.ours:
            yield (
                f"Opposite: {TITLES[each.measure]} of {each.name} is {_higher(each.reported)} than of"
                f" {each.against} as reported *, and here {_higher(each.ours.mean)}."
            )
    yield (
        "Each row was trained once: the intervals cover other clips, but not other seeds. The reported"
        " figures have no intervals, so small differences between them may be chance."
    )


def _higher(difference: float) -> str:
    return "higher" if difference > 0 else "lower"


def _failures(ablation: Ablation) -> Iterable[str]:
    for each in ablation.trained:
        if each.failed:
            yield f"{each.row.name} is missing, its training failed: {each.failed}"


def _escaped(texts: Iterable[str]) -> list[str]:
    """Texts in which Markdown's own characters are escaped."""
    return [re.sub(r"([\\`*_|<>\[\]])", r"\\\1", text.strip()) for text in texts]
