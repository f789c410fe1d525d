"""Long speech by networks that make a fixed number of frames: pieces that overlap, faded into each other."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from s2f.model.networks.generator import Identity

# Windows (B, n, samples) and noise (B, n, k) of the next frames of a clip, any number of them.
Stretch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Piece:
    """The frames of a piece (B, n, 3, h, w) that lie within the clip, and whether it is the last one."""

    frames: Tensor
    last: bool


def overlap(frames: int) -> int:
    """How many frames two pieces have in common: a quarter of a piece (our choice)."""
    return frames // 4


def pieces(
    make: Callable[[Identity, Tensor, Tensor], Tensor],
    face: Identity,
    stretches: Iterable[Stretch],
    frames: int,
) -> Iterator[Piece]:
    """The pieces of a clip, each as soon as the sound of all its frames is there.

    Behind the end of the clip there is silence, up to the end of the last piece.
    """
    step = frames - overlap(frames)
    kept: Stretch | None = None
    for windows, noise in stretches:
        kept = (_add(kept[0], windows), _add(kept[1], noise)) if kept else (windows, noise)
        # One frame more, so that there is a last piece to come.
        while kept[0].shape[1] > frames:
            yield Piece(make(face, kept[0][:, :frames], kept[1][:, :frames]), last=False)
            kept = (kept[0][:, step:], kept[1][:, step:])
    if kept and (count := kept[0].shape[1]):
        silence = (0, 0, 0, frames - count)
        made = make(face, functional.pad(kept[0], silence), functional.pad(kept[1], silence))
        yield Piece(made[:, :count], last=True)


def joined(made: Iterable[Piece], common: int) -> Iterator[Tensor]:
    """The frames of a clip, in stretches: where two pieces overlap, the first fades into the second."""
    end = None
    for piece in made:
        frames = piece.frames
        if end is not None:
            frames = torch.cat([_faded(end, frames[:, : end.shape[1]]), frames[:, end.shape[1] :]], dim=1)
        stop = frames.shape[1] if piece.last else frames.shape[1] - common
        yield frames[:, :stop]
        end = frames[:, stop:]


def _faded(before: Tensor, after: Tensor) -> Tensor:
    share = torch.linspace(0, 1, before.shape[1] + 2, device=before.device)[1:-1, None, None, None]
    return before + share * (after - before)


def _add(before: Tensor, more: Tensor) -> Tensor:
    return torch.cat([before, more], dim=1)
