"""A training that begins with the weights of another one."""

import io
from pathlib import Path

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from support.model_shards import make_shards

from s2f.model.networks.weights import load_talker
from s2f.model.training import checkpoint
from s2f.model.training.config import TrainParams
from s2f.model.training.trainer import train
from s2f.pipeline.core.errors import ConfigError
from s2f.pipeline.core.prepared_set import PreparedSet

# A network that is not the default one in any way.
NETWORK = {"width": 4, "sound": "log_mel", "window_seconds": 0.2, "blinks": True, "noise": 3, "context": 32}
FEW = {"batch": 2, "frames": 3, "judged_frames": 1, "workers": 0, "shuffle": 4, "device": "cpu", "steps": 2}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.mktemp("data"), train=5, val=1, frames=6)


def trained(
    data: Path, run: Path, start: Path | None = None, *, resume: bool = False, **changes: object
) -> str:
    """Train; what was printed."""
    console = Console(file=io.StringIO(), width=200)
    params = TrainParams.model_validate({**FEW, "validation_frames": 4, **changes})
    train(PreparedSet(data), run, params, resume=resume, console=console, start=start)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def first(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of another recipe's losses."""
    run = tmp_path_factory.mktemp("first") / "run"
    trained(data, run, sequence_weight=0, lips_weight=1.0, dropout=0.2, sound_decay=0.01, **NETWORK)
    return run


def test_the_network_and_its_weights_are_those_of_the_start(data: Path, first: Path, tmp_path: Path) -> None:
    told = trained(data, tmp_path / "run", first, generator_lr=1e-12)
    assert f"begins with the generator and the frame discriminator of {first}" in told
    network = load_talker(tmp_path / "run", torch.device("cpu")).generator
    assert {name: network.arguments[name] for name in ("width", "sound", "blinks")} == {
        name: NETWORK[name] for name in ("width", "sound", "blinks")
    }
    before, after = (load_file(run / "generator.safetensors") for run in (first, tmp_path / "run"))
    name = "decoder.paint.weight"
    assert torch.allclose(before[name], after[name], atol=1e-6)
    frame, fresh = (checkpoint.load_state(run)["adversaries"] for run in (first, tmp_path / "run"))
    assert frame.keys() == {"frame"} and fresh.keys() == {"frame", "sequence"}


def test_it_can_be_stopped_and_resumed(data: Path, first: Path, tmp_path: Path) -> None:
    trained(data, tmp_path / "whole", first, steps=3)
    trained(data, tmp_path / "parts", first, steps=2)
    # Data and settings of a resumed run come from the run, and so does its network.
    given = {"steps": 3, "resume": True} | NETWORK
    trained(data, tmp_path / "parts", **given)  # type: ignore[arg-type]
    whole, parts = (load_file(tmp_path / name / "generator.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_another_network_is_refused(data: Path, first: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"train.width is 8, but .* has 4"):
        trained(data, tmp_path / "run", first, width=8)


def test_the_first_steps_train_what_hears_alone(data: Path, tmp_path: Path) -> None:
    changes = {**NETWORK, "steps": 4, "generator_lr": 0.01, "sequence_weight": 0}
    trained(data, tmp_path / "none", **changes | {"steps": 1, "generator_lr": 1e-12, "lips_weight": 1})  # type: ignore[arg-type]
    trained(data, tmp_path / "run", listen_steps=4, **changes)  # type: ignore[arg-type]
    new, listened = (load_file(tmp_path / name / "generator.safetensors") for name in ("none", "run"))
    changed = {
        name.partition(".")[0] for name in new if not torch.allclose(new[name], listened[name], atol=1e-4)
    }
    assert "context" in changed
    curve = (tmp_path / "run" / "curves.jsonl").read_text().splitlines()
    assert all("generator/lips" in line and "generator/l1" not in line for line in curve)


def test_lips_are_learnt_from_the_sound(data: Path, tmp_path: Path) -> None:
    import json

    changes = {**NETWORK, "steps": 80, "listen_steps": 80, "generator_lr": 0.003, "log_every": 1, "frames": 6}
    trained(data, tmp_path / "run", sequence_weight=0, frame_weight=0, **changes)  # type: ignore[arg-type]
    losses = [
        json.loads(line)["generator/lips"]
        for line in (tmp_path / "run/curves.jsonl").read_text().splitlines()
    ]
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])
