"""The networks: shapes, sizes as published, what each of them may depend on, and what it must not."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from support.model_runs import RATE, SMALL, WINDOW
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from s2f.model.networks.discriminators import DISCRIMINATORS
from s2f.model.networks.discriminators.frame import FrameDiscriminator
from s2f.model.networks.discriminators.mouth import MouthDiscriminator
from s2f.model.networks.discriminators.sequence import SequenceDiscriminator
from s2f.model.networks.discriminators.sync import SyncDiscriminator
from s2f.model.networks.discriminators.video import VideoDiscriminator
from s2f.model.networks.discriminators.volume import VolumeDiscriminator
from s2f.model.networks.generator import (
    ContextEncoder,
    FrameDecoder,
    Generator,
    IdentityEncoder,
    NoiseGenerator,
)
from s2f.model.networks.layers import (
    SkipBlock,
    SoundEncoder,
    VideoEncoder,
    compand,
    filter_bank,
    from_points,
    prime_factors,
    to_points,
)
from s2f.model.networks.losses import (
    EYE_COLUMNS,
    EYE_ROWS,
    discriminator_loss,
    eyes_loss,
    generator_loss,
    reconstruction_loss,
    upper_loss,
)
from s2f.model.networks.noise import NoiseSource
from s2f.model.networks.recurrent import GRU

pytestmark = pytest.mark.usefixtures("one_thread")


def small_generator(**changes: Any) -> Generator:
    torch.manual_seed(0)
    return Generator(**{**SMALL, **changes})


def count(network: nn.Module) -> float:
    """Parameters in millions."""
    return sum(weight.numel() for weight in network.parameters()) / 1e6


def multiplications(network: Callable[..., Any], *inputs: Any) -> float:
    """Multiply-adds of one call, in thousands of millions."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(*inputs)
    return counter.get_total_flops() / 2e9


def drawn(*size: int, seed: int = 0) -> Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed))


def material(frames: int, clips: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Stills, frames and windows as a discriminator is called with them."""
    return drawn(clips, 3, 128, 96), drawn(clips, frames, 3, 128, 96), drawn(clips, frames, WINDOW)


def ready(network: nn.Module) -> nn.Module:
    """In eval mode, where clips of a batch do not touch each other."""
    return network.eval().requires_grad_(False)


def test_generator_makes_a_frame_per_window() -> None:
    generator = small_generator()
    noise = NoiseSource(generator, torch.Generator().manual_seed(0)).draw(2, 3)
    frames = generator(torch.zeros(2, 3, 128, 96), torch.zeros(2, 3, WINDOW), noise)
    assert frames.shape == (2, 3, 3, 128, 96)
    assert frames.abs().max() <= 1


def test_sizes_are_those_of_the_published_networks() -> None:
    # The published figures are of the later paper, whose identity code has 128 numbers.
    assert count(IdentityEncoder(64, 128)) == pytest.approx(12.7, abs=0.05)
    assert count(FrameDecoder(64, 256 + 10 + 128)) == pytest.approx(41.0, abs=0.1)
    # P1's has 50: the last convolution is that much smaller.
    saved = (128 - 50) * (1024 * 4 * 3 + 1) / 1e6
    assert count(IdentityEncoder(64, 128)) - count(IdentityEncoder(64, 50)) == pytest.approx(saved)


def test_costs_are_those_of_the_published_networks() -> None:
    encoder, decoder = IdentityEncoder(64, 128).eval(), FrameDecoder(64, 256 + 10 + 128).eval()
    still = torch.zeros(1, 3, 128, 96)
    assert multiplications(encoder, still) == pytest.approx(0.41, abs=0.005)
    with torch.inference_mode():
        skips = encoder(still).skips
    single, many = (multiplications(decoder, torch.zeros(1, frames, 394), skips, still) for frames in (1, 4))
    assert single == pytest.approx(1.32, abs=0.005)
    assert many < 3.1 * single  # the skips are convolved once


def test_the_identity_encoder_has_the_published_layers() -> None:
    identity = ready(IdentityEncoder(64, 50))(torch.zeros(2, 3, 128, 96))
    assert identity.code.shape == (2, 50)
    assert [tuple(skip.shape[1:]) for skip in identity.skips] == [
        (64, 64, 48),
        (128, 32, 24),
        (256, 16, 12),
        (512, 8, 6),
        (1024, 4, 3),
    ]


def test_the_decoder_has_the_published_layers() -> None:
    decoder = FrameDecoder(64, 316)
    assert decoder.start.weight.shape == (316, 1024, 4, 3)
    joins = [tuple(block.join.weight.shape) for block in decoder.blocks]
    grows = [tuple(block.grow.weight.shape) for block in decoder.blocks]
    assert joins == [(2 * size, size, 3, 3) for size in (1024, 512, 256, 128)]
    assert grows == [(size, size // 2, 4, 4) for size in (1024, 512, 256, 128)]
    assert decoder.paint.weight.shape == (64, 3, 4, 4)
    assert all(name.endswith("_norm.bias") for name, _ in decoder.named_parameters() if "bias" in name)


def test_the_recurrent_networks_have_the_published_layers() -> None:
    context, noise = ContextEncoder(WINDOW, RATE, 256).recurrent, NoiseGenerator(10).recurrent
    assert context is not None
    assert noise is not None
    assert (context.num_layers, context.input_size, context.hidden_size) == (2, 256, 256)
    assert (noise.num_layers, noise.input_size, noise.hidden_size) == (1, 10, 10)


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
    for layer in SoundEncoder(window, RATE, 256).layers:
        sound = layer(sound)
        if isinstance(layer, nn.Conv1d):
            shapes.append((sound.shape[1], sound.shape[2]))
    assert shapes == list(zip(channels, lengths, strict=True))


@pytest.mark.parametrize("milliseconds", [20, 37, 160, 170, 210])
def test_sound_encoder_takes_any_window(milliseconds: int) -> None:
    window = 16 * milliseconds
    assert SoundEncoder(window, RATE, 8)(torch.zeros(2, window)).shape == (2, 8)


@pytest.mark.parametrize(("milliseconds", "norm"), [(37, True), (160, True), (160, False), (200, True)])
def test_sound_by_products_has_the_codes_and_gradients_of_the_convolutions(
    milliseconds: int, norm: bool
) -> None:
    torch.manual_seed(0)
    encoder = SoundEncoder(16 * milliseconds, RATE, 8, norm=norm).double()
    windows, weight = drawn(6, 16 * milliseconds).double(), drawn(6, 8).double()
    found = []
    for way in (encoder, encoder.layers):
        encoder.zero_grad()
        codes = way(windows)
        (codes * weight).sum().backward()
        found.append([codes, *(each.grad for each in encoder.parameters())])
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("learns", [True, False])
def test_a_gru_has_the_states_and_gradients_of_torchs(layers: int, learns: bool) -> None:
    torch.manual_seed(0)
    plain = nn.GRU(3, 5, layers, batch_first=True).double()
    own = GRU(3, 5, layers).double()
    own.load_state_dict(plain.state_dict())
    codes, weight = drawn(2, 7, 3).double(), drawn(2, 7, 5).double()
    found = []
    for network in (plain, own):
        network.requires_grad_(learns)
        seen, memory = codes.clone().requires_grad_(), drawn(layers, 2, 5).double().requires_grad_()
        states, after = network(seen, memory)
        ((states * weight).sum() + (after * after).sum()).backward()
        found.append([states, after, seen.grad, memory.grad, *(each.grad for each in network.parameters())])
    torch.testing.assert_close(*found)
    torch.testing.assert_close(own(codes), plain(codes))


def test_a_gru_learns_in_float32_where_the_rest_is_in_bfloat16() -> None:
    gru = GRU(3, 5)
    with torch.autocast("cpu", torch.bfloat16):
        states, _ = gru(drawn(2, 4, 3))
    states.sum().backward()
    assert states.dtype == torch.float32
    assert all(weight.grad is not None for weight in gru.parameters())


@pytest.mark.parametrize("size", [(4, 3), (2, 5)])
def test_whole_pictures_by_products_are_what_the_convolutions_give(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    down, up = nn.Conv2d(6, 4, size).double(), nn.ConvTranspose2d(6, 4, size, bias=False).double()
    pictures, points = drawn(3, 6, *size).double(), drawn(3, 6).double()
    torch.testing.assert_close(to_points(down, pictures), down(pictures).flatten(1))
    torch.testing.assert_close(from_points(up, points), up(points[:, :, None, None]))


def test_prime_factors() -> None:
    assert prime_factors(160) == [2, 2, 2, 2, 2, 5]
    assert prime_factors(17) == [17]


def test_skip_once_per_clip_equals_the_concatenation() -> None:
    torch.manual_seed(0)
    block = SkipBlock(8, 4)
    frames, skip = torch.randn(6, 8, 4, 3), torch.randn(2, 8, 4, 3)
    repeated = skip.repeat_interleave(3, dim=0)
    expected = functional.conv_transpose2d(torch.cat([frames, repeated], dim=1), block.join.weight, padding=1)
    torch.testing.assert_close(block.joined(frames, skip), expected)


@pytest.mark.parametrize("cuts", [(3, 4), (1, 6), (6, 1)])
def test_a_clip_in_stretches_equals_the_clip_in_one_piece(cuts: tuple[int, int]) -> None:
    generator = small_generator().eval()
    source = torch.Generator().manual_seed(1)
    windows = torch.randn(1, 7, WINDOW, generator=source)
    noise = NoiseSource(generator, torch.Generator().manual_seed(2)).draw(1, 7)
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
    whole = NoiseSource(generator, torch.Generator().manual_seed(0)).draw(1, 9)
    source = torch.Generator().manual_seed(0)
    parts = [NoiseSource(generator, source).draw(1, frames) for frames in (2, 3, 4)]
    assert torch.equal(torch.cat(parts, dim=1), whole)


def moved_by(generator: Generator, frames: int, changed: int) -> list[bool]:
    """Which of so many frames change with the sound and the noise of frame `changed`?"""
    generator.eval()
    windows, noise = drawn(1, frames, WINDOW), drawn(1, frames, generator.noise_size)
    others, drift = windows.clone(), noise.clone()
    others[:, changed] = drawn(1, WINDOW, seed=1)
    drift[:, changed] += 1
    with torch.inference_mode():
        still = drawn(1, 3, 128, 96)
        before, after = generator(still, windows, noise), generator(still, others, drift)
    return (before != after).flatten(2).any(2)[0].tolist()


def test_frames_depend_on_the_sound_so_far() -> None:
    assert moved_by(small_generator(), 4, changed=1) == [False, True, True, True]


def test_frames_of_the_static_baseline_depend_on_their_own_sound_alone() -> None:
    generator = small_generator(temporal=False)
    assert moved_by(generator, 4, changed=1) == [False, True, False, False]
    assert not any(isinstance(part, nn.RNNBase) for part in generator.modules())


@pytest.mark.parametrize("changes", [{"noise": 0}, {"temporal": False}, {"noise": 0, "temporal": False}])
def test_a_clip_of_other_generators_can_be_made_in_stretches(changes: dict[str, Any]) -> None:
    generator = small_generator(**changes).eval()
    windows, noise = drawn(1, 5, WINDOW), drawn(1, 5, generator.noise_size, seed=1)
    with torch.inference_mode():
        identity = generator.identity(drawn(1, 3, 128, 96))
        whole, _ = generator.speak(identity, windows, noise)
        first, memory = generator.speak(identity, windows[:, :2], noise[:, :2])
        rest, _ = generator.speak(identity, windows[:, 2:], noise[:, 2:], memory)
    torch.testing.assert_close(torch.cat([first, rest], dim=1), whole)


def test_without_noise_there_is_no_noise_generator_and_one_video() -> None:
    generator = small_generator(noise=0).eval()
    assert not list(generator.noise.parameters())
    still, windows = drawn(1, 3, 128, 96), drawn(1, 3, WINDOW)
    videos = []
    for seed in (0, 1):
        noise = NoiseSource(generator, torch.Generator().manual_seed(seed)).draw(1, 3)
        assert noise.shape == (1, 3, 0)
        with torch.inference_mode():
            videos.append(generator(still, windows, noise))
    assert torch.equal(*videos)


def test_noise_changes_the_video_and_has_the_given_deviation() -> None:
    generator = small_generator(noise_std=0.33).eval()
    noise = NoiseSource(generator, torch.Generator().manual_seed(0)).draw(20, 50)
    assert noise.std().item() == pytest.approx(0.33, rel=0.05)
    still, windows = drawn(1, 3, 128, 96), drawn(1, 50, WINDOW)
    with torch.inference_mode():
        assert not torch.equal(*(generator(still, windows, noise[clip][None]) for clip in (0, 1)))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"noise": 0},
        {"temporal": False},
        {"window": 3200, "identity": 128, "noise_std": 0.33},
        {"sound": "log_mel", "dropout": 0.2, "blinks": True, "blend": True},
    ],
)
def test_the_arguments_make_the_same_network_again(changes: dict[str, Any]) -> None:
    generator = small_generator(**changes)
    again = Generator(**json.loads(json.dumps(generator.arguments)))
    again.load_state_dict(generator.state_dict())
    assert again.arguments == generator.arguments


def test_a_blending_generator_begins_with_the_still() -> None:
    generator = small_generator(blend=True).eval()
    still = drawn(1, 3, 128, 96).clamp(-1, 1)
    with torch.inference_mode():
        frames = generator(still, drawn(1, 4, WINDOW), drawn(1, 4, generator.noise_size))
    assert frames.abs().max() <= 1
    # What it paints is seen to sigmoid(-2) = 12 %.
    assert (frames - still[:, None]).abs().mean() < 0.2


def test_arguments_of_older_runs_make_a_temporal_generator() -> None:
    assert Generator(**SMALL).arguments["temporal"] is True  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("judge", "logits"),
    [
        (FrameDiscriminator(4), 2 * 14),
        (SequenceDiscriminator(4, WINDOW, RATE), 2),
        (VideoDiscriminator(4), 2),
        (SyncDiscriminator(4, WINDOW, RATE, 4), 2 * 3),
        (VolumeDiscriminator(4), 2 * 2 * 8 * 6),
        (MouthDiscriminator(4), 2 * 14),
    ],
)
def test_discriminators_give_a_logit_for_each_of_what_they_judge(judge: nn.Module, logits: int) -> None:
    assert judge(*material(14)).shape == (logits,)


@pytest.mark.parametrize(
    "judge", [SequenceDiscriminator(4, WINDOW, RATE), SyncDiscriminator(4, WINDOW, RATE, 4)]
)
def test_videos_compared_get_the_logits_and_gradients_of_each_alone(judge: Any) -> None:
    judge.double()
    still, frames, windows = (each.double() for each in material(14))
    videos = [frames, frames.flip(1)]
    found = []
    for logits in (
        lambda: [judge(still, video, windows) for video in videos],
        lambda: judge.compare(still, videos, windows),
    ):
        judge.zero_grad()
        real, fake = logits()
        discriminator_loss(real, fake).backward()
        found.append([real, fake, *(each.grad for each in judge.parameters())])
    torch.testing.assert_close(*found)


def changes(judge: nn.Module, **replaced: Tensor) -> Tensor:
    """Which logits change if some of its 14 frames' material is replaced?"""
    still, frames, windows = material(14)
    other = {"still": still, "frames": frames, "windows": windows, **replaced}
    torch.manual_seed(0)
    with torch.inference_mode():
        return ready(judge)(still, frames, windows) != judge(**other)


OTHER_STILL = drawn(2, 3, 128, 96, seed=1)
OTHER_FRAMES = drawn(2, 14, 3, 128, 96, seed=1)
OTHER_SOUND = drawn(2, 14, WINDOW, seed=1)
BACKWARDS = material(14)[1].flip(1)


@pytest.mark.parametrize(
    ("judge", "replaced", "matters"),
    [
        (FrameDiscriminator(4), {"still": OTHER_STILL}, True),
        (FrameDiscriminator(4), {"frames": OTHER_FRAMES}, True),
        (FrameDiscriminator(4), {"windows": OTHER_SOUND}, False),
        (SequenceDiscriminator(4, WINDOW, RATE), {"windows": OTHER_SOUND}, True),
        (SequenceDiscriminator(4, WINDOW, RATE), {"frames": BACKWARDS}, True),
        (SequenceDiscriminator(4, WINDOW, RATE), {"still": OTHER_STILL}, False),
        (VideoDiscriminator(4), {"windows": OTHER_SOUND}, False),
        (VideoDiscriminator(4), {"still": OTHER_STILL}, False),
        (VideoDiscriminator(4), {"frames": BACKWARDS}, True),
        (SyncDiscriminator(4, WINDOW, RATE, 4), {"windows": OTHER_SOUND}, True),
        (SyncDiscriminator(4, WINDOW, RATE, 4), {"frames": OTHER_FRAMES}, True),
        (SyncDiscriminator(4, WINDOW, RATE, 4), {"frames": BACKWARDS}, True),
        (SyncDiscriminator(4, WINDOW, RATE, 4), {"still": OTHER_STILL}, False),
        (VolumeDiscriminator(4), {"windows": OTHER_SOUND}, False),
        (VolumeDiscriminator(4), {"still": OTHER_STILL}, False),
        (VolumeDiscriminator(4), {"frames": BACKWARDS}, True),
    ],
)
def test_what_a_discriminator_judges(judge: nn.Module, replaced: dict[str, Tensor], matters: bool) -> None:
    assert changes(judge, **replaced).any().item() is matters


def test_the_sync_discriminator_pairs_each_snippet_with_the_sound_of_its_middle() -> None:
    judge = SyncDiscriminator(4, WINDOW, RATE, 4)
    windows = material(14)[2]
    windows[:, 6] = 0  # the middle of the second snippet, frames 4 to 7
    assert changes(judge, windows=windows).tolist() == [False, True, False] * 2
    windows = OTHER_SOUND.clone()
    windows[:, 2::4] = material(14)[2][:, 2::4]
    assert not changes(judge, windows=windows).any()


def test_the_sync_discriminator_sees_the_lower_half_alone() -> None:
    judge = SyncDiscriminator(4, WINDOW, RATE, 4)
    frames = material(14)[1]
    frames[..., :64, :] = 0
    assert not changes(judge, frames=frames).any()
    frames[..., 64:, :] = 0
    assert changes(judge, frames=frames).all()


def test_the_sync_discriminator_is_as_it_was_found_not_to_collapse() -> None:
    judge = SyncDiscriminator(4, WINDOW, RATE, 4)
    parts = list(judge.modules())
    assert not any(isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d | nn.Tanh | nn.ReLU) for part in parts)
    leaks = [part.negative_slope for part in parts if isinstance(part, nn.LeakyReLU)]
    assert leaks == [0.2] * len(leaks)
    assert len(leaks) == 5 + 6  # of the picture's encoder and of the sound's
    # The verdict on a small distance is nearer to "real" than that on a large one.
    near, far = judge.verdict(torch.tensor([[0.0], [9.0]]))
    assert near > 0 > far


def test_the_codes_of_the_sync_discriminator_do_not_fade_without_norms() -> None:
    torch.manual_seed(0)
    judge = SyncDiscriminator(16, WINDOW, RATE, 4)
    codes, _ = judge.picture(drawn(8, 12, 64, 96))
    assert 0.3 < codes.std().item() < 3
    assert 0.3 < judge.sound(drawn(8, WINDOW)).std().item() < 3


def test_the_video_encoder_sees_five_frames_to_either_side() -> None:
    encoder = ready(VideoEncoder(2, 8))
    video = drawn(1, 3, 15, 128, 96)
    other = video.clone()
    other[:, :, 7] = 0
    with torch.inference_mode():
        moved = (encoder(video) != encoder(other)).any(2)[0].tolist()
    assert moved == [2 <= frame <= 12 for frame in range(15)]


def test_a_logit_of_the_volume_discriminator_sees_a_window_of_frames() -> None:
    judge, least = VolumeDiscriminator(4), DISCRIMINATORS["volume"].least_frames
    for changed, windows in (
        (0, [True, False]),
        (5, [True, True]),
        (least, [False, True]),
    ):
        frames = material(14)[1]
        frames[:, changed] = 0
        moved = changes(judge, frames=frames).reshape(2, 2, -1).any(2)
        assert moved.tolist() == [windows, windows]
    with pytest.raises(RuntimeError):
        judge(*material(least - 1))


def test_losses_by_hand() -> None:
    real = torch.zeros(1, 1, 3, 128, 96)
    fake = real.clone()
    fake[..., :64, :] = 0.75
    fake[..., 64:, :] = 0.5
    assert reconstruction_loss(fake, real).item() == 0.5
    assert upper_loss(fake, real).item() == 0.75
    undecided = torch.zeros(4)
    assert discriminator_loss(undecided, undecided).item() == pytest.approx(2 * 0.693147, abs=1e-5)
    assert generator_loss(undecided).item() == pytest.approx(0.693147, abs=1e-5)
    sure = torch.full((4,), 50.0)
    assert discriminator_loss(sure, -sure).item() == pytest.approx(0)
    assert generator_loss(-sure).item() == pytest.approx(50)


def test_the_term_on_the_eyes_counts_frames_as_far_as_they_are_closed() -> None:
    real = torch.zeros(1, 4, 3, 128, 96)
    fake = torch.full_like(real, 9.0)
    for frame, error in enumerate((0.1, 0.2, 0.4, 0.8)):
        fake[:, frame, :, EYE_ROWS, EYE_COLUMNS] = error
    told = eyes_loss(fake, real, torch.tensor([[0.0, 1.0, 0.5, 1.5]]))
    assert told.item() == pytest.approx((0.2 + 0.4 / 2 + 0.8) / 2.5)
    # Open eyes, told a little closed by mistake, do not become as heavy as a blink.
    assert eyes_loss(fake, real, torch.tensor([[0.0, 0.0, 0.0, 0.1]])).item() == pytest.approx(0.08)
    assert eyes_loss(fake, real, torch.zeros(1, 4)).item() == 0


def test_companded_sound_is_flatter_in_loudness_and_in_spectrum() -> None:
    seconds = torch.arange(WINDOW) / RATE
    low, high = (torch.sin(2 * torch.pi * frequency * seconds)[None] for frequency in (200, 4000))

    def loudness(sound: Tensor) -> Tensor:
        return compand(sound)[:, 1:].square().mean().sqrt()

    assert loudness(high) > loudness(low) > 0.5 * loudness(high)
    assert loudness(0.3 * high) > loudness(0.03 * high) > 0.5 * loudness(0.3 * high)
    assert compand(high).abs().max() < 1.2
    assert torch.equal(compand(-low), -compand(low))


def test_a_filter_of_the_bank_answers_to_its_own_pitch() -> None:
    bank = filter_bank(16, 80, RATE)
    assert torch.allclose(bank.norm(dim=1), torch.ones(16))
    spectra = torch.fft.rfft(bank, 1600).abs()
    peaks = spectra.argmax(dim=1)
    assert torch.all(peaks.diff() > 0)
    assert peaks[0] * 10 < 250 and 6500 < peaks[-1] * 10 < 7500
    first = SoundEncoder(WINDOW, RATE, 8, companded=True).layers[1]
    assert torch.equal(first.weight[:, 0], bank)
