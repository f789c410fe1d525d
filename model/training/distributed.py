"""Several processes that train one model, as torchrun starts them. Alone, a process is rank 0 of 1."""

import importlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch import distributed as dist
from torch.nn import Parameter


@dataclass(frozen=True)
class Distributed:
    """This process among all that train. Every rank must make the same calls in the same order."""

    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the rank that writes, validates and prints."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[Parameter]) -> None:
        """Replace every gradient by the mean over the ranks.

        Not DistributedDataParallel, which expects one forward pass for each backward pass: a
        discriminator has several, one of them for the generator's gradient.
        """
        self.average(parameter.grad for parameter in parameters if parameter.grad is not None)

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace every tensor by the mean over the ranks."""
        if self.world == 1:
            return
        every = list(tensors)
        merged = torch.cat([tensor.flatten() for tensor in every])
        dist.all_reduce(merged)
        merged /= self.world
        parts = torch.split(merged, [tensor.numel() for tensor in every])
        for tensor, part in zip(every, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def any(self, wish: bool) -> bool:
        """Whether any rank wishes it."""
        if self.world == 1:
            return wish
        vote = torch.tensor(float(wish), device=self.device)
        dist.all_reduce(vote, dist.ReduceOp.MAX)
        return bool(vote)

    def broadcast(self, values: list[float]) -> list[float]:
        """The values of rank 0."""
        if self.world == 1:
            return values
        sent: Tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.broadcast(sent, 0)
        received: list[float] = sent.tolist()
        return received


@contextmanager
def joined(device: torch.device) -> Iterator[Distributed]:
    """This process among those that torchrun started; on GPUs each takes the GPU of its local rank."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Distributed(device)
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    # Its functions take the group that there is at its import as their default. The first optimizer imports
    # it, and would so keep the group, whose threads would live until Python ends and could abort it.
    importlib.import_module("torch.distributed.nn.functional")
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Distributed(device, dist.get_rank(), world)
        # No rank leaves while another one still needs it.
        dist.barrier()
    finally:
        dist.destroy_process_group()
