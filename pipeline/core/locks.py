"""Locks that keep two runs from one folder: on this machine, and behind a URL."""

import os
import socket
import threading
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout
from upath import UPath

from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.files import Place

# A holder that has not renewed its lock for so many seconds is dead.
LEASE_SECONDS = 8.0
# How long a look at a lock may find it held by others that look at it too.
LOOK_SECONDS = 2.0


@contextmanager
def alone(lock: Place) -> Iterator[None]:
    """Hold a lock file, which a killed process frees. Raises InputError where another process holds it."""
    with _locked(lock) if isinstance(lock, Path) else _leased(lock):
        yield


def check_free(locks: Collection[Place]) -> None:
    """Raises InputError where a process holds one of these lock files. They are not held after that."""
    leased = {lock: _read(lock) for lock in locks if isinstance(lock, UPath) and lock.exists()}
    if leased:
        time.sleep(LEASE_SECONDS)
    for remote, before in leased.items():
        if remote.exists() and _read(remote) != before:
            raise _at_work(remote, before.partition("\n")[0])
    for lock in locks:
        if isinstance(lock, Path) and lock.exists():
            try:
                with FileLock(lock, timeout=LOOK_SECONDS):
                    pass
            except Timeout:
                raise _at_work(lock, _holder(lock)) from None


def _holder(lock: Path) -> str:
    holder = lock.with_name(f"{lock.name}.holder")
    return f"process {holder.read_text() if holder.exists() else 'unknown'}"


@contextmanager
def _locked(lock: Path) -> Iterator[None]:
    holder, held = lock.with_name(f"{lock.name}.holder"), FileLock(lock, timeout=0)
    try:
        held.acquire()
    except Timeout:
        raise _at_work(lock, _holder(lock)) from None
    try:
        holder.write_text(f"{os.getpid()} of {socket.gethostname()}")
        yield
    finally:
        held.release()


@contextmanager
def _leased(lock: UPath) -> Iterator[None]:
    """Hold a remote file. Its holder renews it; a file that is not renewed belongs to a dead process, and is
    taken over.
    """
    holder = f"process {os.getpid()} of {socket.gethostname()}, {uuid.uuid4().hex[:8]}"
    ended = threading.Event()

    def renew() -> None:
        count = 0
        while not ended.wait(LEASE_SECONDS / 4):
            count += 1
            with suppress(OSError):
                lock.write_text(f"{holder}\n{count}")

    if lock.exists():
        before = _read(lock)
        time.sleep(LEASE_SECONDS)
        if lock.exists() and _read(lock) != before:
            raise _at_work(lock, before.partition("\n")[0])
    lock.write_text(f"{holder}\n0")
    # Of two processes that take it at the same moment the later one holds it.
    time.sleep(LEASE_SECONDS / 8)
    if (now := _read(lock).partition("\n")[0]) != holder:
        raise _at_work(lock, now)
    keeper = threading.Thread(target=renew, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()
        lock.unlink(missing_ok=True)


def _read(lock: UPath, tries: int = 5) -> str:
    """The content of a lock; read again where its holder renews it at that moment."""
    for _ in range(tries - 1):
        with suppress(OSError):
            return lock.read_text()
        time.sleep(0.1)
    return lock.read_text()


def _at_work(lock: Place, holder: str) -> InputError:
    return InputError(
        f"another run is at work on {lock.parent} ({holder})",
        "wait until it has ended, or give another folder",
    )
