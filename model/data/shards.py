"""Reading the shards: their manifest, and the samples in their tars, here or behind a URL."""

import fcntl
import hashlib
import os
import tarfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from upath import UPath
from webdataset.tariterators import base_plus_ext

from s2f.pipeline.core import files
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.files import Place
from s2f.pipeline.core.manifest import read_table
from s2f.pipeline.core.schema import FRAMES, META, SHARDS, SOUND, Row, SampleMeta

AGAIN = "run 's2f prep' again: it writes what is missing or damaged anew"

MEMBERS = {FRAMES, META, SOUND}

# As webdataset makes it: `__key__`, the clip's id, and its members' bytes by file ending.
Sample = dict[str, Any]


@dataclass(frozen=True)
class Shard:
    """One tar of the manifest: where it is, what it must contain, and its clips with their frames.

    `cache` is the folder that it is fetched to from a URL.
    """

    path: Place
    sha256: str
    clips: dict[str, int]
    cache: Path


@dataclass(frozen=True)
class Media:
    """What all clips of a data set have in common."""

    fps: Fraction
    sample_rate: int


def read_shards(data: Place, split: str | None, cache: str | None = None) -> list[Shard]:
    """The shards of a split, or of all, in the order of the manifest.

    Raises InputError where `data` holds no shards. Those behind a URL are fetched when they are read, to
    `cache` or else to the user's cache folder.
    """
    folder = data / "shards"
    kept = Path(cache).expanduser() if cache else _user_cache() / "s2f" / "shards"
    shards = [
        Shard(
            path=folder / row["shard"],
            sha256=row["sha256"],
            clips={clip["clip_id"]: clip["frames"] for clip in row["clips"]},
            cache=kept,
        )
        for row in _read_manifest(data, folder / "manifest.parquet")
        if split in (None, row["split"]) and row["clips"]
    ]
    for shard in shards:
        if isinstance(shard.path, Path) and not shard.path.is_file():
            raise InputError(f"the shard {shard.path} is missing", AGAIN)
    return shards


def read_split(data: Place, split: str | None) -> list[Shard]:
    """As `read_shards`, of a split that a person has named; InputError where it holds no clips."""
    shards = read_shards(data, split)
    if not shards:
        where = f"in the split '{split}'" if split else "in its shards"
        raise InputError(f"{data} has no clips {where}", "give another --split, or prepare more clips")
    return shards


def fingerprint(shards: list[Shard]) -> str:
    """A hash that changes when any shard does."""
    return hashlib.sha256("\n".join(shard.sha256 for shard in shards).encode()).hexdigest()


def read_media(shards: list[Shard]) -> Media:
    """Frame rate and sample rate, from the first sample."""
    meta = read_meta(next(read_samples(shards[:1])))
    return Media(meta.rate, meta.sample_rate)


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
    lock = target.with_suffix(".lock")
    with lock.open("a") as held:
        # Of several that need it at once one fetches it, and the others wait.
        fcntl.flock(held, fcntl.LOCK_EX)
        try:
            if not target.exists():
                _fetch(shard, shard.path, target)
        finally:
            lock.unlink(missing_ok=True)
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

    tarfile leaps over members that are not wanted and is several times as quick as webdataset, which
    reads tars as streams; and before a damaged place webdataset loses a whole sample.
    """
    parts: dict[str, Sample] = {}
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            clip_id, ending = base_plus_ext(member.name)
            content = tar.extractfile(member) if clip_id in wanted and ending in MEMBERS else None
            if content:
                sample = parts.setdefault(clip_id, {"__key__": clip_id})
                sample[ending] = content.read()
                if sample.keys() >= MEMBERS:
                    yield parts.pop(clip_id)


def _read_manifest(data: Place, index: Place) -> list[Row]:
    try:
        rows: list[Row] = read_table(index, SHARDS).to_pylist()
        return rows
    except InputError as error:
        if not isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            raise
    except Exception as error:  # each kind of store has its own
        raise InputError(
            f"{index} cannot be read: {error}", "check the address and your right to it"
        ) from error
    raise InputError(
        f"{data} holds no shards: there is no {index}", "run 's2f prep' first, or check the path"
    )


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
