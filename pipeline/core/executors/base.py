"""What an executor is, and what all workers have in common.

One item's crash or hang costs that item alone.
"""

import contextlib
import gc
from collections.abc import Callable, Generator, Iterable
from typing import Protocol, TypeVar

from s2f.pipeline.core import signals

Item = TypeVar("Item")
Result = TypeVar("Result")

# Reasons of a WorkerLostError.
DIED = "worker_died"
TIMED_OUT = "timed_out"


class WorkerLostError(Exception):
    """A worker died over an item, or took longer than its time limit; `reason` says which."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message


class Executor(Protocol):
    """A place with room for `workers` items at once."""

    @property
    def workers(self) -> int: ...

    def run(
        self, work: Callable[[Item], Result], items: Iterable[Item], count: int, time_limit: float
    ) -> Generator[tuple[Item, Result | WorkerLostError], None, None]:
        """Yield each of `count` items with its result, or with WorkerLostError, as they come.

        `work` may not raise. An item that takes more than `time_limit` seconds is stopped. One whose
        worker dies is tried once more, because something else may have killed the worker.
        """


def begin_worker() -> None:
    """Leave Ctrl-C and the like to the parent, and keep OpenCV from starting threads in every process."""
    signals.leave_to_parent()
    with contextlib.suppress(ImportError):
        import cv2

        cv2.setNumThreads(1)


def freed(work: Callable[[Item], Result], item: Item) -> Result:
    """Do the work on an item, and free what it has left in reference cycles.

    Some frames of PyAV lie in such cycles. Python would let them grow to gigabytes before it looks for them,
    since they are few objects. What is left over is frozen: modules and models are looked at once, not after
    every item.
    """
    try:
        return work(item)
    finally:
        gc.collect()
        gc.freeze()
