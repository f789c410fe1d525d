"""Each planted fault is found by its check and by no other one; genuine clips raise no alarm."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support import faults
from support.audits import finding, look
from support.prepared import Prepared

from s2f.pipeline.audit.auditing import Audit
from s2f.pipeline.audit.findings import at_least

Plant = Callable[[Prepared], None]

SPLITS = ("shard.train=[s1]", "shard.val=[s2]", "shard.test=[s4]")
CLIP = "s1_bbaf2n"


def more(found: Audit, before: Audit) -> dict[str, set[str]]:
    """What the checks flag that they did not flag before, by check."""
    known = {finding.check: set(finding.flagged) for finding in before.findings}
    flagged = {finding.check: set(finding.flagged) - known[finding.check] for finding in found.findings}
    return {check: names for check, names in flagged.items() if names}


@pytest.fixture(scope="module")
def base(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A sound corpus of 20 clips, prepared and audited."""
    folder = tmp_path_factory.mktemp("base")
    found = Prepared(faults.make_base(data, folder / "raw"), folder / "out")
    found.prepare(*SPLITS)
    look(found.out)
    return found


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


def silent(copy: Prepared) -> None:
    faults.silence(copy.raw, "s1/bbaf2n")


def clipped(copy: Prepared) -> None:
    faults.clip_sound(copy.raw, "s1/bbaf2n")


def frozen(copy: Prepared) -> None:
    faults.freeze(copy.raw, "s1/bbaf2n", 30, 15)


def twice(copy: Prepared) -> None:
    faults.duplicate(copy.raw, "s1/bbaf2n", "pwij9p", encode=False)


def twice_encoded(copy: Prepared) -> None:
    faults.duplicate(copy.raw, "s1/bbaf2n", "pwij9p", encode=True)


def misfiled(copy: Prepared) -> None:
    faults.misfile(copy.raw, "s4/lwbsza", "s2")


def folders_swapped(copy: Prepared) -> None:
    faults.swap_alignments(copy.raw, "s2", "s4")


def milliseconds(copy: Prepared) -> None:
    faults.convert_alignment(copy.raw, "s1/bbaf2n", 1000)


def htk_units(copy: Prepared) -> None:
    faults.convert_alignment(copy.raw, "s1/bbaf2n", 10_000_000)


def other_words(copy: Prepared) -> None:
    one, other = (copy.raw / f"alignments/s1/{name}.align" for name in ("bbaf2n", "bbas1s"))
    one.write_bytes(other.read_bytes())


def no_alignment(copy: Prepared) -> None:
    (copy.raw / "alignments/s1/bbaf2n.align").unlink()


def garbled(copy: Prepared) -> None:
    (copy.raw / "alignments/s1/bbaf2n.align").write_text("0 x bin\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("plant", "check", "flagged"),
    [
        (silent, "sound.silence", {CLIP}),
        (clipped, "sound.clipping", {CLIP}),
        (frozen, "video.frozen", {CLIP}),
        (twice, "set.duplicates", {CLIP, "s1_pwij9p"}),
        (twice_encoded, "set.duplicates", {CLIP, "s1_pwij9p"}),
        (misfiled, "face.identity", {"s2_lwbsza"}),
        (folders_swapped, "text.folder", {"s2_pwij3p", "s2_swwp2s", "s4_bbilzs", "s4_lwbsza"}),
        (milliseconds, "text.unit", {CLIP}),
        (htk_units, "text.unit", {CLIP}),
        (other_words, "text.words", {CLIP}),
        (no_alignment, "text.missing", {CLIP}),
        (garbled, "text.unreadable", {CLIP}),
    ],
)
def test_a_fault_is_found_by_its_check_and_by_no_other(
    base: Prepared, sound: Audit, tmp_path: Path, plant: Plant, check: str, flagged: set[str]
) -> None:
    copy = base.copy(tmp_path)
    plant(copy)
    copy.prepare(*SPLITS)
    assert more(look(copy.out), sound) == {check: flagged}


def test_a_clip_of_another_speaker_is_told_whose_it_is(base: Prepared, tmp_path: Path) -> None:
    copy = base.copy(tmp_path)
    misfiled(copy)
    copy.prepare(*SPLITS)
    (told,) = finding(look(copy.out), "face.identity").details
    assert told.startswith("s2_lwbsza: it looks like s4")


@pytest.mark.parametrize("frames", [4, -4])
def test_a_speakers_sound_that_is_shifted_is_found_with_sign_and_size(
    base: Prepared, sound: Audit, tmp_path: Path, frames: int
) -> None:
    copy = base.copy(tmp_path)
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


@pytest.mark.parametrize(("stage", "kept"), [("align", 100), ("detect", 100), ("detect", 0)])
def test_clips_that_cannot_be_measured_are_an_error(
    base: Prepared, sound: Audit, tmp_path: Path, stage: str, kept: int
) -> None:
    copy = base.copy(tmp_path)
    artifact = copy.artifact(stage, CLIP)
    artifact.write_bytes(artifact.read_bytes()[:kept])
    (copy.out / "audit/measures.parquet").unlink()
    found = more(look(copy.out), sound)
    assert found == {"set.unmeasured": {CLIP}}
