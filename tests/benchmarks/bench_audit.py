"""The audit of GRID's clips, first and again; and of a set as large as GRID, whose clips are measured."""

import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from report import Verdict
from rich.console import Console
from rich.table import Table
from support.prepared import Prepared
from support.synthetic_set import make_set

CLIPS = 33_000
MOST_MEMORY, MOST_PAGE = 2e9, 20e6
# Of the time of the first audit that a second one may take, and of that of a tenth of the clips times ten.
MOST_AGAIN, MOST_GROWTH = 0.5, 1.2


def timed(out: Path) -> float:
    """Seconds that `s2f audit` takes as a whole process."""
    begun = time.perf_counter()
    command = [Path(sys.executable).with_name("s2f"), "audit", out]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begun


def test_a_second_audit_measures_nothing(prepared_grid: Prepared, tmp_path: Path, verdict: Verdict) -> None:
    out = prepared_grid.copy(tmp_path).out
    # What the fixture has measured.
    (out / "audit/measures.parquet").unlink()
    first, again = timed(out), timed(out)
    table = Table("61 clips of GRID", "seconds", "clips/s")
    table.add_row("first audit", f"{first:.1f}", f"{61 / first:.1f}")
    table.add_row("second audit", f"{again:.1f}", f"{61 / again:.1f}")
    Console(width=110).print(table)
    verdict("audit: again", f"{again:.1f} s", f"{first:.1f} s at first", again / first, MOST_AGAIN, "less")


@pytest.mark.timeout(1200)
def test_the_report_on_a_corpus_as_large_as_grid(
    prepared_small: Prepared, tmp_path: Path, verdict: Verdict
) -> None:
    tenth = timed(make_set(tmp_path / "tenth", prepared_small, CLIPS // 10))
    out = make_set(tmp_path / "out", prepared_small, CLIPS)
    seconds = timed(out)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    size = (out / "audit/audit.html").stat().st_size
    name = f"audit: {CLIPS:,} clips, measured"
    baseline = f"{10 * tenth:.1f} s, ten times a tenth of them"
    verdict(f"{name}: time", f"{seconds:.1f} s", baseline, seconds / tenth / 10, MOST_GROWTH, "less")
    for what, found, most in (("memory", memory, MOST_MEMORY), ("page", size, MOST_PAGE)):
        verdict(
            f"{name}: {what}",
            f"{found / 1e6:,.0f} MB",
            f"{most / 1e6:,.0f} MB allowed",
            found / most,
            1,
            "less",
        )
