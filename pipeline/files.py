"""Files, of this machine or behind a URL: they appear whole or not at all; their hashes and copies."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from upath import UPath

from s2f.pipeline.errors import InputError, OutputError

# A file or folder of this machine, or behind a URL that fsspec reads, such as s3://bucket/folder.
Place = Path | UPath


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
        """The file itself, or its copy under the same ending. Raises OSError."""
        if isinstance(place, Path):
            return place
        if place not in self._known:
            self._folder = self._folder or tempfile.TemporaryDirectory(prefix="s2f-")
            copy = Path(self._folder.name, f"{len(self._known)}{place.suffix}")
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
            try:
                yield temporary
                path.fs.put_file(str(temporary), path.path)
            except OSError as error:
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


def _not_written(path: Place, error: OSError) -> OutputError:
    return OutputError(
        f"{path} cannot be written: {error.strerror or error}",
        "check the free space and the right to write there",
    )


def write_bytes(path: Place, data: bytes) -> None:
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


def sha256(path: Place) -> str:
    """The SHA-256 of a file's content, in hex."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
