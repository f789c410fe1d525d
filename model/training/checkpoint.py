"""RUN/state.pt: all that a training needs to go on, in one file, so that it was written at one moment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from s2f.model.networks.weights import FORMAT, damaged
from s2f.pipeline.core.errors import CheckpointError
from s2f.pipeline.core.files import appearing

STATE = "state.pt"


def save_state(run: Path, state: dict[str, Any]) -> None:
    """Write what `load_state` gives back: tensors, numbers, texts, and dicts and lists of them."""
    write_with(run / STATE, lambda path: torch.save({"format": FORMAT, **state}, path))


def load_state(run: Path) -> dict[str, Any]:
    """What `save_state` wrote, on the CPU."""
    path = run / STATE
    if not path.is_file():
        raise nothing_to_resume(run)
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        version = state["format"]
    except Exception as error:  # a damaged file can raise nearly anything from within torch
        raise damaged(path, error) from error
    if version != FORMAT:
        raise CheckpointError(
            f"{path} has format {version}, this s2f reads format {FORMAT}",
            "use the s2f that wrote it, or train anew",
        )
    return state


def nothing_to_resume(run: Path) -> CheckpointError:
    """The error of a folder without a checkpoint."""
    return CheckpointError(
        f"{run} holds no checkpoint to resume from: there is no {STATE}", "train in a new folder"
    )


def write_with(path: Path, write: Callable[[Path], object]) -> None:
    """Have a library write a file that appears whole or not at all; OutputError where that fails."""
    with appearing(path) as temporary:
        try:
            write(temporary)
        except (RuntimeError, SafetensorError) as error:  # their words for a full disk
            raise OSError(str(error)) from error
