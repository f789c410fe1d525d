"""What all tests share: where the real data lies, and sets that are prepared once per session.

Without the data those tests skip, and in CI they fail.
"""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from multiprocessing import forkserver
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from support.audits import look
from support.kept import DATA, kept
from support.prepared import Command, Ended, Prepared, call, copy_clips

from s2f.model.metrics import scoring
from s2f.pipeline import faces
from s2f.pipeline.audit import measuring
from s2f.pipeline.core import media
from s2f.pipeline.faces.base import Picture
from s2f.pipeline.prep import runner

SMALL = ("s1/bbaf2n", "s2/pwij3p", "s3/sbia1a")
NO_BROWSER = "there is no chromium or google-chrome; name one with S2F_BROWSER"

# Files that take long come first, so that no worker waits for another one at the end.
ORDER = ("cluster", "slow", "browser")


def pytest_configure(config: pytest.Config) -> None:
    """Several workers share the cores: torch, which is not imported yet, takes one for each of them."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        # One process forks the workers of all tests: it imports what any of them needs, once.
        preloads = (runner.PRELOAD, measuring.PRELOAD, scoring.PRELOAD, faces.preload(faces.DEFAULT))
        forkserver.set_forkserver_preload([module for some in preloads for module in some])
        forkserver.ensure_running()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the fixtures `slow` and `browser`, before markers select it, and sort the files."""
    ranks: dict[Path, int] = {}
    for item in items:
        for name in {"slow", "browser"}.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(name)
        rank = next((rank for rank, name in enumerate(ORDER) if item.get_closest_marker(name)), len(ORDER))
        ranks[item.path] = min(rank, ranks.get(item.path, rank))
    items.sort(key=lambda item: ranks[item.path])


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last line says what was skipped for want of a browser."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reports = reporter.stats.get("skipped", []) if reporter else []
    skipped = Counter(report.fspath for report in reports if NO_BROWSER in str(report.longrepr))
    if skipped:
        files = ", ".join(sorted(Path(path).name for path in skipped))
        reporter.write_line(f"{skipped.total()} tests of {files} were skipped: {NO_BROWSER}", yellow=True)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of genuine clips: grid/, wild/, audio/."""
    if not DATA.is_dir():
        message = f"the real data is not at {DATA}; name its folder with S2F_TEST_DATA"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return DATA


@pytest.fixture(scope="session")
def slow() -> None:
    """For fixtures that take long: every test that uses one has the marker of this name."""


@pytest.fixture(scope="session")
def browser() -> str:
    """The program of a Chromium or Chrome: the one that S2F_BROWSER names, else of this machine."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("S2F_BROWSER") or next(filter(None, map(shutil.which, names)), None)
    if not found:
        if os.environ.get("CI"):
            pytest.fail(NO_BROWSER)
        pytest.skip(NO_BROWSER)
    return found


@pytest.fixture(scope="module")
def chromium(browser: str) -> Iterator[Browser]:
    """A headless Chromium that stays open for the tests of a module."""
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    """A tab of it. At its end it may have complained of nothing, and asked for nothing but files and data."""
    context = chromium.new_context(viewport={"width": 1200, "height": 900}, accept_downloads=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on(
        "console", lambda told: complaints.append(told.text) if told.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda asked: (
            None
            if asked.url.startswith(("file:", "data:", "blob:", "about:"))
            else complaints.append(asked.url)
        ),
    )
    yield page
    context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def talking(data: Path) -> list[Picture]:
    """The frames of a GRID clip."""
    return list(media.FrameReader(data / "grid/s1/bbaf2n.mpg", Fraction(25)))


@pytest.fixture(scope="session")
def other(data: Path) -> list[Picture]:
    """The frames of another speaker's clip."""
    return list(media.FrameReader(data / "grid/s2/pwij3p.mpg", Fraction(25)))


@pytest.fixture(scope="session")
def prepared_grid(slow: None, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """All GRID clips, prepared with the defaults and audited. Only to be looked at."""

    def make(folder: Path) -> None:
        assert call("prep", data / "grid", "--out", folder) == 0
        look(folder)

    return Prepared(data / "grid", kept("grid", make, tmp_path_factory.mktemp("grid"), ("pipeline",)))


@pytest.fixture(scope="session")
def prepared_wild(slow: None, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The videos that are not GRID, prepared with the defaults. Only to be looked at."""

    def make(folder: Path) -> None:
        assert call("prep", data / "wild", "--out", folder) == 0

    return Prepared(data / "wild", kept("wild", make, tmp_path_factory.mktemp("wild"), ("pipeline",)))


@pytest.fixture(scope="session")
def prepared_small(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """One clip of each of three speakers, prepared with the defaults. Only to be looked at."""

    def make(folder: Path) -> None:
        Prepared(copy_clips(data, folder / "raw", *SMALL), folder / "out").prepare()

    folder = kept("small", make, tmp_path_factory.mktemp("small"), ("pipeline",))
    return Prepared(folder / "raw", folder / "out")


@pytest.fixture
def small(prepared_small: Prepared, tmp_path: Path) -> Prepared:
    """A copy of the small set, to be changed at will."""
    return prepared_small.copy(tmp_path)


@pytest.fixture
def s2f(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command of s2f in an empty folder: exit status and what was printed."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def run(*arguments: object) -> Ended:
        capsys.readouterr()
        code = call(*arguments)
        printed = capsys.readouterr()
        return Ended(code, printed.out, printed.err)

    return run


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """For small networks, which gain nothing from threads, and wait for each other where cores are busy."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
