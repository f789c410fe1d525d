"""What runs again, and what does not: nothing is done twice, nothing that changed is kept."""

import os
import shutil
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.prepared import Prepared, copy_clips, fingerprint, ran

from s2f.pipeline.app import config
from s2f.pipeline.audit.verification import damages
from s2f.pipeline.core import locks
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.corpora.base import Source
from s2f.pipeline.prep.plan import Selection, configured, why
from s2f.pipeline.prep.runner import Preparation
from s2f.pipeline.stages import align

STAGES = ("scan", "detect", "align", "resample", "window")


def reasons(prepared: Prepared, clip_id: str, *overrides: str) -> dict[str, str]:
    preparation = Preparation(prepared.raw, prepared.out, config.load(None, list(overrides)))
    return {recipe.stage.name: reason for recipe, reason in preparation.stale(preparation.sources[clip_id])}


def in_shards(prepared: Prepared) -> set[str]:
    """The clips that the tars really hold."""
    names: set[str] = set()
    for path in (prepared.out / "shards").glob("*.tar"):
        with tarfile.open(path) as tar:
            names |= {name.partition(".")[0] for name in tar.getnames()}
    return names


def test_the_first_run_runs_everything(data: Path, tmp_path: Path) -> None:
    raw = copy_clips(data, tmp_path / "raw", "s1/bbaf2n")
    assert reasons(Prepared(raw, tmp_path / "out"), "s1_bbaf2n") == dict.fromkeys(STAGES, "new")
    assert ran(Prepared(raw, tmp_path / "out").prepare()) == dict.fromkeys(STAGES, 1)


def test_a_second_run_does_nothing(small: Prepared) -> None:
    before = fingerprint(small.out)
    assert ran(small.prepare()) == {}
    after = fingerprint(small.out)
    # The lock names the process that held it last.
    for each in (before, after):
        del each[".lock.holder"]
    assert {name: content for name, (_, content) in after.items()} == {
        name: content for name, (_, content) in before.items() if name in after
    }
    assert {name for name in before if after[name] != before[name]} <= {
        "stages.yaml",
        ".lock",
        ".lock.holder",
    }
    assert reasons(small, "s1_bbaf2n") == {}


def test_touching_a_file_runs_nothing(small: Prepared) -> None:
    video = small.raw / "s1/bbaf2n.mpg"
    os.utime(video, ns=(1, 1))
    assert ran(small.prepare()) == {}
    assert small.rows("scan")["s1_bbaf2n"]["stamp"].startswith(f"{video.stat().st_size}:1 ")
    assert reasons(small, "s1_bbaf2n") == {}


@pytest.mark.parametrize("year", [1971, 2100])
def test_the_times_of_files_decide_nothing(small: Prepared, year: int) -> None:
    """As where a clock has jumped, or a set was copied: what is there is taken for what it holds."""
    before, scanned = fingerprint(small.out), small.rows("scan")
    when = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    for path in [*small.raw.rglob("*"), *small.out.rglob("*")]:
        os.utime(path, (when, when))
    with locks.alone(small.out / ".lock"), pytest.raises(InputError, match="another run is at work"):
        small.prepare()
    assert ran(small.prepare()) == {}
    after = fingerprint(small.out)
    # The time of a raw file stands beside its size, so that one of which neither has changed is not read.
    stamps = {clip_id: row.pop("stamp") for clip_id, row in small.rows("scan").items()}
    assert {stamp.partition(":")[2].split()[0] for stamp in stamps.values()} == {f"{when}000000000"}
    assert [row.pop("stamp") for row in scanned.values()] != [*stamps.values()]
    assert {clip_id: row | {"stamp": ""} for clip_id, row in small.rows("scan").items()} == {
        clip_id: row | {"stamp": ""} for clip_id, row in scanned.items()
    }
    changed = {name for name in before if after[name][1] != before[name][1]}
    assert changed <= {"manifests/scan.parquet", ".lock.holder"}
    assert after.keys() == before.keys()
    assert ran(small.prepare("window.seconds=0.2")) == {"window": 3}
    assert list(damages(PreparedSet(small.out))) == []


def test_the_time_of_a_recording_has_nothing_cut_again(data: Path, tmp_path: Path) -> None:
    raw = copy_clips(data, tmp_path / "raw", "s1/bbaf2n")
    (raw / "segments.csv").write_text("file,start,end\ns1/bbaf2n.mpg,0.4,1.2\ns1/bbaf2n.mpg,1.2,2.0\n")
    prepared = Prepared(raw, tmp_path / "out")
    assert ran(prepared.prepare()) == {"segment": 1, **dict.fromkeys(STAGES, 2)}
    os.utime(raw / "s1/bbaf2n.mpg", (1, 1))
    assert ran(prepared.prepare()) == {}


@pytest.mark.parametrize(
    ("override", "again"),
    [
        ("align.quality=80", ("align",)),
        ("resample.max_missing=0.3", ("resample", "window")),
        ("window.seconds=0.2", ("window",)),
        ("detect.every=4", ("detect", "align", "resample", "window")),
        ("run.time_limit=500", ()),
    ],
)
def test_a_changed_setting_stales_its_stage_and_what_follows(
    prepared_small: Prepared, override: str, again: tuple[str, ...]
) -> None:
    expected = dict.fromkeys(again[:1], "settings changed") | dict.fromkeys(again[1:], "upstream changed")
    for clip_id in prepared_small.rows("scan"):
        assert reasons(prepared_small, clip_id, override) == expected


def test_what_is_stale_runs_and_nothing_is_stale_then(small: Prepared) -> None:
    overrides = ("align.quality=80", "window.seconds=0.2")
    assert ran(small.prepare(*overrides)) == {"align": 3, "window": 3}
    assert ran(small.prepare(*overrides)) == {}
    assert reasons(small, "s1_bbaf2n", *overrides) == {}


def test_a_plan_names_the_reason_of_every_stage(small: Prepared) -> None:
    assert reasons(small, "s1_bbaf2n", "detect.every=4") == {
        "detect": "settings changed",
        "align": "upstream changed",
        "resample": "upstream changed",
        "window": "upstream changed",
    }
    (small.raw / "s1/bbaf2n.mpg").write_bytes((small.raw / "s2/pwij3p.mpg").read_bytes())
    assert reasons(small, "s1_bbaf2n")["scan"] == "input changed"
    small.artifact("align", "s3_sbia1a").unlink()
    assert reasons(small, "s3_sbia1a") == {"align": "output missing"}


def test_a_newer_stage_or_model_is_another_code_version() -> None:
    row = ("1.settings.inputs.models", "ok", "")

    def reason(wanted: str) -> str | None:
        return why(align.STAGE, wanted, row, present=True, selection=Selection())

    assert reason("2.settings.inputs.models") == "code version changed"
    assert reason("1.settings.inputs.newer") == "code version changed"
    assert reason("1.others.inputs.models") == "settings changed"
    assert reason("1.settings.others.models") == "upstream changed"
    assert reason(row[0]) is None


def test_the_key_of_detection_depends_on_the_content_of_the_model_file() -> None:
    (detect,) = (each for each in configured(config.Settings()) if each.stage.name == "detect")
    assert len(detect.models) == 16
    source = Source("folder", "ann", "a", Path("raw"), "ann/a.mp4")
    assert detect.key(["a"], source).endswith(detect.models)


def test_a_new_video_runs_one_video(small: Prepared, data: Path) -> None:
    copy_clips(data, small.raw, "s5/lbax4n")
    assert ran(small.prepare()) == dict.fromkeys(STAGES, 1)
    assert in_shards(small) == {"s1_bbaf2n", "s2_pwij3p", "s3_sbia1a", "s5_lbax4n"}


def test_a_changed_text_runs_its_clip(small: Prepared) -> None:
    path = small.raw / "alignments/s1/bbaf2n.align"
    path.write_text(path.read_text().replace("bin", "bun"))
    assert ran(small.prepare()) == dict.fromkeys(STAGES, 1)
    assert small.rows("scan")["s1_bbaf2n"]["text"] == "bun blue at f two now"


def test_a_removed_video_leaves_nothing_behind(small: Prepared) -> None:
    (small.raw / "s2/pwij3p.mpg").unlink()
    assert ran(small.prepare()) == {}
    for stage in (*STAGES, "shard"):
        assert set(small.rows(stage)) == {"s1_bbaf2n", "s3_sbia1a"}
    assert not list((small.out / "artifacts").rglob("s2_*"))
    assert in_shards(small) == {"s1_bbaf2n", "s3_sbia1a"}
    assert {clip["clip_id"] for tar in small.shards() for clip in tar["clips"]} == {"s1_bbaf2n", "s3_sbia1a"}


def test_a_video_that_no_longer_serves_leaves_the_shards(small: Prepared, data: Path) -> None:
    shutil.copy(data / "wild/no_face.mp4", small.raw / "s2/pwij3p.mpg")
    small.prepare()
    assert small.ending("s2_pwij3p") == ("detect", "rejected", "no_face")
    assert "s2_pwij3p" not in small.rows("window")
    assert not list((small.out / "artifacts/align").glob("s2_*"))
    assert in_shards(small) == {"s1_bbaf2n", "s3_sbia1a"}


@pytest.mark.parametrize("stage", ["detect", "align", "resample"])
def test_a_deleted_artifact_is_made_again(small: Prepared, stage: str) -> None:
    path = small.artifact(stage, "s1_bbaf2n")
    before = path.read_bytes()
    path.unlink()
    assert ran(small.prepare()) == {path.parent.name: 1}
    assert path.read_bytes() == before


def test_deleted_and_truncated_shards_are_made_again(small: Prepared) -> None:
    tars = {path: path.read_bytes() for path in (small.out / "shards").glob("*.tar")}
    for number, path in enumerate(tars):
        path.unlink() if number else path.write_bytes(tars[path][:1000])
    small.prepare()
    assert {path: path.read_bytes() for path in tars} == tars


@pytest.mark.slow
def test_one_stage_alone_runs_alone_and_leaves_the_rest_stale(small: Prepared) -> None:
    override = "detect.every=4"
    assert ran(small.prepare(override, stage="detect")) == {"detect": 3}
    assert set(reasons(small, "s1_bbaf2n", override)) == {"align", "resample", "window"}
    with pytest.raises(InputError, match="3 clips wait for an earlier stage"):
        small.prepare(override, stage="window")
    assert ran(small.prepare(override)) == dict.fromkeys(STAGES[2:], 3)


def test_a_choice_of_speakers_or_a_limit_runs_those_clips_and_keeps_the_others(small: Prepared) -> None:
    assert ran(small.prepare("align.quality=80", speakers=("s2",))) == {"align": 1}
    assert ran(small.prepare("align.quality=80", limit=1)) == {"align": 1}
    assert len(small.rows("align")) == 3
    assert in_shards(small) == {"s1_bbaf2n", "s2_pwij3p"}
    assert ran(small.prepare("align.quality=80")) == {"align": 1}
    assert len(in_shards(small)) == 3


def test_the_same_input_gives_the_same_bytes(prepared_small: Prepared, tmp_path: Path) -> None:
    again = Prepared(prepared_small.raw, tmp_path / "out")
    again.prepare()
    for part in ("artifacts", "shards"):
        first, second = fingerprint(prepared_small.out / part), fingerprint(again.out / part)
        assert {name: content for name, (_, content) in first.items()} == {
            name: content for name, (_, content) in second.items()
        }


def test_what_was_made_does_not_become_input(data: Path, tmp_path: Path) -> None:
    (tmp_path / "ann").mkdir()
    shutil.copy2(data / "grid/s1/bbaf2n.mpg", tmp_path / "ann/one.mpg")
    prepared = Prepared(tmp_path, tmp_path / "out")
    assert ran(prepared.prepare()) == dict.fromkeys(STAGES, 1)
    assert ran(prepared.prepare()) == {}
    assert set(prepared.rows("scan")) == {"ann_one"}


def test_what_other_settings_have_made_is_never_taken_for_the_output_of_these(small: Prepared) -> None:
    """Settings are changed, the run is killed before its rows are written, and the settings are put back."""
    before = small.artifact("align", "s1_bbaf2n").read_bytes()
    rows = (small.out / "manifests/align.parquet").read_bytes()
    small.prepare("align.quality=60", stage="align")
    (small.out / "manifests/align.parquet").write_bytes(rows)
    assert ran(small.prepare()) == {"align": 3}
    assert small.artifact("align", "s1_bbaf2n").read_bytes() == before


def test_failed_clips_are_tried_again_on_demand_alone(small: Prepared) -> None:
    (small.raw / "s1/bbaf2n.mpg").write_bytes(b"no video")
    small.prepare()
    assert small.ending("s1_bbaf2n") == ("scan", "failed", "unreadable")
    assert ran(small.prepare()) == {}
    assert ran(small.prepare(retry=("timed_out",))) == {}
    assert ran(small.prepare(retry=("unreadable",))) == {"scan": 1}
    assert ran(small.prepare(retry=())) == {"scan": 1}


def test_a_forced_stage_runs_for_all_and_gives_the_same(small: Prepared) -> None:
    before = (small.out / "shards/manifest.parquet").read_bytes()
    assert ran(small.prepare(force=("detect",))) == {"detect": 3}
    assert (small.out / "shards/manifest.parquet").read_bytes() == before


def test_a_forecast_tells_what_would_run_and_changes_nothing(small: Prepared) -> None:
    before = fingerprint(small.out)
    settings = config.load(None, ["align.quality=80", "run.workers=1"])
    lines = {line.stage: line for line in Preparation(small.raw, small.out, settings).forecast()}
    assert lines["align"].reasons == {"settings changed": 3}
    assert (lines["detect"].reasons.total(), lines["detect"].cached) == (0, 3)
    assert lines["align"].seconds and lines["align"].bytes
    assert fingerprint(small.out) == before


def test_a_forecast_of_nothing_done_makes_no_folder(small: Prepared, tmp_path: Path) -> None:
    lines = Preparation(small.raw, tmp_path / "new", config.load(None, [])).forecast()
    assert [line.reasons for line in lines] == [{"new": 3}] * 5
    assert not (tmp_path / "new").exists()


def test_a_second_run_on_the_same_folder_is_refused(small: Prepared) -> None:
    with locks.alone(small.out / ".lock"), pytest.raises(InputError, match=f"process {os.getpid()}"):
        small.prepare()


def test_damage_is_named(small: Prepared) -> None:
    assert list(damages(PreparedSet(small.out))) == []
    missing, changed = small.artifact("align", "s1_bbaf2n"), small.artifact("resample", "s2_pwij3p")
    missing.unlink()
    changed.write_bytes(changed.read_bytes()[:-2] + b"xx")
    tar = next((small.out / "shards").glob("*.tar"))
    tar.write_bytes(tar.read_bytes()[:5000])
    found = {damage.path: damage.problem for damage in damages(PreparedSet(small.out))}
    assert found.keys() == {missing, changed, tar}
    assert found[missing] == "is missing"
    assert all("has changed" in found[path] for path in (changed, tar))
