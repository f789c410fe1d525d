"""Several processes train one model: two on this machine, joined by gloo, as torchrun starts them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.model_runs import TINIEST
from support.model_shards import make_shards

from s2f.model.training import checkpoint
from s2f.model.training.config import TrainParams

pytestmark = pytest.mark.cluster

SETTINGS = {
    **TINIEST,
    "batch": 2,
    "frames": 3,
    "judged_frames": 1,
    "workers": 0,
    "shuffle": 4,
    "validate_every": 9,
    "validation_frames": 4,
    "save_every": 3,
    "ema": 0.9,
    "threads": 1,
    "device": "cpu",
}

# What every rank writes: a digest of its weights after three steps, and what has stayed of the group then.
WEIGHTS = """
import hashlib, sys
from pathlib import Path
import torch
from s2f.model.data.loader import TrainBatches
from s2f.model.training.distributed import joined
from s2f.model.training.config import TrainParams
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.model.training.state import new_state
from s2f.model.training.step import train_step
params = TrainParams.model_validate_json(sys.argv[2])
with joined(torch.device("cpu")) as ranks:
    state = new_state(params, 16_000, ranks)
    shards = PreparedSet(Path(sys.argv[1])).split_or_empty("train")
    batches = TrainBatches(shards, params, ranks.device, ranks.rank, ranks.world)
    stream = batches.start(0)
    seen = []
    for _ in range(3):
        batch = next(stream)
        seen += batch.clip_ids
        train_step(state, batch)
    weights = b"".join(each.detach().numpy().tobytes() for each in state.generator.parameters())
    digest = hashlib.sha256(weights).hexdigest()
    said = [ranks.any(ranks.rank == 1), ranks.broadcast([float(ranks.rank)])[0], digest]
threads = [(each / "comm").read_text() for each in Path("/proc/self/task").iterdir()]
said.append(sum("gloo" in name for name in threads))
Path(sys.argv[0]).with_suffix(f".{ranks.rank}").write_text(" ".join(map(str, [*said, *seen])))
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.mktemp("data"), train=13, val=1, frames=6)


def torchrun(*command: object) -> "subprocess.Popen[str]":
    """Two processes of a command."""
    launcher = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node=2",
        "--standalone",
        "--no-python",
        "--",
    ]
    return subprocess.Popen(
        [*launcher, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def train(data: Path, run: Path, steps: int, *more: str) -> "subprocess.Popen[str]":
    program = Path(sys.executable).with_name("s2f")
    given = [f"--set=train.{name}={value}" for name, value in {**SETTINGS, "steps": steps}.items()]
    return torchrun(program, "train", data, "--run", run, *given, *more)


def ended(process: "subprocess.Popen[str]") -> str:
    """What was printed by a command that ended well."""
    told, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    return told


def test_ranks_keep_equal_weights_on_different_clips(data: Path, tmp_path: Path) -> None:
    script = tmp_path / "weights.py"
    script.write_text(WEIGHTS)
    params = TrainParams.model_validate({**SETTINGS, "steps": 3}).model_dump_json()
    ended(torchrun(sys.executable, script, data, params))
    one, two = (script.with_suffix(f".{rank}").read_text().split() for rank in (0, 1))
    # Both heard the wish of rank 1, and the word of rank 0.
    assert one[:2] == two[:2] == ["True", "0.0"]
    assert one[2] == two[2]
    # Threads of the group that live while Python ends can abort the process.
    assert one[3] == two[3] == "0"
    # 13 clips make 3 batches of 2 on both: 12 of them, none twice.
    assert len({*one[4:], *two[4:]}) == 12


def test_two_ranks_stopped_and_resumed_equal_two_ranks_in_one_go(data: Path, tmp_path: Path) -> None:
    told = ended(train(data, tmp_path / "whole", 9))
    assert "2 ranks" in told
    assert told.count("training on cpu") == 1
    stopped = train(data, tmp_path / "parts", 9)
    while not (tmp_path / "parts" / checkpoint.STATE).exists():
        assert stopped.poll() is None
        time.sleep(0.05)
    stopped.send_signal(signal.SIGTERM)
    stopped.communicate(timeout=200)
    ended(train(data, tmp_path / "parts", 9, "--resume"))
    whole, parts = (load_file(tmp_path / name / "generator.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
