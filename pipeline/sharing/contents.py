"""What is in a shard: its clips, and where each begins."""

import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s2f.pipeline.core import files, shards
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.schema import META, Row
from s2f.pipeline.core.shards import Shard, read_meta


@dataclass(frozen=True)
class Contents:
    """One tar: `offsets` are the bytes at which its samples begin, then where the last one ends.

    `endings` are those of its members, `clips` a row of CLIPS for each sample.
    """

    name: str
    split: str
    sha256: str
    bytes: int
    offsets: tuple[int, ...]
    endings: frozenset[str]
    clips: tuple[Row, ...]


def read(shard: Shard, path: Path) -> Contents:
    """Read a shard, which lies at `path`. Raises InputError where it is not what the manifest says."""
    if files.sha256(path) != shard.sha256:
        raise InputError(f"the shard {shard.path} is not what its manifest says", shards.AGAIN)
    offsets: list[int] = []
    endings: set[str] = set()
    clips: list[Row] = []
    last = ""
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            clip_id, _, ending = member.name.partition(".")
            endings.add(ending)
            if clip_id != last:
                offsets.append(member.offset)
                last = clip_id
            if ending == META and (content := tar.extractfile(member)):
                clips.append(_row(shard, {"__key__": clip_id, META: content.read()}))
        offsets.append(tar.offset)
    return Contents(
        shard.path.name,
        shard.split,
        shard.sha256,
        path.stat().st_size,
        tuple(offsets),
        frozenset(endings),
        tuple(clips),
    )


def _row(shard: Shard, sample: dict[str, Any]) -> Row:
    meta = read_meta(sample)
    row = meta.model_dump(exclude={"starts", "window"})
    return row | {"shard": shard.path.name, "seconds": float(meta.frames / meta.rate)}
