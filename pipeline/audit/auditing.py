"""A whole audit: clips measured, judged, and gathered into one object that all views show."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from s2f.pipeline.audit import measuring
from s2f.pipeline.audit.checks import face, judging, sync
from s2f.pipeline.audit.checks.base import Evidence
from s2f.pipeline.audit.clips import Clips, Records
from s2f.pipeline.audit.findings import Finding
from s2f.pipeline.audit.measures.lag import PooledLag
from s2f.pipeline.audit.settings import AuditParams
from s2f.pipeline.core.files import Place
from s2f.pipeline.core.manifest import Manifest
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.progress import Progress
from s2f.pipeline.core.schema import Row
from s2f.pipeline.prep.funnel import Funnel, count
from s2f.pipeline.stages import clip_stages
from s2f.pipeline.stages.segment import STAGE as SEGMENT
from s2f.pipeline.stages.shard import STAGE as SHARD


@dataclass(frozen=True)
class Totals:
    """The clips, hours and speakers of a split, or of a speaker."""

    clips: int
    hours: float
    speakers: tuple[str, ...]


@dataclass(frozen=True)
class Audit:
    """What an audit says of a set. `splits` and `speakers` count only the clips that are in shards."""

    records: Records
    params: AuditParams
    clips: Clips
    findings: tuple[Finding, ...]
    lags: dict[str, PooledLag]
    funnel: tuple[Funnel, ...]
    splits: dict[str, Totals]
    speakers: dict[str, Totals]
    frame_rates: dict[str, int]
    resolutions: dict[str, int]

    @property
    def place(self) -> Place:
        """Where the set lies."""
        return self.records.place

    @property
    def tables(self) -> Mapping[str, Manifest]:
        """The manifests of the clip stages by name."""
        return self.records.tables

    @property
    def shards(self) -> tuple[Row, ...]:
        """The rows of the shard manifest."""
        return self.records.shards

    @property
    def hours(self) -> float:
        """Hours of video in the shards."""
        return sum(totals.hours for totals in self.splits.values())

    @property
    def kept(self) -> int:
        """Clips in the shards."""
        return sum(totals.clips for totals in self.splits.values())


def audit(
    data: PreparedSet,
    params: AuditParams,
    *,
    workers: int,
    deep: bool,
    progress: Progress,
    offsets: Mapping[str, int] | None = None,
) -> Audit:
    """Measure what is new, and judge all. Raises InputError where OUT is no prepared set.

    `offsets` tells of some clips by how many frames their sound is late, if a sync scorer has looked.
    """
    tables = data.manifests({stage.name: stage.schema for stage in clip_stages()})
    samples = data.manifests({SHARD.name: SHARD.schema})[SHARD.name]
    recordings = tuple(data.manifests({SEGMENT.name: SEGMENT.schema})[SEGMENT.name].rows())
    measures = measuring.measured(data, tables, workers, progress)
    records = Records(data.place, tables, samples, measures, data.shard_rows, recordings)
    return judged(records, params, deep=deep, offsets=offsets)


def judged(
    records: Records,
    params: AuditParams,
    *,
    deep: bool = False,
    offsets: Mapping[str, int] | None = None,
) -> Audit:
    """The audit of what is recorded of a set; see `audit`."""
    clips = Clips(records, params.value(face.MAX_IDENTITY), offsets)
    judging.score(clips)
    lags = sync.pooled_lags(clips, params.value(sync.SYNC_CLIPS))
    return Audit(
        records=records,
        params=params,
        clips=clips,
        findings=tuple(judging.judge(Evidence(records, clips, lags, params, deep))),
        lags=lags,
        funnel=tuple(
            count(name, table) for name, table in {**records.tables, SHARD.name: records.samples}.items()
        ),
        splits=_totals(clips, clips.split),
        speakers=_totals(clips, clips.speaker),
        frame_rates=dict(Counter(filter(None, clips.source_fps)).most_common()),
        resolutions=dict(Counter(filter(None, clips.resolution)).most_common()),
    )


def _totals(clips: Clips, names: list[str]) -> dict[str, Totals]:
    """The totals of the clips that are in shards, by name; `names` has one for each clip."""
    return {
        name: Totals(
            len(numbers),
            float(clips.hours[numbers].sum()),
            tuple(sorted({clips.speaker[number] for number in numbers})),
        )
        for name, numbers in clips.grouped(names, clips.kept).items()
    }
