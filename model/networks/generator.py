"""The generator: a still face and the sound of every frame in, the frames out (P1, section 3.1; P2).

Pictures are RGB in [-1, 1], 128 high and 96 wide; sound is mono in [-1, 1]. The sizes of the layers
are those of the authors' published networks; initial weights are torch's own (our choice).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from s2f.model.networks.layers import PictureEncoder, SkipBlock, SoundEncoder, channels_last, over_frames

HEIGHT, WIDTH = 128, 96

# What the context encoder and the noise generator carry from one stretch of a clip to the next:
# None for one that is not recurrent.
Memory = tuple[Tensor | None, Tensor | None]


@dataclass(frozen=True)
class Identity:
    """A face as the decoder wants it: the code (B, identity), and the skips, the smallest last."""

    code: Tensor
    skips: list[Tensor]


class IdentityEncoder(nn.Module):
    """Still faces (B, 3, 128, 96) to their identities."""

    def __init__(self, width: int, code: int) -> None:
        super().__init__()
        self.picture = PictureEncoder(3, width, code)

    def forward(self, still: Tensor) -> Identity:
        code, skips = self.picture(still)
        return Identity(torch.tanh(code), skips)


class ContextEncoder(nn.Module):
    """Windows (B, T, samples) to context codes (B, T, code): convolutions, then a GRU of 2 layers.

    If it is not temporal there is no GRU, and a frame's code depends on its own window alone.
    """

    def __init__(
        self, window: int, sample_rate: int, code: int, temporal: bool = True, companded: bool = False
    ) -> None:
        super().__init__()
        self.sound = SoundEncoder(window, sample_rate, code, companded=companded)
        self.recurrent = nn.GRU(code, code, num_layers=2, batch_first=True) if temporal else None

    def forward(self, windows: Tensor, memory: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        codes = over_frames(self.sound, windows)
        if self.recurrent is not None:
            codes, memory = self.recurrent(codes, memory)
        return codes, memory


class NoiseGenerator(nn.Module):
    """White noise (B, T, size) to noise that is coherent in time: a GRU of 1 layer, tanh.

    If it is not temporal there is no GRU; without noise, size 0, there is nothing at all.
    """

    def __init__(self, size: int, temporal: bool = True) -> None:
        super().__init__()
        self.recurrent = nn.GRU(size, size, batch_first=True) if temporal and size else None

    def forward(self, noise: Tensor, memory: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        if self.recurrent is not None:
            noise, memory = self.recurrent(noise, memory)
        return torch.tanh(noise), memory


class FrameDecoder(nn.Module):
    """Latents (B, T, size) and the skips of B identities to frames (B, T, 3, 128, 96): a U-Net's way up.

    The skip of the first encoder layer is not used, as in the authors' network.
    """

    def __init__(self, width: int, latent: int) -> None:
        super().__init__()
        sizes = [width * 2**level for level in (4, 3, 2, 1)]
        self.start = nn.ConvTranspose2d(latent, sizes[0], (4, 3), bias=False)
        self.start_norm = nn.BatchNorm2d(sizes[0])
        self.blocks = nn.ModuleList(SkipBlock(channels) for channels in sizes)
        self.paint = nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False)

    def forward(self, latents: Tensor, skips: list[Tensor]) -> Tensor:
        frames = self.start(latents.flatten(0, 1)[:, :, None, None])
        frames = torch.relu_(self.start_norm(frames))
        for block, skip in zip(self.blocks, reversed(skips[1:]), strict=True):
            frames = block(frames, skip)
        painted: Tensor = torch.tanh(self.paint(frames))
        return painted.reshape(*latents.shape[:2], *painted.shape[1:])


class Generator(nn.Module):
    """The whole of it. `arguments` makes the same network again: Generator(**arguments).

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
    ) -> None:
        super().__init__()
        self.arguments: dict[str, int | float] = {
            "width": width,
            "window": window,
            "sample_rate": sample_rate,
            "identity": identity,
            "context": context,
            "noise": noise,
            "noise_std": noise_std,
            "temporal": temporal,
            "companded": companded,
        }
        self.noise_size, self.noise_std = noise, noise_std
        self.identity = IdentityEncoder(width, identity)
        self.context = ContextEncoder(window, sample_rate, context, temporal, companded)
        self.noise = NoiseGenerator(noise, temporal)
        self.decoder = FrameDecoder(width, context + noise + identity)
        channels_last(self)

    def forward(self, still: Tensor, windows: Tensor, noise: Tensor) -> Tensor:
        """Stills (B, 3, 128, 96), windows (B, T, samples), noise (B, T, size): frames (B, T, 3, 128, 96)."""
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
        frames: Tensor = self.decoder(torch.cat([context, drift, face], dim=2), identity.skips)
        return frames, (heard, moved)

    def draw_noise(self, clips: int, frames: int, source: torch.Generator) -> Tensor:
        """White noise (clips, frames, size) from `source`, a generator on the CPU."""
        # Frame by frame: a clip in stretches then gets the very numbers of the clip in one piece.
        drawn = [torch.randn(clips, self.noise_size, generator=source) for _ in range(frames)]
        return torch.stack(drawn, dim=1) * self.noise_std
