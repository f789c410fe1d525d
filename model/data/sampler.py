"""Which process reads which clips, and when: it follows from the manifest alone, before a tar is opened."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import webdataset

from s2f.model.data.config import LoaderParams
from s2f.pipeline.core.shards import Shard

# The number of a shard in the list of all, and the id of one of its clips.
Entry = tuple[int, str]


@dataclass(frozen=True)
class EpochShare:
    """What one worker reads in one epoch: clips as they lie in the tars, and in the order of training.

    The first `done` clips of `turns` are trained on already, where a run resumes in the middle of an epoch.
    """

    epoch: int
    stored: list[Entry]
    turns: list[Entry]
    done: int


@dataclass(frozen=True)
class Sampler:
    """The order of every epoch and its split over `world` ranks, of which this is number `rank`.

    Where `balance` is asked for, `speakers` tells whose each clip is.

    Shards are permuted by (seed, epoch), their clips are laid end to end in one row, and the row is
    rotated by a random number. Each rank takes an equally long stretch of neighbours from its start, and
    each worker a stretch of its rank's. So all ranks have the same number of steps whatever the sizes of
    the shards, which whole shards per rank would not give. A worker opens only the tars that its stretch
    touches, and shares at most two of them. The end of the row, which does not fill a batch on every
    rank, is another piece in every epoch, even where there is only one shard.
    """

    shards: list[Shard]
    params: LoaderParams
    rank: int = 0
    world: int = 1
    speakers: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def clips(self) -> int:
        """Clips that are long enough."""
        return sum(frames >= self.params.frames for shard in self.shards for frames in shard.clips.values())

    @property
    def per_epoch(self) -> int:
        """Batches per epoch, the same on every rank."""
        return self.clips // (self.params.batch * self.world)

    def shares(self, step: int, worker: int, workers: int) -> Iterator[EpochShare]:
        """The shares of a worker from batch number `step` on, epoch after epoch without end.

        The workers make one batch each in turn, over the ends of epochs too: worker 0 makes `step`.
        """
        epoch, position = divmod(step, self.per_epoch)
        turn = (step + worker) % workers
        while True:
            first = (turn - epoch * self.per_epoch) % workers
            yield self._share(epoch, first, workers, done=len(range(first, position, workers)))
            epoch, position = epoch + 1, 0

    def _share(self, epoch: int, first: int, workers: int, done: int) -> EpochShare:
        """The share of the worker that makes the batches `first`, `first + workers`, … of an epoch."""
        batches = [len(range(each, self.per_epoch, workers)) for each in range(first + 1)]
        batch = self.params.batch
        begin = (self.rank * self.per_epoch + sum(batches[:-1])) * batch
        stored = self._row(epoch)[begin : begin + batches[-1] * batch]
        size, chance = self.params.shuffle, random.Random(f"{self.params.seed} {epoch} {begin}")
        # What is shuffled are the names: so it is known which clips a run that goes on need not read.
        turns = list(webdataset.filters.shuffle(size, initial=size, rng=chance)(iter(stored)))
        return EpochShare(epoch, stored, turns, done * batch)

    def _balanced(self, row: list[Entry], chance: random.Random) -> list[Entry]:
        """As many entries in the same order: more of the speakers with few clips, less of those with many.

        A clip of one of n clips of a speaker comes as often as n to the power of -balance says.
        """
        count = Counter(self.speakers[clip] for _, clip in row)
        weights = [count[self.speakers[clip]] ** -self.params.balance for _, clip in row]
        scale = len(row) / sum(weights)
        times = [int(scale * weight + chance.random()) for weight in weights]
        drawn = [entry for entry, often in zip(row, times, strict=True) for _ in range(often)]
        while len(drawn) > len(row):
            drawn.pop(chance.randrange(len(drawn)))
        more = chance.choices(row, weights, k=len(row) - len(drawn))
        return sorted(drawn + more, key={entry: place for place, entry in enumerate(row)}.__getitem__)

    def _row(self, epoch: int) -> list[Entry]:
        chance = random.Random(f"{self.params.seed} {epoch}")
        shards = list(enumerate(self.shards))
        chance.shuffle(shards)
        row = [
            (number, clip)
            for number, shard in shards
            for clip, frames in shard.clips.items()
            if frames >= self.params.frames
        ]
        if self.params.balance:
            row = self._balanced(row, chance)
        begin = chance.randrange(len(row))
        return row[begin:] + row[:begin]
