"""The tars of a prepared set, brought in line with its clips: written, renamed or deleted as needed."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from s2f.pipeline.core import files, manifest
from s2f.pipeline.core.errors import InputError, OutputError
from s2f.pipeline.core.executors import Executor, WorkerLostError
from s2f.pipeline.core.files import Place
from s2f.pipeline.core.manifest import Manifest
from s2f.pipeline.core.progress import Progress
from s2f.pipeline.core.schema import FRAMES, SHARDS, SOUND, Row
from s2f.pipeline.prep import splitting
from s2f.pipeline.prep.settings import PrepSettings
from s2f.pipeline.stages import align, detect, shard, splits
from s2f.pipeline.stages.base import artifact_name
from s2f.pipeline.stages.splits import Split

INDEX = "manifest.parquet"


@dataclass
class Sharding:
    """The shards of OUT, and the manifests of the clip stages that they are made from."""

    out: Place
    settings: PrepSettings
    manifests: Mapping[str, Manifest]
    samples: Manifest
    # What there is to tell of the splits after an update.
    notes: tuple[str, ...] = ()

    @property
    def folder(self) -> Place:
        """Where the tars lie."""
        return self.out / "shards"

    def update(self, clip_ids: list[str], executor: Executor, progress: Progress) -> None:
        """Bring the tars in line with these clips, all of which have passed every stage.

        The shard manifest is written last; until then, tars that will be replaced keep their names.
        """
        files.make_folder(self.folder)
        wanted = shard.layout(self._samples(clip_ids), self.settings.block(shard.ShardParams))
        old = {row["key"]: row for row in read_index(self.out)}
        kept = {
            each.key: old[each.key]
            for each in wanted
            if each.key in old and has_size(self.folder / old[each.key]["shard"], old[each.key]["bytes"])
        }
        todo = [each for each in wanted if each.key not in kept]
        moved = [each for each in wanted if each.key in kept and kept[each.key]["shard"] != each.name]
        progress("shards", 0, len(todo))
        if todo or moved or len(old) != len(wanted):
            made = {row["key"]: row for row in self._write(todo, executor, progress)}
            self._put_in_place([*todo, *moved], kept)
            rows = [made.get(each.key) or kept[each.key] | {"shard": each.name} for each in wanted]
            manifest.write_table(self.folder / INDEX, rows, SHARDS)
            self._clean({each.name for each in wanted})
        self._record(wanted)
        if not wanted:
            raise InputError(
                "no clip is left to be put into shards", "the table of 's2f audit' names the reasons"
            )

    def _put_in_place(self, shards: list[shard.PlannedShard], kept: dict[str, Row]) -> None:
        """Give tars their names; those that only moved step aside first, since names may be swapped."""
        for each in shards:
            if each.key in kept:
                files.move(self.folder / kept[each.key]["shard"], self._temporary(each))
        for each in shards:
            files.move(self._temporary(each), self.folder / each.name)

    def _clean(self, names: set[str]) -> None:
        """Delete tars that are no longer wanted, and what a killed run has left."""
        for name in files.names(self.folder):
            if name not in names and (name.endswith(".tar") or name.startswith(".")):
                (self.folder / name).unlink()

    def _write(self, todo: list[shard.PlannedShard], executor: Executor, progress: Progress) -> Iterator[Row]:
        """Write tars under temporary names, several at once."""
        if not todo:
            return
        jobs = ((each, self._contents(each), self._temporary(each)) for each in todo)
        limit = self.settings.run.time_limit
        for done, ((each, _, _), result) in enumerate(
            executor.run(write_shard, jobs, len(todo), limit), start=1
        ):
            if isinstance(result, WorkerLostError):
                raise OutputError(
                    f"{each.name} could not be written: {result.message}", "run the same command again"
                )
            if isinstance(result, OutputError):
                raise result
            progress("shards", done, len(todo))
            yield result

    def _temporary(self, each: shard.PlannedShard) -> Place:
        return self.folder / f".{each.key}"

    def _samples(self, clip_ids: list[str]) -> Iterator[shard.PlannedSample]:
        frames, sound = self.manifests["align"].column("bytes"), self.manifests["resample"].column("samples")
        for clip_id, split in self._splits(clip_ids).items():
            keys = {name: self.manifests[name].brief(clip_id)[0] for name in shard.READS}
            yield shard.sample(clip_id, keys, split, frames[clip_id] + 2 * sound[clip_id])

    def _splits(self, clip_ids: list[str]) -> dict[str, Split]:
        """The split of each clip, without clips that a paper's split leaves out.

        A corpus of one speaker cannot be split by speaker; it is split by utterance.
        """
        scan, params = self.manifests["scan"], self.settings.block(shard.ShardParams)
        speakers, corpus, utterances = scan.column("speaker"), scan.column("corpus"), scan.column("utterance")
        people = Counter(name for name, _ in {(corpus[clip_id], speakers[clip_id]) for clip_id in scan})
        before, listed, shares = self._before(), params.listed, params.of_the_rest
        single = {
            clip_id for clip_id in clip_ids if params.split_by == "utterance" or people[corpus[clip_id]] == 1
        }
        rest = [each for each in clip_ids if each not in single and speakers[each] not in listed]
        held = splits.held_by(
            (speakers[clip_id], split) for clip_id, split in before.items() if clip_id in speakers
        )
        shared = splits.shared_out(Counter(speakers[each] for each in rest), shares, held)
        found: dict[str, Split | None] = {}
        for clip_id in clip_ids:
            if speakers[clip_id] in listed:
                found[clip_id] = listed[speakers[clip_id]]
            elif clip_id in single:
                found[clip_id] = splits.hashed(utterances[clip_id], shares)
            else:
                found[clip_id] = shared[speakers[clip_id]]
        self.notes = tuple(splitting.notes(found, speakers, self.samples.column("split"), params))
        return {clip_id: split for clip_id, split in found.items() if split}

    def _before(self) -> dict[str, Split]:
        """The splits that clips have by the present settings, so that who has a split keeps it.

        Rows of an older s2f do not say by which settings. They count where the settings name people: such
        a split was meant, and weights may have been trained on it.
        """
        params = self.settings.block(shard.ShardParams)
        known: set[str | None] = {params.rule}
        if params.train or params.val or params.test:
            known.add(None)
        rules = self.samples.column("rule")
        return {
            clip_id: split
            for clip_id, split in self.samples.column("split").items()
            if rules[clip_id] in known
        }

    def _contents(self, each: shard.PlannedShard) -> list[shard.Content]:
        return [self._content(item) for item in each.samples]

    def _content(self, item: shard.PlannedSample) -> shard.Content:
        rows = {name: table.row(item.clip_id) for name, table in self.manifests.items()}
        frames = artifact_name(item.clip_id, rows["align"]["key"], f".{FRAMES}")
        sound = artifact_name(item.clip_id, rows["resample"]["key"], f".{SOUND}")
        track = artifact_name(item.clip_id, rows["detect"]["key"], detect.ARTIFACT)
        artifacts = self.out / "artifacts"
        return shard.Content(
            shard.meta(rows, item.split),
            artifacts / "align" / frames,
            artifacts / "resample" / sound,
            artifacts / "detect" / track,
            self.settings.block(align.AlignParams),
        )

    def _record(self, shards: list[shard.PlannedShard]) -> None:
        """Bring the manifest of the shard stage in line with the tars."""
        current = {item.clip_id: (item, each) for each in shards for item in each.samples}
        for clip_id in [clip_id for clip_id in self.samples if clip_id not in current]:
            self.samples.remove(clip_id)
        names, rules = self.samples.column("shard"), self.samples.column("rule")
        rule = self.settings.block(shard.ShardParams).rule
        for clip_id, (item, each) in current.items():
            known = clip_id in self.samples and self.samples.brief(clip_id)[0] == item.key
            if known and (names[clip_id], rules[clip_id]) == (each.name, rule):
                continue
            row = {"clip_id": clip_id, "key": item.key, "status": "ok", "reason": "", "message": ""}
            self.samples.put(row | {"seconds": 0.0, "split": item.split, "shard": each.name, "rule": rule})
        self.samples.compact()


def write_shard(job: tuple[shard.PlannedShard, list[shard.Content], Place]) -> Row | OutputError:
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


def read_index(out: Place) -> list[Row]:
    """The rows of the shard manifest; none where there is no manifest."""
    index = out / "shards" / INDEX
    rows: list[Row] = manifest.read_table(index, SHARDS).to_pylist() if index.exists() else []
    return rows


def has_size(path: Place, size: int) -> bool:
    """Whether a file is there and has so many bytes."""
    return path.is_file() and path.stat().st_size == size
