"""Where work is done: in this machine's processes, or on a Ray cluster.

One item's crash or hang costs that item alone.
"""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import pebble

Item = TypeVar("Item")
Result = TypeVar("Result")

QUEUED_PER_WORKER = 4
PRELOAD = ["s2f.pipeline.prep.worker", "s2f.pipeline.faces.dlib_model"]
DIED = "worker_died"
BROKEN = "pool_broken"
# Pools that may break one after the other without a single result.
POOLS = 5
# From linux/prctl.h.
PR_SET_PDEATHSIG = 1


class WorkerLostError(Exception):
    """A worker died over an item, or took longer than its time limit; `reason` says which."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message


class Executor(Protocol):
    """A place with room for so many items at once."""

    @property
    def workers(self) -> int: ...

    def run(
        self, work: Callable[[Item], Result], items: Iterable[Item], count: int, time_limit: float
    ) -> Generator[tuple[Item, Result | WorkerLostError], None, None]:
        """Yield each of `count` items with its result, or with WorkerLostError, as they come.

        `work` may not raise. An item that takes more than `time_limit` seconds is stopped. One whose
        worker dies is tried once more, for something else may have killed it.
        """


@dataclass(frozen=True)
class LocalProcesses:
    """The processes of this machine."""

    workers: int

    def run(
        self, work: Callable[[Item], Result], items: Iterable[Item], count: int, time_limit: float
    ) -> Generator[tuple[Item, Result | WorkerLostError], None, None]:
        return run_local(work, items, min(self.workers, count), time_limit)


def open_executor(engine: str, workers: int) -> Executor:
    """The executor of a name, with so many workers; 0 = one per CPU. Raises MissingError, InputError."""
    if engine == "ray":
        from s2f.pipeline.core.executors.ray import RayCluster

        return RayCluster(workers)
    return LocalProcesses(workers or os.cpu_count() or 1)


def run_local(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int, time_limit: float
) -> Generator[tuple[Item, Result | WorkerLostError], None, None]:
    """Yield each item with its result, or with WorkerLostError, as they come.

    `work` runs in `workers` processes and may not raise. An item that takes more than `time_limit`
    seconds is stopped. One whose worker dies is tried once more, for something else may have killed
    it. Items are drawn as they are needed; leaving the loop ends the workers.
    """
    todo = _Todo(iter(items))
    pools = 0
    while pools < POOLS:
        before = todo.done
        yield from _run_pool(work, todo, workers, time_limit)
        if not todo.again:
            return
        pools = 1 if todo.done > before else pools + 1
        # What broke it may take a moment to be over: a killed process is not gone at once.
        time.sleep(0.2)
    for item, _ in todo.again:
        yield item, WorkerLostError(DIED, "worker processes end as soon as they are started")


@dataclass
class _Todo(Generic[Item]):
    """Items not drawn yet, and those to be tried again, with whether it is the last time."""

    items: Iterator[Item]
    again: list[tuple[Item, bool]] = field(default_factory=list)
    done: int = 0

    def draw(self) -> tuple[Item, bool] | None:
        """The next item, and whether this is its last try."""
        if self.again:
            return self.again.pop()
        for item in self.items:
            return item, False
        return None


def _run_pool(
    work: Callable[[Item], Result], todo: _Todo[Item], workers: int, time_limit: float
) -> Iterator[tuple[Item, Result | WorkerLostError]]:
    """Work off what is left in one pool. Where the pool breaks, what it was at is left in `todo.again`."""
    pending: dict[Future[Any], tuple[Item, bool]] = {}
    context = multiprocessing.get_context("forkserver")
    # Workers are forked from a process that has loaded these, and share its memory of them: two copies
    # of dlib's model drive each other out of the processor's cache, and halve the speed of both.
    context.set_forkserver_preload(PRELOAD)
    pool = pebble.ProcessPool(max_workers=workers, context=context, initializer=begin_worker)
    try:
        while True:
            # One at a time, so that no more is drawn than there is room for.
            while len(pending) < workers * QUEUED_PER_WORKER and (drawn := todo.draw()):
                # Left with what is to be tried again until the pool has taken it.
                todo.again.append(drawn)
                taken = pool.schedule(work, args=(drawn[0],), timeout=time_limit)
                pending[taken] = todo.again.pop()
            if not pending:
                return
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                (item, last), result = pending.pop(future), _result(future, time_limit)
                lost = isinstance(result, WorkerLostError)
                if lost and (result.reason == BROKEN or (result.reason == DIED and not last)):
                    todo.again.append((item, last or result.reason == DIED))
                else:
                    todo.done += 1
                    yield item, result
            if not pool.active:
                return
    except RuntimeError as error:
        # A pool that broke takes no more work; one whose workers' parent was killed does not begin.
        if not isinstance(error, BrokenExecutor) and pool.active:
            raise
    finally:
        todo.again += pending.values()
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()


def _result(future: Future[Any], time_limit: float) -> Any:
    try:
        return future.result()
    except TimeoutError:
        return WorkerLostError("timed_out", f"no result after {time_limit:.0f} s")
    except pebble.ProcessExpired as error:
        return WorkerLostError(DIED, f"the worker process ended with code {error.exitcode}")
    except BrokenExecutor as error:
        # A worker that dies while it waits for work breaks the pool: nobody's fault, nothing is lost.
        return WorkerLostError(BROKEN, str(error))


def begin_worker() -> None:
    """Leave Ctrl-C to the parent, and keep OpenCV from starting threads of its own in every process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        # A worker whose parent, the process it was forked from, is killed must not go on unseen.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with contextlib.suppress(ImportError):
        import cv2

        cv2.setNumThreads(1)
