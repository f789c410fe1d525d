"""The stream of shards: shared by ranks and workers, unreadable samples, shards behind a URL."""

import io
import itertools
import logging
import random
import resource
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from rich.console import Console
from support.model_shards import make_members, make_shards, write_shard
from test_loader import CPU, names, same, small
from upath import UPath

from s2f.model.data.loader import Batch, TrainBatches
from s2f.model.data.sampler import Entry, Sampler
from s2f.model.training.config import TrainParams
from s2f.model.training.trainer import train
from s2f.pipeline.core import files
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.schema import FRAMES, META, SHARDS, SOUND
from s2f.pipeline.core.shards import Shard, local, read_clips

SIZES = ([5, 1, 9, 2, 2, 7], [26], [1] * 26, [13, 13])


def shards_of(sizes: list[int]) -> list[Shard]:
    """Shards of so many clips each, that nobody reads."""
    return [
        Shard(Path(f"{number}.tar"), "train", "", {f"{number}_{clip}": 9 for clip in range(size)}, Path())
        for number, size in enumerate(sizes)
    ]


def epoch_of(order: Sampler, workers: int, epoch: int) -> list[list[Entry]]:
    """The batches of an epoch as the DataLoader gives them: one of each worker in turn."""
    begin, batch = epoch * order.per_epoch, order.params.batch
    made = []
    for worker in range(workers):
        share = next(order.shares(begin, worker, workers))
        made.append([share.turns[each : each + batch] for each in range(0, len(share.turns), batch)])
    longest = itertools.zip_longest(*made, fillvalue=None)
    return [batch for turn in longest for batch in turn if batch is not None]


def write_set(data: Path, *sizes: int, frames: int = 8) -> Path:
    """A data set whose train split has shards of so many clips each."""
    folder = data / "shards"
    folder.mkdir(parents=True)
    count = itertools.count()
    rows = []
    for number, size in enumerate(sizes):
        clips = {f"clip{next(count):03d}": frames for _ in range(size)}
        rows.append(write_shard(folder / f"train-{number:06d}.tar", "train", clips))
    pq.write_table(pa.Table.from_pylist(rows, schema=SHARDS), folder / "manifest.parquet")
    return data


def spoil(data: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """Write the tars anew with the members that `change` gives for name and content; None leaves one out."""
    for path in (data / "shards").glob("*.tar"):
        with tarfile.open(path) as tar:
            members = [(each.name, tar.extractfile(each)) for each in tar]
            content = [(name, change(name, found.read())) for name, found in members if found]
        with tarfile.open(path, "w") as tar:
            for name, kept in content:
                if kept is not None:
                    entry = tarfile.TarInfo(name)
                    entry.size = len(kept)
                    tar.addfile(entry, io.BytesIO(kept))


def damage(data: Path, *clips: str) -> None:
    """Damage the pictures of some clips; the manifest goes on promising them."""
    spoil(data, lambda name, kept: b"no pictures" if name in {f"{clip}.{FRAMES}" for clip in clips} else kept)


def take(
    data: files.Place, params: TrainParams, count: int, step: int = 0, rank: int = 0, world: int = 1
) -> tuple[list[Batch], list[str]]:
    """Batches of a rank from `step` on, and what was reported."""
    told: list[str] = []
    shards = PreparedSet(data, params.cache).split_or_empty("train")
    batches = TrainBatches(shards, params, CPU, rank, world, told.append)
    return list(itertools.islice(batches.start(step), count)), told


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize(("world", "workers"), [(1, 1), (1, 3), (2, 1), (3, 2), (4, 3)])
def test_ranks_have_equal_steps_and_no_clip_twice(sizes: list[int], world: int, workers: int) -> None:
    shards = shards_of(sizes)
    everything = {(number, clip) for number, shard in enumerate(shards) for clip in shard.clips}
    rows = []
    for epoch in range(3):
        ranks = [epoch_of(Sampler(shards, small(), rank, world), workers, epoch) for rank in range(world)]
        assert {len(batches) for batches in ranks} == {26 // (2 * world)}
        assert {len(batch) for batches in ranks for batch in batches} == {2}
        row = [entry for batches in ranks for batch in batches for entry in batch]
        assert len(set(row)) == len(row) > 26 - 2 * world
        assert set(row) <= everything
        rows.append(row)
    assert rows[0] != rows[1] != rows[2]


@pytest.mark.parametrize("sizes", SIZES)
def test_every_rank_meets_every_clip_over_the_epochs(sizes: list[int]) -> None:
    """Also those that a batch of 5 on each of 4 ranks leaves over in an epoch."""
    for rank in range(4):
        order = Sampler(shards_of(sizes), small(batch=5), rank, 4)
        met = Counter(entry for epoch in range(60) for batch in epoch_of(order, 1, epoch) for entry in batch)
        assert len(met) == 26


def test_a_reader_opens_few_tars() -> None:
    order = [Sampler(shards_of([10] * 40), small(), rank, 4) for rank in range(4)]
    for rank, worker in itertools.product(range(4), range(2)):
        opened = {number for number, _ in next(order[rank].shares(0, worker, 2)).stored}
        assert len(opened) <= 40 / 8 + 1


def test_clips_are_mixed_beyond_their_tar() -> None:
    share = next(Sampler(shards_of([20] * 10), small(shuffle=60)).shares(0, 0, 1))
    assert len({number for number, _ in share.turns[:20]}) >= 3
    held = [share.stored.index(entry) - turn for turn, entry in enumerate(share.turns)]
    assert max(held) <= 60


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
def test_a_worker_goes_on_where_it_was_in_any_epoch(workers: int) -> None:
    """The batches from a step on are those of an order that was begun there."""
    order = Sampler(shards_of([5, 1, 9, 2, 2, 7]), small())

    def batches(step: int, count: int) -> list[list[Entry]]:
        streams = [batches_of(step, worker) for worker in range(workers)]
        return [next(streams[number % workers]) for number in range(count)]

    def batches_of(step: int, worker: int) -> Iterator[list[Entry]]:
        for share in order.shares(step, worker, workers):
            for begin in range(share.done, len(share.turns), 2):
                yield share.turns[begin : begin + 2]

    whole = batches(0, 40)
    for step in range(0, 30, 7):
        assert batches(step, 10) == whole[step : step + 10]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("workers", [0, 2])
def test_each_rank_resumes_with_its_very_next_batch(tmp_path: Path, workers: int) -> None:
    data = write_set(tmp_path, 4, 1, 6, 3)
    params = small(workers=workers)
    for rank in range(2):
        whole, _ = take(data, params, 7, rank=rank, world=2)
        for step in (1, 3, 5):
            rest, _ = take(data, params, 7 - step, step, rank, world=2)
            assert all(map(same, whole[step:], rest))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_more_workers_and_ranks_than_shards(tmp_path: Path) -> None:
    """Workers that would have nothing to read are not started; nobody waits for them."""
    data = write_set(tmp_path, 7)
    met = [names(take(data, small(workers=6, batch=1), 2, rank=rank, world=3)[0]) for rank in range(3)]
    assert len({clip for rank in met for clip in rank}) == 6


def test_too_few_clips_for_the_ranks_are_counted(tmp_path: Path) -> None:
    data = write_set(tmp_path, 2, 5)
    with pytest.raises(InputError, match=r"7 clips of at least 5 frames.*a batch takes 2 on each of 4 ranks"):
        take(data, small(), 1, world=4)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_where_the_shared_memory_is_full_batches_come_all_the_same(tmp_path: Path) -> None:
    data = write_set(tmp_path, 3, 3)
    wanted, silent = take(data, small(workers=2), 3)
    # No file may be larger than this, and shared memory is one: as where /dev/shm is small.
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        found, told = take(data, small(workers=2), 3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert all(same(one, other) for one, other in zip(found, wanted, strict=True))
    assert silent == []
    assert ["shared memory" in line for line in told] == [True]


@pytest.mark.parametrize("workers", [0, 2])
def test_another_clip_stands_in_for_one_that_cannot_be_read(tmp_path: Path, workers: int) -> None:
    data = write_set(tmp_path, 4, 1, 3)
    params = small(workers=workers)
    before, _ = take(data, params, 8)
    damage(data, "clip002")
    after, told = take(data, params, 8)
    assert len(after) == 8
    for one, two in zip(before, after, strict=True):
        for number, (was, now) in enumerate(zip(one.clip_ids, two.clip_ids, strict=True)):
            assert (now == was) == (was != "clip002")
            assert torch.equal(one.frames[number], two.frames[number]) == (was != "clip002")
    assert told == 2 * [
        "the clip clip002 cannot be read: the frames of a sample cannot be read;"
        " another clip stands in for it (1 of at most 10 in this epoch)"
    ]
    # From any step on, the same clip stands in.
    for step in range(1, 5):
        assert all(map(same, after[step:], take(data, params, 8 - step, step)[0]))


def test_a_stand_in_is_found_from_the_end_of_an_epoch_too(tmp_path: Path) -> None:
    data = write_set(tmp_path, 3, 3)
    last = names(take(data, small(), 3)[0])[-1]
    damage(data, last)
    batches, told = take(data, small(), 3)
    assert last not in names(batches)
    assert len(told) == 1
    assert same(batches[2], take(data, small(), 1, 2)[0][0])


def test_too_many_unreadable_clips_stop_the_training_and_are_named(tmp_path: Path) -> None:
    data = write_set(tmp_path, 4, 4)
    damage(data, "clip001", "clip006")
    assert len(take(data, small(max_unreadable=2), 12)[0]) == 12
    with pytest.raises(InputError, match=r"^2 of .*max_unreadable = 1 .*clip00[16].*clip00[16]") as caught:
        take(data, small(max_unreadable=1), 4)
    assert "max_unreadable" in caught.value.hint
    with pytest.raises(InputError, match=r"^1 of the clips"):
        take(data, small(max_unreadable=0), 4)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_unreadable_clips_of_all_workers_are_counted_together(tmp_path: Path) -> None:
    data = write_set(tmp_path, 4, 4)
    order = Sampler(PreparedSet(data).split_or_empty("train"), small())
    clips = [next(order.shares(0, worker, 2)).turns[0][1] for worker in range(2)]
    damage(data, *clips)
    with pytest.raises(InputError, match=r"^2 of the clips") as caught:
        take(data, small(workers=2, max_unreadable=1), 4)
    assert all(clip in caught.value.message for clip in clips)


def test_where_nothing_can_be_read_nothing_stands_in(tmp_path: Path) -> None:
    data = write_set(tmp_path, 2, 2)
    damage(data, *(f"clip{number:03d}" for number in range(4)))
    with pytest.raises(InputError, match=r"4 of the clips .* none to stand in"):
        take(data, small(), 1)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: int(0.9 * path.stat().st_size)])


def cut_between_members(path: Path) -> None:
    with tarfile.open(path) as tar:
        *_, last = [member for member in tar if member.name.endswith(FRAMES)]
    path.write_bytes(path.read_bytes()[: last.offset])


def overwrite_header(path: Path) -> None:
    with tarfile.open(path) as tar:
        *_, last = [member for member in tar if member.name.endswith(SOUND)]
    content = bytearray(path.read_bytes())
    content[last.offset : last.offset + 512] = random.Random(0).randbytes(512)
    path.write_bytes(content)


@pytest.mark.parametrize("spoiling", [cut_short, cut_between_members, overwrite_header])
def test_a_damaged_tar_gives_what_lies_before_the_damage(
    tmp_path: Path, spoiling: Callable[[Path], None]
) -> None:
    data = write_set(tmp_path, 3)
    (shard,) = PreparedSet(data).split_or_empty("train")
    assert isinstance(shard.path, Path)
    spoiling(shard.path)
    found = dict(read_clips(shard, shard.clips))
    assert [isinstance(each, InputError) for each in found.values()] == [False, False, True]
    assert "clip002 cannot be read" in str(found["clip002"]) and "train-000000.tar" in str(found["clip002"])
    batches, told = take(data, small(batch=3), 1)
    assert set(names(batches)) == {"clip000", "clip001"}
    assert len(told) == 1


@pytest.mark.parametrize("content", [b"", b"no tar at all" * 99, None])
def test_a_tar_that_is_none_costs_its_clips(tmp_path: Path, content: bytes | None) -> None:
    data = write_set(tmp_path, 2, 4)
    (first, _) = PreparedSet(data).split_or_empty("train")
    batches = TrainBatches(
        PreparedSet(data).split_or_empty("train"), small(), CPU, report=(told := []).append
    )
    assert isinstance(first.path, Path)
    if content is None:
        first.path.unlink()
    else:
        first.path.write_bytes(content)
    epoch = list(itertools.islice(batches.start(0), 3))
    assert set(names(epoch)) == {f"clip{number:03d}" for number in range(2, 6)}
    assert sorted(line.split()[2] for line in told) == ["clip000", "clip001"]


@pytest.mark.parametrize("ending", [FRAMES, SOUND, META])
@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_a_member_that_is_missing_or_no_such_file(tmp_path: Path, ending: str, content: bytes | None) -> None:
    data = write_set(tmp_path, 2)
    spoil(data, lambda name, kept: content if name == f"clip001.{ending}" else kept)
    batches, (told,) = take(data, small(), 1)
    assert names(batches) == ["clip000", "clip000"]
    assert "clip001" in told


def test_a_clip_shorter_than_its_manifest_says_is_unreadable(tmp_path: Path) -> None:
    data = write_set(tmp_path, 2, frames=8)
    short = make_members("clip001", "train", 5, 1)
    spoil(data, lambda name, kept: short[FRAMES] if name == f"clip001.{FRAMES}" else kept)
    _, told = take(data, small(frames=8), 1)
    assert "clip001 has less than 8 frames" in told[0]


def test_the_log_tells_of_unreadable_clips_where_nobody_listens(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = write_set(tmp_path, 2)
    damage(data, "clip001")
    next(TrainBatches(PreparedSet(data).split_or_empty("train"), small(), CPU).start(0))
    assert "clip001" in caplog.text


def test_the_trainer_shows_them_and_goes_on_with_a_larger_budget(tmp_path: Path) -> None:
    data = write_set(tmp_path / "data", 4)
    damage(data, "clip001")
    params = small(width=4, frames=3, judged_frames=1, steps=2, device="cpu", threads=1, max_unreadable=0)
    console = Console(file=io.StringIO(), width=200)
    with pytest.raises(InputError, match="clip001"):
        train(PreparedSet(data), tmp_path / "stopped", params, resume=False, console=console)
    train(
        PreparedSet(data),
        tmp_path / "run",
        params.model_copy(update={"max_unreadable": 1}),
        resume=False,
        console=console,
    )
    assert isinstance(console.file, io.StringIO)
    assert "the clip clip001 cannot be read" in console.file.getvalue()
    more = params.model_copy(update={"steps": 3, "max_unreadable": 5})
    assert train(PreparedSet(data), tmp_path / "run", more, resume=True, console=console)["step"] == 3


class Requests(logging.Handler):
    """The names of the tars that the store was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.tars: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if "GET " in line and ".tar" in line:
            self.tars.append(line.partition(".tar")[0].rpartition("/")[2])


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """An S3 server on loopback with an empty bucket, and what leads boto and its like to it."""
    from moto.server import ThreadedMotoServer
    from s3fs import S3FileSystem

    log = logging.getLogger("werkzeug")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "propagate", False)
        patch.setattr(log, "level", logging.INFO)
        server.start()
        host, port = server.get_host_and_port()
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        # fsspec keeps a file system, and with it the server of another module's tests.
        S3FileSystem.clear_instance_cache()
        bucket = files.place("s3://shards")
        assert isinstance(bucket, UPath)
        bucket.fs.mkdir("shards")
        yield "s3://shards"
        server.stop()


@pytest.fixture
def requests() -> Iterator[Requests]:
    log, handler = logging.getLogger("werkzeug"), Requests()
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)


def upload(data: Path, store: str, name: str) -> UPath:
    """The set in a folder of its own in the bucket."""
    target = files.place(f"{store}/{name}")
    assert isinstance(target, UPath)
    target.fs.put(f"{data}/", target.path, recursive=True)
    return target


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_shards_behind_a_url_are_fetched_once_and_give_the_same_batches(
    tmp_path: Path, store: str, requests: Requests
) -> None:
    data = write_set(tmp_path / "data", 4, 1, 3)
    remote = upload(data, store, "once")
    params = small(cache=str(tmp_path / "cache"))
    for workers in (0, 2):
        asked = params.model_copy(update={"workers": workers})
        assert all(map(same, take(data, asked, 8)[0], take(remote, asked, 8)[0]))
    assert sorted(requests.tars) == [f"train-{number:06d}" for number in range(3)]
    assert {path.suffix for path in (tmp_path / "cache").iterdir()} == {".tar", ".lock"}
    assert sorted(path.name for path in (tmp_path / "cache").glob("*.tar")) == sorted(
        f"{files.sha256(path)}.tar" for path in (data / "shards").glob("*.tar")
    )


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:This DataLoader will create 4 worker processes:UserWarning")
def test_workers_that_need_one_shard_at_once_fetch_it_once(
    tmp_path: Path, store: str, requests: Requests
) -> None:
    remote = upload(write_set(tmp_path / "data", 8), store, "shared")
    take(remote, small(workers=4, cache=str(tmp_path / "cache")), 4)
    assert requests.tars == ["train-000000"]


def test_a_shard_is_fetched_when_it_is_needed(tmp_path: Path, store: str) -> None:
    remote = upload(write_set(tmp_path / "data", *[2] * 6), store, "late")
    take(remote, small(shuffle=1, cache=str(tmp_path / "cache")), 1)
    assert 1 <= len(list((tmp_path / "cache").glob("*.tar"))) <= 2


def test_another_set_shares_the_cache_but_what_changed_is_fetched(
    tmp_path: Path, store: str, requests: Requests
) -> None:
    first = write_set(tmp_path / "first", 2, 2)
    second = write_set(tmp_path / "second", 2, 3)
    params = small(cache=str(tmp_path / "cache"))
    for data in (first, second):
        remote = upload(data, store, data.name)
        assert all(map(same, take(data, params, 2)[0], take(remote, params, 2)[0]))
    assert sorted(requests.tars) == ["train-000000", "train-000001", "train-000001"]


def test_a_shard_that_is_not_the_manifests_is_unreadable(
    tmp_path: Path, store: str, requests: Requests
) -> None:
    data = write_set(tmp_path / "data", 2, 3)
    damage(data, "clip003")
    remote = upload(data, store, "changed")
    params = small(cache=str(tmp_path / "cache"), max_unreadable=2)
    with pytest.raises(InputError, match=r"s3://shards/changed/shards/train-000001\.tar is damaged: its SHA"):
        take(remote, params, 2)
    assert requests.tars.count("train-000001") == 1
    sums = [files.sha256(path) for path in (tmp_path / "cache").glob("*.tar")]
    assert set(sums) <= {PreparedSet(data).split_or_empty("train")[0].sha256}


def test_a_shard_that_cannot_be_fetched_stops_the_training(tmp_path: Path, store: str) -> None:
    """The budget is for damage that stays; what a store does not give now is there when it answers."""
    remote = upload(write_set(tmp_path / "data", 2), store, "gone")
    (remote / "shards" / "train-000000.tar").unlink()
    with pytest.raises(InputError, match=r"gone/shards/train-000000.tar cannot be fetched") as caught:
        take(remote, small(cache=str(tmp_path / "cache")), 1)
    assert "--resume" in caught.value.hint


def test_a_url_without_shards(store: str) -> None:
    with pytest.raises(InputError, match="s3://shards/none holds no shards"):
        PreparedSet(files.place(f"{store}/none")).split_or_empty("train")
    with pytest.raises(InputError, match=r"manifest\.parquet cannot be read"):
        PreparedSet(UPath("s3://shards/none", endpoint_url="no address")).split_or_empty("train")


def test_shards_are_kept_in_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_shards(tmp_path / "data", train=1, val=0, frames=6)
    for name, value, expected in (
        ("XDG_CACHE_HOME", str(tmp_path / "xdg"), tmp_path / "xdg/s2f/shards"),
        ("XDG_CACHE_HOME", "", Path("~/.cache/s2f/shards").expanduser()),
    ):
        monkeypatch.setenv(name, value)
        assert PreparedSet(data).split_or_empty("train")[0].cache == expected
    assert PreparedSet(data, "~/here").split_or_empty("train")[0].cache == Path("~/here").expanduser()
    # A shard of this machine is not copied.
    assert local(PreparedSet(data).split_or_empty("train")[0]) == data / "shards" / "train-000000.tar"
