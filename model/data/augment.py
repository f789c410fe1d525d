"""Clips changed so that a small set is not learnt by heart: what a face says does not depend on any of it.

Not in the papers, which mirror clips and no more (as recalled); for sets of minutes rather than hours.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from s2f.model.data.loader import Batch

SHIFT = 0.06  # of the picture's size, to either side
ZOOM = 0.08  # greater or smaller
TURN = 0.05  # radians
BRIGHTNESS, CONTRAST, TINT = 0.15, 0.15, 0.08  # of the range of [-1, 1]
GAIN_DB = 6.0
NOISE_DB = (-60.0, -35.0)  # of full scale
TAPS, COLOUR = 8, 0.25  # of the filter that makes another microphone of it


def augment_pictures(batch: Batch, source: torch.Generator) -> Batch:
    """The batch with each clip moved and lit otherwise: one draw per clip, the same for its still.

    `source` is on the CPU. Sound and timing stay what they are.
    """
    pictures = torch.cat([batch.still[:, None], batch.frames], dim=1)
    draw = _uniform(batch, source)
    pictures = relit(moved(pictures, _places(draw(4))), draw(5))
    return replace(batch, still=pictures[:, 0], frames=pictures[:, 1:])


def augment_sound(batch: Batch, source: torch.Generator) -> Batch:
    """The batch with each clip heard otherwise: louder or softer, of another colour, turned over, noisier.

    `source` is on the CPU. Pictures and timing stay what they are; `data` moves the windows a little.
    """
    windows, draw = batch.windows, _uniform(batch, source)
    heard = equalised(windows, torch.randn(len(windows), TAPS, generator=source).to(windows.device))
    loud = 10 ** (GAIN_DB / 20 * draw(1, 1)) * draw(1, 1).sign()
    quietest, loudest = NOISE_DB
    level = 10 ** ((quietest + (loudest - quietest) * (draw(1, 1) + 1) / 2) / 20)
    hiss = torch.randn(windows.shape, generator=source).to(windows.device)
    return replace(batch, windows=(loud * heard + level * hiss).clamp(-1, 1))


def _uniform(batch: Batch, source: torch.Generator) -> Callable[..., Tensor]:
    """A function that draws so many numbers for each clip, uniform in [-1, 1)."""
    clips, device = len(batch.still), batch.still.device
    return lambda *shape: (2 * torch.rand(clips, *shape, generator=source) - 1).to(device)


def moved(clips: Tensor, places: Tensor) -> Tensor:
    """Clips (B, T, 3, H, W) seen through the affine maps `places` (B, 2, 3); edges go on outward."""
    count, frames, *size = clips.shape
    grid = functional.affine_grid(places, [count, *size], align_corners=False)
    # The frames of a clip share one grid: they are channels to it.
    merged = functional.grid_sample(
        clips.flatten(1, 2), grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return merged.reshape(count, frames, *size)


def relit(clips: Tensor, draws: Tensor) -> Tensor:
    """Clips (B, T, 3, H, W) in [-1, 1] under another light; draws (B, 5): brightness, contrast, tints."""
    light = draws[:, None, :, None, None]
    brightness, contrast, tint = light[:, :, :1], light[:, :, 1:2], light[:, :, 2:]
    return ((1 + CONTRAST * contrast) * clips + BRIGHTNESS * brightness + TINT * tint).clamp(-1, 1)


def equalised(windows: Tensor, draws: Tensor) -> Tensor:
    """Windows (B, T, samples) through one short filter per clip: itself plus the echoes `draws` (B, TAPS)."""
    fading = COLOUR * torch.exp(-torch.arange(TAPS, device=draws.device) / 2)
    taps = torch.cat([torch.ones_like(draws[:, :1]), fading * draws], dim=1)
    # conv1d correlates: the latest sample comes last. The clips are its groups.
    padded = functional.pad(windows, (TAPS, 0)).transpose(0, 1)
    filtered = functional.conv1d(padded, taps.flip(1)[:, None], groups=len(windows))
    return filtered.transpose(0, 1)


def _places(draws: Tensor) -> Tensor:
    """Affine maps (B, 2, 3) of draws (B, 4): shift to the side and down, zoom, turn."""
    zoom, turn = 1 + ZOOM * draws[:, 2], TURN * draws[:, 3]
    cosine, sine = zoom * turn.cos(), zoom * turn.sin()
    across, down = 2 * SHIFT * draws[:, 0], 2 * SHIFT * draws[:, 1]
    # The picture is 4/3 as high as it is wide, and both sides run from -1 to 1.
    rows = [cosine, -sine * 4 / 3, across, sine * 3 / 4, cosine, down]
    return torch.stack(rows, dim=1).reshape(-1, 2, 3)
