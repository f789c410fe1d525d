"""Where work is done: in this machine's processes. One item's crash or hang costs that item alone."""

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, TypeVar

import pebble

Item = TypeVar("Item")
Result = TypeVar("Result")

QUEUED_PER_WORKER = 4
DIED = "worker_died"


class WorkerLostError(Exception):
    """A worker died over an item, or took longer than its time limit; `reason` says which."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message


def run_local(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int, time_limit: float
) -> Generator[tuple[Item, Result | WorkerLostError], None, None]:
    """Yield each item with its result, or with WorkerLostError, as they come.

    `work` runs in `workers` processes and may not raise. An item that takes more than `time_limit`
    seconds is stopped. One whose worker dies is tried once more, for something else may have killed
    it. Items are drawn as they are needed; leaving the loop ends the workers.
    """
    context = multiprocessing.get_context("spawn")
    pending: dict[Future[Any], tuple[Item, bool]] = {}
    again: list[Item] = []
    todo = iter(items)
    pool = pebble.ProcessPool(max_workers=workers, context=context, initializer=_begin_worker)
    try:
        while True:
            # One at a time, so that no more is drawn than there is room for.
            while len(pending) < workers * QUEUED_PER_WORKER and (drawn := _next(again, todo)):
                item, last = drawn
                pending[pool.schedule(work, args=(item,), timeout=time_limit)] = item, last
            if not pending:
                return
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                (item, last), result = pending.pop(future), _result(future, time_limit)
                if isinstance(result, WorkerLostError) and result.reason == DIED and not last:
                    again.append(item)
                else:
                    yield item, result
    finally:
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()


def _next(again: list[Item], todo: Iterator[Item]) -> tuple[Item, bool] | None:
    """The next item, and whether this is its last try."""
    if again:
        return again.pop(), True
    for item in todo:
        return item, False
    return None


def _result(future: Future[Any], time_limit: float) -> Any:
    try:
        return future.result()
    except TimeoutError:
        return WorkerLostError("timed_out", f"no result after {time_limit:.0f} s")
    except pebble.ProcessExpired as error:
        return WorkerLostError(DIED, f"the worker process ended with code {error.exitcode}")


def _begin_worker() -> None:
    """Leave Ctrl-C to the parent, and keep OpenCV from starting threads of its own in every process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(ImportError):
        import cv2

        cv2.setNumThreads(1)
