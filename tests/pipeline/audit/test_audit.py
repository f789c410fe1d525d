"""The audit of a prepared set: its figures against what is known of GRID, its files, its exit status."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from support.audits import finding, look
from support.prepared import Command, Prepared, fingerprint

from s2f.pipeline.audit import compare, raw
from s2f.pipeline.audit.auditing import Audit, audit
from s2f.pipeline.audit.checks import table
from s2f.pipeline.audit.measures import lag as sync
from s2f.pipeline.audit.report import terminal
from s2f.pipeline.audit.settings import AuditParams
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.windows import lag_in_words
from s2f.pipeline.faces.settings import DEFAULT_FACES

KEPT_FRAMES = 58 * 75 + 2 * 74


@pytest.fixture(scope="module")
def grid(prepared_grid: Prepared) -> Audit:
    return look(prepared_grid.out)


def test_counts_and_hours(grid: Audit) -> None:
    assert (len(grid.clips), grid.kept) == (61, 60)
    assert grid.hours == pytest.approx(KEPT_FRAMES / 25 / 3600)
    clips = {name: group.clips for name, group in grid.speakers.items()}
    assert clips == {"s1": 48, "s2": 2, "s4": 2} | dict.fromkeys(
        ("s3", "s5", "s10", "s20", "s22", "s23", "s26", "s32"), 1
    )
    assert grid.frame_rates == {"25.00": 61}
    assert grid.resolutions == {"360x288": 59, "720x576": 2}
    assert sum(row["frames"] for row in grid.shards) == KEPT_FRAMES


def test_the_funnel_names_reasons(grid: Audit) -> None:
    steps = {step.stage: (step.entered, step.passed, step.reasons) for step in grid.funnel}
    assert steps["detect"] == (61, 60, {"damaged_video": 1})
    assert steps["shard"] == (60, 60, {})


def test_what_is_missing_of_a_known_corpus(grid: Audit) -> None:
    known = finding(grid, "set.known")
    assert "s1: 48 of 989" in known.details
    assert len(known.flagged) == 11
    assert known.level == "note"


def test_scores_lie_where_grid_lies(grid: Audit) -> None:
    medians = {name: float(np.nanmedian(scores)) for name, scores in grid.clips.scores.items()}
    assert medians["video.frozen"] == 0
    assert 100 < medians["face.width"] < 150
    assert medians["face.detected"] == 1
    assert medians["face.identity"] < 0.2
    assert -25 < medians["sound.loudness"] < -12
    assert medians["sound.length"] == pytest.approx(22)
    assert medians["text.speed"] == pytest.approx(120, abs=3)
    # The face of s1 is all but straight, and GRID's studio is quiet.
    assert medians["face.yaw"] < 12
    assert medians["sound.noise"] > 25


def test_the_sound_of_grid_is_in_sync(grid: Audit) -> None:
    assert grid.lags.keys() == {"all speakers", "s1"}
    for lag in grid.lags.values():
        assert abs(lag.peak) <= 1
        assert lag.sure > 0.9


def test_every_check_has_words_and_a_finding_and_every_setting_a_check(grid: Audit) -> None:
    for check in table.CHECKS:
        assert check.meaning.endswith(".") and check.advice.endswith(".")
        assert check.basis and check.title
    # No sync scorer has looked.
    names = [check.name for check in table.CHECKS if check.name != "sync.clip"]
    assert len(names) == len(set(names))
    assert [finding.check for finding in grid.findings] == names
    assert grid.clips.scores.keys() == {check.name for check in table.clip_checks()} - {"sync.clip"}
    assert {len(scores) for scores in grid.clips.scores.values()} == {61}
    settings = [setting.name for setting in table.settings()]
    assert list(AuditParams.model_fields) == ["worst", *settings]
    assert len(settings) == len(set(settings))


def test_a_threshold_decides_what_is_flagged(prepared_grid: Prepared) -> None:
    found = finding(look(prepared_grid.out, min_face_width=110.0), "face.width")
    widths = {clip_id: row["face_px"] for clip_id, row in prepared_grid.rows("detect").items()}
    narrow = {clip_id for clip_id, width in widths.items() if width is not None and width < 110}
    assert set(found.flagged) == narrow
    assert found.worst[0][1] == min(width for width in widths.values() if width is not None)
    assert found.expected == "at least 110 px"


def test_a_second_audit_measures_nothing_again(prepared_grid: Prepared, grid: Audit) -> None:
    measured: list[str] = []
    audit(
        PreparedSet(prepared_grid.out),
        AuditParams(),
        workers=1,
        deep=False,
        progress=lambda what, done, total: measured.append(what),
    )
    assert measured == []


def test_the_files_hold_the_findings_and_the_scores(
    s2f: Command, prepared_grid: Prepared, grid: Audit
) -> None:
    ended = s2f("audit", prepared_grid.out)
    assert ended.code == 0
    assert "60 of 61 clips kept" in ended.out
    assert "s1_sgib8n" in ended.out
    folder = prepared_grid.out / "audit"
    found: dict[str, Any] = json.loads((folder / "audit.json").read_text(encoding="utf-8"))
    assert (found["clips"], found["kept"], found["hours"]) == (61, 60, grid.hours)
    assert {each["check"] for each in found["findings"]} == {each.check for each in grid.findings}
    assert found["speakers"]["s1"]["clips"] == 48
    rows = {row["clip_id"]: row for row in pq.ParquetFile(folder / "scores.parquet").read().to_pylist()}
    assert len(rows) == 61
    assert rows["s4_bbaf2a"]["reason"] == "damaged_video"
    assert rows["s4_bbaf2a"]["face.width"] is None
    assert rows["s1_bbaf2n"]["face.width"] == prepared_grid.rows("detect")["s1_bbaf2n"]["face_px"]


@pytest.mark.slow
@pytest.mark.parametrize(("level", "code"), [("error", 0), ("warning", 1)])
def test_the_exit_status_tells_of_findings(s2f: Command, small: Prepared, level: str, code: int) -> None:
    # Every GRID clip is softer than that: a warning, no error.
    softer = ("--set", "audit.min_lufs=-10")
    assert s2f("audit", small.out, "--fail-on", level, *softer).code == code
    assert s2f("audit", small.out, *softer).code == 0


@pytest.mark.slow
def test_a_comparison_names_settings_clips_findings_and_scores(
    s2f: Command, small: Prepared, prepared_small: Prepared
) -> None:
    assert "nothing has changed" in s2f("audit", small.out, "--compare", prepared_small.out).out
    (small.raw / "s2/pwij3p.mpg").unlink()
    small.prepare("align.quality=50")
    before, now = look(prepared_small.out), look(small.out)
    found = compare.compare(before, now)
    assert [(each.what, each.before, each.now) for each in found.settings] == [("align.quality", "98", "50")]
    assert [each.what for each in found.clips] == ["s2_pwij3p"]
    assert {each.what for each in found.counts} >= {"clips", "kept", "hours"}
    assert "video.sharpness" in {each.what for each in found.scores}
    printed = s2f("audit", small.out, "--compare", prepared_small.out).out
    assert "align.quality" in printed and "s2_pwij3p" in printed


@pytest.mark.slow
def test_raw_videos_are_judged_before_prep_and_left_alone(data: Path) -> None:
    before = {name: stamp for name, (stamp, _) in fingerprint(data / "wild").items()}
    found = raw.audit_raw(
        data / "wild",
        "auto",
        AuditParams(),
        DEFAULT_FACES,
        workers=1,
        limit=None,
        progress=lambda what, done, total: None,
    )
    flagged = {each.check: set(each.flagged) for each in found.findings if each.flagged}
    assert flagged["sound.silence"] == {"wild_Adverb_1", "wild_single_face"}
    assert flagged["video.length"] == {"wild_at_2"}
    assert "wild_no_face" in flagged["face.detected"]
    assert "wild_Colors_6" not in flagged["face.detected"]
    assert {name: stamp for name, (stamp, _) in fingerprint(data / "wild").items()} == before


@pytest.mark.slow
def test_the_command_looks_at_raw_videos(s2f: Command, data: Path) -> None:
    ended = s2f("audit", "--raw", data / "grid", "--limit", "3")
    assert ended.code == 0
    assert "3 clips, 0.002 h of video" in ended.out
    assert "ac-tex" not in ended.err


@pytest.mark.parametrize("arguments", [(), ("out", "--raw", "raw")])
def test_what_to_audit_must_be_one_thing(s2f: Command, arguments: tuple[str, ...]) -> None:
    ended = s2f("audit", *arguments)
    assert ended.code == 1
    assert "either OUT or --raw" in ended.err


def test_a_missing_shard_is_named(s2f: Command, small: Prepared) -> None:
    small.prepare("shard.train=[s1]", "shard.test=[s2]", "shard.val=[s3]", stage="shard")
    (small.out / "shards/test-000000.tar").unlink()
    assert finding(look(small.out), "shards.files").details == ("test-000000.tar: is missing",)
    assert s2f("audit", small.out, "--fail-on", "error").code == 1


def test_a_set_whose_clips_changed_since_its_shards(small: Prepared) -> None:
    (small.raw / "s2/pwij3p.mpg").unlink()
    small.prepare(stage="detect")
    found = look(small.out)
    assert (len(found.clips), found.kept) == (2, 2)
    assert finding(found, "shards.stale").flagged == ("s2_pwij3p",)


def test_a_set_without_shards(s2f: Command, small: Prepared) -> None:
    (small.out / "manifests/shard.parquet").unlink()
    for path in (small.out / "shards").iterdir():
        path.unlink()
    found = look(small.out)
    assert (len(found.clips), found.kept, found.hours, found.shards) == (3, 0, 0, ())
    assert s2f("audit", small.out).code == 0


@pytest.mark.parametrize("name", ["[bold]/one.mp4", "a[/b]one.mp4"])
def test_names_that_look_like_markup_are_printed_as_they_are(tmp_path: Path, name: str) -> None:
    path = tmp_path / "raw" / name
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(InputError, match="no clip is left"):
        Prepared(tmp_path / "raw", tmp_path / "out").prepare()
    console = Console(file=io.StringIO(), width=400)
    terminal.show(look(tmp_path / "out"), console)
    assert f"{path} cannot be read" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_folder_that_is_no_prepared_set_is_an_error_for_a_person(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no manifests") as caught:
        look(tmp_path)
    assert caught.value.hint


@pytest.mark.parametrize("lag", [-6, 0, 3])
def test_a_known_lag_is_found_with_its_sign(lag: int) -> None:
    chance = np.random.default_rng(1)
    curves = []
    for _ in range(20):
        mouth = np.convolve(chance.normal(size=90), np.ones(4) / 4, "same").astype(np.float32)
        # The sound of frame t is heard at frame t + lag.
        curves.append(sync.lag_curve(mouth, np.roll(mouth, lag) + chance.normal(size=90) / 10))
    found = sync.pool(np.stack(curves))
    assert found.peak == lag
    assert found.sure > 0.99
    assert ("late" in lag_in_words(lag, 40 * lag)) == (lag > 0)


def test_curves_without_any_peak_are_not_sure() -> None:
    noise = np.random.default_rng(2).normal(size=(20, 31)).astype(np.float32)
    assert sync.pool(noise).sure < 0.9
