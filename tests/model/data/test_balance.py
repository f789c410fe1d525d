"""Balanced sampling: speakers with few clips are not drowned by those with many."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from support.model_shards import make_shards

from s2f.model.data.loader import TrainBatches
from s2f.model.data.sampler import Sampler
from s2f.model.training.config import TrainParams
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.shards import Shard

# One speaker of 80 clips, and twenty of one clip each.
CLIPS = {f"many_{number}": 10 for number in range(80)} | {f"{number}_a": 10 for number in range(20)}
SPEAKERS = {clip: clip.partition("_")[0] for clip in CLIPS}


def drawn(balance: float, epochs: int = 20) -> Counter[str]:
    """How often each speaker has a turn, and that every epoch is as long as without balance."""
    params = TrainParams(batch=4, frames=5, balance=balance)
    sampler = Sampler([Shard(Path("a.tar"), "train", "", CLIPS, Path())], params, speakers=SPEAKERS)
    turns = [sampler._row(epoch) for epoch in range(epochs)]
    assert {len(each) for each in turns} == {len(CLIPS)}
    return Counter(SPEAKERS[clip] for each in turns for _, clip in each)


def test_without_balance_every_clip_has_one_turn() -> None:
    assert drawn(0, epochs=1) == Counter(SPEAKERS.values())


def test_with_full_balance_every_speaker_has_as_many_turns() -> None:
    counts = drawn(1)
    wanted = 20 * len(CLIPS) / 21
    assert counts.pop("many") == pytest.approx(wanted, rel=0.15)
    assert sum(counts.values()) / 20 == pytest.approx(wanted, rel=0.02)
    assert min(counts.values()) > 0.7 * wanted


def test_half_a_balance_is_between() -> None:
    assert drawn(0)["many"] > drawn(0.5)["many"] > drawn(1)["many"]


def test_an_epoch_follows_from_the_seed() -> None:
    assert drawn(0.5) == drawn(0.5)


def test_a_set_that_does_not_say_who_speaks_is_refused(tmp_path: Path) -> None:
    data = PreparedSet(make_shards(tmp_path, train=2, val=0, frames=6))
    params = TrainParams(batch=2, frames=5, balance=1.0)
    with pytest.raises(InputError, match=r"not known of 2 of the train split's clips.*scan\.parquet") as told:
        TrainBatches(data.split("train"), params, torch.device("cpu"), speakers=data.speakers)
    assert "train.balance to 0" in told.value.hint
