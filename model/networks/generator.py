"""The generator: a still face and the sound of every frame in, the frames out (P1, section 3.1; P2).

Pictures are RGB in [-1, 1], 128 high and 96 wide or a multiple of that; sound is mono in [-1, 1]. The sizes
of the layers are those of the authors' published networks; initial weights are torch's own (our choice).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from s2f.model.networks.layers import (
    PAPER_SIZE,
    PictureEncoder,
    SkipBlock,
    SoundEncoder,
    channels_last,
    from_points,
    layer_channels,
    over_frames,
    smallest,
)
from s2f.model.networks.log_mel import LogMelEncoder
from s2f.model.networks.recurrent import GRU
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.faces.alignment import is_face_size

# A decoder that blends begins with frames that are mostly the still.
RESERVE = 2.0

# How strongly closed eyes enter the latents. They are one number among some three hundred, and seldom not
# zero: taken as they are, the decoder learns nothing of them in a short training.
BLINK_GAIN = 8.0

# What the context encoder and the noise generator carry from one stretch of a clip to the next:
# None for one that is not recurrent.
Memory = tuple[Tensor | None, Tensor | None]


def face_size(size: Sequence[int]) -> tuple[int, int]:
    """Height and width of pictures that the networks can take. Raises InputError for another size."""
    height, width = size
    if not is_face_size(width, height):
        raise InputError(
            f"the networks take faces of 96 x 128 px or a multiple of it, not of {width} x {height}",
            "prepare them with align.size=[96,128], [192,256] or [288,384]",
        )
    return height, width


@dataclass(frozen=True)
class Identity:
    """A face as the decoder wants it: the code (B, identity), the skips, the smallest last, the picture."""

    code: Tensor
    skips: list[Tensor]
    still: Tensor


class IdentityEncoder(nn.Module):
    """Still faces (B, 3, *size) to their identities."""

    def __init__(self, width: int, code: int, size: tuple[int, int] = PAPER_SIZE) -> None:
        super().__init__()
        self.picture = PictureEncoder(3, width, code, size=size)

    def forward(self, still: Tensor) -> Identity:
        code, skips = self.picture(still)
        return Identity(torch.tanh(code), skips, still)


class ContextEncoder(nn.Module):
    """Windows (B, T, samples) to context codes (B, T, code): convolutions, then a GRU of 2 layers.

    If it is not temporal there is no GRU, and a frame's code depends on its own window alone. `sound` is
    raw, as in the papers, or log_mel.
    """

    def __init__(
        self,
        window: int,
        sample_rate: int,
        code: int,
        temporal: bool = True,
        companded: bool = False,
        sound: str = "raw",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.sound = (
            LogMelEncoder(window, sample_rate, code, dropout)
            if sound == "log_mel"
            else SoundEncoder(window, sample_rate, code, companded=companded)
        )
        self.recurrent = GRU(code, code, 2, dropout) if temporal else None

    def forward(self, windows: Tensor, memory: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        codes = over_frames(self.sound, windows)
        if self.recurrent is not None:
            codes, memory = self.recurrent(codes, memory)
        return codes, memory


class NoiseGenerator(nn.Module):
    """White noise (B, T, size) to noise that is coherent in time: a GRU of 1 layer, tanh.

    If it is not temporal there is no GRU; without noise, size 0, there is nothing at all. Columns beyond
    `size`, the blinks, are made greater and stay as they are.
    """

    def __init__(self, size: int, temporal: bool = True) -> None:
        super().__init__()
        self.size = size
        self.recurrent = GRU(size, size) if temporal and size else None

    def forward(self, noise: Tensor, memory: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        white, blinks = noise[..., : self.size], noise[..., self.size :]
        if self.recurrent is not None:
            white, memory = self.recurrent(white, memory)
        return torch.cat([torch.tanh(white), BLINK_GAIN * blinks], dim=-1), memory


class FrameDecoder(nn.Module):
    """Latents (B, T, latent) and the skips of B identities to frames (B, T, 3, *size): a U-Net's way up.

    The skip of the first encoder layer is not used, as in the authors' network. If it is to `blend`, it
    paints a fourth channel too, and frames are the still wherever that is low.
    """

    def __init__(
        self, width: int, latent: int, *, size: tuple[int, int] = PAPER_SIZE, blend: bool = False
    ) -> None:
        super().__init__()
        self.blend = blend
        sizes = layer_channels(width, size)[::-1]
        self.start = nn.ConvTranspose2d(latent, sizes[0], smallest(size), bias=False)
        self.start_norm = nn.BatchNorm2d(sizes[0])
        self.blocks = nn.ModuleList(itertools.starmap(SkipBlock, itertools.pairwise(sizes)))
        self.paint = nn.ConvTranspose2d(width, 3 + blend, 4, 2, 1, bias=False)

    def forward(self, latents: Tensor, skips: list[Tensor], still: Tensor) -> Tensor:
        frames = torch.relu_(self.start_norm(from_points(self.start, latents.flatten(0, 1))))
        for block, skip in zip(self.blocks, reversed(skips[1:]), strict=True):
            frames = block(frames, skip)
        painted: Tensor = self.paint(frames)
        return finished(painted.reshape(*latents.shape[:2], *painted.shape[1:]), still)


def finished(painted: Tensor, still: Tensor) -> Tensor:
    """Frames (B, T, 3, H, W) in [-1, 1] from what was painted, (B, T, 3 or 4, H, W), and the stills.

    A fourth channel says how much of what was painted is seen in front of the still.
    """
    colours = torch.tanh(painted[:, :, :3])
    if painted.shape[2] == 3:
        return colours
    share = torch.sigmoid(painted[:, :, 3:] - RESERVE)
    return still[:, None] + share * (colours - still[:, None])


class Generator(nn.Module):
    """The whole of it. `arguments` makes the same network again: Generator(**arguments).

    `size` is the height and the width of its pictures: 128 and 96, or as many times of both.
    If it is not `temporal` it is the static baseline: no frame depends on another one's sound or noise.
    """

    def __init__(
        self,
        width: int,
        window: int,
        sample_rate: int,
        identity: int,
        context: int,
        noise: int,
        noise_std: float,
        temporal: bool = True,
        companded: bool = False,
        sound: str = "raw",
        dropout: float = 0.0,
        blinks: bool = False,
        blend: bool = False,
        size: Sequence[int] = PAPER_SIZE,
    ) -> None:
        given = locals().copy()
        super().__init__()
        # Not itself, nor the class, which is among the locals where super() is called.
        self.arguments: dict[str, Any] = {
            name: value for name, value in given.items() if name not in ("self", "__class__")
        }
        self.size = self.arguments["size"] = face_size(size)
        self.noise_size, self.noise_std, self.blinks = noise, noise_std, blinks
        self.identity = IdentityEncoder(width, identity, self.size)
        self.context = ContextEncoder(window, sample_rate, context, temporal, companded, sound, dropout)
        self.noise = NoiseGenerator(noise, temporal)
        self.decoder = FrameDecoder(width, context + noise + blinks + identity, size=self.size, blend=blend)
        channels_last(self)

    def forward(self, still: Tensor, windows: Tensor, noise: Tensor) -> Tensor:
        """Stills (B, 3, *size), windows (B, T, samples), noise (B, T, k): frames (B, T, 3, *size).

        The noise is that of a NoiseSource.
        """
        return self.speak(self.identity(still), windows, noise)[0]

    def speak(
        self, identity: Identity, windows: Tensor, noise: Tensor, memory: Memory | None = None
    ) -> tuple[Tensor, Memory]:
        """The next stretch of a clip: its frames, and the memory to give to the stretch after it.

        In eval mode stretches of any length give the frames of the clip in one piece.
        """
        heard, moved = memory if memory is not None else (None, None)
        context, heard = self.context(windows, heard)
        drift, moved = self.noise(noise, moved)
        face = identity.code[:, None].expand(-1, windows.shape[1], -1)
        frames: Tensor = self.decoder(
            torch.cat([context, drift, face], dim=2), identity.skips, identity.still
        )
        return frames, (heard, moved)
