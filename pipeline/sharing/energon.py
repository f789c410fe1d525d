"""The index of a published set for NVIDIA's Energon, by its documented format; it needs no Energon.

.nv-meta/.info.yaml        the samples of each shard
.nv-meta/split.yaml        the shards of each split
.nv-meta/dataset.yaml      the kind of its samples, and what loads them
.nv-meta/sample_loader.py  that
shards/*.tar.idx           as uint64 the offsets of the samples of a tar, then that of its end
"""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from s2f.pipeline.core import files
from s2f.pipeline.core.prepared_set import SHARD_FOLDER
from s2f.pipeline.sharing.contents import Contents
from s2f.pipeline.stages.splits import SPLITS

FOLDER = ".nv-meta"
LOADER = "sample_loader.py"
DATASET = {
    "sample_type": {"__module__": "megatron.energon", "__class__": "VidQASample"},
    "sample_loader": f"{LOADER}:sample_loader",
    "part_filter": f"{LOADER}:part_filter",
}


def write(folder: Path, found: Sequence[Contents]) -> None:
    """Write the index into the folder of a published set. Raises OutputError."""
    counts = {_path(each): len(each.clips) for each in found}
    splits = {split: [_path(each) for each in found if each.split == split] for split in SPLITS}
    _write_yaml(folder / FOLDER / ".info.yaml", {"shard_counts": counts})
    _write_yaml(folder / FOLDER / "split.yaml", {"split_parts": splits, "exclude": []})
    _write_yaml(folder / FOLDER / "dataset.yaml", DATASET)
    files.write_bytes(folder / FOLDER / LOADER, Path(__file__).with_name(LOADER).read_bytes())
    for each in found:
        index = struct.pack(f"<{len(each.offsets)}Q", *each.offsets)
        files.write_bytes(folder / f"{_path(each)}.idx", index)


def _path(shard: Contents) -> str:
    return f"{SHARD_FOLDER}/{shard.name}"


def _write_yaml(path: Path, content: dict[str, Any]) -> None:
    files.write_bytes(path, yaml.safe_dump(content, sort_keys=False).encode())
