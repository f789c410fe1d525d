"""Samples out of the tars of a prepared set, on this machine or behind a URL."""

import tarfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from filelock import FileLock
from pydantic import ValidationError
from upath import UPath

from s2f.pipeline.core import files
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.files import Place
from s2f.pipeline.core.schema import FRAMES, META, POINTS, SOUND, SampleMeta

AGAIN = "run 's2f prep' again: it writes what is missing or damaged anew"

# What a sample must have, and what it may have: sets prepared by an older s2f lack the points.
MEMBERS = {FRAMES, META, SOUND}
KNOWN = {*MEMBERS, POINTS}

# In webdataset's form: `__key__`, the clip's id, and the bytes of its members by file ending.
Sample = dict[str, Any]


@dataclass(frozen=True)
class Shard:
    """One tar of the shard manifest: its place, split and hash, and its clips with their frames.

    `cache` is the folder that it is fetched to from a URL.
    """

    path: Place
    split: str
    sha256: str
    clips: dict[str, int]
    cache: Path


@dataclass(frozen=True)
class Media:
    """The frame rate and the sample rate of all clips of a prepared set."""

    fps: Fraction
    sample_rate: int


def read_samples(shards: list[Shard]) -> Iterator[Sample]:
    """The samples of the shards, undecoded, one after the other; InputError where one cannot be read."""
    for shard in shards:
        for _, found in read_clips(shard, shard.clips):
            if isinstance(found, InputError):
                raise found
            yield found


def read_clips(shard: Shard, wanted: Collection[str]) -> Iterator[tuple[str, Sample | InputError]]:
    """Each of the wanted clips of a shard once, in the order of the tar: its sample, or why there is none.

    Raises InputError where the shard cannot be fetched, OutputError where the cache is full.
    """
    # In the order of `wanted`.
    left = dict.fromkeys(wanted)
    reason = f"the shard {shard.path} does not hold it whole"
    try:
        for sample in _walk(local(shard), left):
            del left[sample["__key__"]]
            yield sample["__key__"], sample
            if not left:
                return
    except (tarfile.TarError, OSError, ValueError) as error:
        reason = f"the shard {shard.path} is damaged: {error}"
    # A tar that was cut off at the border of two members reads without an error.
    for clip_id in left:
        yield clip_id, InputError(f"the clip {clip_id} cannot be read: {reason}", AGAIN)


def read_meta(sample: Sample) -> SampleMeta:
    """The JSON member of a sample."""
    try:
        return SampleMeta.model_validate_json(sample[META])
    except ValidationError as error:
        raise InputError(f"the clip {sample['__key__']} has no usable JSON: {error}", AGAIN) from error


def local(shard: Shard) -> Path:
    """The tar on this machine; one from a URL is fetched once, under a name that its content gives it.

    So a shard that has changed is fetched anew, and several runs may share a cache. Raises ValueError
    where it is not what the manifest says, InputError where it cannot be fetched.
    """
    if isinstance(shard.path, Path):
        return shard.path
    target = shard.cache / f"{shard.sha256}.tar"
    if target.exists():
        return target
    files.make_folder(shard.cache)
    # Of several processes that need it at once one fetches it, and the others wait.
    with FileLock(target.with_suffix(".lock")):
        if not target.exists():
            _fetch(shard, shard.path, target)
    return target


def _fetch(shard: Shard, source: UPath, target: Path) -> None:
    with files.appearing(target) as temporary:
        try:
            # Opened anew: a connection made before this process was forked serves its parent alone.
            source = UPath(str(source), **source.storage_options)
            source.fs.get_file(source.path, str(temporary))
        except Exception as error:  # each kind of store has its own
            raise InputError(
                f"the shard {source} cannot be fetched to {target.parent}: {error}",
                "check the address, the network and the free space, then go on with --resume",
            ) from error
        if files.sha256(temporary) != shard.sha256:
            raise ValueError("its SHA-256 is not that of the manifest")


def _walk(path: Path, wanted: Collection[str]) -> Iterator[Sample]:
    """The samples of a tar that are in `wanted` when they are reached, each as soon as it is whole.

    tarfile skips members that are not wanted, and so is several times as fast as webdataset, which reads
    tars as streams; and webdataset loses the whole sample before a damaged place.
    """
    parts: dict[str, Sample] = {}
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            clip_id, _, ending = member.name.partition(".")
            content = tar.extractfile(member) if clip_id in wanted and ending in KNOWN else None
            if content:
                sample = parts.setdefault(clip_id, {"__key__": clip_id})
                sample[ending] = content.read()
                if sample.keys() >= MEMBERS:
                    yield parts.pop(clip_id)
