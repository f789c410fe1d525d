"""A Ray cluster that is running already. Its nodes have s2f, and reach RAW and OUT."""

import faulthandler
import logging
import os
import socket
import time
from collections.abc import Callable, Generator, Iterable
from typing import Any

from s2f.pipeline.core.errors import InputError, MissingError
from s2f.pipeline.core.executors.base import (
    DIED,
    TIMED_OUT,
    Item,
    Result,
    WorkerLostError,
    begin_worker,
    freed,
)

try:
    import ray
    from ray import exceptions
except ImportError as error:
    raise MissingError(
        "the package ray is not installed", "pip install 's2f[ray]', here and on every node"
    ) from error

# How often an item is submitted again because its node was lost, which is not the item's fault.
NODES = 5


class RayCluster:
    """The cluster that RAY_ADDRESS names, or the one that this machine belongs to."""

    def __init__(self, workers: int, preload: tuple[str, ...] = ()) -> None:
        address = os.environ.get("RAY_ADDRESS", "auto")
        host, _, port = address.rpartition(":")
        try:
            if port.isdigit():
                # Ray itself tries for many minutes.
                socket.create_connection((host, int(port)), timeout=10).close()
            ray.init(address, logging_level=logging.ERROR, log_to_driver=False, ignore_reinit_error=True)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise InputError(
                f"no Ray cluster can be reached at {address}: {error}",
                "start one with 'ray start --head', or name it in RAY_ADDRESS",
            ) from error
        self._workers = workers

    @property
    def workers(self) -> int:
        """How many items are out at once: as many as the cluster has CPUs by now, unless limited."""
        return self._workers or max(1, int(_resources().get("CPU", 1)))

    def run(
        self, work: Callable[[Item], Result], items: Iterable[Item], count: int, time_limit: float
    ) -> Generator[tuple[Item, Result | WorkerLostError], None, None]:
        """Yield each item with its result; see Executor.run. An item whose node is lost goes to another."""
        remote: Any = ray.remote(num_cpus=1, max_retries=0)(_work)
        waiting = iter(items)
        again: list[_Try] = []
        out: dict[Any, _Try] = {}
        try:
            while True:
                while len(out) < self.workers and (each := _draw(again, waiting)):
                    each.begun = time.monotonic()
                    out[remote.remote(work, each.item, time_limit)] = each
                if not out:
                    return
                done, _ = ray.wait(list(out), num_returns=1)
                for reference in done:
                    each = out.pop(reference)
                    result = _result(reference, each, time_limit)
                    if result is None:
                        again.append(each)
                    else:
                        yield each.item, result
        finally:
            for reference in out:
                ray.cancel(reference, force=True)


_resources: Callable[[], dict[str, float]] = ray.cluster_resources


class _Try:
    """An item, when it was submitted, how often its worker died, and how often its node was lost."""

    def __init__(self, item: Any) -> None:
        self.item = item
        self.begun = 0.0
        self.died = self.lost = 0


def _draw(again: list[_Try], waiting: Any) -> _Try | None:
    if again:
        return again.pop()
    return next((_Try(item) for item in waiting), None)


def _result(reference: Any, each: _Try, time_limit: float) -> Any:
    """The result of a try; None where the item is to be tried again. Raises InputError."""
    try:
        return ray.get(reference)
    except exceptions.RayTaskError as error:
        # `work` never raises: the error comes from the node's Python.
        raise InputError(
            f"a node of the Ray cluster cannot do the work: {error.cause or error}",
            "install the same s2f on every node",
        ) from error
    except exceptions.WorkerCrashedError:
        if (taken := time.monotonic() - each.begun) >= time_limit:
            return WorkerLostError(TIMED_OUT, f"no result after {time_limit:.0f} s")
        each.died += 1
        if each.died > 1:
            return WorkerLostError(DIED, f"the worker process ended after {taken:.1f} s")
    except exceptions.RayError as error:
        each.lost += 1
        if each.lost >= NODES:
            return WorkerLostError(DIED, f"its node was lost {NODES} times: {error}")
    return None


def _work(work: Callable[[Item], Result], item: Item, time_limit: float) -> Result:
    """In a worker of the cluster: end the process, whatever it hangs in, when the time is over."""
    begin_worker()
    faulthandler.dump_traceback_later(time_limit, exit=True)
    try:
        return freed(work, item)
    finally:
        faulthandler.cancel_dump_traceback_later()
