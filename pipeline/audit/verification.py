"""Everything that prep has written, read back: what is truncated, changed or missing is named."""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from rich.console import Console

from s2f.pipeline.audit.unreadable import UNREADABLE
from s2f.pipeline.core import files, mjpeg, wav
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.files import Place
from s2f.pipeline.core.manifest import Manifest
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.schema import FRAMES, META, POINTS, SOUND, Row, SampleMeta
from s2f.pipeline.stages import clip_stages
from s2f.pipeline.stages.base import Stage, artifact_name

ENDINGS = (FRAMES, META, SOUND)


@dataclass(frozen=True)
class Damage:
    """A file that is not as it was written, and what is wrong with it."""

    path: Place
    problem: str


def damages(data: PreparedSet) -> Iterator[Damage]:
    """Yield what is wrong below OUT. Raises InputError where OUT is no prepared set."""
    tables = data.manifests({stage.name: stage.schema for stage in clip_stages()})
    for stage in clip_stages():
        if stage.artifact:
            yield from _artifacts(data.place, stage, tables[stage.name])
    for row in data.shard_rows:
        yield from of_shard(data.place / "shards" / row["shard"], row)


def report(data: PreparedSet, console: Console) -> None:
    """Print every damage. Raises InputError where there is one, so that the exit status says so."""
    damaged = list(damages(data))
    for damage in damaged:
        console.print(f"{damage.path}: {damage.problem}", markup=False, soft_wrap=True)
    if damaged:
        raise InputError(
            f"{len(damaged)} files of {data} are damaged",
            "delete them: the next 's2f prep' makes anew what is missing",
        )
    console.print(f"{data}: every artifact and shard is as it was written", markup=False, soft_wrap=True)


def _artifacts(out: Place, stage: Stage, table: Manifest) -> Iterator[Damage]:
    hashes = table.column("artifact_sha256")
    for clip_id in table:
        key, status, _ = table.brief(clip_id)
        if status == "ok":
            path = out / "artifacts" / stage.name / artifact_name(clip_id, key, stage.artifact or "")
            yield from _content(path, hashes[clip_id])


def of_shard(path: Place, row: Row) -> Iterator[Damage]:
    """Yield what is wrong with a tar: its bytes against its row, then its members and what is in them."""
    changed = list(_content(path, row["sha256"]))
    yield from changed
    if changed:
        return
    with path.open("rb") as file, tarfile.open(fileobj=file) as tar:
        names = set(tar.getnames())
        for clip in row["clips"]:
            lacking = [f"{clip['clip_id']}.{ending}" for ending in ENDINGS]
            lacking = [name for name in lacking if name not in names]
            yield from (Damage(path, f"lacks {name}") for name in lacking)
            if not lacking and (problem := _unreadable(tar, names, clip)):
                yield Damage(path, problem)


def _unreadable(tar: tarfile.TarFile, names: set[str], clip: Row) -> str:
    """What is wrong with a sample when it is read to its end."""
    parts = {}
    # Sets prepared by an older s2f lack the points.
    points = f"{clip['clip_id']}.{POINTS}" in names
    for ending in (*ENDINGS, POINTS) if points else ENDINGS:
        member = tar.extractfile(f"{clip['clip_id']}.{ending}")
        assert member is not None
        parts[ending] = member.read()
    try:
        meta = SampleMeta.model_validate_json(parts[META])
        frames = len(mjpeg.decode(parts[FRAMES]))
        wav.decode(parts[SOUND])
        tracked = len(np.load(io.BytesIO(parts[POINTS]), allow_pickle=False)) if points else frames
    except UNREADABLE as error:
        return f"{clip['clip_id']} cannot be read: {error}"
    if not frames == meta.frames == clip["frames"]:
        recorded = f"{meta.frames} by its JSON, {clip['frames']} by the manifest"
        return f"{clip['clip_id']} has {frames} frames, {recorded}"
    if tracked != frames:
        return f"{clip['clip_id']} has {frames} frames, and points for {tracked}"
    return ""


def _content(path: Place, sha256: str) -> Iterator[Damage]:
    if not path.exists():
        yield Damage(path, "is missing")
    elif files.sha256(path) != sha256:
        yield Damage(path, f"has changed: {path.stat().st_size} bytes of another content")
