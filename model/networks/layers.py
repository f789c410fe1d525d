"""The parts that the networks share: encoders of pictures, videos and sound, and the decoder's block."""

import itertools
import math
from collections.abc import Callable
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

LEAK = 0.2
PRE_EMPHASIS = 0.97
COMPRESSION = 1000.0

Network = TypeVar("Network", bound=nn.Module)


def prime_factors(number: int) -> list[int]:
    """The prime factors of `number`, rising."""
    factors, divisor = [], 2
    while number > 1:
        while number % divisor == 0:
            factors.append(divisor)
            number //= divisor
        divisor += 1
    return factors


# Height and width of the papers' pictures.
PAPER_SIZE = (128, 96)


def layer_channels(width: int, size: tuple[int, int]) -> list[int]:
    """The channels of the layers that halve a picture of this height and width, as often as that goes.

    They double from `width`, but for those beyond the fifth: a picture of 96 px is halved five times, one
    of 192 px six times, and one of 288 px five times again, to 9 columns.
    """
    halvings = (size[1] & -size[1]).bit_length() - 1
    return [width * 2 ** min(level, 4) for level in range(halvings)]


def smallest(size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of what these layers leave of a picture."""
    halvings = len(layer_channels(1, size))
    return size[0] >> halvings, size[1] >> halvings


def half(size: tuple[int, int]) -> tuple[int, int]:
    """The height and width of pictures that were `halved`."""
    height, width = size
    return height // 2, width // 2


def halved(pictures: Tensor) -> Tensor:
    """Pictures (N, 3, h, w) in half their height and width: the means of 2 x 2 pixels."""
    # On a CPU functional.avg_pool2d takes six times as long, and three times as long backward.
    height, width = half((pictures.shape[2], pictures.shape[3]))
    upper, lower = pictures.view(*pictures.shape[:2], height, 2, -1).unbind(3)
    left, right = (upper + lower).view(*pictures.shape[:2], height, width, 2).unbind(4)
    return (left + right) / 4


class PictureEncoder(nn.Module):
    """Halvings of a picture (N, channels, *size), then one convolution over what is left.

    Returns the code (N, code), with no activation, and the outputs of the layers. For the papers' size
    these are five, and with width 64 they have 64, 128, 256, 512 and 1024 channels, the last one being
    (N, 1024, 4, 3).
    """

    def __init__(
        self,
        channels: int,
        width: int,
        code: int,
        *,
        size: tuple[int, int] = PAPER_SIZE,
        judge: bool = False,
        norm: bool = True,
    ) -> None:
        super().__init__()
        sizes = [channels, *layer_channels(width, size)]
        layers = []
        for level, (inside, outside) in enumerate(itertools.pairwise(sizes)):
            # A discriminator leaks and leaves its first layer without a norm, as in DCGAN (our choice).
            normed = norm and not (judge and level == 0)
            layers.append(
                nn.Sequential(
                    nn.Conv2d(inside, outside, 4, 2, 1, bias=not norm),
                    nn.BatchNorm2d(outside) if normed else nn.Identity(),
                    nn.LeakyReLU(LEAK, inplace=True) if judge else nn.ReLU(inplace=True),
                )
            )
        self.layers = nn.ModuleList(layers)
        self.code = nn.Conv2d(sizes[-1], code, smallest(size))

    def forward(self, picture: Tensor) -> tuple[Tensor, list[Tensor]]:
        outputs = []
        for layer in self.layers:
            picture = layer(picture)
            outputs.append(picture)
        return to_points(self.code, picture), outputs


def to_points(layer: nn.Conv2d, pictures: Tensor) -> Tensor:
    """What a convolution over whole pictures (N, C, h, w) gives, (N, outside).

    As a product, for which a CPU needs less time in training: none for laying out weights anew.
    """
    weight = layer.weight.permute(0, 2, 3, 1).flatten(1)
    return functional.linear(pictures.permute(0, 2, 3, 1).flatten(1), weight, layer.bias)


def from_points(layer: nn.ConvTranspose2d, points: Tensor) -> Tensor:
    """What a transposed convolution without bias makes of points (N, C): pictures of its kernel's size.

    As a product, like `to_points`.
    """
    weight = layer.weight.permute(0, 2, 3, 1)
    pictures = points @ weight.flatten(1)
    return pictures.view(-1, *weight.shape[1:]).permute(0, 3, 1, 2)


class VideoEncoder(nn.Module):
    """Videos (N, 3, T, *size) to a code per frame (N, T, code), with no activation.

    Spatio-temporal convolutions, five for the papers' size, each of which halves the picture and sees one
    frame more to either side, then one over what is left of the picture (our choice: P2 gives no sizes).
    """

    def __init__(self, width: int, code: int, size: tuple[int, int] = PAPER_SIZE) -> None:
        super().__init__()
        sizes = [3, *layer_channels(width, size)]
        self.layers = nn.Sequential(
            *(
                volume_layer(inside, outside, kernel=3, padding=1, norm=level > 0)
                for level, (inside, outside) in enumerate(itertools.pairwise(sizes))
            ),
            nn.Conv3d(sizes[-1], code, (1, *smallest(size))),
        )

    def forward(self, videos: Tensor) -> Tensor:
        codes: Tensor = self.layers(videos)
        return codes.flatten(2).transpose(1, 2)


class SoundEncoder(nn.Module):
    """Windows of a waveform in [-1, 1] (N, samples) to codes (N, code) in [-1, 1].

    The first convolution spans 5 ms and moves by 1 ms; then one per prime factor of the length
    that results, which it divides by that factor. At 0.16 s the lengths are 160-80-40-20-10-5-1.
    The `channels` double from 16, at every width: lips are learnt from few clips as well as pictures
    are, and it costs little. Without a norm it leaks, and the code has no activation. If `companded`,
    the sound is made flatter in its spectrum and its loudness first, and the first convolution begins
    as a filter bank: an aid for sets of minutes, not in the papers.
    """

    def __init__(
        self,
        window: int,
        sample_rate: int,
        code: int,
        *,
        norm: bool = True,
        companded: bool = False,
        channels: int = 16,
    ) -> None:
        super().__init__()
        self.companded = companded
        stride = round(sample_rate / 1000)
        kernel = round(sample_rate * 5 / 1000)
        filters = channels
        layers: list[nn.Module] = [
            nn.Unflatten(1, (1, window)),
            *_sound_layer(1, channels, kernel, stride, (kernel - stride) // 2, norm),
        ]
        length = (window + (kernel - stride) // 2 * 2 - kernel) // stride + 1
        *factors, last = prime_factors(length)
        for factor in factors:
            layers += _sound_layer(channels, 2 * channels, 2 * factor, factor, (factor + 1) // 2, norm)
            channels *= 2
        layers += [nn.Conv1d(channels, code, last), nn.Tanh() if norm else nn.Identity(), nn.Flatten(1)]
        self.layers = nn.Sequential(*layers)
        if companded:
            with torch.no_grad():
                cast(nn.Conv1d, layers[1]).weight.copy_(filter_bank(filters, kernel, sample_rate)[:, None])

    def forward(self, windows: Tensor) -> Tensor:
        windows = compand(windows) if self.companded else windows
        if self.training and windows.device.type == "cpu":
            return as_products(self.layers, windows)
        codes: Tensor = self.layers(windows)
        return codes


def as_products(layers: nn.Sequential, windows: Tensor) -> Tensor:
    """What the layers of a SoundEncoder give for windows (N, samples), by matrix products.

    A step on a CPU needs less time for these than for one-dimensional convolutions.
    """
    sound = windows[:, :, None]
    for layer in itertools.islice(layers, 1, None):
        if isinstance(layer, nn.Conv1d):
            (kernel,), (stride,), (padding,) = (
                layer.kernel_size,
                layer.stride,
                cast("tuple[int]", layer.padding),
            )
            seen = _seen(functional.pad(sound, (0, 0, padding, padding)), kernel, stride)
            sound = functional.linear(seen, layer.weight.transpose(1, 2).flatten(1), layer.bias)
        elif isinstance(layer, nn.BatchNorm1d):
            sound = layer(sound.flatten(0, 1)).view(sound.shape)
        else:
            sound = layer(sound)
    return sound


def _seen(sound: Tensor, kernel: int, stride: int) -> Tensor:
    """What a convolution sees of sound (N, length, channels) at each of its places, one after the other."""
    places = (sound.shape[1] - kernel) // stride + 1
    if kernel != 2 * stride:
        return sound.unfold(1, kernel, stride).transpose(2, 3).flatten(2)
    # Neighbours share half of what they see: joining halves is faster than unfold.
    halves = sound[:, : (places + 1) * stride].reshape(len(sound), places + 1, -1)
    return torch.cat([halves[:, :-1], halves[:, 1:]], dim=2)


def compand(windows: Tensor) -> Tensor:
    """Windows (N, samples) in [-1, 1] with stronger treble, soft sounds nearly as loud as loud ones."""
    flat = functional.pad(windows[:, 1:] - PRE_EMPHASIS * windows[:, :-1], (1, 0))
    return flat.sign() * torch.log1p(COMPRESSION * flat.abs()) / math.log1p(COMPRESSION)


def filter_bank(filters: int, kernel: int, sample_rate: int) -> Tensor:
    """Filters (filters, kernel) of unit norm, at pitches equally far apart on the mel scale."""
    low, high = (2595 * math.log10(1 + frequency / 700) for frequency in (80, 0.44 * sample_rate))
    frequencies = 700 * (10 ** (torch.linspace(low, high, filters) / 2595) - 1)
    seconds = (torch.arange(kernel) - (kernel - 1) / 2) / sample_rate
    waves = torch.cos(2 * math.pi * frequencies[:, None] * seconds)
    return functional.normalize(torch.hann_window(kernel, periodic=False) * waves, dim=1)


class SkipBlock(nn.Module):
    """A block of the decoder: joins the skip of the same size, doubles the size; mostly halves the channels.

    Input (B * T, C, h, w) for B clips of T frames and the skip (B, C, h, w), which is the same for
    all frames of a clip. So the skip's half of the first convolution is computed once per clip and
    added to every frame: the same as convolving the concatenation, with a third less to do.
    """

    def __init__(self, channels: int, outside: int) -> None:
        super().__init__()
        self.join = nn.ConvTranspose2d(2 * channels, channels, 3, 1, 1, bias=False)
        self.join_norm = nn.BatchNorm2d(channels)
        self.grow = nn.ConvTranspose2d(channels, outside, 4, 2, 1, bias=False)
        self.grow_norm = nn.BatchNorm2d(outside)

    def forward(self, frames: Tensor, skip: Tensor) -> Tensor:
        joined = functional.relu_(self.join_norm(self.joined(frames, skip)))
        grown: Tensor = functional.relu_(self.grow_norm(self.grow(joined)))
        return grown

    def joined(self, frames: Tensor, skip: Tensor) -> Tensor:
        """What `join` makes of every frame concatenated with its clip's skip."""
        own, shared = self.join.weight.chunk(2)
        moving = functional.conv_transpose2d(frames, own, padding=1)
        still = functional.conv_transpose2d(skip, shared, padding=1)
        clips = moving.reshape(len(skip), -1, *moving.shape[1:])
        return (clips + still[:, None]).flatten(0, 1)


def over_frames(network: Callable[[Tensor], Tensor], clips: Tensor) -> Tensor:
    """Apply a network of single frames or windows to (B, T, ...): the result is (B, T, ...) too."""
    single = network(clips.flatten(0, 1))
    return single.reshape(*clips.shape[:2], *single.shape[1:])


def _sound_layer(
    inside: int, outside: int, kernel: int, stride: int, padding: int, norm: bool
) -> list[nn.Module]:
    return [
        nn.Conv1d(inside, outside, kernel, stride, padding, bias=not norm),
        nn.BatchNorm1d(outside) if norm else nn.Identity(),
        nn.ReLU(inplace=True) if norm else nn.LeakyReLU(LEAK, inplace=True),
    ]


def volume_layer(inside: int, outside: int, *, kernel: int, padding: int, norm: bool) -> nn.Sequential:
    """A convolution over `kernel` frames that halves the picture, for discriminators of videos."""
    return nn.Sequential(
        nn.Conv3d(inside, outside, (kernel, 4, 4), (1, 2, 2), (padding, 1, 1), bias=False),
        nn.BatchNorm3d(outside) if norm else nn.Identity(),
        nn.LeakyReLU(LEAK, inplace=True),
    )


def keep_scale(network: nn.Module) -> None:
    """Initial weights with which a signal keeps its size through leaky layers without norms.

    They are those of He et al., "Delving Deep into Rectifiers", 2015; torch's own let it fade.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, a=LEAK)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def channels_last(network: Network) -> Network:
    """The network with its weights laid out channels last, which halves the time of a step on a CPU."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network
