"""Shards: readable by anyone, the same bytes every time, split and cut as the settings say."""

import gc
import io
import itertools
import tarfile
import warnings
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset
from support.prepared import Command, Prepared, copy_clips

from s2f.pipeline import faces
from s2f.pipeline.core import files, mjpeg, wav, windows
from s2f.pipeline.core.schema import SampleMeta
from s2f.pipeline.faces.mouth import crop_points, opening
from s2f.pipeline.stages.shard import (
    READS,
    PlannedSample,
    PlannedShard,
    ShardParams,
    layout,
    sample,
)
from s2f.pipeline.stages.splits import SPLITS, Shares, hashed

ENDINGS = ("avi", "json", "npy", "wav")
KEYS = {name: f"1.{name}.." for name in READS}


@pytest.fixture(scope="module")
def samples(prepared_grid: Prepared) -> dict[str, dict[str, Any]]:
    """All samples as plain WebDataset reads them, by key."""
    tars = sorted(str(path) for path in (prepared_grid.out / "shards").glob("*.tar"))
    with warnings.catch_warnings():
        # WebDataset leaves its files to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        dataset = webdataset.WebDataset(tars, shardshuffle=False, empty_check=False)
        found = {each["__key__"]: each for each in dataset}
        gc.collect()
    return found


def made(count: int, size: int = 800_000) -> list[PlannedSample]:
    """Clips of some speakers, a hashed split each."""
    clips = [(f"s{number % 40}", f"clip{number}") for number in range(count)]
    return [sample(f"{speaker}_{name}", KEYS, hashed(speaker, Shares()), size) for speaker, name in clips]


def contents(shards: list[PlannedShard]) -> set[str]:
    return {each.key for each in shards}


def test_plain_webdataset_reads_every_clip(
    prepared_grid: Prepared, samples: dict[str, dict[str, Any]]
) -> None:
    assert set(samples) == set(prepared_grid.rows("shard"))
    assert len(samples) == 60
    for found in samples.values():
        assert {name for name in found if not name.startswith("__")} == set(ENDINGS)


def test_members_of_a_sample_agree(samples: dict[str, dict[str, Any]]) -> None:
    for key, found in samples.items():
        meta = SampleMeta.model_validate_json(found["json"])
        assert meta.clip_id == key == f"{meta.speaker}_{meta.utterance}"
        assert (meta.corpus, meta.rate, meta.sample_rate, meta.window) == ("grid", 25, 16_000, 2560)
        assert len(meta.starts) == meta.frames
        assert len(wav.decode(found["wav"])) == meta.frames * 640
        with av.open(io.BytesIO(found["avi"])) as container:
            stream = container.streams.video[0]
            assert (stream.width, stream.height, stream.average_rate) == (96, 128, 25)
            assert sum(1 for packet in container.demux(stream) if packet.size) == meta.frames


def test_samples_tell_where_they_come_from(
    prepared_grid: Prepared, samples: dict[str, dict[str, Any]]
) -> None:
    meta = SampleMeta.model_validate_json(samples["s1_bbaf2n"]["json"])
    assert (meta.source, meta.text) == ("s1/bbaf2n.mpg", "bin blue at f two now")
    hashes = [prepared_grid.raw / "s1/bbaf2n.mpg", prepared_grid.raw / "alignments/s1/bbaf2n.align"]
    assert meta.source_sha256.split(":") == [files.sha256(path) for path in hashes]


def test_windows_cut_from_the_starts_equal_those_cut_by_hand(samples: dict[str, dict[str, Any]]) -> None:
    for key in ("s1_bbaf2n", "s1_lrae3s", "s4_bbilzs"):
        meta = SampleMeta.model_validate_json(samples[key]["json"])
        sound = wav.decode(samples[key]["wav"])
        cut = windows.cut_windows(sound, np.array(meta.starts), meta.window)
        padded = np.concatenate([np.zeros(1280), sound, np.zeros(1280)])
        for frame in range(meta.frames):
            middle = int(Fraction(2 * frame + 1, 50) * 16_000)
            assert np.array_equal(cut[frame], padded[middle : middle + 2560])


def test_frames_of_a_sample_are_the_aligned_ones(
    prepared_grid: Prepared, samples: dict[str, dict[str, Any]]
) -> None:
    artifact = prepared_grid.artifact("align", "s2_pwij3p").read_bytes()
    assert samples["s2_pwij3p"]["avi"] == artifact
    assert mjpeg.decode(artifact, slice(0, 5)).shape == (5, 128, 96, 3)


def test_points_of_a_sample_lie_in_the_crops(
    prepared_grid: Prepared, samples: dict[str, dict[str, Any]]
) -> None:
    backend = faces.open_backend(faces.DEFAULT)
    for key in ("s1_bbaf2n", "s4_bbilzs"):
        points = np.load(io.BytesIO(samples[key]["npy"]), allow_pickle=False)
        frames = mjpeg.decode(samples[key]["avi"])
        assert (points.shape, points.dtype) == ((len(frames), 68, 2), np.float16)
        seen = crop_points(frames, backend)
        assert np.abs(points - seen).mean() < 1.5
        assert np.corrcoef(opening(points.astype(np.float32)), opening(seen))[0, 1] > 0.9


def test_the_manifest_names_every_tar_with_its_hash_and_samples(prepared_grid: Prepared) -> None:
    rows = prepared_grid.shards()
    folder = prepared_grid.out / "shards"
    assert {row["shard"] for row in rows} == {path.name for path in folder.glob("*.tar")}
    for row in rows:
        path = folder / row["shard"]
        assert (row["sha256"], row["bytes"]) == (files.sha256(path), path.stat().st_size)
        with tarfile.open(path) as tar:
            names = tar.getnames()
        wanted = [f"{clip['clip_id']}.{ending}" for clip in row["clips"] for ending in ENDINGS]
        assert names == wanted
        assert row["samples"] == len(row["clips"])
        assert row["frames"] == sum(clip["frames"] for clip in row["clips"])


def test_tars_hold_no_time_owner_or_stray_file(prepared_grid: Prepared) -> None:
    for path in (prepared_grid.out / "shards").glob("*.tar"):
        with tarfile.open(path) as tar:
            assert {(member.mtime, member.uid, member.uname, member.mode) for member in tar} == {
                (0, 0, "", 0o644)
            }
    left = {path.name for path in (prepared_grid.out / "shards").iterdir() if path.suffix != ".tar"}
    assert left == {"manifest.parquet"}


def test_every_speaker_stands_in_one_split(prepared_grid: Prepared) -> None:
    pairs = {(clip_id.split("_")[0], row["split"]) for clip_id, row in prepared_grid.rows("shard").items()}
    assert len(pairs) == len({speaker for speaker, _ in pairs}) == 11


def test_the_layout_is_a_function_of_the_clips_alone() -> None:
    clips = made(600)
    assert layout(clips, ShardParams()) == layout(reversed(clips), ShardParams())


def test_every_clip_is_in_one_tar_of_its_split_and_no_tar_is_too_large() -> None:
    clips = made(900)
    shards = layout(clips, ShardParams(max_mb=20))
    assert sorted(item.clip_id for each in shards for item in each.samples) == sorted(
        item.clip_id for item in clips
    )
    assert all(item.split == each.split for each in shards for item in each.samples)
    assert max(sum(item.bytes for item in each.samples) for each in shards) <= 20e6
    names = [each.name for each in shards]
    assert len(set(names)) == len(names)
    for split in SPLITS:
        own = [name for name in names if name.startswith(split)]
        assert own == [f"{split}-{number:06d}.tar" for number in range(len(own))]
        assert len(own) > 5


def test_a_clip_larger_than_a_tar_gets_its_own() -> None:
    (only,) = layout([replace(made(1)[0], bytes=10**9)], ShardParams(max_mb=1))
    assert len(only.samples) == 1


def test_one_more_clip_changes_one_tar_or_cuts_one_in_two() -> None:
    clips = made(600)
    before = contents(layout(clips, ShardParams(max_mb=20)))
    changed = []
    for number in range(40):
        more = sample(f"new_{number}", KEYS, SPLITS[number % 3], 800_000)
        after = contents(layout([*clips, more], ShardParams(max_mb=20)))
        assert len(before - after) == 1
        changed.append(len(after - before))
    assert set(changed) <= {1, 2}
    assert changed.count(1) > 20


def test_one_changed_clip_changes_one_tar() -> None:
    clips = made(600)
    before = contents(layout(clips, ShardParams(max_mb=20)))
    clips[5] = replace(clips[5], key="another")
    after = contents(layout(clips, ShardParams(max_mb=20)))
    assert len(before - after) == len(after - before) == 1


def test_clips_of_a_speaker_are_spread_over_a_tar() -> None:
    clips = [sample(f"s{speaker}_{number}", KEYS, "train", 1) for speaker in range(4) for number in range(50)]
    (tar,) = layout(clips, ShardParams())
    order = [item.clip_id.split("_")[0] for item in tar.samples]
    changes = sum(first != second for first, second in itertools.pairwise(order))
    assert changes > 100


@pytest.mark.parametrize("name", list(KEYS))
def test_the_key_of_a_sample_depends_on_everything_it_is_made_of(name: str) -> None:
    first = sample("a_b", KEYS, "train", 1)
    assert sample("a_b", KEYS | {name: "2.x.."}, "train", 1).key != first.key
    assert sample("a_b", KEYS, "test", 1).key != first.key
    assert sample("a_b", KEYS | {"other": "x"}, "train", 1).key == first.key


def test_speakers_and_shares_of_the_settings_reach_the_tars(small: Prepared) -> None:
    small.prepare("shard.train=[s1]", "shard.val=[s2]", "shard.test=[s3]", stage="shard")
    rows = small.rows("shard")
    assert {clip_id: row["split"] for clip_id, row in rows.items()} == {
        "s1_bbaf2n": "train",
        "s2_pwij3p": "val",
        "s3_sbia1a": "test",
    }
    assert {path.name for path in (small.out / "shards").glob("*.tar")} == {
        f"{split}-000000.tar" for split in SPLITS
    }
    for path in (small.out / "shards").glob("*.tar"):
        with tarfile.open(path) as tar:
            (name,) = (name for name in tar.getnames() if name.endswith(".json"))
            member = tar.extractfile(name)
            assert member
            assert f"{SampleMeta.model_validate_json(member.read()).split}-000000.tar" == path.name


def splits_of(prepared: Prepared) -> dict[str, str]:
    return {clip_id: row["split"] for clip_id, row in prepared.rows("shard").items()}


def test_who_has_a_split_keeps_it_when_clips_are_added(small: Prepared, data: Path) -> None:
    small.prepare(stage="shard")
    before = splits_of(small)
    assert sorted(before.values()) == ["test", "train", "val"]
    copy_clips(data, small.raw, "s4/bbilzs", "s1/bbbm3a", "s2/swwp2s")
    small.prepare()
    after = splits_of(small)
    assert {clip_id: after[clip_id] for clip_id in before} == before
    assert after["s2_swwp2s"] == after["s2_pwij3p"]


def test_a_set_of_an_older_s2f_keeps_its_splits_where_its_settings_name_people(small: Prepared) -> None:
    path = small.out / "manifests/shard.parquet"
    small.prepare("shard.train=[s1]", stage="shard")
    turned = {"s1_bbaf2n": "train", "s2_pwij3p": "test", "s3_sbia1a": "test"}
    rows = [row | {"split": turned[row["clip_id"]]} for row in small.rows("shard").values()]
    table = pa.Table.from_pylist(rows).drop_columns(["rule"])
    pq.write_table(table, path)
    small.prepare("shard.train=[s1]", stage="shard")
    assert splits_of(small) == turned
    pq.write_table(table, path)
    small.prepare(stage="shard")
    assert sorted(splits_of(small).values()) == ["test", "train", "val"]


def test_the_end_of_prep_tells_what_is_odd_of_the_splits(small: Prepared, s2f: Command) -> None:
    def told(*overrides: str) -> str:
        options = [part for override in overrides for part in ("--set", override)]
        ended = s2f("prep", small.raw, "--out", small.out, *options)
        assert ended.code == 0
        return " ".join(ended.out.split())

    listed = ("shard.train=[s1]", "shard.val=[s2]", "shard.test=[s3]")
    told(*listed)
    assert "note:" not in told(*listed)
    out = told("shard.shares={train: 0, val: 0, test: 1}")
    assert "there is less to train on than to test: 0 clips against 3" in out
    assert "2 clips have come into another split than before: s1, s2" in out
    out = told("shard.split=ijcv2019")
    assert "its test speakers are as recalled" in out
    assert splits_of(small)["s2_pwij3p"] == "test"
    out = told("shard.split=tcd_timit")
    assert "the set has none of its test speakers" in out
    assert "whom it leaves out is as recalled" in out
