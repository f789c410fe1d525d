"""A generator as a folder that the Hugging Face Hub takes as it is.

FOLDER/config.json         the generator's arguments, frame and sample rate
FOLDER/model.safetensors   its weights
FOLDER/README.md           the model card
"""

import shutil
from pathlib import Path

import torch

from s2f.model.hub import card, figures
from s2f.model.networks.weights import GENERATOR, HUB, files_of, load_talker, located
from s2f.pipeline.core import cards, files
from s2f.pipeline.core.files import as_text


def export(run: Path, folder: Path, evaluation: Path | None = None) -> list[Path]:
    """Write the best generator of a run as a folder for the Hub; returns the files.

    The JSON of an evaluation gives the card its figures. Raises CheckpointError for the run, InputError for
    the evaluation, OutputError where the folder holds something already.
    """
    talker = load_talker(run, torch.device("cpu"))
    measured = figures.read(evaluation, run) if evaluation else None
    run = located(run, GENERATOR)
    source = files_of(run)
    with files.appearing_folder(folder) as made:
        shutil.copyfile(run / source.description, made / HUB.description)
        shutil.copyfile(run / source.weights, made / HUB.weights)
        name = as_text(folder.resolve().name)
        files.write_bytes(made / cards.CARD, card.write(run, name, talker, measured))
    return [folder / name for name in (HUB.description, HUB.weights, cards.CARD)]
