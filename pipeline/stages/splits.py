"""Which split whose clips belong to: as listed, as in a paper, or by shares of the clips."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from s2f.pipeline.core.params import Params
from s2f.pipeline.corpora.splits import PAPERS
from s2f.pipeline.stages.base import digest

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")

# No paper's split: all that is not listed is shared out.
BY_SHARES = "shares"


class Shares(Params):
    """Shares of the clips of those that are not listed; they add up to 1."""

    train: float = Field(0.5, ge=0, le=1, description="share of the training split")
    val: float = Field(0.2, ge=0, le=1, description="share of the validation split")
    test: float = Field(0.3, ge=0, le=1, description="share of the test split")

    @model_validator(mode="after")
    def _is_whole(self) -> "Shares":
        if abs(self.train + self.val + self.test - 1) > 1e-9:
            raise ValueError("the shares of train, val and test must add up to 1")
        return self

    @property
    def untested(self) -> "Shares":
        """The same where a paper says who is tested on."""
        rest = self.train + self.val
        return Shares(train=self.train / rest, val=self.val / rest, test=0) if rest else self


def _known(name: str) -> str:
    if name not in (BY_SHARES, *PAPERS):
        raise ValueError(f"it should be {BY_SHARES}, {' or '.join(PAPERS)}")
    return name


class SplitParams(Params):
    """The settings that split a set."""

    split: Annotated[str, AfterValidator(_known)] = Field(
        BY_SHARES,
        description=f"{BY_SHARES}, or a paper's own: {', '.join(PAPERS)}; shares divide the rest",
        json_schema_extra={"enum": [BY_SHARES, *PAPERS]},
    )
    split_by: Literal["speaker", "utterance"] = Field("speaker", description="what a split keeps together")
    train: tuple[str, ...] = Field((), description="speakers of the training split")
    val: tuple[str, ...] = Field((), description="speakers of the validation split")
    test: tuple[str, ...] = Field((), description="speakers of the test split")
    shares: Shares = Field(Shares(), description="shares of the clips of all that is not listed")

    @property
    def rule(self) -> str:
        """A hash of the settings by which a set was split."""
        return digest(self.model_dump_json(include=set(SplitParams.model_fields)))

    @property
    def listed(self) -> dict[str, Split | None]:
        """The speakers that the settings name, and those of the paper; None for those that it leaves out."""
        paper = PAPERS.get(self.split)
        tested: Split = "test"
        found: dict[str, Split | None] = {}
        if paper:
            found |= dict.fromkeys(paper.left_out) | dict.fromkeys(paper.test, tested)
        for split in SPLITS:
            found |= dict.fromkeys(getattr(self, split), split)
        return found

    @property
    def of_the_rest(self) -> Shares:
        """The shares of those that are not listed."""
        return self.shares.untested if self.split in PAPERS else self.shares


def shared_out(clips: Mapping[str, int], shares: Shares, held: Mapping[str, Split]) -> dict[str, Split]:
    """The split of each speaker, so that the splits have their shares of the clips.

    `clips` are counted by speaker. Those in `held` keep the split that they have. Of the others, those with
    most clips come first. Speakers with about as many clips count as equal, and a hash of the name decides
    among them: so a few clips more change nothing.
    """
    weights = {name: 1 << count.bit_length() for name, count in clips.items()}
    lacking = {split: getattr(shares, split) * sum(weights.values()) for split in SPLITS}
    found = {name: held[name] for name in clips if name in held}
    for name, split in found.items():
        lacking[split] -= weights[name]
    for weight in sorted(set(weights.values()), reverse=True):
        names = sorted(
            (name for name in clips if name not in found and weights[name] == weight), key=fraction
        )
        for split, seats in _seats(len(names), lacking).items():
            lacking[split] -= seats * weight
            found |= dict.fromkeys(names[:seats], split)
            names = names[seats:]
    return found


def hashed(name: str, shares: Shares) -> Split:
    """The split of an utterance, by its name alone: there are so many that each split gets its share."""
    place = fraction(name)
    if place < shares.train:
        return "train"
    return "val" if place < shares.train + shares.val else "test"


def fraction(name: str) -> float:
    """A number in [0, 1) that depends on the name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6]) / 2**48


def held_by(rows: Iterable[tuple[str, Split]]) -> dict[str, Split]:
    """The speakers of earlier rows of speaker and split; without those that stand in several splits."""
    found: dict[str, set[Split]] = {}
    for speaker, split in rows:
        found.setdefault(speaker, set()).add(split)
    return {speaker: splits.pop() for speaker, splits in found.items() if len(splits) == 1}


def _seats(count: int, lacking: Mapping[Split, float]) -> dict[Split, int]:
    """So many seats for the splits, in proportion to what they lack; the largest remainders round up."""
    needs = {split: max(0.0, lack) for split, lack in lacking.items()}
    whole = sum(needs.values())
    quotas = {split: count * need / whole if whole else 0.0 for split, need in needs.items()}
    seats = {split: int(quota) for split, quota in quotas.items()}
    for split in sorted(seats, key=lambda each: seats[each] - quotas[each])[: count - sum(seats.values())]:
        seats[split] += 1
    return seats
