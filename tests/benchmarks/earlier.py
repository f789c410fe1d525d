"""An earlier commit of this repository, to be run beside the present one in the same environment."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

# The speed of the preparation is told against that of this commit.
DEFAULT = "bd26c72"
VARIABLE = "S2F_BENCH_COMMIT"
ROOT = Path(__file__).parents[2]
# Both run on one core, whatever else the machine does.
CORE = max(os.sched_getaffinity(0))


def commit() -> str:
    """The commit to compare with."""
    return os.environ.get(VARIABLE, DEFAULT)


def unpacked(folder: Path) -> Path:
    """The packages of that commit in a folder to put on PYTHONPATH; skips where the history lacks it."""
    archive = folder / "earlier.tar"
    git = ["git", "-C", ROOT, "archive", "--output", archive, commit(), "pipeline", "model"]
    done = subprocess.run(git, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(
            f"the history here lacks the commit {commit()} ({done.stderr.strip()}): get all of it with"
            f" `git fetch --unshallow`, or name another commit in {VARIABLE}"
        )
    with tarfile.open(archive) as packed:
        packed.extractall(folder / "earlier/s2f", filter="data")
    return folder / "earlier"


def environment(earlier: Path | None) -> dict[str, str]:
    """The environment of a process of the earlier commit, or of the present one."""
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return {**os.environ, **threads, **({"PYTHONPATH": str(earlier)} if earlier else {})}


def on_core(*arguments: object) -> list[str]:
    """The command of a Python process on one core."""
    return ["taskset", "--cpu-list", str(CORE), sys.executable, *map(str, arguments)]
