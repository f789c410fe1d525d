"""Every benchmark gives a verdict; all of them stand in one table at the end.

A missed bound fails its benchmark, and so does one that gives no verdict.
"""

from collections.abc import Generator

import pytest
import report
from report import Line, Verdict
from rich.console import Console

# By the ids of the benchmarks.
LINES = pytest.StashKey[dict[str, list[Line]]]()
WIDTH = 140


@pytest.fixture
def verdict(request: pytest.FixtureRequest) -> Verdict:
    """What a benchmark tells its figures to."""
    told = Verdict()
    request.config.stash[LINES][request.node.nodeid] = told.lines
    return told


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    done = yield
    lines = pyfuncitem.config.stash[LINES].get(pyfuncitem.nodeid, [])
    if missed := [line.name for line in lines if not line.met]:
        pytest.fail(f"bound missed: {'; '.join(missed)}", pytrace=False)
    if not lines:
        pytest.fail(
            "this benchmark gives no verdict: it lacks a call of the fixture `verdict`", pytrace=False
        )
    return done


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LINES] = {}


def pytest_report_header() -> str:
    return report.machine()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Generator[None, None, None]:
    """The table comes last, after what pytest itself tells."""
    yield
    found = config.stash[LINES]
    # Skipped, or failed for something else than a bound.
    without = {
        each.nodeid.rpartition("/")[2]: what
        for what in ("failed", "error", "skipped")
        for each in terminalreporter.stats.get(what, [])
        if all(line.met for line in found.get(each.nodeid, []))
    }
    if found or without:
        drawn = report.table([line for lines in found.values() for line in lines], without)
        terminalreporter.ensure_newline()
        Console(width=WIDTH).print(report.machine(), drawn)
