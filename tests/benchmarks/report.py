"""What every benchmark tells: the machine, and figures against others of the same run, with their bounds."""

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from rich.table import Table

# The instruction sets that make a difference, the widest first, as /proc/cpuinfo calls them.
WIDTHS = ("amx_tile", "avx512_bf16", "avx512f", "avx2", "avx", "sve", "asimd", "sse4_2")
# What hides a part of them, and from whom.
LIMITS = {
    "ONEDNN_MAX_CPU_ISA": "oneDNN",
    "DNNL_MAX_CPU_ISA": "oneDNN",
    "ATEN_CPU_CAPABILITY": "torch's own kernels",
    "NPY_DISABLE_CPU_FEATURES": "numpy",
}


@dataclass(frozen=True)
class Line:
    """What a benchmark found: how its figure stands to the baseline of the same run, and how it should."""

    name: str
    figure: str
    baseline: str
    ratio: float
    bound: float
    better: Literal["more", "less"]
    threads: int

    @property
    def met(self) -> bool:
        """Whether the ratio keeps the bound; one that is no number does not."""
        return self.ratio >= self.bound if self.better == "more" else self.ratio <= self.bound

    @property
    def wanted(self) -> str:
        return f"at {'least' if self.better == 'more' else 'most'} {self.bound:.2f}"

    @property
    def verdict(self) -> str:
        return "met" if self.met else "missed"

    def __str__(self) -> str:
        told = f"{self.name}: {self.figure} against {self.baseline}: {self.ratio:.2f}, {self.wanted}"
        return f"{told}: {self.verdict} ({self.threads} thread{'s' * (self.threads != 1)}; {machine()})"


class Verdict:
    """Tells a figure, and the baseline that was measured in the same run, each with its unit.

    `ratio` is how they stand to each other, at least `bound`, or at most where `better` is less. `threads`:
    as many as torch uses now, or as the processes that were measured had. What was told is in `lines`.
    """

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def __call__(
        self,
        name: str,
        figure: str,
        baseline: str,
        ratio: float,
        bound: float,
        better: Literal["more", "less"] = "more",
        threads: int | None = None,
    ) -> None:
        line = Line(name, figure, baseline, ratio, bound, better, threads or torch.get_num_threads())
        self.lines.append(line)
        print(line)


def machine() -> str:
    """The processor, its instruction sets as far as programs may use them, its cores, and torch."""
    name, flags = _processor()
    widest = next((each for each in WIDTHS if each in flags), platform.machine())
    limits = [
        f"{what} held back by {key}={os.environ[key]}" for key, what in LIMITS.items() if key in os.environ
    ]
    cores = f"{len(os.sched_getaffinity(0))} cores"
    graphics = [torch.cuda.get_device_name()] if torch.cuda.is_available() else []
    return ", ".join([name, " but ".join([widest, *limits]), cores, *graphics, f"torch {torch.__version__}"])


def _processor() -> tuple[str, set[str]]:
    """Name and instruction sets, of the first processor; Linux alone tells the latter."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    facts = {
        key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))
    }
    name = facts.get("model name") or platform.processor() or "unknown processor"
    return name, set((facts.get("flags") or facts.get("Features") or "").split())


def table(lines: Iterable[Line], without: dict[str, str]) -> Table:
    """A row per line, and per benchmark that found none, with what became of it."""
    drawn = Table("benchmark", "figure", "against", "ratio", "bound", "threads", "verdict")
    for line in lines:
        facts = (line.name, line.figure, line.baseline, f"{line.ratio:.2f}", line.wanted, str(line.threads))
        drawn.add_row(*facts, line.verdict, style=None if line.met else "red")
    for name, what in without.items():
        drawn.add_row(name, "", "", "", "", "", what, style=None if what == "skipped" else "red")
    return drawn
