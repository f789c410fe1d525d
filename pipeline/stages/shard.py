"""shard: which clips make which tar, and the bytes of that tar. The same clips give the same bytes."""

import io
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pydantic import Field

from s2f.pipeline.core import files
from s2f.pipeline.core.files import Place
from s2f.pipeline.core.schema import FRAMES, META, POINTS, SOUND, Row, SampleMeta
from s2f.pipeline.faces import alignment
from s2f.pipeline.stages.align import AlignParams
from s2f.pipeline.stages.base import Stage, digest, key
from s2f.pipeline.stages.splits import SPLITS, Split, SplitParams, fraction

VERSION = 3
READS = ("scan", "detect", "align", "resample", "window")


class ShardParams(SplitParams):
    """Settings of the shard stage."""

    max_mb: float = Field(64, gt=0, description="largest size of a tar in MB")


STAGE = Stage(
    name="shard",
    version=VERSION,
    description="Splits and WebDataset tars.",
    params=ShardParams,
    columns=pa.schema([("split", pa.string()), ("shard", pa.string()), ("rule", pa.string())]),
    run=None,
    unit="set",
    reads=READS,
)


@dataclass(frozen=True)
class PlannedSample:
    """One clip as a tar will hold it; the key changes when anything it is made of does."""

    clip_id: str
    key: str
    split: Split
    bytes: int


@dataclass(frozen=True)
class PlannedShard:
    """One tar to be: its samples in their order, and the key of its content."""

    split: Split
    name: str
    key: str
    samples: tuple[PlannedSample, ...]


@dataclass(frozen=True)
class Content:
    """What the members of one sample are made of."""

    meta: SampleMeta
    frames: Place
    sound: Place
    track: Place
    align: AlignParams


def sample(clip_id: str, keys: dict[str, str], split: Split, size: int) -> PlannedSample:
    """A clip as it goes into a tar; `keys` are those of the stages that READS names."""
    return PlannedSample(
        clip_id, key(VERSION, split, [f"{name}={keys[name]}" for name in READS]), split, size
    )


def meta(rows: dict[str, Row], split: Split) -> SampleMeta:
    """The JSON member of a clip, from its rows by stage name."""
    scan, detect, window = rows["scan"], rows["detect"], rows["window"]
    return SampleMeta(
        clip_id=scan["clip_id"],
        corpus=scan["corpus"],
        speaker=scan["speaker"],
        utterance=scan["utterance"],
        text=scan["text"],
        split=split,
        frames=detect["frames"],
        first=detect["first"],
        fps=detect["fps"],
        sample_rate=rows["resample"]["sample_rate"],
        window=window["window"],
        starts=window["starts"],
        source=scan["source"],
        source_sha256=scan["sha256"],
    )


def layout(samples: Iterable[PlannedSample], params: ShardParams) -> list[PlannedShard]:
    """Which samples make which tar, a function of the samples alone.

    The clips of a split are halved by the bits of their ids' hashes until each part is small
    enough. So their order is mixed, and one more clip changes one tar, or splits one in two.
    """
    shards = []
    by_split: dict[Split, list[PlannedSample]] = {split: [] for split in SPLITS}
    for item in samples:
        by_split[item.split].append(item)
    for split, items in by_split.items():
        ordered = sorted(items, key=lambda item: fraction(item.clip_id))
        for number, part in enumerate(_halve(ordered, params.max_mb * 1e6, 0.0, 1.0)):
            name = f"{split}-{number:06d}.tar"
            shards.append(
                PlannedShard(
                    split, name, digest(*(f"{item.clip_id}={item.key}" for item in part)), tuple(part)
                )
            )
    return shards


def write(shard: PlannedShard, contents: Sequence[Content], path: Place) -> Row:
    """Write a tar and return its row of the shard manifest."""
    with files.appearing(path) as temporary:
        with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
            for content in contents:
                name = content.meta.clip_id
                _add(tar, f"{name}.{FRAMES}", content.frames.read_bytes())
                _add(tar, f"{name}.{META}", content.meta.model_dump_json(indent=1).encode())
                _add(tar, f"{name}.{POINTS}", points(content))
                _add(tar, f"{name}.{SOUND}", content.sound.read_bytes())
        sha256, size = files.sha256(temporary), temporary.stat().st_size
    frames = [content.meta.frames for content in contents]
    return {
        "shard": shard.name,
        "split": shard.split,
        "key": shard.key,
        "samples": len(shard.samples),
        "frames": sum(frames),
        "bytes": size,
        "sha256": sha256,
        "clips": [
            {"clip_id": item.clip_id, "key": item.key, "frames": count}
            for item, count in zip(shard.samples, frames, strict=True)
        ],
    }


def points(content: Content) -> bytes:
    """The 68 points of every frame in px of its crop, float16 (n, 68, 2), as a file of numpy's."""
    with np.load(io.BytesIO(content.track.read_bytes()), allow_pickle=False) as track:
        tracked = track["points"]
    transforms = alignment.similarity(alignment.smooth(tracked, content.align.smooth), content.align.size)
    target = io.BytesIO()
    np.save(target, alignment.transform_points(tracked, transforms).astype(np.float16), allow_pickle=False)
    return target.getvalue()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = len(data), 0, 0o644
    tar.addfile(member, io.BytesIO(data))


def _halve(
    items: Sequence[PlannedSample], limit: float, low: float, high: float
) -> list[Sequence[PlannedSample]]:
    """Cut a list that is sorted by hash at the middle of [low, high), until no part exceeds `limit` bytes."""
    if not items:
        return []
    if len(items) == 1 or sum(item.bytes for item in items) <= limit:
        return [items]
    middle = (low + high) / 2
    left = [item for item in items if fraction(item.clip_id) < middle]
    return [*_halve(left, limit, low, middle), *_halve(items[len(left) :], limit, middle, high)]
