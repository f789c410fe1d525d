"""Takes clips through the clip stages one by one, as it is told on standard input.

It runs with the present packages and with those of an earlier commit, which had other names for them.
Arguments: the folder of raw videos, and one for the artifacts.
"""

import importlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import cv2


def module(*names: str) -> Any:
    """The first of these modules that there is."""
    for name in names[:-1]:
        try:
            return importlib.import_module(f"s2f.pipeline.{name}")
        except ModuleNotFoundError:
            continue
    return importlib.import_module(f"s2f.pipeline.{names[-1]}")


def used() -> float:
    """CPU seconds of this process, and of those that it started."""
    each = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in each)


def main() -> None:
    cv2.setNumThreads(1)
    raw, out = map(Path, sys.argv[1:])
    plan, worker = module("prep.plan", "plan"), module("prep.worker", "worker")
    settings = module("app.config", "config").load(None, [])
    configured = plan.configured(settings) if hasattr(plan, "configured") else plan.recipes(settings)
    stages = [each for each in configured if each.stage.run]
    selection = plan.Selection(plan.chosen_stages(until="window"))
    (out / worker.RUNNING).mkdir(parents=True)
    sources = module("corpora.listing", "corpora").find_clips(raw)
    for line in sys.stdin:
        cpu, wall = used(), time.perf_counter()
        outcome = worker.process(worker.Task(sources[int(line)], None, stages, selection, {}, out))
        spent = used() - cpu, time.perf_counter() - wall
        statuses = {name: row["status"] for name, row in outcome.rows.items()}
        print(json.dumps({"cpu": spent[0], "wall": spent[1], "statuses": statuses}), flush=True)


if __name__ == "__main__":
    main()
