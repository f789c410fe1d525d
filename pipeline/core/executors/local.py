"""The processes of this machine."""

import multiprocessing
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from typing import Any, Generic

import pebble

from s2f.pipeline.core import signals
from s2f.pipeline.core.executors.base import (
    DIED,
    TIMED_OUT,
    Item,
    Result,
    WorkerLostError,
    begin_worker,
    freed,
)

# What the process that workers are forked from imports before `preload`.
FIRST = "s2f.pipeline.core.executors.forked"
QUEUED_PER_WORKER = 4
BROKEN = "pool_broken"
# Pools that may break one after the other without a single result.
POOLS = 5


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


class LocalProcesses:
    """`workers` processes of this machine; 0 = one per CPU.

    They are forked from a process that has imported the modules `preload`, and share one copy of what
    these load: two copies of a large model would evict each other from the processor's cache, and halve
    the speed of both.
    """

    def __init__(self, workers: int = 0, preload: tuple[str, ...] = ()) -> None:
        self.workers = workers or os.cpu_count() or 1
        self._preload = preload

    def run(
        self, work: Callable[[Item], Result], items: Iterable[Item], count: int, time_limit: float
    ) -> Generator[tuple[Item, Result | WorkerLostError], None, None]:
        """Yield each item with its result as it comes; see Executor.run.

        Items are drawn as they are needed. Leaving the loop ends the workers.
        """
        workers = min(self.workers, count)
        todo = _Todo(iter(items))
        pools = 0
        while pools < POOLS:
            before = todo.done
            yield from self._run_pool(work, todo, workers, time_limit)
            if not todo.again:
                return
            pools = 1 if todo.done > before else pools + 1
            # A killed process is not gone at once.
            time.sleep(0.2)
        for item, _ in todo.again:
            yield item, WorkerLostError(DIED, "worker processes end as soon as they are started")

    def _run_pool(
        self, work: Callable[[Item], Result], todo: _Todo[Item], workers: int, time_limit: float
    ) -> Iterator[tuple[Item, Result | WorkerLostError]]:
        """Work through what is left in one pool; items that a broken pool was at stay in `todo.again`."""
        pending: dict[Future[Any], tuple[Item, bool]] = {}
        context = forking(self._preload)
        pool = pebble.ProcessPool(max_workers=workers, context=context, initializer=begin_worker)
        try:
            while True:
                # One at a time, so that no more is drawn than there is room for.
                while len(pending) < workers * QUEUED_PER_WORKER and (drawn := todo.draw()):
                    # Left with what is to be tried again until the pool has taken it.
                    todo.again.append(drawn)
                    taken = pool.schedule(freed, args=(work, drawn[0]), timeout=time_limit)
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


def forking(preload: Iterable[str]) -> ForkServerContext:
    """The context of processes that are forked from one that has imported `preload`, which is started."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([FIRST, *preload])
    with signals.unheard():
        forkserver.ensure_running()
    return context


def _result(future: Future[Any], time_limit: float) -> Any:
    try:
        return future.result()
    except TimeoutError:
        return WorkerLostError(TIMED_OUT, f"no result after {time_limit:.0f} s")
    except pebble.ProcessExpired as error:
        return WorkerLostError(DIED, f"the worker process ended with code {error.exitcode}")
    except BrokenExecutor as error:
        # A worker that dies while it waits for work breaks the pool: nobody's fault, nothing is lost.
        return WorkerLostError(BROKEN, str(error))
