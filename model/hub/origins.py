"""On which data a generator was trained, as far as its run and the runs that it began with tell."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from s2f.model.networks.weights import GENERATOR, located
from s2f.model.training.trainer import run_folder
from s2f.pipeline.core.errors import S2fError
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.corpora import CORPORA, rights

# What the package tells of its own weights.
PACKAGE_CARD = "card.md"


@dataclass(frozen=True)
class Origin:
    """A set that a generator was trained on: clips of the train split by corpus, and how many people.

    `clips` is empty where the set cannot be read any more, or has no manifests. `people` is 0 where unknown.
    """

    name: str
    clips: Counter[str]
    people: int = 0


def origins(run: Path) -> list[Origin]:
    """The sets of a run, then those of the run that it began with, and so on."""
    return list(_origins(located(run, GENERATOR), set()))


def _origins(run: Path, seen: set[Path]) -> Iterator[Origin]:
    if run in seen:
        return
    seen.add(run)
    if (run / PACKAGE_CARD).exists():
        text = (run / PACKAGE_CARD).read_text(encoding="utf-8")
        yield Origin("s2f", Counter({name: 0 for name in CORPORA if rights(name).title in text}))
        return
    record = run_folder(run).read_record()
    yield _read(record["data"]) if "data" in record else Origin("unknown", Counter())
    if "start" in record:
        yield from _origins(Path(record["start"]), seen)


def _read(place: str) -> Origin:
    name = place.rstrip("/").rpartition("/")[2]
    try:
        data = PreparedSet(place)
        clips = [clip for shard in data.shards if shard.split == "train" for clip in shard.clips]
        corpora, speakers = data.corpora, data.speakers
    except S2fError:
        return Origin(name, Counter())
    known = [clip for clip in clips if clip in corpora]
    people = {(corpora[clip], speakers[clip]) for clip in known}
    return Origin(name, Counter(corpora[clip] for clip in known), len(people))
