"""What is asked of the processor, and of the system's memory."""

import subprocess
import sys

import pytest
import torch

from s2f.model.networks.device import multiplies_bf16

CPU = torch.device("cpu")


def test_a_gpu_multiplies_bf16() -> None:
    assert multiplies_bf16(torch.device("cuda"))


def test_what_the_environment_hides_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert not multiplies_bf16(CPU)


def test_a_processor_without_bf16_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert not multiplies_bf16(CPU)


STEPS = """
import resource
import torch
from s2f.model.networks.device import keep_memory

keep_memory()

def step():
    for size in (3, 5, 2):
        tensors = [torch.zeros(size << 20) for _ in range(4)]

step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's settings")
def test_memory_that_a_step_frees_serves_the_next() -> None:
    done = subprocess.run([sys.executable, "-c", STEPS], check=True, capture_output=True)
    pages = 4 * (3 + 5 + 2) * (4 << 20) // 4096
    # Of ten steps, not even two ask for new pages.
    assert int(done.stdout) < 2 * pages
