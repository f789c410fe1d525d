"""Several processes that train one model, as torchrun starts them. Alone, a process is rank 0 of 1."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed
from torch.nn import Parameter


@dataclass(frozen=True)
class Ranks:
    """This process among all that train. Every rank must make the same calls in the same order."""

    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the rank that writes, validates and talks."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[Parameter]) -> None:
        """Replace every gradient by the mean over the ranks.

        Not DistributedDataParallel, which expects one forward pass for each backward pass: a
        discriminator has several, one of them for the generator's gradient.
        """
        if self.world == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        merged = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(merged)
        merged /= self.world
        parts = torch.split(merged, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def any(self, wish: bool) -> bool:
        """Whether any rank says so."""
        if self.world == 1:
            return wish
        said = torch.tensor(float(wish), device=self.device)
        distributed.all_reduce(said, distributed.ReduceOp.MAX)
        return bool(said)

    def told(self, values: list[float]) -> list[float]:
        """The values of rank 0."""
        if self.world == 1:
            return values
        sent: Tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.broadcast(sent, 0)
        found: list[float] = sent.tolist()
        return found


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """The ranks of torchrun's environment; on GPUs each process takes the one of its local rank."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Ranks(device)
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Ranks(device, distributed.get_rank(), world)
        # None leaves while another still hears it.
        distributed.barrier()
    finally:
        distributed.destroy_process_group()
