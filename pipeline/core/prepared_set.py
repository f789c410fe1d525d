"""A prepared set: what `s2f prep` has made in OUT, opened once at the edge and handed on."""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import platformdirs
import pyarrow as pa
import yaml

from s2f.pipeline.core import mjpeg, shards
from s2f.pipeline.core.errors import ConfigError, InputError, MediaError
from s2f.pipeline.core.files import Place, place
from s2f.pipeline.core.manifest import Manifest, read_table
from s2f.pipeline.core.schema import FRAMES, SHARDS, Row
from s2f.pipeline.core.shards import Media, Sample, Shard

MANIFESTS, SHARD_FOLDER, ARTIFACTS, SETTINGS = "manifests", "shards", "artifacts", "stages.yaml"
SHARD_MANIFEST = "manifest.parquet"


class PreparedSet:
    """The manifests, shards, splits and settings of a prepared set, in a folder or behind a URL.

    Each part is read at its first use, once; InputError is raised where it is missing or damaged. Shards
    behind a URL are fetched to the folder `cache` when they are read; None = the user's cache folder.
    """

    def __init__(self, out: Place | str, cache: str | None = None) -> None:
        self.place = place(out) if isinstance(out, str) else out
        self._cache = Path(cache).expanduser() if cache else platformdirs.user_cache_path("s2f") / "shards"
        self._manifests: dict[str, Manifest] = {}

    def __str__(self) -> str:
        return str(self.place)

    @cached_property
    def _shard_manifest(self) -> tuple[Row, ...] | None:
        """The rows of the shard manifest; None where there is no such file."""
        try:
            return tuple(read_table(self._index, SHARDS).to_pylist())
        except InputError as error:
            if not isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
                raise
        except Exception as error:  # each kind of store has its own
            raise InputError(
                f"{self._index} cannot be read: {error}", "check the address and your right to it"
            ) from error
        return None

    @property
    def _index(self) -> Place:
        return self.place / SHARD_FOLDER / SHARD_MANIFEST

    @property
    def shard_rows(self) -> tuple[Row, ...]:
        """The rows of the shard manifest; none before the first shard was written."""
        return self._shard_manifest or ()

    @cached_property
    def shards(self) -> tuple[Shard, ...]:
        """All shards that hold clips, in the order of the manifest. Raises InputError without a manifest."""
        if self._shard_manifest is None:
            raise InputError(
                f"{self} holds no shards: there is no {self._index}",
                "run 's2f prep' first, or check the path",
            )
        return tuple(
            Shard(
                path=self.place / SHARD_FOLDER / row["shard"],
                split=row["split"],
                sha256=row["sha256"],
                clips={clip["clip_id"]: clip["frames"] for clip in row["clips"]},
                cache=self._cache,
            )
            for row in self.shard_rows
            if row["clips"]
        )

    def split(self, name: str | None) -> list[Shard]:
        """The shards of a split, or of all splits for None. Raises InputError where it holds no clips."""
        chosen = self.split_or_empty(name)
        if not chosen:
            where = f"in the split '{name}'" if name else "in its shards"
            raise InputError(f"{self} has no clips {where}", "give another --split, or prepare more clips")
        return chosen

    def split_or_empty(self, name: str | None) -> list[Shard]:
        """The shards of a split, or of all splits for None; an empty list where it holds no clips."""
        chosen = [shard for shard in self.shards if name in (None, shard.split)]
        for shard in chosen:
            if isinstance(shard.path, Path) and not shard.path.is_file():
                raise InputError(f"the shard {shard.path} is missing", shards.AGAIN)
        return chosen

    @cached_property
    def media(self) -> Media:
        """Frame rate and sample rate, from the first sample that can be read."""
        meta = shards.read_meta(self._example)
        return Media(meta.rate, meta.sample_rate)

    @cached_property
    def size(self) -> tuple[int, int]:
        """Height and width of the faces in px, from the first sample that can be read."""
        try:
            height, width = mjpeg.decode(self._example[FRAMES], [0]).shape[1:3]
        except MediaError as error:
            raise InputError(f"{self._example['__key__']}: {error.message}", error.hint) from error
        return height, width

    @cached_property
    def _example(self) -> Sample:
        error = InputError(f"{self} has no clips in its shards", "prepare more clips")
        for shard in self.shards:
            for _, sample in shards.read_clips(shard, shard.clips):
                if not isinstance(sample, InputError):
                    return sample
                error = sample
        raise error

    @cached_property
    def speakers(self) -> dict[str, str]:
        """Whose each clip is, by clip id; empty where there are no manifests."""
        return self._scanned("speaker")

    @cached_property
    def corpora(self) -> dict[str, str]:
        """Of which corpus each clip is, by clip id; empty where there are no manifests."""
        return self._scanned("corpus")

    def _scanned(self, column: str) -> dict[str, str]:
        scan = self.place / MANIFESTS / "scan.parquet"
        if not scan.exists():
            return {}
        table = read_table(scan, pa.schema([("clip_id", pa.string()), (column, pa.string())]))
        return dict(zip(table["clip_id"].to_pylist(), table[column].to_pylist(), strict=True))

    def fingerprint(self, *splits: str) -> str:
        """A hash that changes when any shard of these splits does."""
        hashes = [shard.sha256 for name in splits for shard in self.split_or_empty(name)]
        return hashlib.sha256("\n".join(hashes).encode()).hexdigest()

    def manifests(self, schemas: Mapping[str, pa.Schema]) -> dict[str, Manifest]:
        """The manifests of stages by name. Raises InputError where OUT holds none."""
        folder = self.place / MANIFESTS
        if not (folder / "scan.parquet").exists():
            raise InputError(
                f"{self} holds no manifests", "give the folder that 's2f prep RAW --out OUT' has made"
            )
        for name, schema in schemas.items():
            if name not in self._manifests:
                self._manifests[name] = Manifest(folder, name, schema)
        return {name: self._manifests[name] for name in schemas}

    @cached_property
    def settings(self) -> dict[str, dict[str, Any]]:
        """The settings that it was prepared with, by block; empty where they were not kept.

        Raises ConfigError where OUT/stages.yaml is damaged.
        """
        path = self.place / SETTINGS
        if not path.exists():
            return {}
        try:
            blocks = yaml.safe_load(path.read_bytes())
        except yaml.YAMLError:
            blocks = None
        if not isinstance(blocks, dict) or not all(isinstance(block, dict) for block in blocks.values()):
            raise ConfigError(f"{path} holds no settings of a prepared set", "run 's2f prep' again")
        return blocks
