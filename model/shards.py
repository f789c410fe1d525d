"""Reading the shards: their manifest, and the members of their samples.

webdataset reads the tars and groups their members into samples.
"""

import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import webdataset
from pydantic import ValidationError

from s2f.pipeline.errors import InputError
from s2f.pipeline.schema import FRAMES, META, SHARDS, SOUND, SampleMeta

AGAIN = "run 's2f prep' again: it writes what is missing or damaged anew"


@dataclass(frozen=True)
class Shard:
    """One tar of the manifest: where it is, what it must contain, and its clips with their frames."""

    path: Path
    sha256: str
    clips: dict[str, int]


@dataclass(frozen=True)
class Media:
    """What all clips of a data set have in common."""

    fps: Fraction
    sample_rate: int


def read_shards(data: Path, split: str) -> list[Shard]:
    """The shards of a split, in the order of the manifest; InputError where `data` holds no shards."""
    folder = data / "shards"
    manifest = folder / "manifest.parquet"
    if not manifest.is_file():
        raise InputError(
            f"{data} holds no shards: there is no {manifest}", "run 's2f prep' first, or check the path"
        )
    try:
        rows = pq.read_table(manifest, schema=SHARDS).to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{manifest} cannot be read: {error}", AGAIN) from error
    shards = [
        Shard(
            path=(folder / row["shard"]).resolve(),
            sha256=row["sha256"],
            clips={clip["clip_id"]: clip["frames"] for clip in row["clips"]},
        )
        for row in rows
        if row["split"] == split and row["clips"]
    ]
    for shard in shards:
        if not shard.path.is_file():
            raise InputError(f"the shard {shard.path} is missing", AGAIN)
    return shards


def fingerprint(shards: list[Shard]) -> str:
    """A hash that changes when any shard does."""
    return hashlib.sha256("\n".join(shard.sha256 for shard in shards).encode()).hexdigest()


def read_media(shards: list[Shard]) -> Media:
    """Frame rate and sample rate, from the first sample."""
    meta = read_meta(next(read_samples(shards[:1])))
    return Media(meta.rate, meta.sample_rate)


def read_samples(shards: list[Shard]) -> Iterator[dict[str, Any]]:
    """The samples of the shards, undecoded, one after the other; InputError where a tar is damaged.

    A sample is what webdataset makes of it: `__key__` (the clip's id) and its members' bytes.
    """
    for shard in shards:
        seen = 0
        try:
            with shard.path.open("rb") as stream:
                files = webdataset.tariterators.tar_file_expander(
                    [{"url": str(shard.path), "stream": stream}]
                )
                for sample in webdataset.tariterators.group_by_keys(files):
                    if {FRAMES, SOUND, META} <= sample.keys():
                        seen += 1
                        yield sample
        except (tarfile.TarError, OSError, ValueError) as error:
            raise InputError(f"the shard {shard.path} is damaged: {error}", AGAIN) from error
        # A tar that was cut off at the border of two members reads without an error.
        if seen != len(shard.clips):
            raise InputError(
                f"the shard {shard.path} holds {seen} clips, not {len(shard.clips)} as its manifest", AGAIN
            )


def read_meta(sample: dict[str, Any]) -> SampleMeta:
    """The JSON member of a sample."""
    try:
        return SampleMeta.model_validate_json(sample[META])
    except ValidationError as error:
        raise InputError(f"the clip {sample['__key__']} has no usable JSON: {error}", AGAIN) from error
