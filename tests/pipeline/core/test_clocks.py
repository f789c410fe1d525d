"""The lock of a bucket does not depend on any clock: the store's is years ahead or behind, or jumps.

The store is moto's S3 server in this process, so that its clock can be set.
"""

import itertools
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from moto.server import ThreadedMotoServer
from upath import UPath

from s2f.pipeline.core import files, locks
from s2f.pipeline.core.errors import InputError

pytestmark = pytest.mark.cluster

YEARS = timedelta(days=3653)


@pytest.fixture(scope="module")
def bucket() -> Iterator[UPath]:
    from s3fs import S3FileSystem

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        # fsspec keeps a file system, and with it the server of another module's tests.
        S3FileSystem.clear_instance_cache()
        folder = files.place("s3://clocks")
        assert isinstance(folder, UPath)
        folder.fs.mkdir("clocks")
        yield folder
    server.stop()


@pytest.mark.parametrize("ahead", [(YEARS,), (-YEARS,), (YEARS, -YEARS)], ids=["ahead", "behind", "jumps"])
def test_a_lock_is_taken_kept_and_freed_whatever_the_time_is(
    bucket: UPath, ahead: tuple[timedelta, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    shifts = itertools.cycle(ahead)
    now = datetime.now(UTC).replace(tzinfo=None)
    monkeypatch.setattr("moto.s3.models.utcnow", lambda: now + next(shifts))
    lock = bucket / f"{len(ahead)}{ahead[0].days}" / ".lock"
    # The claim of a process that is dead.
    left = lock.with_name(".lock.4")
    left.write_text("process 1 of a machine that is gone\n3")
    told = left.fs.info(left.path)["LastModified"].replace(tzinfo=None)
    assert abs(told - now) > YEARS / 2
    with locks.alone(lock):
        assert files.names(lock.parent) == [".lock.5"]
        with pytest.raises(InputError, match=f"process {os.getpid()}"), locks.alone(lock):
            pass
    assert files.names(lock.parent) == []
