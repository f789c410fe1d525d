"""The weights of the package: they load by their name, are small enough, and have their cards."""

import operator
from pathlib import Path

import numpy as np
import pytest
import torch
from support.prepared import Command

from s2f.model.evaluation.learned.lipreading.reader import KIND as READER
from s2f.model.evaluation.learned.lipreading.reader import load_reader
from s2f.model.evaluation.learned.sync.scorer import KIND as SCORER
from s2f.model.evaluation.learned.sync.scorer import load_scorer
from s2f.model.networks.weights import GENERATOR, PRETRAINED, Kind, load_talker, located
from s2f.pipeline.core import media
from s2f.pipeline.core.pictures import encode_png
from s2f.pipeline.faces.base import Picture

CPU = torch.device("cpu")
MOST = 16e6


@pytest.mark.parametrize("kind", [GENERATOR, READER, SCORER], ids=lambda kind: kind.name)
def test_each_is_small_and_has_a_card_that_names_data_and_licences(kind: Kind) -> None:
    folder = located(PRETRAINED, kind)
    assert sum(path.stat().st_size for path in folder.iterdir()) < MOST
    card = (folder / "card.md").read_text()
    for words in ("GRID", "CC BY 4.0", "CREMA-D", "ODbL", "make pretrained", "## Limits", "## Figures"):
        assert words in card


def test_they_load_by_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_talker(PRETRAINED, CPU).sample_rate == 16_000
    assert load_reader(PRETRAINED, CPU).fps == load_scorer(PRETRAINED, CPU).fps == 25
    # A folder of that name is a run like others.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pretrained").mkdir()
    assert located(PRETRAINED, GENERATOR) == PRETRAINED


def test_a_photo_speaks_without_a_training(
    s2f: Command, data: Path, other: list[Picture], tmp_path: Path
) -> None:
    (tmp_path / "me.png").write_bytes(encode_png(other[0]))
    out = tmp_path / "me.mp4"
    given = ("--image", tmp_path / "me.png", "--audio", data / "audio/bus_chinese.wav")
    ended = s2f("animate", *given, "--frame", "face", "--out", out)
    assert ended.code == 0, ended.err
    frames = np.stack([frame.astype(np.float32) for frame in media.FrameReader(out)])
    moving = frames.std(axis=0).mean(axis=-1)
    # The mouth moves more than the brow.
    assert moving[75:110, 30:70].mean() > 1.5 * moving[20:40, 30:70].mean()


def test_genuine_lips_are_read_and_in_time(s2f: Command, data: Path) -> None:
    clip = data / "grid/s1/bbaf2n.mpg"
    read = s2f("lipread", "run", clip)
    assert read.code == 0, read.err
    found = read.out.partition("with grammar: ")[2].split()
    assert sum(map(operator.eq, found, ["bin", "blue", "at", "f", "two", "now"])) >= 4
    timed = s2f("sync", "run", clip)
    assert timed.code == 0, timed.err
