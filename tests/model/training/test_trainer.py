"""The trainer: ablations, checkpoints, stopping and resuming to the last bit."""

import io
import json
import math
import os
import shutil
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import yaml
from rich.console import Console
from safetensors.torch import load_file, save_file
from support.model_runs import TINIEST, equal
from support.model_shards import make_shards
from support.prepared import Command, refused

from s2f.model.data.loader import TrainBatches
from s2f.model.networks import weights
from s2f.model.training import checkpoint, loop
from s2f.model.training.config import TrainParams
from s2f.model.training.distributed import Distributed
from s2f.model.training.state import new_state
from s2f.model.training.step import train_step
from s2f.model.training.trainer import train
from s2f.pipeline.core.errors import CheckpointError, InputError, TrainingError
from s2f.pipeline.core.prepared_set import PreparedSet

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Whole:
    """A finished run: its folder, its scores and what was printed. Only to be looked at."""

    run: Path
    scores: dict[str, float]
    text: str


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.mktemp("data"), train=5, val=1, frames=6)


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of three steps."""
    run = tmp_path_factory.mktemp("runs") / "run"
    start(data, run, small(steps=3))
    return run


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """A run of four steps."""
    run = tmp_path_factory.mktemp("runs") / "whole"
    return Whole(run, *start(data, run, small()))


def small(**changes: object) -> TrainParams:
    tiny = {**TINIEST, "batch": 2, "frames": 3, "judged_frames": 1, "steps": 4, "workers": 0, "shuffle": 4}
    often = {"validate_every": 2, "validation_frames": 4, "save_every": 2, "log_every": 1, "device": "cpu"}
    return TrainParams.model_validate({**tiny, **often, **changes})


def start(
    data: Path, run: Path, params: TrainParams, *, resume: bool = False
) -> tuple[dict[str, float], str]:
    """Train; return the scores and what was printed."""
    console = Console(file=io.StringIO(), width=200)
    scores = train(PreparedSet(data), run, params, resume=resume, console=console)
    assert isinstance(console.file, io.StringIO)
    return scores, console.file.getvalue()


def test_a_run_leaves_what_it_promises(whole: Whole) -> None:
    run, scores, text = whole.run, whole.scores, whole.text
    for name in ("generator.json", "generator.safetensors", "best.safetensors", "state.pt", "metrics.jsonl"):
        assert (run / name).stat().st_size
    kept = {path.name for path in (run / "samples").iterdir()}
    assert kept == {f"step-00000{step}.{ending}" for step in (2, 4) for ending in ("png", "mp4")}
    assert (run / "report.html").stat().st_size
    assert list((run / "tensorboard").iterdir())
    assert yaml.safe_load((run / "train.yaml").read_text())["width"] == 4
    assert [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()] == [2, 4]
    assert {"val/l1", "val/l1_still", "val/psnr", "val/psnr_still", "step"} <= scores.keys()
    assert "still" in text


EVERYTHING = {
    "ema": 0.9,
    "augment_sound": True,
    "augment_pictures": True,
    "still": "any",
    "sync_weight": 1.0,
    "sync_frames": 1,
}


# Settings of a run of six steps, and after which of them it is stopped.
STOPS = {
    "plain": ({}, (1, 3, 4)),
    "everything": (EVERYTHING, (3,)),
    "a rate that decays": ({"decay_after": 0, "decay": 0.5}, (5,)),
    "ijcv2019": ({"recipe": "ijcv2019", "frames": 6, "sync_frames": 3}, (3,)),
}


@pytest.mark.slow
@pytest.mark.parametrize(("more", "stops"), STOPS.values(), ids=STOPS)
def test_stop_and_resume_equals_the_run_in_one_go(
    data: Path, tmp_path: Path, more: dict[str, object], stops: tuple[int, ...]
) -> None:
    check_resumed(data, tmp_path, more, stops)


RELATED = {
    "MoCoGAN": {"generator": "mocogan", "volume_weight": 1.0},
    "TGAN": {"generator": "tgan", "wasserstein_weight": 1.0, "frame_weight": 0.0, "ema": 0.9},
    "VGAN": {
        "generator": "vgan",
        "piece_weight": 1.0,
        "frame_weight": 0.0,
        "dropout": 0.1,
        "sound": "log_mel",
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("more", RELATED.values(), ids=RELATED)
def test_a_system_of_related_work_goes_on_too(tmp_path: Path, more: dict[str, object]) -> None:
    data = make_shards(tmp_path / "data", train=4, val=1, frames=20)
    long = {"frames": 16, "sequence_weight": 0.0, "validation_frames": 20}
    check_resumed(data, tmp_path, long | more, (3,))
    lines = (tmp_path / "whole/metrics.jsonl").read_text().splitlines()
    assert all(math.isfinite(json.loads(line)["val/l1"]) for line in lines)


def check_resumed(data: Path, tmp_path: Path, more: dict[str, object], stops: tuple[int, ...]) -> None:
    more = {"save_every": 6, **more}
    start(data, tmp_path / "whole", small(steps=6, **more))
    whole = checkpoint.load_state(tmp_path / "whole")
    for steps in stops:
        run = tmp_path / f"stopped after {steps}"
        start(data, run, small(steps=steps, **more))
        start(data, run, small(steps=6, **more), resume=True)
        assert equal(tmp_path / "whole" / "generator.safetensors", run / "generator.safetensors")
        parts = checkpoint.load_state(run)
        for name, adversary in whole["adversaries"].items():
            one, two = adversary["module"], parts["adversaries"][name]["module"]
            assert all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize(
    ("change", "tags"),
    [
        ({"frame_weight": 0.0, "sequence_weight": 0.0}, {"generator/l1"}),
        ({"sequence_weight": 0.0}, {"generator/l1", "generator/frame", "discriminator/frame"}),
        ({"frame_weight": 0.0}, {"generator/l1", "generator/sequence", "discriminator/sequence"}),
        ({"l1_weight": 0.0, "frame_weight": 0.0}, {"generator/sequence", "discriminator/sequence"}),
    ],
)
def test_an_ablation_is_one_setting(data: Path, change: dict[str, float], tags: set[str]) -> None:
    params = small(**change)
    state = new_state(params, 16_000, Distributed(CPU))
    batch = next(TrainBatches(PreparedSet(data).split_or_empty("train"), params, CPU).start(0))
    assert train_step(state, batch).keys() == tags
    assert state.adversaries.keys() == {tag.split("/")[1] for tag in tags if tag.startswith("discriminator")}


def test_there_must_be_something_to_learn() -> None:
    with pytest.raises(ValueError, match="cannot all be 0"):
        small(l1_weight=0.0, frame_weight=0.0, sequence_weight=0.0)


def test_fewer_steps_than_are_done_change_nothing(data: Path, finished: Path) -> None:
    assert start(data, finished, small(steps=1), resume=True)[0]["step"] == 3


def test_training_lowers_the_l1(data: Path) -> None:
    params = small(frame_weight=0.0, sequence_weight=0.0, generator_lr=3e-3)
    state = new_state(params, 16_000, Distributed(CPU))
    batch = next(TrainBatches(PreparedSet(data).split_or_empty("train"), params, CPU).start(0))
    losses = [train_step(state, batch)["generator/l1"] for _ in range(15)]
    assert losses[-1] < 0.7 * losses[0]


def test_losses_that_are_not_finite_stop_the_run(data: Path) -> None:
    params = small()
    state = new_state(params, 16_000, Distributed(CPU))
    with torch.no_grad():
        next(state.generator.decoder.parameters()).fill_(float("nan"))
    batch = next(TrainBatches(PreparedSet(data).split_or_empty("train"), params, CPU).start(0))
    with pytest.raises(TrainingError, match="step 1 are not finite"):
        train_step(state, batch)


def test_ctrl_c_saves_and_says_how_to_go_on(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    long = small(steps=100_000, validate_every=100_000, save_every=100_000)
    timer = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    scores, text = start(data, run, long)
    timer.join()
    assert 0 < scores["step"] < 100_000
    assert "--resume" in text
    assert checkpoint.load_state(run)["step"] == scores["step"]


def test_a_slow_step_is_broken_off_and_leaves_nothing(
    data: Path, whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SLOW", 0.0)
    calls, last = 0, -1

    def same(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == last:
            signal.raise_signal(signal.SIGTERM)
        return tensor.detach()

    monkeypatch.setattr(loop, "_same", same)
    start(data, tmp_path / "counted", small())
    per_step, rest = divmod(calls, 4)
    assert (per_step > 100, rest) == (True, 0)
    # At the begin of the third step, within its passes forward and back, and in its last call.
    for share in (0.01, 0.3, 0.5, 0.8, 1.0):
        calls, last = 0, 2 * per_step + round(share * per_step)
        run = tmp_path / str(last)
        scores, text = start(data, run, small())
        assert scores["step"] == 2
        assert "stopped at step 2" in text
        calls, last = 0, -1
        start(data, run, small(), resume=True)
        assert equal(run / "generator.safetensors", whole.run / "generator.safetensors")


def test_no_progress_ends_the_run(data: Path, tmp_path: Path) -> None:
    # A learning rate this small changes no score in the first digits, but the norms still move.
    params = small(steps=100, generator_lr=1e-12, validate_every=1, patience=2, l1_weight=0.0)
    scores, text = start(data, tmp_path / "run", params)
    assert scores["step"] < 100
    assert "no better L1" in text


def test_a_run_without_val_clips_says_so(tmp_path: Path) -> None:
    data = make_shards(tmp_path / "data", train=2, val=0, frames=6)
    scores, text = start(data, tmp_path / "run", small(steps=1))
    assert scores == {"step": 1, "ended": 1}
    assert "val split is empty" in text
    assert weights.load_talker(tmp_path / "run", CPU).fps == 25


def test_a_folder_with_a_run_is_not_overwritten(data: Path, finished: Path) -> None:
    with pytest.raises(CheckpointError, match="already holds a run") as caught:
        start(data, finished, small())
    assert "--resume" in caught.value.hint


def test_resuming_with_other_settings_names_them(data: Path, finished: Path) -> None:
    with pytest.raises(CheckpointError, match="seed was 0, is 1"):
        start(data, finished, small(steps=5, seed=1), resume=True)


def test_resuming_with_other_shards_is_refused(tmp_path: Path, finished: Path) -> None:
    other = make_shards(tmp_path, train=4, val=1, frames=6)
    with pytest.raises(CheckpointError, match="other shards"):
        start(other, finished, small(steps=5), resume=True)


def test_resuming_a_finished_run_changes_nothing(data: Path, finished: Path) -> None:
    before = load_file(finished / "generator.safetensors")
    scores, _ = start(data, finished, small(steps=3), resume=True)
    assert scores["step"] == 3
    after = load_file(finished / "generator.safetensors")
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_two_trainings_at_once_in_one_folder(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    settings = ""

    def second(*_: object) -> None:
        nonlocal settings
        settings = (run / "train.yaml").read_text()
        for resume in (False, True):
            with pytest.raises(InputError, match="another run is at work on"):
                start(data, run, small(seed=int(not resume)), resume=resume)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("s2f.model.training.trainer.run_loop", second)
        start(data, run, small())
    # What the first one was begun with is still there, and the folder is free again.
    assert (run / "train.yaml").read_text() == settings
    start(data, run, small(steps=1))


def test_resuming_nothing(data: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no state\.pt"):
        start(data, tmp_path, small(), resume=True)


def test_training_without_shards(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no shards"):
        start(tmp_path, tmp_path / "run", small())
    assert not (tmp_path / "run").exists()


def copy(run: Path, target: Path) -> Path:
    """A run folder to be damaged."""
    target.mkdir()
    for name in ("generator.json", "generator.safetensors", "state.pt", "train.yaml"):
        (target / name).write_bytes((run / name).read_bytes())
    return target


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("generator.json", b"{", "damaged"),
        ("generator.json", b"[]", "damaged"),
        ("generator.json", b'{"format": 99}', "format 99, this s2f reads format 1"),
        ("generator.json", b'{"format": 1, "arguments": {"width": 4}}', "damaged"),
        ("generator.safetensors", b"", "damaged"),
        ("generator.safetensors", b"no weights at all", "damaged"),
    ],
)
def test_a_damaged_model_is_named(
    finished: Path, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    run = copy(finished, tmp_path / "copy")
    (run / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as caught:
        weights.load_talker(run, CPU)
    assert caught.value.hint


def test_weights_that_do_not_fit_are_named(finished: Path, tmp_path: Path) -> None:
    run = copy(finished, tmp_path / "copy")
    save_file({"weight": torch.zeros(2)}, run / "generator.safetensors")
    with pytest.raises(CheckpointError, match="damaged"):
        weights.load_talker(run, CPU)


@pytest.mark.parametrize("keep", [0, 100, 10_000])
def test_a_damaged_state_is_named(data: Path, finished: Path, tmp_path: Path, keep: int) -> None:
    run = copy(finished, tmp_path / "copy")
    (run / "state.pt").write_bytes((run / "state.pt").read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"state\.pt is damaged"):
        start(data, run, small(steps=5), resume=True)


def test_a_state_of_another_format_is_refused(tmp_path: Path) -> None:
    torch.save({"format": 2}, tmp_path / "state.pt")
    with pytest.raises(CheckpointError, match="format 2"):
        checkpoint.load_state(tmp_path)


def test_no_model(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no trained model"):
        weights.load_talker(tmp_path, CPU)


def test_a_run_knows_its_data_and_settings(data: Path, whole: Whole, tmp_path: Path, s2f: Command) -> None:
    run = tmp_path / "run"
    start(data, run, small(steps=2))
    ended = s2f("train", "--run", run, "--resume", "--set", "train.steps=4", "--set", "train.log_every=2")
    assert ended.code == 0, ended.err
    assert checkpoint.load_state(run)["step"] == 4
    assert yaml.safe_load((run / "train.yaml").read_text())["width"] == 4
    assert equal(whole.run / "generator.safetensors", run / "generator.safetensors")
    refused(s2f("train", "--run", run, "--resume", "--set", "train.width=8"), "width was 4, is 8")


def test_a_run_that_does_not_know_its_data_wants_it_named(data: Path, tmp_path: Path, s2f: Command) -> None:
    run = tmp_path / "run"
    start(data, run, small(steps=2))
    (run / "run.json").unlink()
    resume = ("--run", run, "--resume", "--set", "train.steps=3")
    refused(s2f("train", *resume), "does not say which prepared set")
    assert s2f("train", data, *resume).code == 0
    assert json.loads((run / "run.json").read_text())["data"] == str(data)
    refused(s2f("train", "--run", tmp_path / "new"), "nothing to train on")
    refused(s2f("train", "--run", tmp_path / "new", "--resume"), "no state.pt")


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_without_a_checkpoint_is_resumed_or_begun_again(
    data: Path, whole: Whole, tmp_path: Path, resume: bool
) -> None:
    run = shutil.copytree(whole.run, tmp_path / "run")
    for name in ("state.pt", "generator.safetensors", "best.safetensors"):
        (run / name).unlink()
    assert start(data, run, small(), resume=resume)[0]["step"] == 4
    assert equal(whole.run / "generator.safetensors", run / "generator.safetensors")
    assert [json.loads(line)["step"] for line in (run / "curves.jsonl").read_text().splitlines()] == [
        1,
        2,
        3,
        4,
    ]
