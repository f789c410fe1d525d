"""Splits: as listed, as in a paper, balanced by clips, and the same when clips are added."""

from collections import Counter

import pytest

from s2f.pipeline.corpora.splits import PAPERS
from s2f.pipeline.stages.splits import SPLITS, Shares, Split, SplitParams, hashed, held_by, shared_out

# The clips of the GRID folder that tests use: one speaker has nearly all of them.
UNEVEN = {
    "s1": 48,
    "s2": 2,
    "s3": 1,
    "s4": 2,
    "s5": 1,
    "s10": 1,
    "s20": 2,
    "s22": 1,
    "s23": 1,
    "s26": 1,
    "s32": 1,
}
EVEN = {f"s{number}": 1000 - number for number in range(1, 34)}


def sizes(clips: dict[str, int], splits: dict[str, Split]) -> list[int]:
    counted: Counter[str] = Counter()
    for name, split in splits.items():
        counted[split] += clips[name]
    return [counted[split] for split in SPLITS]


def test_the_splits_have_their_shares_of_the_clips() -> None:
    found = shared_out(EVEN, Shares(), {})
    assert [list(found.values()).count(split) for split in SPLITS] == [16, 7, 10]
    wanted = Shares(train=0.8, val=0.1, test=0.1)
    clips = {f"p{number}": 1 + number**2 % 97 for number in range(400)}
    found = shared_out(clips, wanted, {})
    shares = [size / sum(clips.values()) for size in sizes(clips, found)]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.03)


def test_a_speaker_who_has_most_of_the_clips_is_trained_on() -> None:
    train, val, test = sizes(UNEVEN, shared_out(UNEVEN, Shares(), {}))
    assert (train, val + test) == (48, 13)
    assert min(val, test) >= 4


def test_a_few_clips_more_change_nothing() -> None:
    found = shared_out(EVEN, Shares(), {})
    assert shared_out({name: count + 20 for name, count in EVEN.items()}, Shares(), {}) == found
    for name, count in UNEVEN.items():
        more = UNEVEN | {name: count + (count != 1)}
        assert shared_out(more, Shares(), {}) == shared_out(UNEVEN, Shares(), {})


def test_one_speaker_more_moves_few_others() -> None:
    found = shared_out(EVEN, Shares(), {})
    for number in range(40):
        more = shared_out(EVEN | {f"new{number}": 990}, Shares(), {})
        assert sum(more[name] != split for name, split in found.items()) <= 4


def test_who_has_a_split_keeps_it() -> None:
    found = shared_out(UNEVEN, Shares(), {})
    more = UNEVEN | {f"new{number}": 9 for number in range(20)}
    after = shared_out(more, Shares(), found)
    assert {name: after[name] for name in found} == found
    train, val, test = sizes(more, after)
    assert [train / 241, val / 241, test / 241] == pytest.approx([0.5, 0.2, 0.3], abs=0.07)
    assert held_by([("a", "val"), ("a", "val"), ("b", "val"), ("b", "test")]) == {"a": "val"}


def test_a_share_of_nothing_gets_nothing() -> None:
    assert set(shared_out(EVEN, Shares(train=1, val=0, test=0), {}).values()) == {"train"}
    assert set(shared_out(UNEVEN, Shares(train=0, val=0, test=1), {}).values()) == {"test"}


def test_utterances_are_shared_out_by_their_names_alone() -> None:
    found = [hashed(f"u{number}", Shares(train=0.6, val=0.1, test=0.3)) for number in range(5000)]
    assert [found.count(split) / 5000 for split in SPLITS] == pytest.approx([0.6, 0.1, 0.3], abs=0.03)


def test_listed_speakers_go_where_they_are_listed() -> None:
    params = SplitParams(train=("s1",), val=("s2", "s3"), test=("s4",))
    assert params.listed == {"s1": "train", "s2": "val", "s3": "val", "s4": "test"}
    assert params.of_the_rest == params.shares


@pytest.mark.parametrize("name", PAPERS)
def test_a_papers_split_names_its_test_and_shares_train_and_validate(name: str) -> None:
    params = SplitParams(split=name)
    assert {speaker for speaker, split in params.listed.items() if split == "test"} == PAPERS[name].test
    assert params.of_the_rest.test == 0
    assert params.of_the_rest.train == pytest.approx(5 / 7)
    assert params.rule != SplitParams().rule


def test_the_papers_splits_are_of_the_size_that_is_known() -> None:
    assert {name: len(paper.test) for name, paper in PAPERS.items()} == {
        "ijcv2019": 20, "lipnet": 4, "tcd_timit": 17,
    }  # fmt: skip
    assert PAPERS["ijcv2019"].recalled and PAPERS["tcd_timit"].recalled
    assert SplitParams(split="tcd_timit").listed["27M"] is None
