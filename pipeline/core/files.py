"""Files on this machine or behind a URL: atomic writes, hashes, and local copies."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout
from upath import UPath

from s2f.pipeline.core.errors import InputError, OutputError

# Folders of copies, in the folder for temporary files, and the file that their owner holds a lock on.
COPIES, COPIES_LOCK = "s2f-copies-", ".lock"

# A file or folder of this machine, or behind a URL that fsspec reads, such as s3://bucket/folder.
Place = Path | UPath


def place(text: str) -> Place:
    """The path or URL that a user gives. Raises InputError where no installed package reads such URLs."""
    kind, colon, _ = text.partition("://")
    if not colon or kind == "file":
        return Path(text.removeprefix("file://"))
    try:
        # No cache of listings: other machines write there too.
        remote = UPath(text, use_listings_cache=False)
        # Accessing it imports what the protocol needs.
        assert remote.fs
    except (ImportError, ValueError) as error:
        raise InputError(
            f"{text} cannot be opened: {error}",
            "s3:// needs: pip install 's2f[s3]'; others: see fsspec's docs",
        ) from error
    return remote


def as_text(name: str) -> str:
    """A file's name, or a message that contains one, as a text that can be stored and shown.

    Python keeps bytes that are no UTF-8 as half characters, which no table and no terminal takes.
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class Copies:
    """Local copies of remote files, each fetched once and deleted at the end of the block.

    Those of a process that was killed are deleted by `sweep`: a lock tells whose are still wanted.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._lock: FileLock | None = None
        self._known: dict[UPath, Path] = {}

    def __enter__(self) -> "Copies":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Delete them."""
        if self._folder and self._lock:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._lock.release()
        self._folder = self._lock = None
        self._known = {}

    def local(self, place: Place) -> Path:
        """A local file itself, or a copy of a remote one under the same name. Raises OSError."""
        if isinstance(place, Path):
            return place
        if place not in self._known:
            copy = Path(self._folder or self._make(), str(len(self._known)), place.name)
            copy.parent.mkdir(exist_ok=True)
            with place.open("rb") as source, copy.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            self._known[place] = copy
        return self._known[place]

    def _make(self) -> Path:
        sweep()
        folder = Path(tempfile.mkdtemp(prefix=f".{COPIES}"))
        self._lock = FileLock(folder / COPIES_LOCK)
        self._lock.acquire()
        # It is there for `sweep` only now that it is locked.
        self._folder = folder.rename(folder.with_name(folder.name.lstrip(".")))
        return self._folder


def sweep() -> None:
    """Delete the copies of processes that were killed on this machine."""
    for folder in Path(tempfile.gettempdir()).glob(f"{COPIES}*"):
        with suppress(OSError, Timeout), FileLock(folder / COPIES_LOCK, timeout=0):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def appearing(path: Place) -> Iterator[Path]:
    """A temporary file to write to: it is renamed to `path` on success, and deleted on failure.

    Raises OutputError where it cannot be written.
    """
    if not isinstance(path, Path):
        with tempfile.TemporaryDirectory(prefix="s2f-") as folder:
            temporary = Path(folder, path.name)
            yield temporary
            try:
                path.fs.put_file(str(temporary), path.path)
            except Exception as error:  # each kind of store has its own
                raise not_written(path, error) from error
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        # Where the folder could not be made there is nothing to remove.
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def appearing_folder(path: Path) -> Iterator[Path]:
    """A temporary folder to fill: it becomes `path` on success, and is deleted on failure.

    Raises OutputError where `path` holds something already, or cannot be made.
    """
    path = path.resolve()
    if path.exists() and (not path.is_dir() or names(path)):
        raise OutputError(
            f"{path} is there already, and is no empty folder", "give a folder that does not exist yet"
        )
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        # It takes the place of an empty folder.
        temporary.rename(path)
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def link(source: Path, target: Path) -> None:
    """A second name for a file, or a copy of it where the file system has none. Raises OSError."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


def not_written(path: Place, error: Exception) -> OutputError:
    """What to tell where writing a file has failed."""
    return OutputError(
        f"{path} cannot be written: {getattr(error, 'strerror', None) or error}",
        "check the free space and the right to write there",
    )


def write_bytes(path: Place, data: bytes) -> None:
    """Write a whole file atomically."""
    with appearing(path) as temporary:
        temporary.write_bytes(data)


def make_folder(path: Place) -> Place:
    """Make a folder, and check that it can be written to. Raises OutputError."""
    if not isinstance(path, Path):
        # Object stores have no folders: check only that something can be written.
        write_bytes(path / ".writable", b"")
        path.joinpath(".writable").unlink(missing_ok=True)
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
    """The sorted names in a folder; none where there is no such folder."""
    try:
        if isinstance(folder, Path):
            # Not iterdir, which makes a Path of each: a set has tens of thousands of files.
            return sorted(os.listdir(folder))  # noqa: PTH208
        return sorted(each.name for each in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def move(path: Place, target: Place) -> None:
    """Rename a file; a file of the new name is replaced."""
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


def sha256(path: Place) -> str:
    """The SHA-256 of a file's content, in hex."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()  # type: ignore[arg-type]
