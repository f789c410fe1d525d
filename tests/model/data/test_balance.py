"""Balanced sampling: speakers with few clips are not drowned by those with many."""

from collections import Counter
from pathlib import Path

import pytest

from s2f.model.data.sampler import Sampler
from s2f.model.training.config import TrainParams
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
