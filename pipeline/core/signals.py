"""The signals that end a program, and helper processes that must not hear them."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Those that come to all processes of a terminal: Ctrl-C, and that it is closed.
TERMINAL = (signal.SIGINT, signal.SIGHUP)
# And the one by which a machine that shuts down, or a scheduler, ends a program.
ENDING = (*TERMINAL, signal.SIGTERM)


class StoppedError(Exception):
    """A command was stopped, by Ctrl-C or by a signal; the message is the line that says so."""


def heeded() -> tuple[signal.Signals, ...]:
    """The ending signals that this process heeds: all, but that nohup has it ignore SIGHUP."""
    under_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return tuple(number for number in ENDING if not (under_nohup and number is signal.SIGHUP))


@contextmanager
def interrupting() -> Iterator[None]:
    """Have every ending signal raise KeyboardInterrupt, as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread alone
        return
    before = {number: signal.signal(number, signal.default_int_handler) for number in heeded()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def unheard() -> Iterator[None]:
    """Hold the signals of the terminal back; processes that are started meanwhile never hear them.

    A helper is ended by the process that started it. It would end with a traceback wherever it is.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_to_parent() -> None:
    """In a helper: ignore the signals of the terminal."""
    for number in TERMINAL:
        signal.signal(number, signal.SIG_IGN)
