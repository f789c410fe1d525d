"""Worker processes: one that dies or hangs costs the item it was at, and no more."""

import os
import sys
import weakref
from collections.abc import Iterator

import pytest
from support.orders import FOREVER, act

from s2f.pipeline.core.executors import WorkerLostError, local, open_executor
from s2f.pipeline.core.executors.base import freed


def whoami(item: int) -> int:
    return os.getpid()


def test_every_item_comes_back_with_its_result() -> None:
    items = [f"item {number}" for number in range(30)]
    assert dict(open_executor(workers=2).run(act, items, len(items), FOREVER)) == {
        item: item.upper() for item in items
    }


def test_no_items_give_nothing() -> None:
    assert list(open_executor(workers=1).run(act, [], 0, FOREVER)) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_worker_that_dies_costs_one_item() -> None:
    items = ["a", "die", "b", "be killed", "c", "d"]
    found = dict(open_executor(workers=1).run(act, items, len(items), FOREVER))
    lost = {item: result for item, result in found.items() if isinstance(result, WorkerLostError)}
    assert {item: result.reason for item, result in lost.items()} == {
        "die": "worker_died",
        "be killed": "worker_died",
    }
    assert "3" in lost["die"].message
    assert {item: found[item] for item in "abcd"} == {"a": "A", "b": "B", "c": "C", "d": "D"}


def test_an_item_that_hangs_is_stopped_and_the_others_go_on() -> None:
    found = dict(open_executor(workers=1).run(act, ["a", "hang", "b"], 3, 2.0))
    assert isinstance(found["hang"], WorkerLostError)
    assert found["hang"].reason == "timed_out"
    assert (found["a"], found["b"]) == ("A", "B")


def test_items_are_drawn_as_they_are_needed_and_leaving_ends_the_workers() -> None:
    drawn = []

    def items() -> Iterator[int]:
        for number in range(1000):
            drawn.append(number)
            yield number

    results = open_executor(workers=1).run(whoami, items(), 1000, FOREVER)
    _, pid = next(results)
    results.close()
    assert len(drawn) <= 2 * local.QUEUED_PER_WORKER
    assert isinstance(pid, int)
    assert pid != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_what_work_leaves_in_a_reference_cycle_is_freed_with_it() -> None:
    """As frames of PyAV do whose display matrix was asked: few objects of many MB."""

    class Frame:
        pass

    def work(_: int) -> weakref.ref[Frame]:
        frame = Frame()
        frame.itself = frame  # type: ignore[attr-defined]
        return weakref.ref(frame)

    assert freed(work, 0)() is None
