"""Where networks run, and on how many threads."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def best_device() -> torch.device:
    """The GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def limited_threads(most: int) -> Iterator[None]:
    """Have torch use so many threads at most, but one at least, for what is done within."""
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, min(most, threads)))
    try:
        yield
    finally:
        torch.set_num_threads(threads)
