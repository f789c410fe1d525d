"""Where networks run, on how many threads, and in which precision that is quick."""

import os
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


@contextmanager
def limited_threads(most: int) -> Iterator[None]:
    """Have torch use so many threads at most, but one at least, for what is done within."""
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, min(most, threads)))
    try:
        yield
    finally:
        torch.set_num_threads(threads)
