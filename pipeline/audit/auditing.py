"""A whole audit: clips measured, judged, and gathered into one object that all views show."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from s2f.pipeline.audit import measuring
from s2f.pipeline.audit.checks import clips as checks
from s2f.pipeline.audit.checks import sets
from s2f.pipeline.audit.clips import Clips, collect
from s2f.pipeline.audit.findings import Finding
from s2f.pipeline.audit.measures.lag import Lag
from s2f.pipeline.audit.settings import AuditParams
from s2f.pipeline.core.files import Place
from s2f.pipeline.core.manifest import Manifest
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.progress import Progress
from s2f.pipeline.core.schema import Row
from s2f.pipeline.stages import clip_stages
from s2f.pipeline.stages.shard import STAGE as SHARD


@dataclass(frozen=True)
class Group:
    """Clips, hours and speakers of a split, or of a speaker."""

    clips: int
    hours: float
    speakers: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """A stage of the funnel: clips that came in and that passed, and the others by reason."""

    stage: str
    entered: int
    passed: int
    reasons: dict[str, int]


@dataclass(frozen=True)
class Audit:
    """All that an audit has found about a set; hours count what is in shards."""

    place: Place
    params: AuditParams
    clips: Clips
    findings: tuple[Finding, ...]
    lags: dict[str, Lag]
    funnel: tuple[Step, ...]
    splits: dict[str, Group]
    speakers: dict[str, Group]
    frame_rates: dict[str, int]
    resolutions: dict[str, int]
    shards: tuple[Row, ...]
    tables: Mapping[str, Manifest]

    @property
    def hours(self) -> float:
        """Hours of video in the shards."""
        return sum(group.hours for group in self.splits.values())

    @property
    def kept(self) -> int:
        """Clips in the shards."""
        return sum(group.clips for group in self.splits.values())


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
    measures = measuring.measured(data, tables, workers, progress)
    return judged(
        data.place, tables, samples, measures, params, shards=data.shard_rows, deep=deep, offsets=offsets
    )


def judged(
    out: Place,
    tables: Mapping[str, Manifest],
    samples: Manifest,
    measures: Manifest,
    params: AuditParams,
    *,
    shards: tuple[Row, ...] = (),
    deep: bool = False,
    offsets: Mapping[str, int] | None = None,
) -> Audit:
    """The audit of what the manifests and the measures tell."""
    clips = collect(tables, samples, measures, params.max_identity, offsets)
    lags = sets.lags(clips, params.sync_clips)
    findings = (*checks.judge(clips, params), *sets.judge(clips, lags, shards, out, params, deep=deep))
    return Audit(
        place=out,
        params=params,
        clips=clips,
        findings=findings,
        lags=lags,
        funnel=tuple(_step(name, table) for name, table in [*tables.items(), (SHARD.name, samples)]),
        splits=_groups(clips, clips.split),
        speakers=_groups(clips, clips.speaker),
        frame_rates=dict(Counter(filter(None, clips.source_fps)).most_common()),
        resolutions=dict(Counter(filter(None, clips.resolution)).most_common()),
        shards=shards,
        tables=tables,
    )


def _step(name: str, table: Manifest) -> Step:
    briefs = [table.brief(clip_id) for clip_id in table]
    reasons = Counter(reason for _, status, reason in briefs if status != "ok")
    return Step(name, len(briefs), len(briefs) - reasons.total(), dict(reasons.most_common()))


def _groups(clips: Clips, names: list[str]) -> dict[str, Group]:
    """The clips that are in shards, by name."""
    return {
        name: Group(
            len(numbers),
            float(clips.hours[numbers].sum()),
            tuple(sorted({clips.speaker[number] for number in numbers})),
        )
        for name, numbers in clips.grouped(names, clips.kept).items()
    }
