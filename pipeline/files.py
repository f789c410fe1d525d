"""Files that appear whole or not at all, and their hashes."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from s2f.pipeline.errors import InputError, OutputError


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A temporary name to write to; on success it takes the name `path`, on failure it goes."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}",
            "check the free space and the right to write there",
        ) from error
    finally:
        # Where the folder could not be made there is nothing to remove.
        with suppress(OSError):
            temporary.unlink()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file atomically."""
    with appearing(path) as temporary:
        temporary.write_bytes(data)


def make_folder(path: Path) -> Path:
    """Make a folder that can be written to; raises OutputError where that is refused."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be made: {error.strerror}", "give a folder that you may write to"
        ) from error
    if not os.access(path, os.W_OK):
        raise OutputError(f"{path} cannot be written to", "give a folder that you may write to")
    return path


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold a lock file; raises InputError where another process holds it. The system frees it at a kill."""
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise InputError(
                f"another run is at work on {lock.parent} (process {file.read().strip() or 'unknown'})",
                "wait until it has ended, or give another folder",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def sha256(path: Path) -> str:
    """The SHA-256 of a file's content, in hex."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
