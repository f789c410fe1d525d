"""Where networks run, on how many threads, in which precision that is quick, and what memory is kept."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def best_device() -> torch.device:
    """The GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def multiplies_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 faster than float32: a GPU, or a processor made for it.

    Others imitate it, and take far longer. What the environment hides from torch or oneDNN counts as absent.
    """
    if device.type != "cpu":
        return True
    # Older versions of torch do not tell what a processor can do.
    told: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    hidden = os.environ.get("ONEDNN_MAX_CPU_ISA", "ALL").upper()
    usable = torch.backends.cpu.get_cpu_capability() == "AVX512" and any(
        word in hidden for word in ("BF16", "FP16", "AMX", "AVX10", "ALL", "DEFAULT")
    )
    return usable and any(told.get(name) for name in ("avx512_bf16", "amx_bf16"))


# Of glibc's malloc.h: the size from which a piece is asked of the system alone, and how much may lie idle.
M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -3, -1


def keep_memory() -> None:
    """Have this process keep the memory that a training step frees for the next step.

    With glibc, large tensors are otherwise asked of the system in every step, which clears them first.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        # The most that glibc takes, and all.
        mallopt(M_MMAP_THRESHOLD, 32 << 20)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


@contextmanager
def limited_threads(most: int) -> Iterator[None]:
    """Have torch use so many threads at most, but one at least, for what is done within."""
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, min(most, threads)))
    try:
        yield
    finally:
        torch.set_num_threads(threads)
