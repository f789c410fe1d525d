"""What a face does that its speech does not tell: white noise, and blinks drawn at random."""

from typing import Protocol

import torch
from torch import Tensor

# Blinks per second, and how far the eyes are closed in each frame of one, at 25 frames per second.
BLINKS_PER_SECOND, FPS = 0.45, 25
BLINK = (0.15, 0.95, 1.0, 0.85, 0.65, 0.45, 0.3, 0.1)


class Noisy(Protocol):
    """What tells how much noise a generator takes."""

    noise_size: int
    noise_std: float
    blinks: bool


class NoiseSource:
    """Draws a generator's noise frame by frame, so that it does not depend on a clip's stretches.

    `source` is on the CPU.
    """

    def __init__(self, generator: Noisy, source: torch.Generator) -> None:
        self.generator, self.source = generator, source
        # How long ago each clip's last blink began, in frames.
        self.since: Tensor | None = None

    def draw(self, clips: int, frames: int) -> Tensor:
        """Noise (clips, frames, size); if it blinks, how far the eyes are closed is a last column more."""
        return torch.stack([self._frame(clips) for _ in range(frames)], dim=1)

    def _frame(self, clips: int) -> Tensor:
        size, std = self.generator.noise_size, self.generator.noise_std
        noise = torch.randn(clips, size, generator=self.source) * std
        if not self.generator.blinks:
            return noise
        shape = torch.tensor((*BLINK, 0.0))
        before = torch.full((clips,), len(BLINK)) if self.since is None else self.since + 1
        begins = torch.rand(clips, generator=self.source) < BLINKS_PER_SECOND / FPS
        self.since = before.clamp(max=len(BLINK)).where(~(begins & (before >= len(BLINK))), 0)
        return torch.cat([noise, shape[self.since][:, None]], dim=1)
