"""Files, of this machine or behind a URL: they appear whole or not at all; their hashes and copies."""

import fcntl
import hashlib
import os
import shutil
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from upath import UPath

from s2f.pipeline.core.errors import InputError, OutputError

# A file or folder of this machine, or behind a URL that fsspec reads, such as s3://bucket/folder.
Place = Path | UPath

# A run that renews its lock no more for so long is dead.
LEASE_SECONDS = 8.0


def place(text: str) -> Place:
    """A path or URL as a person gives it. Raises InputError where no installed package reads such URLs."""
    kind, colon, _ = text.partition("://")
    if not colon or kind == "file":
        return Path(text.removeprefix("file://"))
    try:
        # Other machines write there too, so that a listing is old as soon as it is made.
        found = UPath(text, use_listings_cache=False)
        # Imports what the protocol needs.
        assert found.fs
    except (ImportError, ValueError) as error:
        raise InputError(
            f"{text} cannot be opened: {error}",
            "s3:// needs: pip install 's2f[s3]'; others: see fsspec's docs",
        ) from error
    return found


class Copies:
    """Files brought to this machine, each once, until the block ends; those of it stay as they are."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._known: dict[UPath, Path] = {}

    def __enter__(self) -> "Copies":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder:
            self._folder.cleanup()

    def local(self, place: Place) -> Path:
        """The file itself, or its copy under the same name. Raises OSError."""
        if isinstance(place, Path):
            return place
        if place not in self._known:
            self._folder = self._folder or tempfile.TemporaryDirectory(prefix="s2f-")
            copy = Path(self._folder.name, str(len(self._known)), place.name)
            copy.parent.mkdir()
            with place.open("rb") as source, copy.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            self._known[place] = copy
        return self._known[place]


@contextmanager
def appearing(path: Place) -> Iterator[Path]:
    """A temporary name to write to; on success it takes the name `path`, on failure it goes.

    Raises OutputError where it cannot be written.
    """
    if not isinstance(path, Path):
        with tempfile.TemporaryDirectory(prefix="s2f-") as folder:
            temporary = Path(folder, path.name)
            yield temporary
            try:
                path.fs.put_file(str(temporary), path.path)
            except Exception as error:  # each kind of store has its own
                raise _not_written(path, error) from error
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise _not_written(path, error) from error
    finally:
        # Where the folder could not be made there is nothing to remove.
        with suppress(OSError):
            temporary.unlink()


def _not_written(path: Place, error: Exception) -> OutputError:
    return OutputError(
        f"{path} cannot be written: {getattr(error, 'strerror', None) or error}",
        "check the free space and the right to write there",
    )


def write_bytes(path: Place, data: bytes) -> None:
    """Write a whole file atomically."""
    with appearing(path) as temporary:
        temporary.write_bytes(data)


def make_folder(path: Place) -> Place:
    """Make a folder that can be written to; raises OutputError where that is refused."""
    if not isinstance(path, Path):
        # Object stores have no folders; that something can be written is seen at once.
        write_bytes(path / ".writable", b"")
        path.joinpath(".writable").unlink()
        return path
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be made: {error.strerror}", "give a folder that you may write to"
        ) from error
    if not os.access(path, os.W_OK):
        raise OutputError(f"{path} cannot be written to", "give a folder that you may write to")
    return path


def names(folder: Place) -> list[str]:
    """The names of what lies in a folder, in order; none where there is no such folder."""
    try:
        if isinstance(folder, Path):
            # Not iterdir: it makes a Path of each, and a set has tens of thousands.
            return sorted(os.listdir(folder))  # noqa: PTH208
        return sorted(each.name for each in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def move(path: Place, target: Place) -> None:
    """Give a file another name; what had that name is replaced."""
    if isinstance(path, UPath) and isinstance(target, UPath):
        path.fs.mv(path.path, target.path)
    elif isinstance(path, Path):
        path.replace(str(target))


def remove_folder(path: Place) -> None:
    """Delete a folder and all that is in it, if it is there."""
    if isinstance(path, Path):
        shutil.rmtree(path, ignore_errors=True)
    elif path.exists():
        path.fs.rm(path.path, recursive=True)


@contextmanager
def alone(lock: Place) -> Iterator[None]:
    """Hold a lock file; raises InputError where another process holds it. A kill frees it."""
    with _locked(lock) if isinstance(lock, Path) else _leased(lock):
        yield


@contextmanager
def _locked(lock: Path) -> Iterator[None]:
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise _at_work(lock, f"process {file.read().strip() or 'unknown'}") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextmanager
def _leased(lock: UPath) -> Iterator[None]:
    """Hold a file that no system frees at a kill: its holder renews it, and one that rests is taken over."""
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
    # Of two that take it at the same moment the later one has it.
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
    """The content of a lock, which its holder may renew while it is read: then it is read once more."""
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


def sha256(path: Place) -> str:
    """The SHA-256 of a file's content, in hex."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()  # type: ignore[arg-type]
