"""What runs again, and what does not: nothing is done twice, nothing that changed is kept."""

import os
import shutil
import tarfile
from pathlib import Path

import pytest
from prepared import Prepared, copy_clips, fingerprint

from s2f.pipeline import config
from s2f.pipeline.plan import recipes, why
from s2f.pipeline.runner import Funnel, Preparation

STAGES = ("scan", "detect", "align", "resample", "window")


def ran(funnel: dict[str, Funnel]) -> dict[str, int]:
    """How many clips were run, for the stages that ran at all."""
    return {name: line.run for name, line in funnel.items() if line.run}


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
    assert reasons(Prepared(raw, tmp_path / "out"), "s1_bbaf2n") == {
        "scan": "new",
        **dict.fromkeys(STAGES[1:], "upstream changed"),
    }
    assert ran(Prepared(raw, tmp_path / "out").prepare()) == dict.fromkeys(STAGES, 1)


def test_a_second_run_does_nothing(small: Prepared) -> None:
    before = fingerprint(small.out)
    assert ran(small.prepare()) == {}
    after = fingerprint(small.out)
    assert {name: content for name, (_, content) in after.items()} == {
        name: content for name, (_, content) in before.items() if name in after
    }
    assert {name for name in before if after[name] != before[name]} <= {"stages.yaml"}
    assert reasons(small, "s1_bbaf2n") == {}


def test_touching_a_file_runs_nothing(small: Prepared) -> None:
    video = small.raw / "s1/bbaf2n.mpg"
    os.utime(video, ns=(1, 1))
    assert ran(small.prepare()) == {}
    assert small.rows("scan")["s1_bbaf2n"]["stamp"].startswith(f"{video.stat().st_size}:1 ")
    assert reasons(small, "s1_bbaf2n") == {}


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
def test_a_changed_setting_runs_its_stage_and_what_follows(
    small: Prepared, override: str, again: tuple[str, ...]
) -> None:
    assert ran(small.prepare(override)) == dict.fromkeys(again, 3)
    assert ran(small.prepare(override)) == {}


def test_a_plan_names_the_reason_of_every_stage(small: Prepared) -> None:
    assert reasons(small, "s1_bbaf2n", "detect.every=4") == {
        "detect": "settings changed",
        "align": "upstream changed",
        "resample": "upstream changed",
        "window": "upstream changed",
    }
    (small.raw / "s1/bbaf2n.mpg").write_bytes((small.raw / "s2/pwij3p.mpg").read_bytes())
    assert reasons(small, "s1_bbaf2n")["scan"] == "input changed"
    (small.out / "artifacts/align/s3_sbia1a.avi").unlink()
    assert reasons(small, "s3_sbia1a") == {"align": "output missing"}


def test_a_newer_stage_or_model_is_another_code_version() -> None:
    row = ("1.settings.inputs.models", "ok", "")
    assert why("2.settings.inputs.models", row, reads=("scan",), present=True) == "code version changed"
    assert why("1.settings.inputs.newer", row, reads=("scan",), present=True) == "code version changed"
    assert why(row[0], row, reads=("scan",), present=True) is None


def test_the_key_of_detection_depends_on_the_content_of_the_model_file() -> None:
    (detect,) = (each for each in recipes(config.Settings()) if each.stage.name == "detect")
    assert len(detect.models) == 16
    assert detect.key(["a"]).endswith(detect.models)


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


@pytest.mark.parametrize("name", ["detect/s1_bbaf2n.npz", "align/s1_bbaf2n.avi", "resample/s1_bbaf2n.wav"])
def test_a_deleted_artifact_is_made_again(small: Prepared, name: str) -> None:
    path = small.out / "artifacts" / name
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


def test_one_stage_alone_runs_alone_and_leaves_the_rest_stale(small: Prepared) -> None:
    override = "detect.every=4"
    assert ran(small.prepare(override, stage="detect")) == {"detect": 3}
    assert set(reasons(small, "s1_bbaf2n", override)) == {"align", "resample", "window"}
    assert ran(small.prepare(override, stage="window")) == {}
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
