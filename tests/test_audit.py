"""The audit of a prepared set: its figures against what is known of GRID, and what it warns of."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from prepared import Command, Prepared
from rich.console import Console

from s2f.pipeline.audit import report, statistics
from s2f.pipeline.audit.statistics import Statistics
from s2f.pipeline.errors import InputError

KEPT_FRAMES = 58 * 75 + 2 * 74


@pytest.fixture(scope="module")
def grid(prepared_grid: Prepared) -> Statistics:
    return statistics.collect(prepared_grid.out)


def test_counts_and_hours(grid: Statistics) -> None:
    assert (grid.found, grid.kept) == (61, 60)
    assert grid.hours == pytest.approx(KEPT_FRAMES / 25 / 3600)
    assert sum(group.hours for group in grid.splits.values()) == pytest.approx(grid.hours)


def test_speakers(grid: Statistics) -> None:
    clips = {name: group.clips for name, group in grid.speakers.items()}
    assert clips == {"s1": 48, "s2": 2, "s4": 2} | dict.fromkeys(
        ("s3", "s5", "s10", "s20", "s22", "s23", "s26", "s32"), 1
    )


def test_what_is_missing_of_a_known_corpus(grid: Statistics) -> None:
    assert grid.incomplete["s1"] == (48, 989)
    assert len(grid.incomplete) == 11
    assert any("s1 (48 of 989)" in line for line in report.alerts(grid))


def test_material(grid: Statistics) -> None:
    assert grid.frame_rates == {"25.00": 61}
    assert grid.resolutions == {"360x288": 59, "720x576": 2}


def test_spreads_lie_where_grid_lies(grid: Statistics) -> None:
    for spread in grid.spreads.values():
        values = (spread.least, spread.lower, spread.median, spread.upper, spread.greatest)
        assert list(values) == sorted(values)
    excess = grid.spreads["sound longer than video"]
    assert (excess.median, excess.greatest) == (-352, 288)
    assert (grid.spreads["damaged frames"].median, grid.spreads["damaged frames"].greatest) == (0, 1)
    assert 80 < grid.spreads["face width in the source"].median < 160
    assert grid.spreads["distance of stable points from target"].median < 1.5
    assert -35 < grid.spreads["loudness"].median < -15


def test_losses_name_the_reason_and_an_example(grid: Statistics) -> None:
    (loss,) = grid.losses
    assert (loss.stage, loss.status, loss.reason, loss.clips) == ("detect", "rejected", "damaged_video", 1)
    assert loss.example == "s4_bbaf2a"
    assert "71" in loss.message or "frames" in loss.message


def test_losses_of_the_wild_clips(prepared_wild: Prepared) -> None:
    found = statistics.collect(prepared_wild.out)
    assert (found.found, found.kept) == (7, 1)
    assert sum(loss.clips for loss in found.losses) == 6
    assert {"no_audio", "too_short", "no_face", "silent"} < {loss.reason for loss in found.losses}
    assert "the train split is empty" in report.alerts(found)


def test_a_sound_set_has_no_leaks_and_whole_shards(grid: Statistics) -> None:
    assert grid.speaker_leaks == {}
    assert all(tar.problem == "" for tar in grid.shards)
    assert sum(tar.samples for tar in grid.shards) == 60
    assert sum(tar.frames for tar in grid.shards) == KEPT_FRAMES


def test_the_json_holds_the_figures(s2f: Command, prepared_grid: Prepared, grid: Statistics) -> None:
    ended = s2f("audit", prepared_grid.out, "--json", "audit.json")
    assert ended.code == 0
    assert "60 of 61 clips kept" in ended.out
    assert "damaged_video" in ended.out
    found: dict[str, Any] = json.loads(Path("audit.json").read_text(encoding="utf-8"))
    assert (found["found"], found["kept"], found["hours"]) == (61, 60, grid.hours)
    assert found["speakers"]["s1"]["clips"] == 48
    assert found["spreads"]["loudness"]["unit"] == "dB"
    assert found["losses"][0]["reason"] == "damaged_video"
    assert found["alerts"] == report.alerts(grid)


def test_a_speaker_in_two_splits_is_named(data: Path, prepared_grid: Prepared, tmp_path: Path) -> None:
    copied = Prepared(prepared_grid.raw, tmp_path)
    for part in ("manifests", "artifacts"):
        (tmp_path / part).symlink_to(prepared_grid.out / part)
    manifests = {path: path.read_bytes() for path in (prepared_grid.out / "manifests").iterdir()}
    (tmp_path / "manifests").unlink()
    (tmp_path / "manifests").mkdir()
    for path, content in manifests.items():
        (tmp_path / "manifests" / path.name).write_bytes(content)
    copied.prepare("shard.split_by=utterance", stage="shard")
    found = statistics.collect(tmp_path)
    assert found.speaker_leaks["s1"] == ["test", "train", "val"]
    assert any("more than one split: s1 (test, train, val)" in line for line in report.alerts(found))


def test_a_sentence_in_two_splits_is_counted(small: Prepared) -> None:
    for clip in ("s1/bbaf2n", "s2/pwij3p"):
        (small.raw / f"alignments/{clip}.align").write_text("0 25000 bin\n", encoding="utf-8")
    small.prepare("shard.train=[s1]", "shard.test=[s2]", "shard.val=[s3]")
    assert statistics.collect(small.out).sentence_leaks == 1


def test_a_missing_and_a_truncated_shard_are_named(s2f: Command, small: Prepared) -> None:
    small.prepare("shard.train=[s1]", "shard.test=[s2]", "shard.val=[s3]", stage="shard")
    shards = small.out / "shards"
    (shards / "test-000000.tar").unlink()
    whole = (shards / "val-000000.tar").read_bytes()
    (shards / "val-000000.tar").write_bytes(whole[:-1024])
    problems = {tar.shard: tar.problem for tar in statistics.collect(small.out).shards}
    assert problems == {
        "train-000000.tar": "",
        "test-000000.tar": "missing",
        "val-000000.tar": f"{len(whole) - 1024} bytes on disk",
    }
    printed = s2f("audit", small.out).out
    assert "shard test-000000.tar: missing" in printed
    assert "shard val-000000.tar:" in printed


def test_a_set_whose_clips_changed_since_its_shards_can_be_audited(small: Prepared) -> None:
    (small.raw / "s2/pwij3p.mpg").unlink()
    small.prepare("detect.min_face=115", stage="detect")
    lost = {clip_id for clip_id, row in small.rows("detect").items() if row["status"] != "ok"}
    found = statistics.collect(small.out)
    assert found.found == 2
    assert found.kept == 2 - len(lost)


def test_a_set_without_shards_can_be_audited(s2f: Command, small: Prepared) -> None:
    (small.out / "manifests/shard.parquet").unlink()
    for path in (small.out / "shards").iterdir():
        path.unlink()
    found = statistics.collect(small.out)
    assert (found.found, found.kept, found.hours, found.shards) == (3, 0, 0, [])
    assert s2f("audit", small.out).code == 0


@pytest.mark.parametrize("name", ["[bold]/one.mp4", "a[/b]one.mp4"])
def test_names_that_look_like_markup_are_printed_as_they_are(tmp_path: Path, name: str) -> None:
    path = tmp_path / "raw" / name
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(InputError, match="no clip is left"):
        Prepared(tmp_path / "raw", tmp_path / "out").prepare()
    console = Console(file=io.StringIO(), width=400)
    report.show(statistics.collect(tmp_path / "out"), console)
    assert f"{path} cannot be read" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_folder_that_is_no_prepared_set_is_an_error_for_a_person(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no manifests") as caught:
        statistics.collect(tmp_path)
    assert caught.value.hint
