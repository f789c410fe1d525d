"""Who uses the page: each browser has a folder for its files, which no other sees, and for a while only."""

import asyncio
import secrets
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from s2f.pipeline.app.studio import animation
from s2f.pipeline.app.studio.work import Work
from s2f.pipeline.core.errors import InputError, OutputError
from s2f.pipeline.core.progress import duration

# Files are deleted when a browser has not asked for anything for so many seconds.
KEPT = 1800.0
# Browsers that have files at once.
MOST = 64
LONGEST_NAME = 60
# Names of what is made in such a folder.
RESERVED = (animation.VIDEO, animation.SPOKEN)


@dataclass(frozen=True)
class Limits:
    """What may be uploaded: bytes of a file, seconds that this may take, and seconds of speech."""

    upload: int
    upload_seconds: float
    speech: float


@dataclass
class Session:
    """A browser: the folder of its files, the names of those that it has sent, and its animation."""

    folder: Path
    seen: float = field(default_factory=time.monotonic)
    files: dict[str, str] = field(default_factory=dict)
    work: Work | None = None

    def place(self, kind: str, name: str) -> Path:
        """Where a file that is sent is kept; one of the same kind that was sent before is deleted."""
        self.delete(kind)
        name = plain(name)
        if (self.folder / name).exists() or name in RESERVED:
            name = f"{kind}-{name}"
        self.files[kind] = name
        return self.folder / name

    def delete(self, kind: str) -> None:
        """Delete the file of a kind, if there is one."""
        name = self.files.pop(kind, None)
        if name:
            (self.folder / name).unlink(missing_ok=True)


class Sessions:
    """All of them, by a secret that the browser keeps as a cookie. `folder` is deleted at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Session] = {}

    def get(self, secret: str | None) -> Session | None:
        """The session of a cookie, if it is known."""
        session = self._known.get(secret or "")
        if session:
            session.seen = time.monotonic()
        return session

    def begin(self) -> tuple[str, Session]:
        """A new one with its secret. Raises InputError where there are too many."""
        if len(self._known) >= MOST:
            raise InputError("too many people use this studio", f"come back in {duration(KEPT)}")
        secret = secrets.token_urlsafe(32)
        # The name of the folder is another one, so that no message can tell the secret.
        session = Session(self._folder / secrets.token_hex(8))
        session.folder.mkdir(parents=True)
        self._known[secret] = session
        return secret, session

    def sweep(self, kept: float = KEPT) -> None:
        """End the sessions that have been idle for longer."""
        for secret, session in list(self._known.items()):
            working = session.work and not session.work.is_over
            if time.monotonic() - session.seen > kept and not working:
                del self._known[secret]
                shutil.rmtree(session.folder, ignore_errors=True)

    def stop(self) -> None:
        """Stop what is at work."""
        for session in self._known.values():
            if session.work:
                session.work.stop()


async def receive(body: AsyncIterator[bytes], target: Path, limits: Limits) -> None:
    """Write what a browser sends into a file; what is too large or too slow is deleted. Raises InputError."""
    size = 0
    try:
        async with asyncio.timeout(limits.upload_seconds):
            with target.open("wb") as file:
                async for part in body:
                    size += len(part)
                    if size > limits.upload:
                        raise too_large(target.name, limits)
                    file.write(part)
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, TimeoutError):
            raise InputError(
                f"{target.name} did not come within {limits.upload_seconds:.0f} s",
                "give a smaller file, or use a faster network",
            ) from error
        if isinstance(error, OSError):
            raise OutputError(f"{target.name} cannot be kept: {error.strerror}", "free space") from error
        raise


def too_large(name: str, limits: Limits) -> InputError:
    """The error for a file that is larger than may be sent."""
    return InputError(
        f"{name} is larger than {limits.upload / 1e6:g} MB",
        "give a smaller file, or start the studio with a larger --upload-mb",
    )


def plain(name: str) -> str:
    """A file's name as the browser tells it, without what could lead elsewhere; its ending is kept."""
    name = "".join(letter for letter in name.replace("\\", "/").rpartition("/")[2] if letter.isprintable())
    name = name.encode("utf-8", "replace").decode().lstrip(".")
    stem, dot, ending = name.rpartition(".")
    if len(name) > LONGEST_NAME and dot and len(ending) < LONGEST_NAME // 2:
        return f"{stem[: LONGEST_NAME - 1 - len(ending)]}.{ending}"
    return name[:LONGEST_NAME] or "file"
