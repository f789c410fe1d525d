"""Each planted fault is found by its check and by no other one; genuine clips raise no alarm."""

import json
from pathlib import Path

import pytest
from support import faults
from support.audits import finding, look
from support.prepared import Prepared, ran

from s2f.pipeline.audit import offsets
from s2f.pipeline.audit.auditing import Audit
from s2f.pipeline.audit.findings import at_least
from s2f.pipeline.audit.report import record

pytestmark = pytest.mark.slow

SPLITS = ("shard.train=[s1]", "shard.val=[s2]", "shard.test=[s4]")


def more(found: Audit, before: Audit) -> dict[str, set[str]]:
    """What the checks flag that they did not flag before, by check."""
    known = {finding.check: set(finding.flagged) for finding in before.findings}
    flagged = {finding.check: set(finding.flagged) - known[finding.check] for finding in found.findings}
    return {check: names for check, names in flagged.items() if names}


@pytest.fixture(scope="module")
def base(prepared_grid: Prepared, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A sound corpus of 20 clips, prepared and audited."""
    folder = tmp_path_factory.mktemp("base")
    prepared = prepared_grid.begun(faults.make_base(data, folder / "raw"), folder / "out")
    assert not ran(prepared.prepare(*SPLITS))
    return prepared


@pytest.fixture(scope="module")
def sound(base: Prepared) -> Audit:
    return look(base.out)


def test_genuine_clips_raise_no_alarm(sound: Audit) -> None:
    assert at_least(list(sound.findings), "warning") == []


def test_the_genuine_grid_clips_raise_those_alarms_that_their_notes_name(prepared_grid: Prepared) -> None:
    found = look(prepared_grid.out)
    alarms = {each.check: set(each.flagged) for each in at_least(list(found.findings), "warning")}
    assert alarms == {
        "video.damage": {"s1_sgib8n", "s4_bbaf2a"},
        "video.frames": {"s4_bbaf2a"},
        "video.frozen": {"s4_bbaf2a"},
    }
    notes = {each.check: set(each.flagged) for each in found.findings if each.level == "note"}
    assert notes["video.usual_length"] == {"s1_lrae3s", "s1_srwi5a"}
    assert notes["video.resolution"] == {"s4_bbaf2a", "s4_bbilzs"}
    assert notes.keys() == {"video.usual_length", "video.resolution", "set.known"}


def plant(raw: Path) -> None:
    """Each fault in a clip of its own, or in those of two speakers."""
    faults.silence(raw, "s1/bbaf2n")
    faults.clip_sound(raw, "s1/bbbm3a")
    faults.freeze(raw, "s1/bbifzp", 30, 15)
    faults.duplicate(raw, "s1/bbws9s", "pwij9p", encode=False)
    faults.duplicate(raw, "s1/bgbbzn", "pwij8p", encode=True)
    faults.convert_alignment(raw, "s1/bgin2p", 1000)
    faults.convert_alignment(raw, "s1/bgwu9a", 10_000_000)
    faults.take_words(raw, "s1/brbm9a", "s1/bbas1s")
    (raw / "alignments/s1/brwa3s.align").unlink()
    (raw / "alignments/s1/bwba6p.align").write_text("0 x bin\n", encoding="utf-8")
    faults.swap_alignments(raw, "s2", "s4")
    faults.misfile(raw, "s1/bwbt7s", "s2")


FLAGGED = {
    "sound.silence": {"s1_bbaf2n"},
    "sound.clipping": {"s1_bbbm3a"},
    "video.frozen": {"s1_bbifzp"},
    "set.duplicates": {"s1_bbws9s", "s1_pwij9p", "s1_bgbbzn", "s1_pwij8p"},
    "text.unit": {"s1_bgin2p", "s1_bgwu9a"},
    "text.words": {"s1_brbm9a"},
    "text.missing": {"s1_brwa3s"},
    "text.unreadable": {"s1_bwba6p"},
    "text.folder": {"s2_pwij3p", "s2_swwp2s", "s4_bbilzs", "s4_lwbsza"},
    "face.identity": {"s2_bwbt7s"},
}


@pytest.fixture(scope="module")
def spoilt(base: Prepared, sound: Audit, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """The audit of the corpus with all these faults."""
    copy = base.copy(tmp_path_factory.mktemp("spoilt"))
    plant(copy.raw)
    copy.prepare(*SPLITS)
    return look(copy.out)


@pytest.mark.parametrize("check", FLAGGED)
def test_a_fault_is_found_by_its_check_and_by_no_other(spoilt: Audit, sound: Audit, check: str) -> None:
    flagged = more(spoilt, sound)
    assert flagged[check] == FLAGGED[check]
    assert [name for name, clips in flagged.items() if clips & FLAGGED[check]] == [check]


def test_no_other_check_finds_anything(spoilt: Audit, sound: Audit) -> None:
    assert more(spoilt, sound) == FLAGGED


def test_a_clip_of_another_speaker_is_told_whose_it_is(spoilt: Audit) -> None:
    (told,) = finding(spoilt, "face.identity").details
    assert told.startswith("s2_bwbt7s: it looks like s1")


@pytest.mark.parametrize("frames", [4, -4])
def test_a_speakers_sound_that_is_shifted_is_found_with_sign_and_size(
    base: Prepared, sound: Audit, tmp_path: Path, frames: int
) -> None:
    copy = base.copy(tmp_path)
    # Twelve clips are the fewest by which a speaker is judged.
    for video in sorted((copy.raw / "s1").glob("*.mpg"))[12:]:
        video.unlink()
    faults.shift_sound(copy.raw, "s1", frames)
    copy.prepare(*SPLITS)
    found = look(copy.out)
    alarms = {each.check: set(each.flagged) for each in at_least(list(found.findings), "warning")}
    assert alarms == {"sync.lag": {"s1"}}
    assert abs(found.lags["s1"].peak - frames) <= 1
    told = finding(found, "sync.lag").details
    assert any(
        line.startswith("s1: the sound is ") and ("late" if frames > 0 else "early") in line for line in told
    )
    record.write(found)
    known = offsets.read(copy.out)
    assert known == {"s1": 40 * found.lags["s1"].peak}
    before = copy.rows("resample")
    funnel = copy.prepare(*SPLITS, f"resample.offsets={json.dumps(known)}")
    assert ran(funnel) == {"resample": 12, "window": 12}
    after = copy.rows("resample")
    assert {row["offset_ms"] for name, row in after.items() if name.startswith("s1_")} == {known["s1"]}
    assert all(row == before[name] for name, row in after.items() if not name.startswith("s1_"))
    mended = look(copy.out)
    assert at_least(list(mended.findings), "warning") == []
    assert mended.lags["s1"].peak == 0
    # What was taken out is told again, so that it stays out.
    assert offsets.found(mended) == known


def test_a_speaker_in_two_splits(base: Prepared, sound: Audit, tmp_path: Path) -> None:
    copy = base.copy(tmp_path)
    copy.prepare("shard.split_by=utterance", stage="shard")
    found = look(copy.out)
    alarms = {each.check: set(each.flagged) for each in at_least(list(found.findings), "warning")}
    assert alarms.keys() == {"set.speaker_leak"}
    assert "s1" in alarms["set.speaker_leak"]


def test_a_sentence_in_two_splits(base: Prepared, sound: Audit, tmp_path: Path) -> None:
    copy = base.copy(tmp_path)
    for clip in ("s2/pwij3p", "s4/bbilzs"):
        alignment = copy.raw / f"alignments/{clip}.align"
        alignment.write_text("0 70000 hello\n", encoding="utf-8")
    copy.prepare(*SPLITS)
    found = more(look(copy.out), sound)
    assert found.pop("text.words") == {"s2_pwij3p", "s4_bbilzs"}
    # One word in three seconds is slow as well.
    assert found.pop("text.speed") == {"s2_pwij3p", "s4_bbilzs"}
    assert found == {"set.sentence_leak": {"hello"}}


def test_a_truncated_shard(base: Prepared, sound: Audit, tmp_path: Path) -> None:
    copy = base.copy(tmp_path)
    faults.truncate(copy.out / "shards/val-000000.tar")
    assert more(look(copy.out), sound) == {"shards.files": {"val-000000.tar"}}


def test_a_shard_of_the_right_size_with_other_bytes_is_found_by_a_deep_audit(
    base: Prepared, sound: Audit, tmp_path: Path
) -> None:
    copy = base.copy(tmp_path)
    path = copy.out / "shards/val-000000.tar"
    data = bytearray(path.read_bytes())
    data[5000] ^= 255
    path.write_bytes(data)
    assert more(look(copy.out), sound) == {}
    assert more(look(copy.out, deep=True), sound) == {"shards.files": {"val-000000.tar"}}


def test_clips_that_cannot_be_measured_are_an_error(base: Prepared, sound: Audit, tmp_path: Path) -> None:
    copy = base.copy(tmp_path)
    damaged = {"s1_bbaf2n": ("align", 100), "s1_bbbm3a": ("detect", 100), "s1_bbifzp": ("detect", 0)}
    for clip, (stage, size) in damaged.items():
        artifact = copy.artifact(stage, clip)
        artifact.write_bytes(artifact.read_bytes()[:size])
    (copy.out / "audit/measures.parquet").unlink()
    assert more(look(copy.out), sound) == {"set.unmeasured": set(damaged)}
