"""Worker processes: one that dies or hangs costs the item it was at, and no more."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.orders import FOREVER, act
from support.prepared import Prepared

from s2f.pipeline.app.config import Settings
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.executors import local as executors
from s2f.pipeline.core.executors.local import WorkerLostError
from s2f.pipeline.corpora import Source
from s2f.pipeline.prep import plan, worker
from s2f.pipeline.stages import scan


def whoami(item: int) -> int:
    return os.getpid()


def test_every_item_comes_back_with_its_result() -> None:
    items = [f"item {number}" for number in range(30)]
    assert dict(executors.run_local(act, items, 2, FOREVER)) == {item: item.upper() for item in items}


def test_no_items_give_nothing() -> None:
    assert list(executors.run_local(act, [], 1, FOREVER)) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_worker_that_dies_costs_one_item() -> None:
    items = ["a", "die", "b", "be killed", "c", "d"]
    found = dict(executors.run_local(act, items, 1, FOREVER))
    lost = {item: result for item, result in found.items() if isinstance(result, WorkerLostError)}
    assert {item: result.reason for item, result in lost.items()} == {
        "die": "worker_died",
        "be killed": "worker_died",
    }
    assert "3" in lost["die"].message
    assert {item: found[item] for item in "abcd"} == {"a": "A", "b": "B", "c": "C", "d": "D"}


def test_an_item_that_hangs_is_stopped_and_the_others_go_on() -> None:
    found = dict(executors.run_local(act, ["a", "hang", "b"], 1, 2.0))
    assert isinstance(found["hang"], WorkerLostError)
    assert found["hang"].reason == "timed_out"
    assert (found["a"], found["b"]) == ("A", "B")


def test_items_are_drawn_as_they_are_needed_and_leaving_ends_the_workers() -> None:
    drawn = []

    def items() -> Iterator[int]:
        for number in range(1000):
            drawn.append(number)
            yield number

    results = executors.run_local(whoami, items(), 1, FOREVER)
    _, pid = next(results)
    results.close()
    assert len(drawn) <= 2 * executors.QUEUED_PER_WORKER
    assert isinstance(pid, int)
    assert pid != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def task(tmp_path: Path) -> worker.Task:
    source = Source("folder", "ann", "one", tmp_path, "one.mp4")
    return worker.Task(source, None, plan.recipes(Settings()), plan.Selection(), {}, tmp_path)


@pytest.mark.parametrize("crumb", [None, "", '{"stage": "ali'])
def test_a_clip_lost_before_it_said_where_it_was_is_run_again(tmp_path: Path, crumb: str | None) -> None:
    """Its row has a key that no settings give, and that a plan can read."""
    lost = task(tmp_path)
    if crumb is not None:
        worker.breadcrumb(lost).parent.mkdir()
        worker.breadcrumb(lost).write_text(crumb)
    outcome = worker.lost(lost, "worker_died", "gone")
    row = outcome.rows["scan"]
    assert (row["status"], row["reason"], row["message"]) == ("failed", "worker_died", "gone")
    assert outcome.dropped == ["detect", "align", "resample", "window"]
    assert not worker.breadcrumb(lost).exists()
    keys = plan.keys(lost.source, "content", lost.recipes)
    brief = (row["key"], row["status"], row["reason"])
    assert plan.why(scan.STAGE, keys["scan"], brief, present=True, selection=plan.Selection())


def test_a_clip_that_takes_too_long_fails_by_name_and_the_run_goes_on(small: Prepared) -> None:
    with pytest.raises(InputError, match="no clip is left"):
        small.prepare("detect.every=1", "run.time_limit=0.05")
    ended = {small.ending(clip_id)[1:] for clip_id in small.rows("scan")}
    assert ended == {("failed", "timed_out")}
