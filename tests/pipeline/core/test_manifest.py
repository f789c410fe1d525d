"""Manifests and files: they appear whole, and what was flushed is not lost."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from s2f.pipeline.core import files, manifest
from s2f.pipeline.core.errors import InputError, OutputError
from s2f.pipeline.core.manifest import Manifest
from s2f.pipeline.core.schema import COMMON, Row
from s2f.pipeline.stages import clip_stages

SCHEMA = pa.schema([*COMMON, ("size", pa.int64()), ("names", pa.list_(pa.string()))])


def row(clip_id: str, size: int | None = 1) -> Row:
    common = {
        "clip_id": clip_id,
        "key": f"1.{size}..",
        "status": "ok",
        "reason": "",
        "message": "",
        "seconds": 0.5,
        "artifact_sha256": None,
    }
    return common | {"size": size, "names": ["a", "b"]}


def opened(folder: Path) -> Manifest:
    return Manifest(folder, "stage", SCHEMA)


def test_rows_come_back_as_they_were_put(tmp_path: Path) -> None:
    table = opened(tmp_path)
    table.put(row("b", 2))
    table.put(row("a", 1))
    table.compact()
    again = opened(tmp_path)
    assert list(again) == ["a", "b"]
    assert list(again.rows()) == [row("a", 1), row("b", 2)]
    assert again.brief("b") == ("1.2..", "ok", "")
    assert again.column("size") == {"a": 1, "b": 2}
    assert "a" in again
    assert "c" not in again


def test_columns_that_are_not_given_are_null(tmp_path: Path) -> None:
    table = opened(tmp_path)
    table.put(
        {"clip_id": "a", "key": "k", "status": "failed", "reason": "broken", "message": "m", "seconds": 0.0}
    )
    table.compact()
    assert opened(tmp_path).row("a")["size"] is None


def test_a_later_row_replaces_an_earlier_one(tmp_path: Path) -> None:
    for size in (1, 2, 3):
        table = opened(tmp_path)
        table.put(row("a", size))
        assert table.row("a")["size"] == size
        table.compact()
    assert [each["size"] for each in opened(tmp_path).rows()] == [3]


def test_what_was_flushed_survives_a_run_that_was_killed(tmp_path: Path) -> None:
    table = opened(tmp_path)
    table.put(row("a", 1))
    table.compact()
    for clip_id, size in (("a", 2), ("b", 3), ("a", 4)):
        table.put(row(clip_id, size))
        table.flush()
    table.put(row("c", 5))
    again = opened(tmp_path)
    assert {each["clip_id"]: each["size"] for each in again.rows()} == {"a": 4, "b": 3}
    again.put(row("d", 6))
    again.flush()
    assert opened(tmp_path).column("size") == {"a": 4, "b": 3, "d": 6}


def test_compaction_leaves_one_file(tmp_path: Path) -> None:
    table = opened(tmp_path)
    for number in range(12):
        table.put(row(f"clip{number:02}", number))
        table.flush()
    table.compact()
    assert [path.name for path in tmp_path.iterdir()] == ["stage.parquet"]
    assert list(opened(tmp_path).column("size").values()) == list(range(12))


def test_a_removed_row_stays_away(tmp_path: Path) -> None:
    table = opened(tmp_path)
    for clip_id in ("a", "b", "c"):
        table.put(row(clip_id))
    table.compact()
    table.remove("a")
    table.put(row("d"))
    table.remove("d")
    assert list(table) == ["b", "c"]
    assert set(table.column("size")) == {"b", "c"}
    table.compact()
    assert list(opened(tmp_path)) == ["b", "c"]


def test_nothing_is_written_where_nothing_changed(tmp_path: Path) -> None:
    table = opened(tmp_path)
    table.put(row("a"))
    table.compact()
    before = (tmp_path / "stage.parquet").stat()
    again = opened(tmp_path)
    again.flush()
    again.compact()
    after = (tmp_path / "stage.parquet").stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


def test_an_empty_manifest_is_written_too(tmp_path: Path) -> None:
    opened(tmp_path).compact()
    assert pq.ParquetFile(tmp_path / "stage.parquet").schema_arrow.equals(SCHEMA)


@pytest.mark.parametrize("damage", [b"", b"no parquet", b"PAR1" + bytes(100) + b"PAR1"])
def test_a_damaged_manifest_is_an_error_for_a_person(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "stage.parquet").write_bytes(damage)
    with pytest.raises(InputError, match=r"stage\.parquet") as caught:
        opened(tmp_path)
    assert caught.value.hint


def test_a_manifest_is_read_below_folders_that_look_like_partitions(tmp_path: Path) -> None:
    folder = tmp_path / "size=7" / "names=x"
    table = opened(folder)
    table.put(row("a", 1))
    table.compact()
    assert opened(folder).row("a") == row("a", 1)


def test_every_stage_has_the_common_columns_and_distinct_ones() -> None:
    for stage in clip_stages():
        names = stage.schema.names
        assert names[: len(COMMON)] == COMMON.names
        assert len(set(names)) == len(names)


def test_a_failed_writing_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    manifest.write_table(path, [row("a", 1)], SCHEMA)
    with pytest.raises(pa.ArrowInvalid):
        manifest.write_table(path, [row("b") | {"size": "large"}], SCHEMA)
    with pytest.raises(RuntimeError, match="in the middle"), files.appearing(path) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError("in the middle")
    assert manifest.read_table(path, SCHEMA).to_pylist() == [row("a", 1)]
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_in_the_way_of_a_folder_is_an_error_for_a_person(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be made") as caught:
        files.make_folder(tmp_path / "file" / "out")
    assert caught.value.hint
    with pytest.raises(OutputError, match="cannot be written") as caught:
        files.write_bytes(tmp_path / "file" / "a.bin", b"")
    assert caught.value.hint


def test_the_hash_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert (
        files.sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
