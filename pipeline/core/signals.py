"""The signals that end a program, and helper processes that must not hear them."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# Those that come to all processes of a terminal: Ctrl-C, and that it is closed.
TERMINAL = (signal.SIGINT, signal.SIGHUP)
# From linux/prctl.h.
PR_SET_PDEATHSIG = 1
# And the one by which a machine that shuts down, or a scheduler, ends a program.
ENDING = (*TERMINAL, signal.SIGTERM)
# Functions whose errors Python forgets: finalisers, and one that importlib calls as each module is freed.
SWALLOWING = ("__del__", "cb")
# Seconds until a signal that came in one of them comes again.
SOON = 0.05


class StoppedError(Exception):
    """A command was stopped, by Ctrl-C or by a signal; the message is the line that says so."""


def heeded() -> tuple[signal.Signals, ...]:
    """The ending signals that this process heeds: all, but that nohup has it ignore SIGHUP."""
    under_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return tuple(number for number in ENDING if not (under_nohup and number is signal.SIGHUP))


@contextmanager
def handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[dict[int, Any]]:
    """Have every ending signal call a function; gives what was called before, by the signal."""
    before: dict[int, Any] = {}
    if threading.current_thread() is not threading.main_thread():
        yield before  # signals reach the main thread alone
        return
    for number in heeded():
        before[number] = signal.getsignal(number)
        signal.signal(number, handler)
    try:
        yield before
    finally:
        for each, earlier in before.items():
            signal.signal(each, earlier)


def _swallows(frame: FrameType | None) -> bool:
    """Whether Python would print and forget an error that is raised here, within a finaliser or an import."""
    while frame is not None:
        if frame.f_code.co_name in SWALLOWING:
            return True
        frame = frame.f_back
    return False


@contextmanager
def interrupting() -> Iterator[list[int]]:
    """Have every ending signal raise KeyboardInterrupt, as Ctrl-C does; gives a list of those that came."""
    received: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if _swallows(frame):
            threading.Timer(SOON, os.kill, (os.getpid(), number)).start()
            return
        raise KeyboardInterrupt

    with handled(interrupt):
        yield received


@contextmanager
def unheard() -> Iterator[None]:
    """Hold the signals of the terminal back; processes that are started meanwhile never hear them.

    A helper is ended by the process that started it. It would end with a traceback wherever it is.
    """
    from multiprocessing import resource_tracker

    before = signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL)
    try:
        # It is started before the others, and lets Ctrl-C through again, here too.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_to_parent() -> None:
    """In a helper: ignore the signals of the terminal, and end where the process ends that started it."""
    for number in TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    end_with_parent()


def end_with_parent() -> None:
    """In a helper: end where the process ends that started it. On Linux alone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
