"""What is shown while training: on a terminal of 80 columns, and where the output is none."""

import io
import re
import time
from collections.abc import Iterator

import pytest
from rich.cells import cell_len
from rich.console import Console

from s2f.model.training.terminal import RECENT, Display, Pace, Plan, timed
from s2f.model.training.validation import WORDS
from s2f.pipeline.core.progress import duration

LOSSES = {
    f"{side}/{name}": 1.0
    for side in ("generator", "discriminator")
    for name in ("l1", "l1_upper", "frame", "sequence", "sync")
}
SCORES = {"val/l1": 0.05, "val/l1_still": 0.06, "val/psnr": 27.0, "val/psnr_still": 26.0, "val/mouth": 0.4}


def show(console: Console, *, steps: int = 200_000, first: int = 150_000, count: int = 3) -> Display:
    """Have a display show some steps and two validations, of which the one before was the better one."""
    before = {"step": 140_000, **SCORES, "val/l1": 0.04}
    display = Display(console, first, Plan(steps, 4000, 200, 1, 1, 1), validations=[before], words=WORDS)
    with display:
        for step in range(first + 1, first + count + 1):
            display.show(step, LOSSES, waited=0.1, worked=0.3)
        with display.doing("validating"):
            display.show_validation(SCORES, better=False)
    return display


def shown(console: Console) -> list[str]:
    """The lines that a terminal got, without their colours and the movements of its cursor."""
    assert isinstance(console.file, io.StringIO)
    lines = re.split(r"(?:\x1b\[\d*[AK]|[\r\n])+", console.file.getvalue())
    return [line.rstrip() for line in (re.sub(r"\x1b\[[\d;?]*[a-z]", "", line) for line in lines) if line]


def test_a_terminal_shows_all_within_80_columns() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    show(console)
    lines = shown(console)
    assert max(map(cell_len, lines)) <= 80
    text = "\n".join(lines)
    for words in (
        "150,003 of 200,000",
        "75 %, epoch 38",
        "500 frames/s",
        "waiting for data 25 %",
        "min left",
    ):
        assert words in text
    for words in ("generator      l1 1", "sync 1", "L1 0.0500 (still 0.0600) at step 150,003", "validating"):
        assert words in text
    assert "best so far    L1 0.0400 (still 0.0600) at step 140,000" in text


def test_a_file_gets_plain_lines_for_the_first_and_the_last_step() -> None:
    console = Console(file=io.StringIO(), width=80)
    show(console, steps=150_040, count=40)
    assert isinstance(console.file, io.StringIO)
    first, *_, last, validation = console.file.getvalue().splitlines()
    assert first.startswith("step 150,001 of 150,040: generator/l1 1, ")
    assert "500 frames/s, waiting for data 25 %" in first
    assert last.startswith("step 150,040 of 150,040: ")
    assert validation == ("step 150,040: L1 0.0500 (still 0.0600), PSNR 27.00 dB (still 26.00), mouth +0.40")
    assert "\x1b" not in console.file.getvalue()


def test_losses_are_means_over_the_last_steps() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    plan = Plan(3 * RECENT, 9, 1, 1, 1, 1)
    with Display(console, 0, plan, validations=[], words=WORDS) as display:
        for step in range(1, 2 * RECENT + 1):
            display.show(step, {"generator/l1": float(step > RECENT) * (step % 2)}, 0.0, 0.1)
    assert "generator      l1 0.5" in shown(console)[-2:]


def test_the_pace_counts_the_waiting_and_forgets_what_is_long_ago() -> None:
    pace = Pace(frames=10)
    for _ in range(RECENT):
        pace.add(waited=5.0, worked=5.0)
    for _ in range(RECENT):
        pace.add(waited=0.5, worked=1.5)
    assert pace.speed == pytest.approx(5)
    assert pace.waiting == pytest.approx(0.25)
    assert pace.left(100) == pytest.approx(200)


def test_waiting_is_measured_for_each_item() -> None:
    def slow() -> Iterator[int]:
        for item in (1, 2):
            time.sleep(0.02)
            yield item

    found = list(timed(slow()))
    assert [item for item, _ in found] == [1, 2]
    assert all(waited >= 0.02 for _, waited in found)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (2 * 3600 + 5 * 60, "2 h 05 min"),
        (3 * 86400 + 4 * 3600, "3 d 4 h"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
