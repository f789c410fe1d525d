"""The tables of an ablation and what must be said of them, for the terminal and as Markdown."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from s2f.model.evaluation.ablation.directions import EQUAL, OPPOSITE, SAME, UNMEASURED, UNSHOWN, Direction
from s2f.model.evaluation.ablation.recipes import OTHERS
from s2f.model.evaluation.ablation.results import Ablation
from s2f.model.evaluation.comparison import LEAST_CLIPS
from s2f.model.evaluation.table import ARROWS, noted, told, unmeasured
from s2f.model.metrics.scoring import REAL, STILL, Column

# Columns that the names of rows have on a terminal, and that a measure may take.
NAME, CELL = 26, 18
REPORTED = "  as reported *"


@dataclass(frozen=True)
class Sheet:
    """A table as text; the first column names the lines."""

    title: str
    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def show(found: Ablation, console: Console) -> None:
    """Print the tables, what must be said of them, and what could not be measured."""
    for sheet in sheets(found, max(1, (console.width - NAME) // CELL)):
        table = Table(box=SIMPLE_HEAD, title=escape(sheet.title), title_justify="left")
        table.add_column(sheet.head[0], min_width=NAME - 4, overflow="fold")
        for name in sheet.head[1:]:
            table.add_column(escape(name), justify="right", no_wrap=True)
        for first, *cells in sheet.lines:
            style = "dim" if first == REPORTED else ""
            table.add_row(escape(first), *map(escape, cells), style=style)
        console.print(table)
    for line in [*notes(found), *unmeasured(found.evaluation), *noted(found.evaluation)]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def markdown(found: Ablation) -> str:
    """The same tables, and what must be said of them."""
    parts = []
    for sheet in sheets(found):
        rules = ["---", *("---:" for _ in sheet.head[1:])]
        lines = [_escaped(sheet.head), rules, *map(_escaped, sheet.lines)]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        parts.append(f"**{_escaped([sheet.title])[0]}**\n\n{table}\n")
    parts += [f"{line}\n" for line in _escaped(notes(found))]
    return "\n".join(parts)


def sheets(found: Ablation, abreast: int = 1000) -> list[Sheet]:
    """Ours with the reported figures beneath, our other measures, and the reported order.

    Each in several tables where it has more than `abreast` measures.
    """
    known = {each.name: each for each in found.evaluation.columns}
    beside = [known.get(name, Column(name, OTHERS.get(name, name), "", None, 2)) for name in found.reported]
    others = [each for name, each in known.items() if name not in found.reported]
    # In the title as well, for a table that is shown alone.
    reported = f"ours, and as reported * ({found.recipes.source}; {found.recipes.certainty})"
    kinds = (
        (_scores, reported, beside),
        (_scores, "ours, other measures" if beside else "ours", others),
        (_order, "the reported order *, and whether ours is the same", beside if found.order else []),
    )
    return [
        make(found, title, columns[begin : begin + abreast])
        for make, title, columns in kinds
        for begin in range(0, len(columns), abreast)
    ]


def _scores(found: Ablation, title: str, columns: Sequence[Column]) -> Sheet:
    rows = [(each.row.name, each.name, each.row.reported) for each in found.trained]
    compared = [each for each in columns if each.name in found.reported]
    lines = []
    for line, name, reported in (*rows, ("still frame", STILL, {}), ("real", REAL, found.recipes.real)):
        ours = found.scores(name)
        lines.append((line, *(told(ours.get(each.name), each.digits) for each in columns)))
        if any(each.name in reported for each in compared):
            lines.append((REPORTED, *(_figure(reported.get(each.name), each.digits) for each in columns)))
    heads = (f"{each.title} {ARROWS[each.higher_is_better]}".strip() for each in columns)
    return Sheet(title, ("", *heads), tuple(lines))


def _figure(value: float | None, digits: int) -> str:
    """A reported figure with as many digits as ours, or as it has itself."""
    return "-" if value is None else f"{value:.{max(digits, len(str(value).partition('.')[2]))}f}"


def _order(found: Ablation, title: str, columns: Sequence[Column]) -> Sheet:
    pairs: dict[tuple[str, str], dict[str, Direction]] = {}
    for each in found.order:
        pairs.setdefault((each.name, each.against), {})[each.measure] = each
    lines = (
        (f"{name} against {against}", *(_told(ways.get(column.name)) for column in columns))
        for (name, against), ways in pairs.items()
    )
    return Sheet(title, ("", *(each.title for each in columns)), tuple(lines))


def _told(way: Direction | None) -> str:
    if way is None:
        return "-"
    return EQUAL if way.found == EQUAL else f"{'↑' if way.reported > 0 else '↓'} {way.found}"


def notes(found: Ablation) -> list[str]:
    """Where the figures come from, how sure they are, and what the order shows."""
    return [*_sources(found), *_orders(found), *_failures(found)]


def _sources(found: Ablation) -> Iterable[str]:
    recipes, evaluation, base = found.recipes, found.evaluation, found.base
    if recipes.source:
        yield f"* {recipes.source}; {recipes.certainty}."
    titles = OTHERS | {each.name: each.title for each in evaluation.columns}
    for measure, reason in recipes.apart.items():
        rows = ((each.name, each.reported) for each in recipes.rows)
        figures = [
            f"{name} {value:g}"
            for name, reported in (*rows, ("real", recipes.real))
            if (value := reported.get(measure)) is not None
        ]
        told_ = f" ({', '.join(figures)}; * {recipes.certainty})" if figures else ""
        yield f"{titles.get(measure, measure)} as reported{told_} is not set beside ours: {reason}."
    known = {each.name for each in evaluation.columns}
    lacking = [titles.get(name, name) for name in found.reported if name not in known]
    steps = {each.steps for each in found.trained if not each.failed}
    yield (
        f"Ours: recipe {base.recipe}, width {base.width},"
        f" {' or '.join(f'{step:,}' for step in sorted(steps))} steps; {len(evaluation.scored)} clips of the"
        f" {evaluation.title}. ± is half the width of the 95 % interval. The arrow beside a measure shows"
        " which way is better."
    )
    if lacking:
        yield f"Not measured here: {', '.join(lacking)}."


def _orders(found: Ablation) -> Iterable[str]:
    if not found.order:
        return
    count = Counter(each.found for each in found.order)
    directed = [each for each in found.order if each.found not in (EQUAL, UNMEASURED)]
    yield (
        f"Of {len(directed)} reported differences that are measured here, ours go the same way in"
        f" {count[SAME]} and the opposite way in {count[OPPOSITE]}; in {count[UNSHOWN]} no difference is"
        " shown. The arrow is the way of the reported figure, from the second row to the first; ours is told"
        f" from the differences clip by clip, whose 95 % interval must not hold 0, of {LEAST_CLIPS} clips or"
        " more."
    )
    titles = {each.name: each.title for each in found.evaluation.columns}
    for each in found.order:
        if each.found == OPPOSITE and each.ours:
            yield (
                f"Opposite: {titles[each.measure]} of {each.name} is {_way(each.reported)} than of"
                f" {each.against} as reported *, and here {_way(each.ours.mean)}."
            )
    yield (
        "Each row was trained once: the intervals tell of other clips, not of another seed. The reported"
        " figures have no intervals, so small differences of theirs may be chance."
    )


def _way(difference: float) -> str:
    return "higher" if difference > 0 else "lower"


def _failures(found: Ablation) -> Iterable[str]:
    for each in found.trained:
        if each.failed:
            yield f"{each.row.name} is missing, its training failed: {each.failed}"


def _escaped(texts: Iterable[str]) -> list[str]:
    """Texts as Markdown shows them as they are."""
    return [re.sub(r"([\\`*_|<>\[\]])", r"\\\1", text.strip()) for text in texts]
