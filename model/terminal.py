"""The person at the terminal: what is shown while training, and the wish to stop."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


def progress_bar(console: Console) -> Progress:
    """The bar of a training: step, frames per second, time left, losses."""
    return Progress(
        TextColumn("step {task.completed:,}/{task.total:,}"),
        BarColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
        console=console,
    )


def show(progress: Progress, task: TaskID, step: int, losses: dict[str, float], speed: float) -> None:
    """Move the bar on to `step`; `speed` is in frames per second."""
    text = " ".join(f"{tag} {value:.3f}" for tag, value in losses.items())
    progress.update(task, completed=step, speed=f"{speed:.0f} frames/s", losses=text)


@contextmanager
def stop_requests() -> Iterator[list[int]]:
    """A list that Ctrl-C or SIGTERM puts its number in; a second Ctrl-C ends at once, as ever."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received  # signals reach the main thread alone
        return

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)
        signal.signal(number, previous[signal.Signals(number)])

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
