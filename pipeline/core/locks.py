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

from s2f.pipeline.core.errors import InputError, OutputError
from s2f.pipeline.core.files import Place, not_written

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
    _dead([lock for lock in locks if isinstance(lock, UPath)])
    for lock in locks:
        if isinstance(lock, Path) and lock.exists():
            _taken(lock, LOOK_SECONDS).release()


def _taken(lock: Path, seconds: float) -> FileLock:
    """A lock file, taken. Raises InputError where it is held, OutputError where it cannot be opened."""
    held = FileLock(lock, timeout=seconds)
    try:
        held.acquire()
    except Timeout:
        raise _at_work(lock, _holder(lock)) from None
    except OSError as error:
        raise not_written(lock, error) from error
    return held


def _holder_file(lock: Path) -> Path:
    """The file beside a lock that names who took it last."""
    return lock.with_name(f"{lock.name}.holder")


def _holder(lock: Path) -> str:
    return f"process {_holder_file(lock).read_text() if _holder_file(lock).exists() else 'unknown'}"


@contextmanager
def _locked(lock: Path) -> Iterator[None]:
    held = _taken(lock, 0)
    try:
        try:
            _holder_file(lock).write_text(f"{os.getpid()} of {socket.gethostname()}")
        except OSError as error:
            raise not_written(_holder_file(lock), error) from error
        yield
    finally:
        held.release()


@contextmanager
def _leased(lock: UPath) -> Iterator[None]:
    """Hold a remote lock by a claim: a file beside it, with a number, that none but one process can create.

    Its holder renews it. One that is not renewed belongs to a dead process; the claim with the next number
    takes its place.
    """
    holder = f"process {os.getpid()} of {socket.gethostname()}, {uuid.uuid4().hex[:8]}"
    dead = _dead([lock])
    number = max((_number(claim) for claim in dead), default=-1) + 1
    claim = lock.with_name(f"{lock.name}.{number}")
    try:
        claim.fs.pipe_file(claim.path, f"{holder}\n0".encode(), mode="create")
    except FileExistsError:
        raise _at_work(lock, _name(_read(claim))) from None
    try:
        # A store that does not know exclusive creation has the later one of two processes hold it.
        time.sleep(LEASE_SECONDS / 8)
        if (now := _name(_read(claim))) != holder:
            raise _at_work(lock, now)
        # Another claim than the dead ones was made before this one, while the one before was given up.
        for other in _claims(lock):
            if other != claim and other not in dead:
                _remove(claim)
                raise _at_work(lock, _name(_read(other)))
    except OSError:
        _remove(claim)
        raise
    for other in dead:
        _remove(other)
    ended, lost = threading.Event(), threading.Event()

    def renew() -> None:
        count = 0
        while not ended.wait(LEASE_SECONDS / 4):
            count += 1
            with suppress(OSError):
                if _name(_read(claim)) != holder:
                    lost.set()
                    return
                claim.write_text(f"{holder}\n{count}")

    keeper = threading.Thread(target=renew, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()
        if not lost.is_set():
            _remove(claim)
    if lost.is_set():
        raise OutputError(
            f"this run stood still for over {LEASE_SECONDS:.0f} s, and another one took {lock.parent} over",
            "see what it has made, and run this again",
        )


def _dead(locks: Collection[UPath]) -> list[UPath]:
    """The claims of dead processes on these locks. Raises InputError where a process is alive."""
    claims = {claim: (lock, _read(claim)) for lock in locks for claim in _claims(lock)}
    if claims:
        time.sleep(LEASE_SECONDS)
    for claim, (lock, before) in claims.items():
        if (now := _read(claim)) and now != before:
            raise _at_work(lock, _name(now))
    return list(claims)


def _claims(lock: UPath) -> list[UPath]:
    """The claims on a lock."""
    try:
        beside = list(lock.parent.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [each for each in beside if each.stem == lock.name and each.suffix[1:].isdigit()]


def _number(claim: UPath) -> int:
    return int(claim.suffix[1:])


def _name(content: str) -> str:
    """The holder that a claim names."""
    return content.partition("\n")[0] or "unknown"


def _remove(claim: UPath) -> None:
    with suppress(FileNotFoundError):
        claim.unlink()


def _read(claim: UPath, tries: int = 5) -> str:
    """The content of a claim, empty where there is none; read again where its holder renews it just then."""
    for left in reversed(range(tries)):
        try:
            return str(claim.read_text())
        except FileNotFoundError:
            return ""
        except OSError:
            if not left:
                raise
            time.sleep(0.1)
    return ""


def _at_work(lock: Place, holder: str) -> InputError:
    return InputError(
        f"another run is at work on {lock.parent} ({holder})",
        "wait until it has ended, or give another folder",
    )
