"""Models that are fetched from the Hugging Face Hub, where a person asks for one by its id."""

import re
from pathlib import Path

from s2f.model.networks.weights import HUB
from s2f.pipeline.core.errors import CheckpointError, MissingError

# The id of a model on the Hub: its owner and its name.
ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def fetched(run: str | Path) -> Path:
    """The folder of a run; a text that names no folder, but may be an id on the Hub, is fetched from there.

    Only the description and the weights are fetched, once, into the cache of huggingface_hub. Raises
    MissingError where that is not installed, CheckpointError where the Hub has no such model.
    """
    if not isinstance(run, str) or Path(run).exists() or not ID.fullmatch(run):
        return Path(run)
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingError(
            f"{run} is no folder, and huggingface_hub, which could fetch such a model, is not installed",
            "check the path, or pip install 's2f[hub]'",
        ) from error
    try:
        return Path(snapshot_download(run, allow_patterns=[HUB.description, HUB.weights]))
    except Exception as error:  # huggingface_hub and what it stands on each have their own
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise CheckpointError(
            f"{run} is no folder, and cannot be fetched from the Hugging Face Hub: {reason[0]}",
            "check the name, the network and your right to it",
        ) from error
