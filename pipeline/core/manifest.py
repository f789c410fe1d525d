"""Parquet manifests: one row per clip and stage, written in parts, each of them atomically.

During a run new rows go into `<stage>.parquet.parts/`; at its end they are compacted into
`<stage>.parquet`. A later row of a clip replaces an earlier one.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from s2f.pipeline.core import files
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.files import Place
from s2f.pipeline.core.schema import Row


def read_table(path: Place, schema: pa.Schema) -> pa.Table:
    """A Parquet file as a table of `schema`. Raises InputError where it is damaged or of another schema."""
    try:
        return pq.read_table(pa.BufferReader(path.read_bytes()), schema=schema)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{path} cannot be read: {error}", "delete it; the next run makes it again"
        ) from error


def write_table(path: Place, rows: Iterable[Row], schema: pa.Schema) -> None:
    """Write rows as one Parquet file, atomically."""
    table = pa.Table.from_pylist(list(rows), schema=schema)
    with files.appearing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _paths(folder: Place, stage: str) -> list[Place]:
    """The file of a manifest, then its parts, as far as there are such."""
    whole, parts = folder / f"{stage}.parquet", folder / f"{stage}.parquet.parts"
    found = [parts / name for name in files.names(parts) if name.endswith(".parquet")]
    return [whole, *found] if whole.exists() else found


class Manifest:
    """The rows of one stage. Reading is by clip id; `put` and `remove` take effect on disk with `flush`.

    Until it has been compacted for the first time, it goes on from the rows of the manifest in `begin`, which
    it leaves as it is.
    """

    def __init__(self, folder: Place, stage: str, schema: pa.Schema, begin: Place | None = None) -> None:
        self.path = folder / f"{stage}.parquet"
        self._parts = folder / f"{stage}.parquet.parts"
        self._stage, self._schema = stage, schema
        self._fresh: dict[str, Row] = {}
        self._changed: set[str] = set()
        self._index: dict[str, int] = {}
        paths = _paths(folder, stage)
        if begin and not self.path.exists():
            paths = _paths(begin, stage) + paths
        self._table = pa.concat_tables([schema.empty_table(), *(read_table(path, schema) for path in paths)])
        self._dirty = len(paths) > 1
        for number, clip_id in enumerate(self._table["clip_id"].to_pylist()):
            self._index[clip_id] = number
        brief = self._table.select(["key", "status", "reason"]).to_pydict()
        self._brief = list(zip(brief["key"], brief["status"], brief["reason"], strict=True))

    def copied(self, folder: Place) -> "Manifest":
        """A manifest of the same stage in another folder, which goes on from what this one has on disk."""
        return Manifest(folder, self._stage, self._schema, begin=self.path.parent)

    def __contains__(self, clip_id: str) -> bool:
        return clip_id in self._fresh or clip_id in self._index

    def __iter__(self) -> Iterator[str]:
        """All clip ids, in order."""
        return iter(sorted(self._index.keys() | self._fresh.keys()))

    def brief(self, clip_id: str) -> tuple[str, str, str]:
        """Key, status and reason code of a clip, without reading the rest of its row."""
        if clip_id in self._fresh:
            row = self._fresh[clip_id]
            return row["key"], row["status"], row["reason"]
        return self._brief[self._index[clip_id]]

    def row(self, clip_id: str) -> Row:
        """All columns of a clip."""
        if clip_id in self._fresh:
            return self._fresh[clip_id]
        rows: list[Row] = self._table.slice(self._index[clip_id], 1).to_pylist()
        return rows[0]

    def column(self, name: str) -> dict[str, Any]:
        """One column by clip id."""
        values = self._table[name].to_pylist()
        stored = {clip_id: values[number] for clip_id, number in self._index.items()}
        return stored | {clip_id: row[name] for clip_id, row in self._fresh.items()}

    def rows(self) -> Iterator[Row]:
        """All rows, by clip id."""
        for clip_id in self:
            yield self.row(clip_id)

    def put(self, row: Row) -> None:
        """Add or replace a clip's row; columns that are not given are null."""
        clip_id = row["clip_id"]
        self._fresh[clip_id] = {name: row.get(name) for name in self._schema.names}
        self._changed.add(clip_id)

    def remove(self, clip_id: str) -> None:
        """Forget a clip."""
        self._fresh.pop(clip_id, None)
        self._index.pop(clip_id, None)
        self._changed.discard(clip_id)
        self._dirty = True

    def flush(self) -> None:
        """Write the rows that are new since the last flush as one part."""
        if not self._changed:
            return
        number = sum(name.endswith(".parquet") for name in files.names(self._parts))
        rows = [self._fresh[clip_id] for clip_id in sorted(self._changed)]
        write_table(self._parts / f"{number:08d}.parquet", rows, self._schema)
        self._changed.clear()
        self._dirty = True

    def compact(self) -> None:
        """Merge all parts into one file; nothing is written where nothing changed."""
        if not (self._dirty or self._changed) and self.path.exists():
            return
        write_table(self.path, self.rows(), self._schema)
        self._changed.clear()
        self._dirty = False
        files.remove_folder(self._parts)
