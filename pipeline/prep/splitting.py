"""What there is to tell of how a set was split."""

from collections import Counter
from collections.abc import Iterator, Mapping

from s2f.pipeline.corpora.splits import PAPERS
from s2f.pipeline.stages.splits import Split, SplitParams


def notes(
    splits: Mapping[str, Split | None],
    speakers: Mapping[str, str],
    before: Mapping[str, Split],
    params: SplitParams,
) -> Iterator[str]:
    """Lines on a split, by clip id; `before` are the splits that clips had until now."""
    clips = Counter(splits.values())
    if paper := PAPERS.get(params.split):
        if paper.recalled:
            yield f"shard.split={params.split}: {paper.recalled}"
        if not paper.test & set(speakers.values()):
            yield f"shard.split={params.split}: the set has none of its test speakers"
        if clips[None]:
            people = ", ".join(sorted({speakers[each] for each, split in splits.items() if not split}))
            yield f"shard.split={params.split} leaves out {clips[None]} clips of {people}"
    moved = {each for each, split in splits.items() if each in before and before[each] != split}
    if moved:
        people = ", ".join(sorted({speakers[each] for each in moved}))
        yield f"{len(moved)} clips have come into another split than before: {people}"
    if clips["train"] < clips["test"]:
        yield (
            f"there is less to train on than to test: {clips['train']} clips against {clips['test']};"
            " set shard.shares, or name speakers with shard.train and shard.test"
        )
