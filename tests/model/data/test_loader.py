"""The data: order, determinism, resuming in the middle of an epoch, and what is wrong with shards."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from support.model_shards import SAMPLE_RATE, make_members, make_shards

from s2f.model.data.loader import Batch, Cut, TrainBatches, cut_clip, first_clips
from s2f.model.training.config import TrainParams
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.prepared_set import PreparedSet

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.mktemp("data"), train=8, val=2, frames=12, per_shard=3)


def small(**changes: object) -> TrainParams:
    return TrainParams.model_validate({"batch": 2, "frames": 5, "workers": 0, "shuffle": 4, **changes})


def take(data: Path, params: TrainParams, count: int, step: int = 0) -> list[Batch]:
    batches = TrainBatches(PreparedSet(data).split_or_empty("train"), params, CPU)
    return list(itertools.islice(batches.start(step), count))


def same(first: Batch, second: Batch) -> bool:
    return first.clip_ids == second.clip_ids and all(
        torch.equal(getattr(first, name), getattr(second, name)) for name in ("still", "frames", "windows")
    )


def names(batches: list[Batch]) -> list[str]:
    return [clip for batch in batches for clip in batch.clip_ids]


def test_a_batch_has_the_shapes_and_ranges_of_the_contract(data: Path) -> None:
    (batch,) = take(data, small(), 1)
    assert batch.still.shape == (2, 3, 128, 96)
    assert batch.frames.shape == (2, 5, 3, 128, 96)
    assert batch.windows.shape == (2, 5, 2560)
    assert -1 <= batch.frames.min() < batch.frames.max() <= 1


def test_an_epoch_takes_every_clip_once_and_the_next_one_in_another_order(data: Path) -> None:
    batches = take(data, small(), 8)
    first, second = names(batches[:4]), names(batches[4:])
    assert len(set(first)) == 8
    assert sorted(first) == sorted(second)
    assert first != second


def test_the_order_follows_from_the_seed(data: Path) -> None:
    first, again, other = (take(data, small(seed=seed), 6) for seed in (0, 0, 1))
    assert all(map(same, first, again))
    assert names(first) != names(other)


@pytest.mark.parametrize("step", [1, 3, 4, 5])
def test_resuming_gives_exactly_the_next_batch(data: Path, step: int) -> None:
    assert all(map(same, take(data, small(), 7)[step:], take(data, small(), 7 - step, step)))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("step", [0, 3, 5])
def test_workers_share_the_shards_and_resume_too(data: Path, step: int) -> None:
    params = small(workers=2)
    whole = take(data, params, 8)
    assert len(set(names(whole[:4]))) == 8
    assert all(map(same, whole[step:], take(data, params, 8 - step, step)))


@pytest.mark.parametrize("first", [0, 1])
def test_a_mirrored_clip_is_the_clip_mirrored(first: int) -> None:
    sample = {"__key__": "a", **make_members("a", "train", 6, 0)}
    plain, mirrored = (cut_clip(sample, 0.16, Cut(first, 4, mirror)) for mirror in (False, True))
    assert torch.equal(plain.frames.flip(2), mirrored.frames)
    assert torch.equal(plain.still.flip(1), mirrored.still)
    assert torch.equal(plain.windows, mirrored.windows)


def test_a_crop_in_time_is_a_part_of_the_clip() -> None:
    sample = {"__key__": "a", **make_members("a", "train", 10, 0)}
    whole, part = cut_clip(sample, 0.16, Cut(0, 10)), cut_clip(sample, 0.16, Cut(3, 5))
    assert torch.equal(part.still, whole.frames[0])
    assert torch.equal(part.frames, whole.frames[3:8])
    assert torch.equal(part.windows, whole.windows[3:8])


def test_validation_takes_whole_clips_in_order_up_to_a_length(data: Path) -> None:
    shards = PreparedSet(data).split_or_empty("val")
    clips = list(first_clips(shards, 0.16, 32, 100, CPU))
    assert [(clip.clip_ids, clip.frames.shape[1]) for clip in clips] == [
        (("val_000",), 12),
        (("val_001",), 12),
    ]
    (short,) = first_clips(shards, 0.16, 1, 7, CPU)
    assert short.frames.shape[1] == 7
    assert PreparedSet(data).media.sample_rate == SAMPLE_RATE


def test_no_shards_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no shards") as caught:
        PreparedSet(tmp_path).split_or_empty("train")
    assert "s2f prep" in caught.value.hint


def test_too_few_clips_for_a_batch_are_counted(data: Path) -> None:
    with pytest.raises(InputError, match=r"8 clips of at least 5 frames.* a batch takes 9"):
        take(data, small(batch=9), 1)
    with pytest.raises(InputError, match=r"0 clips of at least 13 frames \(and 8 shorter ones\)"):
        take(data, small(frames=13), 1)


@pytest.mark.parametrize("keep", [0.4, 0.9])
def test_a_truncated_tar_is_an_error_and_no_silent_loss(tmp_path: Path, keep: float) -> None:
    data = make_shards(tmp_path, train=2, val=0, frames=6)
    tar = data / "shards" / "train-000000.tar"
    tar.write_bytes(tar.read_bytes()[: int(keep * tar.stat().st_size)])
    with pytest.raises(InputError, match=r"train-000000\.tar"):
        take(data, small(max_unreadable=0), 2)


def test_a_missing_tar_is_named(tmp_path: Path) -> None:
    data = make_shards(tmp_path, train=2, val=0, frames=6)
    (data / "shards" / "train-000000.tar").unlink()
    with pytest.raises(InputError, match=r"train-000000\.tar is missing"):
        PreparedSet(data).split_or_empty("train")


def test_the_mouth_of_the_drawn_faces_follows_the_sound() -> None:
    clip = cut_clip({"__key__": "a", **make_members("a", "train", 12, 0)}, 0.16, Cut(0, 12))
    mouth = clip.frames[:, 80:98, 50, 0].numpy()
    dark = (mouth < 150).sum(axis=1)
    loud = clip.windows.square().mean(dim=1).sqrt().numpy()
    assert np.corrcoef(dark, loud)[0, 1] > 0.5
