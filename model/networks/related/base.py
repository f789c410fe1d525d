"""What the generators of related work have in common with ours: the still, and the sound of each frame."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from s2f.model.networks.generator import ContextEncoder, Identity, IdentityEncoder, Memory, face_size
from s2f.model.networks.layers import PAPER_SIZE
from s2f.model.networks.related.pieces import joined, overlap, pieces


class RelatedGenerator(nn.Module):
    """A still face and the windows to their codes, by our encoders. See build_generator for `arguments`.

    The codes of the sound are those of single windows: networks differ in how they go through time.
    """

    def __init__(
        self,
        generator: str,
        width: int,
        window: int,
        sample_rate: int,
        identity: int,
        context: int,
        noise: int,
        noise_std: float,
        companded: bool = False,
        sound: str = "raw",
        dropout: float = 0.0,
        size: Sequence[int] = PAPER_SIZE,
        **more: int,
    ) -> None:
        super().__init__()
        self.size = face_size(size)
        self.arguments: dict[str, Any] = {
            "generator": generator,
            "width": width,
            "window": window,
            "sample_rate": sample_rate,
            "identity": identity,
            "context": context,
            "noise": noise,
            "noise_std": noise_std,
            "companded": companded,
            "sound": sound,
            "dropout": dropout,
            "size": self.size,
            **more,
        }
        self.noise_size, self.noise_std, self.blinks = noise, noise_std, False
        self.identity = IdentityEncoder(width, identity, self.size)
        self.context = ContextEncoder(window, sample_rate, context, False, companded, sound, dropout)

    def speak(
        self, identity: Identity, windows: Tensor, noise: Tensor, memory: Memory | None = None
    ) -> tuple[Tensor, Memory]:
        """The next stretch of a clip: its frames, and the memory to give to the stretch after it."""
        raise NotImplementedError


class PieceGenerator(RelatedGenerator):
    """One that makes `frames` frames at once, and longer clips of pieces that overlap."""

    def __init__(self, frames: int, **arguments: Any) -> None:
        super().__init__(frames=frames, **arguments)
        self.frames = frames

    def piece(self, face: Identity, windows: Tensor, noise: Tensor) -> Tensor:
        """The frames (B, frames, 3, *size) of exactly one piece."""
        raise NotImplementedError

    def forward(self, still: Tensor, windows: Tensor, noise: Tensor) -> Tensor:
        """Stills (B, 3, *size), windows (B, T, samples), noise (B, T, k): frames (B, T, 3, *size).

        If T is not the length of a piece, pieces are joined; train on single ones.
        """
        face = self.identity(still)
        if windows.shape[1] == self.frames:
            return self.piece(face, windows, noise)
        made = pieces(self.piece, face, [(windows, noise)], self.frames)
        return torch.cat(list(joined(made, overlap(self.frames))), dim=1)
