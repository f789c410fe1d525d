"""A generator as a folder that the Hugging Face Hub takes as it is, and one that is fetched from there.

FOLDER/config.json         the generator's arguments, frame and sample rate
FOLDER/model.safetensors   its weights
FOLDER/README.md           the model card
"""

import re
import shutil
from pathlib import Path

import torch

from s2f.model.hub import card, figures
from s2f.model.networks.weights import GENERATOR, HUB, files_of, load_talker, located
from s2f.pipeline.core import cards, files
from s2f.pipeline.core.errors import CheckpointError, MissingError
from s2f.pipeline.core.files import as_text

# The id of a model on the Hub: its owner and its name.
ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def export(run: Path, folder: Path, evaluation: Path | None = None) -> list[Path]:
    """Write the best generator of a run as a folder for the Hub; returns the files.

    The JSON of an evaluation gives the card its figures. Raises CheckpointError for the run, InputError for
    the evaluation, OutputError where the folder holds something already.
    """
    talker = load_talker(run, torch.device("cpu"))
    measured = figures.read(evaluation, run.resolve().name) if evaluation else None
    run = located(run, GENERATOR)
    source = files_of(run)
    with files.appearing_folder(folder) as made:
        shutil.copyfile(run / source.description, made / HUB.description)
        shutil.copyfile(run / source.weights, made / HUB.weights)
        name = as_text(folder.resolve().name)
        files.write_bytes(made / cards.CARD, card.write(run, name, talker, measured))
    return [folder / name for name in (HUB.description, HUB.weights, cards.CARD)]


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
