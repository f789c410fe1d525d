"""Work that a person waits for in the browser: a process of its own, its progress, and how it ended.

So a file that breaks a decoder breaks that work alone, and work that takes too long, or that nobody waits for
any more, is stopped at once.
"""

import asyncio
import contextlib
import logging
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

from s2f.pipeline.core import signals
from s2f.pipeline.core.errors import S2fError
from s2f.pipeline.core.executors.base import begin_worker
from s2f.pipeline.core.executors.local import forking
from s2f.pipeline.core.files import as_text
from s2f.pipeline.core.progress import Progress
from s2f.pipeline.faces import DEFAULT, preload

# What all processes share: they are forked from one that has imported it.
PRELOAD = (
    "s2f.pipeline.app.studio.animation",
    "s2f.pipeline.app.studio.films",
    *preload(DEFAULT),
)
# Seconds between two looks at a process, and between two words of its progress.
LOOK, TELL = 0.1, 0.1

State = Literal["waiting", "working", "done", "failed", "stopped"]
# It may raise S2fError, and is told where its progress goes.
Job = Callable[[Any, Progress], Any]


def prepare() -> None:
    """Start the process that the others are forked from: it takes a while to import what they share."""
    forking(PRELOAD)


class Lane:
    """Work is done one at a time in the order in which it came: two at once would take twice as long."""

    def __init__(self) -> None:
        self.queue: list[Work] = []
        self._free = asyncio.Lock()

    async def run(self, work: "Work") -> None:
        """Have a work done."""
        self.queue.append(work)
        try:
            async with self._free:
                if work.state == "waiting":
                    work.state = "working"
                    await asyncio.to_thread(work.do)
        finally:
            self.queue.remove(work)


@dataclass
class Work:
    """One job, in a process that works in `folder`, and how far it is.

    done, total   steps of what it is at, 0 where nothing is known
    left          seconds that it will still take, where that is known
    notes         what a person should know of it, as the command line tells it
    """

    job: Job
    order: Any
    folder: Path
    time_limit: float
    state: State = "waiting"
    done: int = 0
    total: int = 0
    left: float | None = None
    result: Any = None
    message: str = ""
    hint: str = ""
    notes: list[str] = field(default_factory=list)
    _first: tuple[int, float] = (0, 0.0)

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "failed", "stopped")

    def stop(self) -> None:
        """Nobody waits for it any more."""
        if not self.is_over:
            self.state = "stopped"

    def do(self) -> None:
        """Do it, and wait for its end."""
        ours, theirs = multiprocessing.Pipe(duplex=False)
        process = forking(PRELOAD).Process(target=_work, args=(theirs, self.job, self.order, self.folder))
        with signals.unheard():
            process.start()
        theirs.close()
        try:
            self._follow(process, ours)
        finally:
            process.kill()
            process.join()
            ours.close()

    def _follow(self, process: BaseProcess, pipe: Connection) -> None:
        until = time.monotonic() + self.time_limit
        while self.state == "working":
            if time.monotonic() > until:
                self._fail(f"it took more than {self.time_limit:.0f} s", "try a shorter speech")
            elif pipe.poll(LOOK):
                try:
                    kind, *told = pipe.recv()
                except EOFError:
                    process.join()
                    self._fail(f"the process ended with code {process.exitcode}", "try another file")
                else:
                    self._hear(kind, told)

    def _hear(self, kind: str, told: list[Any]) -> None:
        if kind == "progress":
            self.done, self.total = told
            done, begun = self._first
            if not done:
                # What comes before the first one is done but once.
                self._first = self.done, time.monotonic()
            elif self.done > done and self.total:
                self.left = (time.monotonic() - begun) / (self.done - done) * (self.total - self.done)
        elif kind == "note":
            self.notes.append(told[0])
        elif kind == "failed":
            self._fail(*told)
        elif self.state == "working":
            self.result, self.state = told[0], "done"

    def _fail(self, message: str, hint: str) -> None:
        if self.state == "working":
            self.message, self.hint, self.state = as_text(message), as_text(hint), "failed"


class _Notes(logging.Handler):
    """Hands warnings on, which the command line prints."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__(logging.WARNING)
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        self._pipe.send(("note", as_text(record.getMessage())))


def _work(pipe: Connection, job: Job, order: Any, folder: Path) -> None:
    begin_worker()
    logging.getLogger().addHandler(_Notes(pipe))
    last = 0.0

    def tell(what: str, done: int, total: int) -> None:
        nonlocal last
        if done in (0, total) or time.monotonic() - last > TELL:
            last = time.monotonic()
            pipe.send(("progress", done, total))

    try:
        # Files are named as they are on the command line, without the folder that nobody knows.
        with contextlib.chdir(folder):
            pipe.send(("done", job(order, tell)))
    except S2fError as error:
        pipe.send(("failed", error.message, error.hint))
    except Exception as error:
        logging.getLogger(__name__).exception("work of the studio broke")
        pipe.send(("failed", f"this broke: {type(error).__name__}: {error}", "try another file"))
