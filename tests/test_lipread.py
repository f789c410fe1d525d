"""`s2f lipread`: a reader trained on a few genuine clips, what it leaves, reads and scores, and what users get wrong."""

import json
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
import yaml
from model_shards import make_shards
from prepared import Command, Ended, Prepared
from rich.console import Console

from s2f.model.lipreading import scores, training
from s2f.model.lipreading.config import LipreadParams
from s2f.model.lipreading.grammar import is_sentence
from s2f.model.lipreading.reader import load_reader, save_weights
from s2f.model.lipreading.video import read_faces
from s2f.model.shards import read_samples, read_shards
from s2f.pipeline import mjpeg
from s2f.pipeline.cli import app
from s2f.pipeline.corpora.grid import sentence
from s2f.pipeline.errors import CheckpointError, InputError, TrainingError

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
SILENT = Console(quiet=True)
TEXTS = {clip: sentence(clip.partition("_")[2]) for clip in ("s1_bbaf2n", "s2_pwij3p", "s3_sbia1a")}
# As small as it gets.
TINY = {"width": 4, "hidden": 8, "epochs": 2, "validate_every": 1, "threads": 1}


@pytest.fixture(scope="module")
def grid(prepared_small: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Two genuine clips to train on, one to validate on."""
    found = prepared_small.copy(tmp_path_factory.mktemp("lips"))
    found.prepare("shard.train=[s1, s2]", "shard.val=[s3]")
    return found


@pytest.fixture(scope="module")
def learnt(grid: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a reader that knows its two clips by heart."""
    run = tmp_path_factory.mktemp("readers") / "learnt"
    few = {"width": 8, "hidden": 64, "epochs": 70, "batch": 2, "rate": 5e-3, "augment": False, "threads": 1}
    training.train(
        grid.out, run, LipreadParams.model_validate({**few, "validate_every": 35}), console=SILENT
    )
    return run


@pytest.fixture(scope="module")
def tiny(grid: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a reader that has learnt next to nothing."""
    run = tmp_path_factory.mktemp("readers") / "tiny"
    training.train(grid.out, run, LipreadParams.model_validate(TINY), console=SILENT)
    return run


def refused(ended: Ended, *words: str) -> None:
    error, hint = ended.err.splitlines()
    assert (ended.code, error[:7], hint[:6]) == (1, "error: ", "hint: ")
    for word in words:
        assert word in error


def test_a_few_clips_are_learnt_by_heart(grid: Prepared, learnt: Path) -> None:
    found = scores.score(load_reader(learnt, CPU), grid.out, "train", SILENT)
    print(found)
