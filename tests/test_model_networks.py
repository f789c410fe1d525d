"""The networks: shapes, sizes as published, and the two shortcuts that must change nothing."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from s2f.model.discriminators import FrameDiscriminator, SequenceDiscriminator
from s2f.model.generator import FrameDecoder, Generator, IdentityEncoder
from s2f.model.layers import SkipBlock, SoundEncoder, prime_factors
from s2f.model.losses import discriminator_loss, generator_loss, psnr, reconstruction_loss, upper_loss

WINDOW, RATE = 2560, 16_000


def small_generator() -> Generator:
    torch.manual_seed(0)
    return Generator(
        width=4, window=WINDOW, sample_rate=RATE, identity=50, context=256, noise=10, noise_std=1.0
    )


def count(network: nn.Module) -> float:
    """Parameters in millions."""
    return sum(weight.numel() for weight in network.parameters()) / 1e6


def test_generator_makes_a_frame_per_window() -> None:
    generator = small_generator()
    noise = generator.draw_noise(2, 3, torch.Generator().manual_seed(0))
    frames = generator(torch.zeros(2, 3, 128, 96), torch.zeros(2, 3, WINDOW), noise)
    assert frames.shape == (2, 3, 3, 128, 96)
    assert frames.abs().max() <= 1


def test_sizes_are_those_of_the_published_networks() -> None:
    # The published figures are of the later paper, whose identity code has 128 numbers.
    assert count(IdentityEncoder(64, 128)) == pytest.approx(12.7, abs=0.05)
    assert count(FrameDecoder(64, 256 + 10 + 128)) == pytest.approx(41.0, abs=0.1)


@pytest.mark.parametrize(
    ("window", "lengths", "channels"),
    [
        (2560, [160, 80, 40, 20, 10, 5, 1], [16, 32, 64, 128, 256, 512, 256]),
        (3200, [200, 100, 50, 25, 5, 1], [16, 32, 64, 128, 256, 256]),
    ],
)
def test_sound_encoder_has_the_published_layers(window: int, lengths: list[int], channels: list[int]) -> None:
    sound = torch.zeros(2, window)
    shapes = []
    for layer in SoundEncoder(window, RATE, 64, 256).layers:
        sound = layer(sound)
        if isinstance(layer, nn.Conv1d):
            shapes.append((sound.shape[1], sound.shape[2]))
    assert shapes == list(zip(channels, lengths, strict=True))


@pytest.mark.parametrize("milliseconds", [20, 37, 160, 170, 210])
def test_sound_encoder_takes_any_window(milliseconds: int) -> None:
    window = 16 * milliseconds
    assert SoundEncoder(window, RATE, 4, 8)(torch.zeros(2, window)).shape == (2, 8)


def test_prime_factors() -> None:
    assert prime_factors(160) == [2, 2, 2, 2, 2, 5]
    assert prime_factors(17) == [17]


def test_skip_once_per_clip_equals_the_concatenation() -> None:
    torch.manual_seed(0)
    block = SkipBlock(8)
    frames, skip = torch.randn(6, 8, 4, 3), torch.randn(2, 8, 4, 3)
    repeated = skip.repeat_interleave(3, dim=0)
    expected = functional.conv_transpose2d(torch.cat([frames, repeated], dim=1), block.join.weight, padding=1)
    torch.testing.assert_close(block.joined(frames, skip), expected)


@pytest.mark.parametrize("cuts", [(3, 4), (1, 6), (6, 1)])
def test_a_clip_in_stretches_equals_the_clip_in_one_piece(cuts: tuple[int, int]) -> None:
    generator = small_generator().eval()
    source = torch.Generator().manual_seed(1)
    windows = torch.randn(1, 7, WINDOW, generator=source)
    noise = generator.draw_noise(1, 7, torch.Generator().manual_seed(2))
    with torch.inference_mode():
        identity = generator.identity(torch.randn(1, 3, 128, 96, generator=source))
        whole, _ = generator.speak(identity, windows, noise)
        memory, parts = None, []
        for some, drift in zip(
            torch.split(windows, list(cuts), 1), torch.split(noise, list(cuts), 1), strict=True
        ):
            frames, memory = generator.speak(identity, some, drift, memory)
            parts.append(frames)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)


def test_noise_does_not_depend_on_the_stretches() -> None:
    generator = small_generator()
    whole = generator.draw_noise(1, 9, torch.Generator().manual_seed(0))
    source = torch.Generator().manual_seed(0)
    parts = [generator.draw_noise(1, frames, source) for frames in (2, 3, 4)]
    assert torch.equal(torch.cat(parts, dim=1), whole)


def test_discriminators_give_a_logit_per_frame_and_per_clip() -> None:
    still, frames, windows = (
        torch.zeros(2, 3, 128, 96),
        torch.zeros(2, 3, 3, 128, 96),
        torch.zeros(2, 3, WINDOW),
    )
    assert FrameDiscriminator(4)(still, frames, windows).shape == (6,)
    assert SequenceDiscriminator(4, WINDOW, RATE)(still, frames, windows).shape == (2,)


def test_losses_by_hand() -> None:
    real = torch.zeros(1, 1, 3, 128, 96)
    fake = real.clone()
    fake[..., :64, :] = 0.75
    fake[..., 64:, :] = 0.5
    assert reconstruction_loss(fake, real).item() == 0.5
    assert upper_loss(fake, real).item() == 0.75
    assert psnr(fake, real) == pytest.approx(10 * torch.log10(torch.tensor(4 / 0.40625)).item())
    undecided = torch.zeros(4)
    assert discriminator_loss(undecided, undecided).item() == pytest.approx(2 * 0.693147, abs=1e-5)
    assert generator_loss(undecided).item() == pytest.approx(0.693147, abs=1e-5)
    sure = torch.full((4,), 50.0)
    assert discriminator_loss(sure, -sure).item() == pytest.approx(0)
    assert generator_loss(-sure).item() == pytest.approx(50)
