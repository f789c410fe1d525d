"""Plan and run: brings every clip of a raw folder up to date, then the shards."""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from s2f.pipeline import faces
from s2f.pipeline.core import files
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.executors import Executor, WorkerLostError, open_executor
from s2f.pipeline.core.files import Copies, Place
from s2f.pipeline.core.manifest import Manifest
from s2f.pipeline.core.progress import Progress
from s2f.pipeline.corpora import listing
from s2f.pipeline.corpora.base import Source
from s2f.pipeline.prep import parts, plan, worker
from s2f.pipeline.prep import settings as prep_settings
from s2f.pipeline.prep.funnel import Funnel, count
from s2f.pipeline.prep.parts import Part
from s2f.pipeline.prep.plan import Reason, Selection
from s2f.pipeline.prep.recordings import Recordings
from s2f.pipeline.prep.settings import PrepSettings
from s2f.pipeline.prep.sharding import Sharding
from s2f.pipeline.stages.base import ConfiguredStage, artifact_name
from s2f.pipeline.stages.detect import DetectParams
from s2f.pipeline.stages.scan import ScanParams
from s2f.pipeline.stages.segment import STAGE as SEGMENT
from s2f.pipeline.stages.shard import STAGE as SHARD

FLUSH_SECONDS = 5.0
# The time limit of a clip holds for so many seconds of a recording, which may be as long as this where that
# is not known.
STRETCH, LONGEST = 60, 4 * 3600

# What local workers share, besides the models of the face backend.
PRELOAD = ("s2f.pipeline.prep.worker",)


@dataclass
class Forecast:
    """One stage in a plan: how many clips would run and why, and what that would take."""

    stage: str
    reasons: Counter[str] = field(default_factory=Counter)
    cached: int = 0
    seconds: float | None = None
    bytes: float | None = None


class Preparation:
    """A raw folder, an output folder, settings; the manifests that say what is done.

    A `part` is a share of the raw files: it makes no shards, and its manifests lie in a folder of their own.
    """

    def __init__(
        self,
        raw: Place,
        out: Place,
        settings: PrepSettings,
        selection: Selection | None = None,
        part: Part | None = None,
    ) -> None:
        self.settings, self.part = settings, part
        self.selection = selection or Selection()
        self.out, self.artifacts = out, out / "artifacts"
        # OUT may lie in RAW: what a stage has made is no clip.
        scan = settings.block(ScanParams)
        self._listed = listing.list_folder(raw, scan.corpus, besides=self.artifacts, speaker=scan.speaker)
        self.passed_over = self._listed.passed_over()
        self.recordings = Recordings(self._listed.clips, raw, out, settings, part)
        self.stages = plan.configured(settings)
        plan.check_names(self.stages, self._listed.clips, self.recordings.speakers)
        # Whether a run has had the folder to itself, so that there is something to tell.
        self.begun = False
        # What there is to tell of the splits, after a run.
        self.notes: tuple[str, ...] = ()
        self._ran: Counter[str] = Counter()
        self._fresh: set[str] = set()

    @property
    def found(self) -> str:
        """Which clips of which corpora the raw folder holds, in a line, and how many of them a part has."""
        every = listing.described(self._listed.clips)
        return f"{every}; part {self.part} has {len(self.files)}" if self.part else every

    # What is recorded and what lies in the artifact folders is read at its first use: in a run
    # that is after no other run can change it any more.

    @cached_property
    def files(self) -> dict[str, Source]:
        """The raw videos by the ids that they have as clips; one that was prepared before keeps its id.

        Ids are given by what the whole set knows, so that all parts give the same.
        """
        scanned = self._whole["scan"]
        names, speakers, begins = (scanned.column(name) for name in ("source", "speaker", "begin"))
        recorded = {
            clip_id: (name, speakers[clip_id]) for clip_id, name in names.items() if begins[clip_id] is None
        }
        known = recorded | self.recordings.recorded()
        found = listing.identified(self._listed.clips, known)
        return {source.clip_id: source for source in found if not self.part or self.part.holds(source)}

    @cached_property
    def executor(self) -> Executor:
        """Where the work is done."""
        run, backend = self.settings.run, self.settings.block(DetectParams).backend
        return open_executor(run.engine, run.workers, (*PRELOAD, *faces.preload(backend)))

    @cached_property
    def sources(self) -> dict[str, Source]:
        """The clips by their ids; pieces of a recording come when it has been cut."""
        return self.recordings.sources(self.files)

    @cached_property
    def manifests(self) -> dict[str, Manifest]:
        """The manifests of the clip stages."""
        if self.part is None:
            return self._whole
        folder = self.part.folder(self.out)
        return {name: table.copied(folder) for name, table in self._whole.items()}

    @cached_property
    def _whole(self) -> dict[str, Manifest]:
        folder = self.out / "manifests"
        stages = [configured.stage for configured in self.stages]
        return {stage.name: Manifest(folder, stage.name, stage.schema) for stage in stages}

    @cached_property
    def samples(self) -> Manifest:
        """The manifest of the shard stage."""
        return Manifest(self.out / "manifests", SHARD.name, SHARD.schema)

    @cached_property
    def _stamps(self) -> dict[str, str]:
        return self.manifests["scan"].column("stamp")

    @cached_property
    def _hashes(self) -> dict[str, str]:
        return self.manifests["scan"].column("sha256")

    @cached_property
    def _lying(self) -> dict[str, defaultdict[str, set[str]]]:
        """The names of the artifacts that there are, by stage and clip id."""
        names = [configured.stage.name for configured in self.stages if configured.stage.artifact]
        return {name: _files_by_clip(self.artifacts / name) for name in names}

    def run(self, progress: Progress, *, merge: bool = False) -> list[Funnel]:
        """Bring everything that was selected up to date. Stopped at any time, the next run goes on.

        A run of the whole begins with what parts have done; with `merge` that must be all, else it raises
        IncompleteError and changes nothing. Raises InputError where another run is at work on the same OUT.
        """
        files.make_folder(self.artifacts)
        with parts.beside(self.out, self.part) if self.part else parts.alone(self.out):
            if self.part is None:
                self._join(merge)
            self._sweep()
            self.begun = True
            if self.part is None:
                prep_settings.save(self.settings, self.out / "stages.yaml")
            try:
                self._cut(self._long(), progress)
                long = self._run_clips(progress)
                if long and SEGMENT.name in self.selection.stages:
                    self._cut(long, progress)
                    self._run_clips(progress)
            finally:
                self._compact()
                # Workers that were ended keep what they had fetched.
                files.sweep()
            if SHARD.name in self.selection.stages and self.part is None:
                sharding = Sharding(self.out, self.settings, self.manifests, self.samples)
                sharding.update(self._passed(), self.executor, progress)
                self.notes = sharding.notes
        return self.funnel()

    def forecast(self) -> list[Forecast]:
        """What a run would do, stage by stage, judged by the seconds and bytes of what was done before."""
        if self.part is None:
            self._take_over(parts.begun(self.out))
        lines = {configured.stage.name: Forecast(configured.stage.name) for configured in self.stages}
        if cut := Counter[str](
            reason for _, reason in self.recordings.due(self.files, self._long(), self.selection)
        ):
            lines = {SEGMENT.name: Forecast(SEGMENT.name, cut), **lines}
        for source in self._selected():
            due = {configured.stage.name: reason for configured, reason in self.stale(source, exact=True)}
            for name, line in lines.items():
                if name in due and name in self.selection.stages:
                    line.reasons[due[name]] += 1
                elif name in self.manifests and source.clip_id in self.manifests[name]:
                    line.cached += 1
        for name, line in lines.items():
            table = self.manifests.get(name, self.recordings.manifest)
            seconds = [taken for taken in table.column("seconds").values() if taken]
            lying = [path for paths in self._lying.get(name, {}).values() for path in paths][:200]
            if seconds:
                line.seconds = line.reasons.total() * sum(seconds) / len(seconds) / self.executor.workers
            if lying:
                size = sum((self.artifacts / name / path).stat().st_size for path in lying) / len(lying)
                line.bytes = line.reasons.total() * size
        return list(lines.values())

    def stale(self, source: Source, *, exact: bool = False) -> list[tuple[ConfiguredStage, Reason]]:
        """The stages that would run for a clip, and why.

        A file whose size or time has changed counts as changed; `exact` reads its content first.
        """
        clip_id = source.clip_id
        rows = {name: each.brief(clip_id) for name, each in self.manifests.items() if clip_id in each}
        content = self._known_hash(source)
        if content is None and exact and "scan" in rows:
            with Copies() as copies:
                content = plan.content_hash(source, copies)
        if content is None:
            return [(configured, _unread(configured, rows)) for configured in self.stages]
        wanted = plan.keys(source, content, self.stages)
        present = {
            name: artifact_name(clip_id, wanted[name], configured.stage.artifact)
            in self._lying[name][clip_id]
            for configured in self.stages
            if configured.stage.artifact and (name := configured.stage.name)
        }
        return list(plan.stale(wanted, rows, present, self.stages, self.selection))

    def funnel(self) -> list[Funnel]:
        """How the clips fared, stage by stage."""
        tables = {**self.manifests} if self.part else {**self.manifests, SHARD.name: self.samples}
        lines = [count(name, table, run=self._ran[name]) for name, table in tables.items()]
        recordings = count(SEGMENT.name, self.recordings.manifest, run=self._ran[SEGMENT.name])
        return [recordings, *lines] if recordings.entered else lines

    def _known_hash(self, source: Source) -> str | None:
        """The content hash as recorded, where the files' sizes and times have not changed since."""
        recorded = self._stamps.get(source.clip_id)
        if recorded and recorded == source.stamp:
            return self._hashes[source.clip_id]
        return self.recordings.content(source)

    def _selected(self) -> list[Source]:
        chosen = [
            source
            for source in self.sources.values()
            if not self.selection.speakers or source.speaker in self.selection.speakers
        ]
        if not chosen and self.selection.speakers and self.part is None:
            raise InputError(
                f"no clip is of speaker {', '.join(self.selection.speakers)}",
                "look at the folder names of the corpus",
            )
        return chosen[: self.selection.limit]

    def _tasks(self) -> list[worker.Task]:
        """The clips that have something to run. Their rows are filled in when their turn comes."""
        tasks, waiting = [], 0
        for source in self._selected():
            due = [configured.stage.name for configured, _ in self.stale(source)]
            if due and due[0] in self.selection.stages:
                known = self._known_hash(source)
                tasks.append(
                    worker.Task(
                        source,
                        known,
                        self.stages,
                        self.selection,
                        {},
                        self.artifacts,
                        self.recordings.longest,
                    )
                )
            elif not due:
                self._fresh.add(source.clip_id)
            else:
                waiting += any(name in self.selection.stages for name in due)
        if waiting and not tasks:
            raise InputError(
                f"{waiting} clips wait for an earlier stage",
                "run the stages before this one first, or 's2f prep' for all of them",
            )
        return tasks

    def _with_rows(self, tasks: list[worker.Task]) -> Iterator[worker.Task]:
        for task in tasks:
            clip_id = task.source.clip_id
            for name, each in self.manifests.items():
                if clip_id in each:
                    task.rows[name] = each.row(clip_id)
            yield task

    def _run_clips(self, progress: Progress) -> dict[str, float]:
        """Take the clips through their stages; the durations of those that are too long to be one."""
        long: dict[str, float] = {}
        if self.selection.stages == (SEGMENT.name,):
            return long
        tasks = self._tasks()
        progress("clips", 0, len(tasks))
        if not tasks:
            return long
        flushed = time.monotonic()
        limit = self.settings.run.time_limit
        results = self.executor.run(worker.process, self._with_rows(tasks), len(tasks), limit)
        try:
            for done, (task, result) in enumerate(results, start=1):
                if isinstance(result, WorkerLostError):
                    result = worker.lost(task, result.reason, result.message)  # noqa: PLW2901
                self._take(task.source.clip_id, result)
                if result.long:
                    long[task.source.clip_id] = result.long
                if time.monotonic() - flushed > FLUSH_SECONDS:
                    self._flush()
                    flushed = time.monotonic()
                progress("clips", done, len(tasks))
        finally:
            results.close()
            self._flush()
        return long

    def _take(self, clip_id: str, outcome: worker.Outcome) -> None:
        """Take over the rows of a clip, and delete what its old rows had made."""
        for name, row in outcome.rows.items():
            self.manifests[name].put(row)
            self._ran[name] += name not in outcome.restamped
            if name in self._lying:
                self._clean(clip_id, name, row["key"] if row["status"] == "ok" else None)
        for name in outcome.dropped:
            self._drop(clip_id, name)
        if outcome.fatal:
            raise outcome.fatal

    def _drop(self, clip_id: str, stage: str) -> None:
        """Forget a clip's row at a stage, and delete what the stage had made."""
        if clip_id in self.manifests[stage]:
            self.manifests[stage].remove(clip_id)
        if stage in self._lying:
            self._clean(clip_id, stage, None)

    def _clean(self, clip_id: str, stage: str, key: str | None) -> None:
        """Delete a clip's artifacts of a stage, but for the one of `key`, which may be new."""
        suffix = next(
            configured.stage.artifact for configured in self.stages if configured.stage.name == stage
        )
        wanted = {artifact_name(clip_id, key, suffix or "")} if key else set()
        for name in self._lying[stage][clip_id] - wanted:
            (self.artifacts / stage / name).unlink(missing_ok=True)
        self._lying[stage][clip_id] = wanted

    def _long(self) -> dict[str, float]:
        """The files that were clips in the last run, and are too long for that by now, in seconds."""
        lengths = self.manifests["scan"].column("duration")
        return {
            name: seconds
            for name, seconds in lengths.items()
            if name in self.files and (seconds or 0) > self.recordings.longest
        }

    def _cut(self, long: Mapping[str, float], progress: Progress) -> None:
        """Bring the pieces of the recordings up to date; `long` are files that are too long for a clip."""
        due = (
            self.recordings.due(self.files, long, self.selection)
            if SEGMENT.name in self.selection.stages
            else ()
        )
        tasks = [self.recordings.task(source, self.selection) for source, _ in due]
        if tasks:
            progress("recordings", 0, len(tasks))
            stretches = math.ceil(max(long.values(), default=LONGEST) / STRETCH)
            limit = self.settings.run.time_limit * max(1, stretches)
            results = self.executor.run(worker.process, tasks, len(tasks), limit)
            try:
                for done, (task, result) in enumerate(results, start=1):
                    if isinstance(result, WorkerLostError):
                        result = worker.lost(task, result.reason, result.message)  # noqa: PLW2901
                    if result.fatal:
                        raise result.fatal
                    for row in result.rows.values():
                        self.recordings.put(task.source, row)
                        self._ran[SEGMENT.name] += SEGMENT.name not in result.restamped
                    progress("recordings", done, len(tasks))
            finally:
                results.close()
                self.recordings.manifest.flush()
        self.recordings.forget_vanished(self.files)
        self.__dict__.pop("sources", None)
        self._forget_vanished()

    def _forget_vanished(self) -> None:
        for name, each in self.manifests.items():
            if self.part:
                # What is not of this part may be there and of another one.
                for clip_id in [clip_id for clip_id in each if clip_id not in self.sources]:
                    each.remove(clip_id)
                continue
            gone = {*each, *self._lying.get(name, {})} - self.sources.keys()
            for clip_id in gone:
                self._drop(clip_id, name)

    def _passed(self) -> list[str]:
        """The clips whose rows are ok at every stage and made with the settings of now."""
        last = self.manifests[self.stages[-1].stage.name]
        return [clip_id for clip_id in last if last.brief(clip_id)[1] == "ok" and self._is_fresh(clip_id)]

    def _is_fresh(self, clip_id: str) -> bool:
        if clip_id in self._fresh:
            return True
        content = str(self.manifests["scan"].row(clip_id)["sha256"])
        wanted = plan.keys(self.sources[clip_id], content, self.stages)
        return all(
            clip_id in each and each.brief(clip_id)[0] == wanted[name]
            for name, each in self.manifests.items()
        )

    def _take_over(self, begun: Collection[Part]) -> None:
        """Take over what parts have done, in memory."""
        if not begun:
            return
        # Which pieces there are follows from the recordings.
        parts.take_over(self.recordings.manifest, self.out, begun, self.files)
        self.__dict__.pop("sources", None)
        for table in self.manifests.values():
            parts.take_over(table, self.out, begun, self.sources)

    def _join(self, merge: bool) -> None:
        """Take over what parts have done, and delete their manifests. Raises IncompleteError."""
        begun = parts.begun(self.out)
        self._take_over(begun)
        if merge and (due := list(self._due())):
            raise parts.IncompleteError(self.out, begun, due)
        if begun:
            self._compact()
            files.remove_folder(self.out / parts.FOLDER)

    def _due(self) -> Iterator[tuple[Source, Reason]]:
        """The clips and recordings that no run has taken through their stages, and why they would run.

        What could not be read at all has no key, and is tried again in each run.
        """
        for source, reason in self.recordings.due(self.files, self._long(), Selection()):
            if not _tried(self.recordings.manifest, source):
                yield source, reason
        for source in self.sources.values():
            due = self.stale(source)
            if due and not _tried(self.manifests["scan"], source):
                yield source, due[0][1]

    def _sweep(self) -> None:
        """Delete the breadcrumbs that killed workers have left; those of other parts may be in use."""
        running = self.artifacts / worker.RUNNING
        if self.part is None:
            files.remove_folder(running)
        files.make_folder(running)
        for name in files.names(running):
            clip_id = name.removesuffix(".json")
            if clip_id in self.files or clip_id in self.sources:
                (running / name).unlink(missing_ok=True)

    def _compact(self) -> None:
        for each in self.manifests.values():
            each.compact()
        if [*self.recordings.manifest] or self.recordings.manifest.path.exists():
            self.recordings.manifest.compact()

    def _flush(self) -> None:
        for each in self.manifests.values():
            each.flush()


def _tried(table: Manifest, source: Source) -> bool:
    return source.clip_id in table and table.brief(source.clip_id)[0] == worker.NO_KEY


def _unread(configured: ConfiguredStage, rows: Mapping[str, plan.Brief]) -> Reason:
    """Why a stage would run for a file whose content has not been read."""
    if configured.stage.name not in rows:
        return "new"
    return "upstream changed" if configured.stage.reads else "input changed"


def _files_by_clip(folder: Place) -> defaultdict[str, set[str]]:
    """The names of the files of a folder by the clip id that they begin with."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name in files.names(folder):
        found[name.lstrip(".").partition(".")[0]].add(name)
    return found
