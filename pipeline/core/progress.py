"""Progress of long work on the terminal: how much is done, how fast, and the time left."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

Item = TypeVar("Item")

# Told of each kind of work by its name: how many items are done, and how many there are.
Progress = Callable[[str, int, int], None]


def progress_bar(console: Console) -> Bar:
    """A bar with the speed and the time left; its tasks have a field `speed`, a text."""
    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}", style="cyan"),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
    )


@contextmanager
def progress_lines(console: Console) -> Iterator[Progress]:
    """A bar for each kind of work that has something to do; call it with the counts of that work."""
    lines: dict[str, tuple[TaskID, float]] = {}

    def show(what: str, done: int, total: int) -> None:
        if not total:
            return
        if what not in lines:
            lines[what] = bar.add_task(what, total=total, speed=""), time.perf_counter()
        elif not done:
            # The same kind of work begins again, with other items.
            lines[what] = lines[what][0], time.perf_counter()
        line, begun = lines[what]
        bar.update(line, completed=done, total=total, speed=_speed(what, done, begun))

    with progress_bar(console) as bar:
        yield show


def tracked(items: Iterable[Item], console: Console, what: str, total: int) -> Iterator[Item]:
    """The items, under a bar; `what` names them."""
    with progress_lines(console) as show:
        show(what, 0, total)
        for done, item in enumerate(items, start=1):
            yield item
            show(what, done, total)


def duration(seconds: float) -> str:
    """Seconds in words, such as "2 h 05 min"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _speed(what: str, done: int, begun: float) -> str:
    seconds = time.perf_counter() - begun
    return f"{done / seconds:,.1f} {what}/s" if done and seconds else ""
