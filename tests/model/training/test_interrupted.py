"""A training that is ended at random moments, and goes on each time, ends as one that was left alone."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import torch
from rich.console import Console
from support.model_runs import TINIEST, equal
from support.model_shards import make_shards

from s2f.model.training import checkpoint
from s2f.model.training.config import TrainParams
from s2f.model.training.trainer import run_folder, train
from s2f.pipeline.core.executors.local import forking
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.signals import TERMINAL, interrupting

MOMENTS, SEED = 20, 1
STEPS = 80
SETTINGS = {
    **TINIEST,
    **{"batch": 2, "frames": 3, "judged_frames": 1, "steps": STEPS, "workers": 0, "shuffle": 4, "ema": 0.9},
    **{"validate_every": 20, "validation_frames": 4, "save_every": 4, "log_every": 5, "device": "cpu"},
}


def go_on(data: Path, run: Path, begun: Connection) -> None:
    """What the process does that is ended: train on, from wherever the run is."""
    # The server that it is forked from hears no signals of a terminal.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, TERMINAL)
    torch.set_num_threads(1)
    console = Console(file=sys.stderr, quiet=True)
    params = TrainParams.model_validate(SETTINGS)
    with interrupting(), contextlib.suppress(KeyboardInterrupt):
        begun.send(None)
        train(PreparedSet(data), run, params, resume=run_folder(run).is_begun, console=console)


def part(data: Path, run: Path, ended_after: float | None, number: int) -> None:
    """Go on with a run in a process of its own, and send it a signal after so many seconds."""
    context = forking(("s2f.model.training.trainer",))
    ours, theirs = context.Pipe()
    process = context.Process(target=go_on, args=(data, run, theirs))
    process.start()
    assert ours.poll(60)
    process.join(ended_after)
    if process.is_alive():
        assert process.pid
        os.kill(process.pid, number)
        process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)


@pytest.mark.slow
def test_a_training_that_is_ended_at_random_moments_equals_an_undisturbed_one(tmp_path: Path) -> None:
    data = make_shards(tmp_path / "data", train=5, val=1, frames=6)
    begun = time.perf_counter()
    part(data, tmp_path / "whole", None, 0)
    whole = time.perf_counter() - begun
    chance, run, steps = random.Random(SEED), tmp_path / "run", set()
    for _ in range(MOMENTS):
        number = chance.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
        part(data, run, chance.uniform(0, whole / 4), number)
        if (run / checkpoint.STATE).exists():
            steps.add(checkpoint.load_state(run)["step"])
    # The moments were spread over the training.
    assert len(steps) > 3
    part(data, run, None, 0)
    one, two = (checkpoint.load_state(each) for each in (tmp_path / "whole", run))
    assert one["step"] == two["step"] == STEPS
    for name in ("generator.safetensors", "best.safetensors"):
        assert equal(tmp_path / "whole" / name, run / name)
    for name, adversary in one["adversaries"].items():
        theirs = two["adversaries"][name]["module"]
        assert all(torch.equal(value, theirs[key]) for key, value in adversary["module"].items())


def command(*arguments: object) -> "subprocess.Popen[str]":
    """`s2f train` in a process of its own."""
    words = [Path(sys.executable).with_name("s2f"), "train", *arguments]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_training_that_is_killed_leaves_its_folder_to_the_next_at_once(tmp_path: Path) -> None:
    """Also where its loader's processes, which end a little later, were forked while it held the lock."""
    data, run = make_shards(tmp_path / "data", train=5, val=1, frames=6), tmp_path / "run"
    settings = SETTINGS | {"steps": 1_000_000, "workers": 2, "threads": 1}
    given = [f"--set=train.{name}={value}" for name, value in settings.items()]
    first = command(data, "--run", run, *given)
    while not (run / checkpoint.STATE).exists():
        assert first.poll() is None
        time.sleep(0.05)
    second = command("--run", run, "--resume")
    _, told = second.communicate(timeout=120)
    assert second.returncode == 1
    assert told.splitlines()[0].startswith(f"error: another run is at work on {run} (process {first.pid} of ")
    assert first.poll() is None
    first.kill()
    first.communicate()
    step = checkpoint.load_state(run)["step"]
    third = command("--run", run, "--resume", f"--set=train.steps={step + 4}")
    printed, told = third.communicate(timeout=120)
    assert (third.returncode, told) == (0, ""), told
    assert f"resuming at step {step}" in printed
    assert checkpoint.load_state(run)["step"] == step + 4
