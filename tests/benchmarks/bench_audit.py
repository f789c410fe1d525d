"""The audit of GRID's clips, first and again; and of a set as large as GRID, whose clips are measured."""

import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table
from support.prepared import Prepared
from support.synthetic_set import make_set

CLIPS = 33_000
MOST_SECONDS, MOST_MEMORY, MOST_PAGE = 60, 2e9, 20e6


def timed(out: Path) -> float:
    """Seconds that `s2f audit` takes as a whole process."""
    begun = time.perf_counter()
    command = [Path(sys.executable).with_name("s2f"), "audit", out]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begun


def test_a_second_audit_measures_nothing(prepared_grid: Prepared) -> None:
    first, again = timed(prepared_grid.out), timed(prepared_grid.out)
    table = Table("61 clips of GRID", "seconds", "clips/s")
    table.add_row("first audit", f"{first:.1f}", f"{61 / first:.1f}")
    table.add_row("second audit", f"{again:.1f}", f"{61 / again:.1f}")
    Console(width=110).print(table, f"the second takes {again / first:.2f} of the first")
    assert again < first


@pytest.mark.timeout(1200)
def test_the_report_on_a_corpus_as_large_as_grid(prepared_small: Prepared, tmp_path: Path) -> None:
    out = make_set(tmp_path / "out", prepared_small, CLIPS)
    seconds = timed(out)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    size = (out / "audit/audit.html").stat().st_size
    table = Table(f"{CLIPS:,} clips, measured", "found", "limit")
    table.add_row("seconds", f"{seconds:.1f}", str(MOST_SECONDS))
    table.add_row("memory, GB", f"{memory / 1e9:.2f}", f"{MOST_MEMORY / 1e9:.0f}")
    table.add_row("page, MB", f"{size / 1e6:.1f}", f"{MOST_PAGE / 1e6:.0f}")
    Console(width=110).print(table)
    assert memory < MOST_MEMORY
    assert size < MOST_PAGE
