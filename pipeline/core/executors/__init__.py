"""Where work is done: in the processes of this machine, or on a Ray cluster."""

import importlib

from s2f.pipeline.core.executors.base import Executor, WorkerLostError

# Each engine's class, by the name that `run.engine` has for it: called with workers and preload.
ENGINES = {
    "local": "s2f.pipeline.core.executors.local:LocalProcesses",
    "ray": "s2f.pipeline.core.executors.ray:RayCluster",
}

__all__ = ["ENGINES", "Executor", "WorkerLostError", "open_executor"]


def open_executor(engine: str = "local", workers: int = 0, preload: tuple[str, ...] = ()) -> Executor:
    """The executor of an engine with `workers` workers; 0 = one per CPU, of this machine or of the cluster.

    `preload` are modules that local workers share. Raises MissingError where the engine's package is not
    installed, InputError where there is no cluster.
    """
    module, _, name = ENGINES[engine].partition(":")
    executor: Executor = getattr(importlib.import_module(module), name)(workers, preload)
    return executor
