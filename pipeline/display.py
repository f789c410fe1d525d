"""What a person sees of a preparation: a progress bar with clips/s and time left, then the funnel."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from s2f.pipeline.runner import Funnel, Preparation


class Speed(ProgressColumn):
    """Items per second, in the words of the task."""

    def render(self, task: Task) -> Text:
        """The speed of the last seconds, or the mean at the end."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} {task.description}/s" if speed else "", style="cyan")


def progress_bar(console: Console) -> Progress:
    """The bar that every long work of the pipeline shows."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Speed(),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
    )


def prepare(preparation: Preparation, console: Console) -> list[Funnel]:
    """Run a preparation under a progress bar and print its funnel, also where the run is stopped."""
    lines: dict[str, TaskID] = {}

    def show(what: str, done: int, total: int) -> None:
        if what not in lines and total:
            lines[what] = bar.add_task(what, total=total)
        if total:
            bar.update(lines[what], completed=done)

    try:
        with progress_bar(console) as bar:
            return preparation.run(show)
    finally:
        console.print(table(preparation.funnel()))


def table(funnel: list[Funnel]) -> Table:
    """The funnel: clips in, kept, rejected and failed per stage, how many were run now, and the reasons."""
    found = Table("stage", title="preparation", title_justify="left")
    for name in ("in", "kept", "rejected", "failed", "run now"):
        found.add_column(name, justify="right")
    found.add_column("reasons")
    for line in funnel:
        reasons = ", ".join(f"{reason} {count}" for reason, count in line.reasons.most_common())
        counts = (line.entered, line.ok, line.rejected, line.failed, line.run)
        found.add_row(line.stage, *(str(count) for count in counts), reasons)
    return found
