"""The one loop of every training: generator, lip reader and sync scorer.

It logs, validates, saves and stops. What is particular to a training is its `Trainee`.
"""

import copy
import itertools
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol, TypeVar

from rich.console import Console
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from s2f.model.networks.device import keep_memory
from s2f.model.training.curves import Curves, read_metrics
from s2f.model.training.distributed import Distributed
from s2f.model.training.terminal import Display, Plan, StopWish, stop_requests, timed

Item = TypeVar("Item")
# A block that a wish to stop may interrupt.
Breakable = AbstractContextManager[None]
# Seconds of a step from which on the next one is broken off by a wish to stop.
SLOW = 1.0


class Trainee(Protocol[Item]):
    """A training as the loop sees it; its batches are `Item`s."""

    @property
    def step(self) -> int:
        """Steps done."""

    @property
    def plan(self) -> Plan: ...

    @property
    def distributed(self) -> Distributed: ...

    @property
    def curves(self) -> Curves | None:
        """The log of the run; None on all ranks but the main one."""

    @property
    def ended_early(self) -> bool:
        """Whether more steps would bring nothing, equal on all ranks."""

    def batches(self) -> Iterator[Item]:
        """The batches from number `step` on, counted from the beginning of the training."""

    def train_step(self, batch: Item) -> dict[str, float]:
        """Train on a batch with the learning rate of this step, and count it; losses and more by tag.

        What is drawn at random follows from the seed and the step alone.
        """

    def rates(self) -> dict[str, float]:
        """The learning rates of the last step, by tag, for the log."""

    @property
    def validate(self) -> Callable[[Display, Breakable], None] | None:
        """Score, log, show, and keep the weights if they are the best so far; None where none is due.

        KeyboardInterrupt may come within the `Breakable`, in which it changes nothing that lasts.
        """

    def save(self) -> None:
        """Write the newest weights and all that `load_state_dict` needs to go on."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes in training."""

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""


def is_over(trainee: Trainee[Any], run: Path) -> bool:
    """Whether nothing is left to train, and to validate."""
    return (trainee.step >= trainee.plan.steps and not lacks_validation(trainee, run)) or trainee.ended_early


def lacks_validation(trainee: Trainee[Any], run: Path) -> bool:
    """Whether the validation of the last step was stopped before it had scores."""
    due = trainee.validate is not None and _is_validated(trainee)
    return due and all(row["step"] != trainee.step for row in read_metrics(run))


def _is_validated(trainee: Trainee[Any]) -> bool:
    """Whether there is a validation after the last step."""
    plan, step = trainee.plan, trainee.step
    return plan.validate_every > 0 and step > 0 and (step == plan.steps or step % plan.validate_every == 0)


def has_ended(trainee: Trainee[Any], run: Path, console: Console) -> bool:
    """Whether nothing is left to train in the folder `run`; if so, it says that."""
    over = is_over(trainee, run)
    if over:
        console.print(f"{run} has ended at step {trainee.step:,} already", markup=False, soft_wrap=True)
    return over


def run_loop(trainee: Trainee[Item], display: Display, run: Path, console: Console) -> None:
    """Train to the last step, to an early end, or until a signal to end reaches any rank; then save.

    Where it was stopped before its end, it says how to go on.
    """
    keep_memory()
    plan, log, validate = trainee.plan, trainee.curves, trainee.validate
    # One of several ranks waits on: all stop after the same step.
    alone = trainee.distributed.world == 1
    # A GPU's steps are short, and its memory has no room for a copy.
    undoes = alone and trainee.distributed.device.type == "cpu"
    took = math.inf

    def validated() -> None:
        if validate:
            with display.doing("validating"):
                validate(display, stop.waiting() if alone else nullcontext())

    with stop_requests() as stop, display:
        left = max(0, plan.steps - trainee.step)
        batches = itertools.islice(trainee.batches(), left)
        try:
            if trainee.distributed.any(log is not None and lacks_validation(trainee, run)):
                validated()
            for batch, waited in timed(batches, stop if alone else None):
                if trainee.distributed.any(bool(stop)) or trainee.ended_early:
                    break
                begun = time.perf_counter()
                slow = undoes and took > SLOW
                values = _whole_step(trainee, batch, stop) if slow else trainee.train_step(batch)
                took = time.perf_counter() - begun
                display.show(trainee.step, values, waited, took)
                last = trainee.step == plan.steps
                if log and (last or trainee.step % plan.log_every == 0):
                    log.write(trainee.step, {**values, **display.pace.scalars(), **trainee.rates()})
                if _is_validated(trainee):
                    validated()
                if log and not last and trainee.step % plan.save_every == 0:
                    trainee.save()
        except KeyboardInterrupt:
            if not stop:
                raise
        if log:
            log.close_at(trainee.step, ended=trainee.ended_early)
            trainee.save()
    if bool(stop) and not is_over(trainee, run):
        told = f"stopped at step {trainee.step:,}, saved in {run}; go on with --resume"
        console.print(told, markup=False, soft_wrap=True)


def _whole_step(trainee: Trainee[Item], batch: Item, stop: StopWish) -> dict[str, float]:
    """A step that is done as a whole or not at all. Raises KeyboardInterrupt where it is broken off."""
    before = copy.deepcopy(trainee.state_dict())
    try:
        with stop.waiting(), saved_tensors_hooks(_same, _same):
            return trainee.train_step(batch)
    except KeyboardInterrupt:
        trainee.load_state_dict(before)
        raise


def _same(tensor: Tensor) -> Tensor:
    """Change nothing: a call from within a backward pass, in which Python hears of a signal."""
    return tensor.detach()
