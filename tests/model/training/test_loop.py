"""The loop of every training: a signal breaks a validation off, and the next attempt makes up for it."""

import io
import signal
from collections.abc import Iterator
from pathlib import Path

import torch
from rich.console import Console

from s2f.model.training.curves import Curves, read_metrics
from s2f.model.training.distributed import Distributed
from s2f.model.training.loop import Breakable, is_over, run_loop
from s2f.model.training.terminal import Display, Plan, ScoreWords


class Counting:
    """A training that only counts its steps; it is told to stop in the validation after step `stopped`."""

    ended_early = False

    def __init__(self, run: Path, step: int, stopped: int) -> None:
        self.run, self.step, self.stopped, self.saved = run, step, stopped, -1
        self.plan = Plan(steps=3, per_epoch=1, frames=1, validate_every=1, save_every=9, log_every=1)
        self.distributed = Distributed(torch.device("cpu"))
        self.curves = Curves(run, step)

    def batches(self) -> Iterator[int]:
        return iter(range(self.step, self.plan.steps))

    def train_step(self, batch: int) -> dict[str, float]:
        assert batch == self.step
        self.step += 1
        return {"loss": 1.0}

    def rates(self) -> dict[str, float]:
        return {}

    def validate(self, display: Display, breakable: Breakable) -> None:
        with breakable:
            if self.step == self.stopped:
                signal.raise_signal(signal.SIGTERM)
        self.curves.write_scores(self.step, {"score": 1.0})

    def save(self) -> None:
        self.saved = self.step

    def state_dict(self) -> dict[str, int]:
        return {}

    def load_state_dict(self, saved: dict[str, int]) -> None:
        pass


def run(trainee: Counting) -> str:
    told = io.StringIO()
    console = Console(file=told, width=200)
    words = ScoreWords("score", lambda scores: [])
    display = Display(console, trainee.step, trainee.plan, validations=[], words=words)
    run_loop(trainee, display, trainee.run, console)
    return told.getvalue()


def validated(folder: Path) -> list[int]:
    return [row["step"] for row in read_metrics(folder)]


def test_a_validation_that_was_broken_off_is_made_up_for(tmp_path: Path) -> None:
    first = Counting(tmp_path, 0, stopped=2)
    assert "stopped at step 2" in run(first)
    assert (first.saved, validated(tmp_path)) == (2, [1])
    # So is the last one, after which no step is left.
    second = Counting(tmp_path, 2, stopped=3)
    assert "stopped at step 3" in run(second)
    assert validated(tmp_path) == [1, 2]
    third = Counting(tmp_path, 3, stopped=0)
    assert not is_over(third, tmp_path)
    assert "stopped" not in run(third)
    assert validated(tmp_path) == [1, 2, 3]
    assert is_over(third, tmp_path)
