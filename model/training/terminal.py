"""The person at the terminal: what is shown while training, and the wish to stop."""

import signal
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any, TypeVar

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from s2f.pipeline.core.progress import duration
from s2f.pipeline.core.signals import handled

Item = TypeVar("Item")

# Losses and speed are means over so many steps.
RECENT = 50

# Seconds between two pictures on a terminal, and between two lines where the output is none.
REFRESH, LINES = 0.25, 30.0

# From this share of the time on, waiting for data is worth a person's attention.
MUCH_WAITING = 0.2


class StopWish:
    """Whether a person or the machine wants the training to stop; true from the first signal on."""

    def __init__(self) -> None:
        self._came = self._waiting = False

    def __bool__(self) -> bool:
        return self._came

    def note(self) -> None:
        """A signal came: it is heeded after the step, or at once where only a batch is waited for."""
        self._came = True
        if self._waiting:
            raise KeyboardInterrupt

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """For what a wish to stop may interrupt."""
        self._waiting = True
        try:
            if self._came:
                raise KeyboardInterrupt
            yield
        finally:
            self._waiting = False


def timed(items: Iterable[Item], stop: StopWish | None = None) -> Iterator[tuple[Item, float]]:
    """Each item, with the seconds waited for it; `stop` ends it, in such a wait by KeyboardInterrupt."""
    source = iter(items)
    while not stop:
        begun = time.perf_counter()
        try:
            with stop.waiting() if stop is not None else nullcontext():
                item = next(source)
        except StopIteration:
            return
        yield item, time.perf_counter() - begun


class Pace:
    """How fast the last steps were, and what they waited for.

    What validations and checkpoints take counts into the time left alone.
    """

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self._recent: deque[tuple[float, float]] = deque(maxlen=RECENT)
        self._begun = time.perf_counter()
        self._steps, self._seconds = 0, 0.0

    def add(self, waited: float, worked: float) -> None:
        """Count a step: seconds that its batch was waited for, and seconds that it took then."""
        self._recent.append((waited, worked))
        self._steps += 1
        self._seconds += waited + worked

    @property
    def speed(self) -> float:
        """Frames per second, waiting included."""
        return self.frames * len(self._recent) / max(1e-9, sum(map(sum, self._recent)))

    @property
    def waiting(self) -> float:
        """The share of the time that went into waiting for data, 0 to 1."""
        return sum(waited for waited, _ in self._recent) / max(1e-9, sum(map(sum, self._recent)))

    def scalars(self) -> dict[str, float]:
        """The same by TensorBoard tag."""
        return {"speed/frames_per_second": self.speed, "speed/waiting": self.waiting}

    def left(self, steps: int) -> float:
        """Seconds that so many more steps will take, with the validations and checkpoints among them."""
        others = max(0.0, time.perf_counter() - self._begun - self._seconds)
        return steps * (self.frames / max(1e-9, self.speed) + others / max(1, self._steps))


@dataclass(frozen=True)
class Plan:
    """How long a training is and what happens when, all in steps.

    `frames` is how many a step trains on, over all ranks. `validate_every` is 0 where there is nothing
    to validate on.
    """

    steps: int
    per_epoch: int
    frames: int
    validate_every: int
    save_every: int
    log_every: int


@dataclass(frozen=True)
class ScoreWords:
    """How a validation is put into words: `parts` of its scores, the most important one first.

    `key` is the score that decides which validation is the best: the lower, the better.
    """

    key: str
    parts: Callable[[Mapping[str, float]], list[str]]


class Display:
    """A few lines that follow a training; where the output is no terminal, a plain line at times.

    `step` is how many steps are done, `validations` the earlier ones: rows of step and scores.
    """

    def __init__(
        self,
        console: Console,
        step: int,
        plan: Plan,
        *,
        validations: list[dict[str, Any]],
        words: ScoreWords,
    ) -> None:
        self.step, self.steps, self.per_epoch = step, plan.steps, plan.per_epoch
        self.pace = Pace(plan.frames)
        self._console, self._words = console, words
        self._losses: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=RECENT))
        self._validations = list(validations)
        self._live: Live | None = None
        if console.is_terminal and not console.is_dumb_terminal:
            # No thread draws: what is drawn is changed by the training.
            self._live = Live(console=console, auto_refresh=False)
        self._shown = float("-inf")

    def __enter__(self) -> "Display":
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.update(self._lines(""), refresh=True)
            self._live.stop()

    def show(self, step: int, losses: dict[str, float], waited: float, worked: float) -> None:
        """A step is done: its losses by tag, and its seconds of waiting and of work."""
        self.step = step
        self.pace.add(waited, worked)
        for tag, value in losses.items():
            self._losses[tag].append(value)
        self._refresh()

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Say what is done instead of training, while it is done."""
        if self._live:
            self._live.update(self._lines(what), refresh=True)
        yield
        if self._live:
            self._live.update(self._lines(""), refresh=True)

    def show_validation(
        self, scores: dict[str, float], *, better: bool, head: str = "", tail: str = ""
    ) -> None:
        """A line that stays: the scores of a validation by tag, between `head` and `tail`."""
        self._validations.append({"step": self.step, **scores})
        parts = self._words.parts(scores) + (["best"] if better else [])
        head = head or f"step {self.step:,}: "
        self._console.print(f"{head}{', '.join(parts)}{tail}", markup=False, highlight=False, soft_wrap=True)

    def _refresh(self) -> None:
        now = time.perf_counter()
        if now - self._shown < (REFRESH if self._live else LINES) and self.step < self.steps:
            return
        self._shown = now
        if self._live:
            self._live.update(self._lines(""), refresh=True)
        else:
            losses = ", ".join(f"{tag} {value:.4g}" for tag, value in self._means().items())
            self._console.print(
                f"step {self.step:,} of {self.steps:,}: {losses}; {self.speed()}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )

    def _lines(self, doing: str) -> Table:
        """What stands on the terminal, for 80 columns."""
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True, min_width=13)
        table.add_column()
        place = Table.grid(padding=(0, 2))
        share = f"{100 * self.step / self.steps:.3g} %"
        place.add_row(
            f"{self.step:,} of {self.steps:,}",
            ProgressBar(total=self.steps, completed=self.step, width=24),
            f"{share}, epoch {self.epoch:,}",
        )
        table.add_row("step", place)
        much = self.pace.waiting > MUCH_WAITING
        table.add_row("speed", Text(doing or self.speed(), style="yellow" if much and not doing else "cyan"))
        means = self._means()
        for group in dict.fromkeys(tag.partition("/")[0] for tag in means):
            table.add_row(group, _row({tag: value for tag, value in means.items() if tag.startswith(group)}))
        scored = [row for row in self._validations if self._words.key in row]
        if scored:
            best = min(scored, key=lambda row: row[self._words.key])
            table.add_row("validation", self._validated(scored[-1]))
            table.add_row("best so far", self._validated(best))
        return table

    @property
    def epoch(self) -> int:
        """The number of the epoch, from 1 on."""
        return max(0, self.step - 1) // self.per_epoch + 1

    def _means(self) -> dict[str, float]:
        return {tag: sum(values) / len(values) for tag, values in self._losses.items()}

    def _validated(self, row: dict[str, Any]) -> Text:
        """The most important score of a validation, green where it is better than the photo's."""
        key = self._words.key
        text = Text(f"{self._words.parts(row)[0]} at step {row['step']:,}")
        text.stylize("green" if row[key] < row.get(f"{key}_still", float("-inf")) else "")
        return text

    def speed(self) -> str:
        """Frames per second, waiting and the time left, in words."""
        if not self._losses:
            return ""
        pace = f"{self.pace.speed:,.0f} frames/s, waiting for data {100 * self.pace.waiting:.0f} %"
        left = self.steps - self.step
        return f"{pace}, {duration(self.pace.left(left))} left" if left else pace


def _row(losses: dict[str, float]) -> Text:
    return Text("  ".join(f"{tag.partition('/')[2]} {value:.3g}" for tag, value in losses.items()))


@contextmanager
def stop_requests() -> Iterator[StopWish]:
    """The wish that comes by Ctrl-C, SIGTERM or SIGHUP; a second one ends the program at once."""
    wish = StopWish()

    def note(number: int, _: FrameType | None) -> None:
        signal.signal(number, previous[number])
        wish.note()

    with handled(note) as previous:
        yield wish
