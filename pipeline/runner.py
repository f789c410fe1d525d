"""Plan and run: brings every clip of a raw folder up to date, then the shards."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from s2f.pipeline import config, corpora, executors, files, manifest, plan, worker
from s2f.pipeline.config import Settings
from s2f.pipeline.corpora import Source
from s2f.pipeline.errors import InputError, OutputError
from s2f.pipeline.manifest import Manifest
from s2f.pipeline.plan import Reason, Selection
from s2f.pipeline.schema import FRAMES, SHARDS, SOUND, Row
from s2f.pipeline.stage import Recipe
from s2f.pipeline.stages import CLIP_STAGES, shard

FLUSH_SECONDS = 5.0

# Called with (clips done, clips to do) of the clip stages, then of the shards.
Progress = Callable[[str, int, int], None]


@dataclass
class Funnel:
    """One stage in the final table: how many clips came in, how they ended, how many were run now."""

    stage: str
    entered: int = 0
    ok: int = 0
    rejected: int = 0
    failed: int = 0
    run: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


class Preparation:
    """A raw folder, an output folder, settings; the manifests that say what is done."""

    def __init__(self, raw: Path, out: Path, settings: Settings, selection: Selection | None = None) -> None:
        self.settings = settings
        self.selection = selection or Selection()
        # OUT may lie in RAW: what a stage has made is no clip.
        found = corpora.find_clips(raw, settings.scan.corpus, besides=out / "artifacts")
        self.sources = {source.clip_id: source for source in found}
        self.out = files.make_folder(out)
        self.artifacts = files.make_folder(out / "artifacts")
        self.recipes = plan.recipes(settings)
        self.manifests = {
            recipe.stage.name: Manifest(out / "manifests", recipe.stage.name, recipe.stage.schema)
            for recipe in self.recipes
        }
        self.samples = Manifest(out / "manifests", shard.NAME, shard.SCHEMA)
        self._ran: Counter[str] = Counter()
        self._stamps = self.manifests["scan"].column("stamp")
        self._hashes = self.manifests["scan"].column("sha256")
        self._present = {
            recipe.stage.name: _names(self.artifacts / recipe.stage.name)
            for recipe in self.recipes
            if recipe.stage.artifact
        }

    def run(self, progress: Progress) -> list[Funnel]:
        """Bring everything that was selected up to date. Stopped at any time, the next run goes on."""
        config.save(self.settings, self.out / "stages.yaml")
        try:
            self._forget_vanished()
            self._run_clips(progress)
        finally:
            for each in self.manifests.values():
                each.compact()
        if shard.NAME in self.selection.stages:
            self._run_shards(progress)
        return self.funnel()

    def stale(self, source: Source) -> list[tuple[Recipe, Reason]]:
        """The stages that would run for a clip, and why."""
        clip_id = source.clip_id
        rows = {name: each.brief(clip_id) for name, each in self.manifests.items() if clip_id in each}
        known = self._known_hash(source)
        if known is None:
            reason: Reason = "input changed" if "scan" in rows else "new"
            return [(self.recipes[0], reason), *((recipe, "upstream changed") for recipe in self.recipes[1:])]
        wanted = plan.keys(source, known, self.recipes)
        present = {
            recipe.stage.name: f"{clip_id}{recipe.stage.artifact}" in self._present[recipe.stage.name]
            for recipe in self.recipes
            if recipe.stage.artifact
        }
        return list(plan.stale(wanted, rows, present, self.recipes))

    def funnel(self) -> list[Funnel]:
        """How the clips fared, stage by stage."""
        table = []
        for name, each in [*self.manifests.items(), (shard.NAME, self.samples)]:
            line = Funnel(name, run=self._ran[name])
            for clip_id in each:
                _, status, reason = each.brief(clip_id)
                line.entered += 1
                setattr(line, status, getattr(line, status) + 1)
                if reason:
                    line.reasons[reason] += 1
            table.append(line)
        return table

    def _known_hash(self, source: Source) -> str | None:
        """The content hash as recorded, where the files' sizes and times have not changed since."""
        recorded = self._stamps.get(source.clip_id)
        return self._hashes[source.clip_id] if recorded and recorded == plan.stamp(source) else None

    def _selected(self) -> Iterator[Source]:
        chosen = [
            source
            for source in self.sources.values()
            if not self.selection.speakers or source.speaker in self.selection.speakers
        ]
        if not chosen:
            raise InputError(
                f"no clip is of speaker {', '.join(self.selection.speakers)}",
                "look at the folder names of the corpus",
            )
        yield from chosen[: self.selection.limit]

    def _tasks(self) -> list[worker.Task]:
        """The clips that have something to run. Their rows are filled in when their turn comes."""
        names = {recipe.stage.name for recipe in self.recipes} & set(self.selection.stages)
        return [
            worker.Task(
                source, self._known_hash(source), self.recipes, self.selection.stages, {}, self.artifacts
            )
            for source in self._selected()
            if names & {recipe.stage.name for recipe, _ in self.stale(source)}
        ]

    def _with_rows(self, tasks: list[worker.Task]) -> Iterator[worker.Task]:
        for task in tasks:
            clip_id = task.source.clip_id
            for name, each in self.manifests.items():
                if clip_id in each:
                    task.rows[name] = each.row(clip_id)
            yield task

    def _run_clips(self, progress: Progress) -> None:
        tasks = self._tasks()
        progress("clips", 0, len(tasks))
        if not tasks:
            return
        flushed = time.monotonic()
        results = executors.run_local(
            worker.process, self._with_rows(tasks), self._workers(len(tasks)), self.settings.run.time_limit
        )
        try:
            for done, (task, result) in enumerate(results, start=1):
                if isinstance(result, executors.WorkerLostError):
                    result = worker.lost(task, result.reason, result.message)  # noqa: PLW2901
                self._take(task.source.clip_id, result)
                if time.monotonic() - flushed > FLUSH_SECONDS:
                    self._flush()
                    flushed = time.monotonic()
                progress("clips", done, len(tasks))
        finally:
            results.close()
            self._flush()

    def _take(self, clip_id: str, outcome: worker.Outcome) -> None:
        for name, row in outcome.rows.items():
            if row["status"] != "ok":
                self._drop(clip_id, name)
            self.manifests[name].put(row)
            self._ran[name] += name not in outcome.restamped
        for name in outcome.dropped:
            self._drop(clip_id, name)
        if outcome.fatal:
            raise outcome.fatal

    def _drop(self, clip_id: str, stage: str) -> None:
        """Forget a clip's row at a stage, and delete what the stage had made."""
        if clip_id in self.manifests[stage]:
            self.manifests[stage].remove(clip_id)
        for leftover in (self.artifacts / stage).glob(f"{clip_id}.*"):
            leftover.unlink()

    def _forget_vanished(self) -> None:
        for name, each in self.manifests.items():
            for clip_id in [clip_id for clip_id in each if clip_id not in self.sources]:
                self._drop(clip_id, name)

    def _flush(self) -> None:
        for each in self.manifests.values():
            each.flush()

    def _workers(self, items: int) -> int:
        return max(1, min(items, self.settings.run.workers or os.cpu_count() or 1))

    def _run_shards(self, progress: Progress) -> None:
        """Write the tars whose content changed, rename those that only moved, delete the rest."""
        folder = files.make_folder(self.out / "shards")
        index = folder / "manifest.parquet"
        wanted = shard.layout(self._samples(), self.settings.shard)
        if not wanted:
            raise InputError(
                "no clip is left to be put into shards", "the table of 's2f audit' names the reasons"
            )
        old = (
            {row["key"]: row for row in manifest.read_table(index, SHARDS).to_pylist()}
            if index.exists()
            else {}
        )
        kept = {
            each.key: old[each.key]
            for each in wanted
            if each.key in old and _has_size(folder / old[each.key]["shard"], old[each.key]["bytes"])
        }
        todo = [each for each in wanted if each.key not in kept]
        moved = [each for each in wanted if each.key in kept and kept[each.key]["shard"] != each.name]
        progress("shards", 0, len(todo))
        if not todo and not moved and len(old) == len(wanted):
            return
        made = {row["key"]: row for row in self._write(todo, folder, progress)}
        for each in moved:
            (folder / kept[each.key]["shard"]).rename(folder / f".{each.key}")
            made[each.key] = kept[each.key] | {"shard": each.name}
        for each in [*todo, *moved]:
            (folder / f".{each.key}").replace(folder / each.name)
        rows = [made.get(each.key) or kept[each.key] for each in wanted]
        manifest.write_table(index, rows, SHARDS)
        names = {each.name for each in wanted}
        for path in folder.glob("*.tar"):
            if path.name not in names:
                path.unlink()
        self._record(wanted)

    def _write(self, todo: list[shard.Shard], folder: Path, progress: Progress) -> Iterator[Row]:
        """Write tars under temporary names, several at once."""
        if not todo:
            return
        jobs = ((each, self._contents(each), folder / f".{each.key}") for each in todo)
        results = executors.run_local(
            write_shard, jobs, self._workers(len(todo)), self.settings.run.time_limit
        )
        for done, ((each, _, _), result) in enumerate(results, start=1):
            if isinstance(result, executors.WorkerLostError):
                raise OutputError(
                    f"{each.name} could not be written: {result.message}", "run the same command again"
                )
            if isinstance(result, OutputError):
                raise result
            progress("shards", done, len(todo))
            yield result

    def _samples(self) -> Iterable[shard.Sample]:
        """All clips that passed every stage with the settings of now."""
        scan = self.manifests["scan"]
        speakers, corpus, utterances = scan.column("speaker"), scan.column("corpus"), scan.column("utterance")
        frames, sound = self.manifests["align"].column("bytes"), self.manifests["resample"].column("samples")
        counts = Counter(kind for kind, _ in {(corpus[clip_id], speakers[clip_id]) for clip_id in scan})
        for clip_id in self.manifests["window"]:
            briefs = {name: each.brief(clip_id) for name, each in self.manifests.items() if clip_id in each}
            passed = len(briefs) == len(CLIP_STAGES) and all(
                status == "ok" for _, status, _ in briefs.values()
            )
            if clip_id in self.sources and passed and not self.stale_rows(clip_id, briefs):
                split = shard.split_of(
                    speakers[clip_id],
                    utterances[clip_id],
                    self.settings.shard,
                    speakers=counts[corpus[clip_id]],
                )
                keys = {name: brief[0] for name, brief in briefs.items()}
                yield shard.sample(clip_id, keys, split, frames[clip_id] + 2 * sound[clip_id])

    def stale_rows(self, clip_id: str, briefs: dict[str, plan.Brief]) -> bool:
        """Whether any row of a clip was made with other settings than those of now."""
        content = self.manifests["scan"].row(clip_id)["sha256"]
        wanted = plan.keys(self.sources[clip_id], content, self.recipes)
        return any(wanted[name] != brief[0] for name, brief in briefs.items())

    def _contents(self, each: shard.Shard) -> list[shard.Content]:
        return [
            shard.Content(
                shard.meta(
                    {name: rows.row(item.clip_id) for name, rows in self.manifests.items()}, item.split
                ),
                self.artifacts / "align" / f"{item.clip_id}.{FRAMES}",
                self.artifacts / "resample" / f"{item.clip_id}.{SOUND}",
            )
            for item in each.samples
        ]

    def _record(self, shards: list[shard.Shard]) -> None:
        """Bring the manifest of the shard stage in line with the tars."""
        current = {item.clip_id for each in shards for item in each.samples}
        for clip_id in [clip_id for clip_id in self.samples if clip_id not in current]:
            self.samples.remove(clip_id)
        for each in shards:
            for item in each.samples:
                row = {"clip_id": item.clip_id, "key": item.key, "status": "ok", "reason": "", "message": ""}
                self.samples.put(row | {"seconds": 0.0, "split": item.split, "shard": each.name})
        self.samples.compact()


def write_shard(job: tuple[shard.Shard, list[shard.Content], Path]) -> Row | OutputError:
    """Write one tar in a worker process."""
    each, contents, path = job
    try:
        return shard.write(each, contents, path)
    except OSError as error:
        return OutputError(
            f"{error.filename} is missing or unreadable: {error.strerror}", "run the same command again"
        )
    except OutputError as error:
        return error


def _names(folder: Path) -> set[str]:
    return {entry.name for entry in os.scandir(folder)} if folder.is_dir() else set()


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size
