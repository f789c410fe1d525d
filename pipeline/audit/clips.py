"""What is known of the clips of a prepared set, in columns that the checks compute their scores from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from s2f.pipeline.audit.measures import duplicates, speakers
from s2f.pipeline.audit.measures.duplicates import DuplicatePair
from s2f.pipeline.audit.measures.speakers import Identities
from s2f.pipeline.audit.unreadable import UNREADABLE
from s2f.pipeline.core import wav
from s2f.pipeline.core.files import Place
from s2f.pipeline.core.manifest import Manifest
from s2f.pipeline.core.schema import Row
from s2f.pipeline.core.windows import Sound
from s2f.pipeline.stages import resample
from s2f.pipeline.stages.base import artifact_name

Scores = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Vectors = dict[int, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Records:
    """What is recorded of a set: the manifests of its clip stages by name, of its samples, and its measures.

    `shards` are the rows of the shard manifest, `recordings` those of long recordings and listed ones.
    """

    place: Place
    tables: Mapping[str, Manifest]
    samples: Manifest
    measures: Manifest
    shards: tuple[Row, ...] = ()
    recordings: tuple[Row, ...] = ()


class Clips:
    """The clips of a set in the order of their ids; a clip's number is its place in that order.

    Faces less than `same_face` apart are one person's. `offsets` tells of some clips by how many frames
    their sound is late; None where nobody has looked. `scores` are by check, nan where not known.
    """

    def __init__(self, records: Records, same_face: float, offsets: Mapping[str, int] | None = None) -> None:
        self.ids = list(records.tables["scan"])
        self.offsets = offsets
        self.scores: dict[str, Scores] = {}
        self._same_face = same_face
        self._records = records
        self._tables = {**records.tables, "measures": records.measures}

    def __len__(self) -> int:
        return len(self.ids)

    def values(self, stage: str, column: str) -> list[Any]:
        """A column of a stage's manifest, or of the measures; None for a clip that has no row."""
        values = self._tables[stage].column(column)
        return [values.get(clip_id) for clip_id in self.ids]

    def texts(self, stage: str, column: str) -> list[str]:
        """The same of text, empty where there is none."""
        return [value or "" for value in self.values(stage, column)]

    def numbers(self, stage: str, column: str) -> Scores:
        """The same of numbers, nan where there is none."""
        values = self.values(stage, column)
        return np.array([np.nan if value is None else value for value in values], np.float64)

    def vectors(self, column: str) -> Vectors:
        """A measure that is a vector, by the number of the clip."""
        values = enumerate(self.values("measures", column))
        return {number: np.array(value, np.float32) for number, value in values if value is not None}

    @cached_property
    def corpus(self) -> list[str]:
        """The corpus of each clip."""
        return self.texts("scan", "corpus")

    @cached_property
    def speaker(self) -> list[str]:
        """The speaker of each clip."""
        return self.texts("scan", "speaker")

    @cached_property
    def text(self) -> list[str | None]:
        """What is said in each clip."""
        return self.values("scan", "text")

    @cached_property
    def labels(self) -> list[Sequence[dict[str, Any]]]:
        """The words or phones of each clip with their times."""
        return [labels or () for labels in self.values("scan", "labels")]

    @cached_property
    def split(self) -> list[str]:
        """The split of each clip; empty for a clip that is in no shard."""
        splits = self._records.samples.column("split")
        # The shards may be older than the rest: what was dropped since is not counted.
        return [
            (splits.get(clip_id) or "") if clip_id in splits and self._passed(clip_id) else ""
            for clip_id in self.ids
        ]

    @cached_property
    def stage(self) -> list[str]:
        """The last stage that each clip came to."""
        tables = self._records.tables
        return [[name for name in tables if clip_id in tables[name]][-1] for clip_id in self.ids]

    @cached_property
    def status(self) -> list[str]:
        """How it ended there."""
        return [self._brief(stage, each)[1] for stage, each in zip(self.stage, self.ids, strict=True)]

    @cached_property
    def reason(self) -> list[str]:
        """Why it ended there."""
        return [self._brief(stage, each)[2] for stage, each in zip(self.stage, self.ids, strict=True)]

    @cached_property
    def message(self) -> list[str]:
        """The same in words."""
        messages = {name: table.column("message") for name, table in self._records.tables.items()}
        return [messages[stage].get(each) or "" for stage, each in zip(self.stage, self.ids, strict=True)]

    @cached_property
    def fps(self) -> Scores:
        """The frame rate that each clip was prepared at."""
        rates = self.values("detect", "fps")
        return np.array([float(Fraction(rate)) if rate else np.nan for rate in rates])

    @cached_property
    def hours(self) -> Scores:
        """The length of each clip; for a video that was not read, what its container says."""
        seconds = self.numbers("detect", "frames") / self.fps
        seconds = np.where(np.isnan(seconds), self.numbers("scan", "duration"), seconds)
        return np.asarray(np.nan_to_num(seconds) / 3600)

    @cached_property
    def resolution(self) -> list[str]:
        """The resolution of each source; empty where not known."""
        sizes = zip(self.values("scan", "width"), self.values("scan", "height"), strict=True)
        return [f"{width}x{height}" if width else "" for width, height in sizes]

    @cached_property
    def source_fps(self) -> list[str]:
        """The frame rate of each source; empty where not known."""
        rates = self.numbers("scan", "source_fps").tolist()
        return [f"{rate:.2f}" if rate > 0 else "" for rate in rates]

    @cached_property
    def curves(self) -> Vectors:
        """The lag curves of the clips that have one."""
        return self.vectors("lag_curve")

    @cached_property
    def identities(self) -> Identities:
        """Whose faces are alike."""
        return speakers.compare(self.speaker, self._embeddings, self._same_face)

    @cached_property
    def duplicates(self) -> list[DuplicatePair]:
        """The pairs of clips that may be one recording, the most alike first."""
        flat = enumerate(self.values("measures", "landmarks"))
        landmarks = {number: np.array(each, np.int32).reshape(-1, 2) for number, each in flat if each}
        return duplicates.pairs(
            self._contents,
            landmarks,
            self._embeddings,
            self._same_face,
            self._sound,
        )

    @property
    def _contents(self) -> list[str]:
        """What each clip holds, as a hash; pieces of one recording hold different parts of one file."""
        hashes = self.texts("scan", "sha256")
        ranges = zip(self.values("scan", "begin"), self.values("scan", "end"), strict=True)
        return [
            content if begin is None or not content else f"{begin:g}-{end:g} s of {content}"
            for content, (begin, end) in zip(hashes, ranges, strict=True)
        ]

    @property
    def kept(self) -> Flags:
        """Which clips are in a shard."""
        return np.array([bool(split) for split in self.split], bool)

    @property
    def frame_ms(self) -> float:
        """The length of a frame of most clips, in ms; 40 where no rate is known."""
        rates = self.fps[~np.isnan(self.fps)]
        return 1000 / float(np.median(rates)) if len(rates) else 40.0

    def grouped(self, names: Sequence[str], chosen: Flags) -> dict[str, list[int]]:
        """The numbers of the chosen clips by name; `names` has one for each clip of the set."""
        groups: dict[str, list[int]] = {}
        for number in np.flatnonzero(chosen).tolist():
            groups.setdefault(names[number], []).append(number)
        return dict(sorted(groups.items()))

    def of_speakers(self, chosen: Flags) -> dict[str, list[int]]:
        """The numbers of the chosen clips by speaker."""
        return self.grouped(self.speaker, chosen)

    @cached_property
    def _embeddings(self) -> Vectors:
        return self.vectors("embedding")

    def _sound(self, number: int) -> tuple[Sound, int] | None:
        """The sound that prep has made of a clip, and its rate; None where it cannot be read."""
        clip_id = self.ids[number]
        name = artifact_name(clip_id, self._brief("resample", clip_id)[0], resample.ARTIFACT)
        try:
            data = (self._records.place / "artifacts" / resample.STAGE.name / name).read_bytes()
            return wav.decode(data), self._records.tables["resample"].row(clip_id)["sample_rate"]
        except UNREADABLE:
            return None

    def _brief(self, stage: str, clip_id: str) -> tuple[str, str, str]:
        return self._records.tables[stage].brief(clip_id)

    def _passed(self, clip_id: str) -> bool:
        tables = self._records.tables.values()
        return all(clip_id in table and table.brief(clip_id)[1] == "ok" for table in tables)
