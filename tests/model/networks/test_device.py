"""What is asked of the processor."""

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
