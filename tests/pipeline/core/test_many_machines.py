"""Raw videos and OUT behind a URL, and the work on a Ray cluster: the same shards as on one machine.

The store is moto's S3 server on loopback, the cluster two real nodes of Ray on this machine.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.prepared import Prepared, copy_short_clips, descendants, fingerprint
from upath import UPath

from s2f.pipeline.audit.verification import damages
from s2f.pipeline.core import files, locks
from s2f.pipeline.core.errors import InputError, OutputError
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.corpora import listing

pytestmark = pytest.mark.cluster

CLIPS = ("s1/bbaf2n", "s2/pwij3p", "s3/sbia1a")
BUCKET = "s3://faces"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(server: "subprocess.Popen[bytes]", port: int) -> None:
    """Until a server answers."""
    while server.poll() is None:
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.1)


@pytest.fixture(scope="module")
def raw(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_short_clips(data, tmp_path_factory.mktemp("machines") / "raw", *CLIPS)


@pytest.fixture(scope="module")
def expected(raw: Path) -> dict[str, bytes]:
    """The shards that this machine makes from its own folder."""
    out = raw.with_name("out")
    assert prep(raw, out) == (0, "")
    return {name: content for name, (_, content) in fingerprint(out / "shards").items()}


@pytest.fixture(scope="module")
def requests(raw: Path) -> Path:
    """Where the store notes what it was asked for."""
    return raw.with_name("requests.txt")


@pytest.fixture(scope="module")
def store(raw: Path, requests: Path) -> Iterator[UPath]:
    """An S3 server with the raw videos in it, and what leads boto and its like to it."""
    from s3fs import S3FileSystem

    port = free_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with requests.open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=log
        )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        wait_for(server, port)
        # fsspec keeps a file system, and with it the server of another module's tests.
        S3FileSystem.clear_instance_cache()
        folder = files.place(f"{BUCKET}/raw")
        assert isinstance(folder, UPath)
        folder.fs.mkdir("faces")
        folder.fs.put(f"{raw}/", folder.path, recursive=True)
        yield folder
    server.kill()
    server.wait()


# Without what watches over a cluster and gathers its logs: processes of Python, each of which imports Ray.
RAY_START = ("start", "--block", "--num-cpus=1", "--disable-usage-stats", "--include-log-monitor=false")


class Node:
    """A node of Ray with one CPU: its processes, as `ray start` makes them."""

    def __init__(self, *arguments: str) -> None:
        program = Path(sys.executable).with_name("ray")
        self.process = subprocess.Popen(
            [program, *RAY_START, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Its workers give way to all other processes, which here are those of the other tests.
            env={**os.environ, "RAY_worker_niceness": "0"},
        )

    def kill(self) -> None:
        """End all of it at once, as a power cut does."""
        for process in descendants(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.process.wait()


BOTH = """
import time, ray
ray.init(log_to_driver=False)
while ray.cluster_resources().get("CPU", 0) < 2:
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def cluster(store: UPath) -> Iterator[list[Node]]:
    """Two nodes of Ray, which reach the store."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    alone = ("--include-dashboard=false", "--no-monitor")
    head = Node("--head", "--node-ip-address=127.0.0.1", f"--port={port}", *alone)
    wait_for(head.process, port)
    nodes = [head, Node(f"--address={address}")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", address)
        subprocess.run([sys.executable, "-c", BOTH], stdout=subprocess.DEVNULL, check=True)
        yield nodes
    for node in reversed(nodes):
        node.kill()


def start(raw: files.Place, out: files.Place, *more: str) -> "subprocess.Popen[str]":
    """A preparation in a process of its own."""
    program = Path(sys.executable).with_name("s2f")
    command = [str(program), "prep", str(raw), "--out", str(out), "--set", "shard.max_mb=2", *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def prep(raw: files.Place, out: files.Place, *more: str) -> tuple[int, str]:
    """Exit status of a preparation, and what was said of errors."""
    process = start(raw, out, *more)
    _, told = process.communicate(timeout=240)
    return process.returncode, told


def shards(out: files.Place) -> dict[str, bytes]:
    folder = out / "shards"
    return {name: (folder / name).read_bytes() for name in files.names(folder)}


def test_a_bucket_gives_the_shards_of_a_folder(store: UPath, expected: dict[str, bytes]) -> None:
    out = files.place(f"{BUCKET}/out")
    assert prep(store, out) == (0, "")
    assert shards(out) == expected
    assert list(damages(PreparedSet(out))) == []
    # Nothing to do, then one object changed: it is named, and made again.
    assert prep(store, out) == (0, "")
    tar = out / "shards" / min(name for name in expected if name.endswith(".tar"))
    tar.write_bytes(tar.read_bytes()[:-1000])
    assert [damage.path.name for damage in damages(PreparedSet(out))] == [tar.name]
    assert prep(store, out) == (0, "")
    assert shards(out) == expected


def test_a_run_that_was_killed_leaves_its_bucket_to_the_next(
    store: UPath, expected: dict[str, bytes]
) -> None:
    """The lock in a bucket is renewed by its holder; one that rests is taken over."""
    out = files.place(f"{BUCKET}/killed")
    first = start(store, out)
    while not files.names(out / "artifacts/detect"):
        assert first.poll() is None
        time.sleep(0.05)
    second = start(store, out)
    time.sleep(1)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    _, told = second.communicate(timeout=240)
    assert (second.returncode, told) == (0, "")
    assert shards(out) == expected


def test_a_recording_is_fetched_once_for_all_its_pieces(
    data: Path, store: UPath, requests: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where copies lie, those of killed processes too.
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (tmp_path / "s2f-copies-left").mkdir()
    name = "s1/bbaf2n.mpg"
    folder = store.parent / "talks"
    folder.fs.put_file(str(data / "grid" / name), (folder / name).path)
    pieces = [(0.4, 1.2), (1.2, 2.0), (2.0, 2.8)]
    lines = [f"{name},{begin},{end}" for begin, end in pieces]
    (folder / "segments.csv").write_text("\n".join(["file,start,end", *lines]))
    before = requests.read_text().count(f"GET /faces/talks/{name}")
    out = tmp_path / "out"
    assert prep(folder, out, "--set", "run.workers=1") == (0, "")
    rows = Prepared(tmp_path, out).rows("window").values()
    assert [row["status"] for row in rows] == ["ok"] * len(pieces)
    # Once to be cut, once for its pieces.
    assert requests.read_text().count(f"GET /faces/talks/{name}") - before == 2
    assert list(tmp_path.glob("*s2f-*")) == []


def test_two_runs_on_one_bucket_are_refused(store: UPath) -> None:
    lock = store.parent / "busy" / ".lock"
    with (
        locks.alone(lock),
        pytest.raises(InputError, match=f"process {os.getpid()} of {socket.gethostname()}"),
        locks.alone(lock),
    ):
        pass
    assert files.names(lock.parent) == []


def test_a_run_that_stood_still_says_that_it_lost_its_bucket(store: UPath) -> None:
    lock = store.parent / "slept" / ".lock"
    with pytest.raises(OutputError, match="another one took"), locks.alone(lock):
        # What another run does that has found this one dead.
        (lock.parent / ".lock.0").unlink()
        (lock.parent / ".lock.1").write_text("process 2 of another machine\n0")
        time.sleep(locks.LEASE_SECONDS / 2)
    assert files.names(lock.parent) == [".lock.1"]


@pytest.mark.parametrize("left", [[], ["4"], ["4", "7"]], ids=["free", "dead", "dead twice"])
def test_of_runs_that_begin_at_the_same_moment_one_has_the_bucket(store: UPath, left: list[str]) -> None:
    lock = store.parent / f"race{len(left)}" / ".lock"
    for number in left:
        lock.with_name(f".lock.{number}").write_text("process 1 of a machine that is gone\n3")
    together, inside, most, refused = threading.Barrier(6), 0, 0, 0

    def run(_: int) -> None:
        nonlocal inside, most, refused
        together.wait()
        try:
            with locks.alone(lock):
                inside += 1
                most = max(most, inside)
                time.sleep(3 * locks.LEASE_SECONDS / 2)
                inside -= 1
        except InputError:
            refused += 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(run, range(6)))
    assert (most, refused) == (1, 5)
    assert files.names(lock.parent) == []


def test_what_lies_in_a_bucket_is_found_like_files(store: UPath, raw: Path) -> None:
    out = store / "out"
    (out / "artifacts").joinpath("bbaf2n.mpg").write_bytes(b"made by a stage")
    (store / ".hidden.mpg").write_bytes(b"")
    try:
        found = listing.find_clips(store, besides=out / "artifacts")
        there = [(source.clip_id, source.relative, source.aligned) for source in listing.find_clips(raw)]
        assert [(source.clip_id, source.relative, source.aligned) for source in found] == there
        assert all(source.stamp for source in found)
    finally:
        out.fs.rm(out.path, recursive=True)
        (store / ".hidden.mpg").unlink()


def test_addresses_that_lead_nowhere(store: UPath, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="s3://faces/none is not a folder"):
        listing.find_clips(files.place(f"{BUCKET}/none"))
    with pytest.raises(OutputError, match="s3://no-such-bucket/a"):
        files.write_bytes(files.place("s3://no-such-bucket/a"), b"")
    with pytest.raises(InputError, match="nothing://a cannot be opened"):
        files.place("nothing://a")


@pytest.mark.usefixtures("cluster")
def test_a_cluster_gives_the_shards_of_one_machine(store: UPath, expected: dict[str, bytes]) -> None:
    out = files.place(f"{BUCKET}/cluster")
    assert prep(store, out, "--engine", "ray") == (0, "")
    assert shards(out) == expected


def test_a_node_that_is_killed_costs_nothing_but_time(
    cluster: list[Node], raw: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    running = start(raw, tmp_path / "out", "--engine", "ray")
    while not files.names(tmp_path / "out/artifacts/align"):
        assert running.poll() is None
        time.sleep(0.02)
    cluster[1].kill()
    _, told = running.communicate(timeout=240)
    assert (running.returncode, told) == (0, "")
    assert shards(tmp_path / "out") == expected
    rows = Prepared(raw, tmp_path / "out").rows("scan").values()
    assert {row["status"] for row in rows} == {"ok"}


ITEMS = """
import json
from support.orders import act
from s2f.pipeline.core.executors import WorkerLostError, open_executor
items = ["a", "die", "b", "be killed", "hang", "c"]
found = open_executor("ray", 1).run(act, items, len(items), 5.0)
told = {item: result.reason if isinstance(result, WorkerLostError) else result for item, result in found}
print(json.dumps(told))
"""


@pytest.mark.usefixtures("cluster")
def test_a_worker_of_the_cluster_that_dies_or_hangs_costs_one_item() -> None:
    """In a process of its own, since whoever gives out work becomes part of the cluster."""
    command = [sys.executable, "-c", ITEMS]
    told = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, check=True).stdout
    # Ray tells of the deaths too, before or after.
    (found,) = (line for line in told.splitlines() if line.startswith(b"{"))
    assert json.loads(found) == {
        "a": "A",
        "b": "B",
        "c": "C",
        "die": "worker_died",
        "be killed": "worker_died",
        "hang": "timed_out",
    }


def test_no_cluster_is_a_clear_error(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    code, told = prep(raw, tmp_path / "out", "--engine", "ray")
    assert code == 1
    assert "no Ray cluster can be reached at 127.0.0.1:1" in told and "ray start --head" in told
    assert "Traceback" not in told
