"""The related work: what its networks make, how far each sees, and how critics are kept from growing."""

from typing import Any, get_args

import pytest
import torch
from support.model_runs import RATE, WINDOW, make_input, make_related
from torch import Tensor, nn

from s2f.model.networks.discriminators import DISCRIMINATORS, Sizes
from s2f.model.networks.discriminators.piece import PieceDiscriminator
from s2f.model.networks.generators import AnyGenerator, build_generator, speak_on
from s2f.model.networks.lipschitz import clip_singular_values
from s2f.model.networks.related import PAPERS, RELATED
from s2f.model.networks.related.base import PieceGenerator
from s2f.model.networks.related.mocogan import MocoganGenerator
from s2f.model.networks.related.pieces import Piece, Stretch, joined, overlap, pieces
from s2f.model.networks.related.tgan import TemporalGenerator, TganGenerator
from s2f.model.networks.related.vgan import Foreground, VganGenerator
from s2f.model.training.config import SystemParams

pytestmark = pytest.mark.usefixtures("one_thread")

FRAMES = 16
IN_PIECES = [name for name, each in RELATED.items() if each.in_pieces]


def in_pieces(name: str, **changes: Any) -> PieceGenerator:
    generator = make_related(name, **changes)
    assert isinstance(generator, PieceGenerator)
    return generator


def material(generator: AnyGenerator, frames: int, clips: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Stills, windows and noise."""
    return make_input(generator, clips, frames, torch.Generator().manual_seed(0))


def test_the_setting_has_the_names_of_the_table() -> None:
    assert get_args(SystemParams.model_fields["generator"].annotation) == (PAPERS, *RELATED)


@pytest.mark.parametrize("size", [(128, 96), (256, 192)])
@pytest.mark.parametrize("name", RELATED)
def test_each_makes_a_frame_per_window_of_a_clip_of_any_length(name: str, size: tuple[int, int]) -> None:
    generator = make_related(name, size=size)
    again = build_generator(generator.arguments).eval()
    again.load_state_dict(generator.state_dict())
    for frames in (1, FRAMES, FRAMES + 3):
        given = material(generator, frames, clips=2)
        with torch.inference_mode():
            made = generator(*given)
            assert made.shape == (2, frames, 3, *size)
            assert made.abs().max() <= 1
            assert torch.equal(again(*given), made)


@pytest.mark.parametrize("name", RELATED)
def test_each_hears_the_sound_and_sees_the_still_and_the_noise(name: str) -> None:
    generator = make_related(name)
    still, windows, noise = material(generator, FRAMES)
    with torch.inference_mode():
        made = generator(still, windows, noise)
        for other in ((-still, windows, noise), (still, 2 * windows, noise), (still, windows, noise + 1)):
            assert (generator(*other) - made).abs().max() > 1e-6


def test_each_does_without_noise() -> None:
    for name in RELATED:
        generator = make_related(name, noise=0)
        assert generator(*material(generator, FRAMES)).shape[1] == FRAMES


def reach(generator: AnyGenerator, frames: int, heard: int) -> list[int]:
    """The frames that change with the sound of one."""
    still, windows, noise = material(generator, frames)
    other = windows.clone()
    other[:, heard] *= -2
    with torch.inference_mode():
        apart = (generator(still, windows, noise) - generator(still, other, noise)).abs()
    return [frame for frame in range(frames) if apart[0, frame].max() > 0]


def test_mocogan_goes_forwards_in_time_alone() -> None:
    assert reach(make_related("mocogan"), 8, 3) == [3, 4, 5, 6, 7]


@pytest.mark.parametrize("name", IN_PIECES)
def test_what_is_made_at_once_looks_ahead_within_its_piece_alone(name: str) -> None:
    generator = in_pieces(name, frames=2 * FRAMES)
    assert overlap(2 * FRAMES) == 8
    # At the coarsest of its scales a step stands for 16 frames, and reaches 15 frames further to either side.
    assert reach(generator, 32, 10) == list(range(31))
    assert reach(generator, 32, 20) == list(range(1, 32))
    # The first piece is 0 to 31, the second begins at 24: what hears 34 is the second alone.
    assert reach(generator, 50, 10) == list(range(31))
    assert min(reach(generator, 50, 34)) == 24


def test_content_is_that_of_the_still_over_the_whole_clip() -> None:
    """Motion that stands still gives the same frame again and again, whatever the content."""
    generator = make_related("mocogan")
    assert isinstance(generator, MocoganGenerator)
    with torch.no_grad():
        for weight in generator.motion.parameters():
            weight.zero_()
        still, windows, noise = material(generator, 4, clips=2)
        made = generator(still, windows, noise)
    assert torch.equal(made, made[:, :1].expand_as(made))
    assert (made[0] - made[1]).abs().max() > 1e-4


def test_the_background_of_vgan_stands_still_behind_a_mask_that_begins_nearly_closed() -> None:
    generator = make_related("vgan")
    assert isinstance(generator, VganGenerator)
    still, windows, noise = material(generator, FRAMES)
    with torch.inference_mode():
        made = generator(still, windows, noise)
        face = generator.identity(still)
        background = generator.background(face.code[:, None], face.skips, face.still)
        painted = generator.foreground(torch.cat([face.code, noise[:, 0]], dim=1), torch.zeros(1, FRAMES, 32))
        assert painted.shape == (1, FRAMES, 4, 128, 96)
        assert (made - background).abs().mean() < 0.2
        generator.foreground.paint.weight.zero_()
        # A mask of no weight shows the same share of nothing everywhere.
        share = torch.sigmoid(torch.tensor(-2.0))
        flat = generator(still, windows, noise)
        assert torch.allclose(flat, (background * (1 - share)).expand_as(flat), atol=1e-6)


def test_the_networks_have_the_published_layers() -> None:
    temporal = TemporalGenerator(60, 256, 16)
    layers = [(*layer.weight.shape[:2], *layer.weight.shape[2:]) for layer in temporal.grow]
    assert layers == [(60, 512, 1), (512, 256, 4), (256, 128, 4), (128, 128, 4), (128, 256, 4)]
    foreground = Foreground(64, 60, 256, 32, (128, 96))
    kernels = [tuple(layer.weight.shape) for layer in foreground.grow]
    assert kernels == [
        (60, 1024, 2, 4, 3),
        *((size, size // 2, 4, 4, 4) for size in (1024, 512, 256, 128)),
    ]
    judge = PieceDiscriminator(64, 32)
    convolutions = [tuple(layer.weight.shape) for layer in judge.layers if isinstance(layer, nn.Conv3d)]
    assert convolutions == [
        *((outside, inside, 4, 4, 4) for inside, outside in ((3, 64), (64, 128), (128, 256), (256, 512))),
        (1024, 512, 3, 4, 4),
        (1, 1024, 2, 4, 3),
    ]


@pytest.mark.parametrize("name", RELATED)
@pytest.mark.parametrize("cuts", [(1,), (7,), (25,), (16, 3), (50,)])
def test_a_clip_in_stretches_equals_the_clip_in_one_piece(name: str, cuts: tuple[int, ...]) -> None:
    generator = make_related(name)
    still, windows, noise = material(generator, 50)

    def stretches() -> Any:
        begin, number = 0, 0
        while begin < 50:
            end = begin + cuts[number % len(cuts)]
            yield windows[:, begin:end], noise[:, begin:end]
            begin, number = end, number + 1

    with torch.inference_mode():
        whole = generator(still, windows, noise)
        parts = torch.cat(list(speak_on(generator, generator.identity(still), stretches())), dim=1)
    assert (whole - parts).abs().max() < 1e-5


def numbered(calls: list[list[float]]) -> Any:
    """A network whose frames are the number of its call, and which keeps what it was given."""

    def make(face: Any, windows: Tensor, noise: Tensor) -> Tensor:
        calls.append(windows[0, :, 0].tolist())
        return torch.full((1, windows.shape[1], 1, 1, 1), float(len(calls) - 1))

    return make


@pytest.mark.parametrize("count", [1, 7, 8, 9, 14, 15, 20, 21, 40])
def test_pieces_overlap_by_a_quarter_and_fade_into_each_other(count: int) -> None:
    calls: list[list[float]] = []
    windows = torch.arange(1, count + 1.0)[None, :, None]
    given: list[Stretch] = [(part, part) for part in windows.split(3, dim=1)]
    made = list(pieces(numbered(calls), None, given, 8))  # type: ignore[arg-type]
    assert [piece.last for piece in made] == [False] * (len(made) - 1) + [True]
    # Each begins six frames after the one before; behind the end there is silence.
    for number, heard in enumerate(calls):
        numbers = [6 * number + frame + 1 for frame in range(8)]
        assert heard == [float(each if each <= count else 0) for each in numbers]
    frames = torch.cat(list(joined(made, 2)), dim=1).flatten()
    assert len(frames) == count
    assert len(calls) == max(1, -(-(count - 2) // 6))
    for frame, value in enumerate(frames.tolist()):
        # Third parts of the way on the two frames that two pieces have in common.
        number, place = divmod(frame, 6)
        shared = 0 < number < len(calls) and place < 2
        wanted = number - 1 + (place + 1) / 3 if shared else min(number, len(calls) - 1)
        assert value == pytest.approx(wanted)


def test_nothing_is_made_of_no_sound() -> None:
    assert list(pieces(numbered([]), None, [], 8)) == []  # type: ignore[arg-type]
    assert next(joined([Piece(torch.zeros(1, 3, 1, 1, 1), last=True)], 2)).shape[1] == 3


def singular_values(network: nn.Module) -> list[Tensor]:
    """The largest singular value of each convolution, as a matrix with a row per output."""
    return [
        torch.linalg.svdvals(layer.weight.flatten(1))[0]
        for layer in network.modules()
        if isinstance(layer, nn.Conv3d)
    ]


def test_clipping_leaves_no_singular_value_above_one_and_the_smaller_ones_as_they_are() -> None:
    torch.manual_seed(0)
    layer = nn.Conv3d(3, 6, 4)
    with torch.no_grad():
        left, _ = torch.linalg.qr(torch.randn(6, 6))
        right, _ = torch.linalg.qr(torch.randn(192, 6))
        weight = left * torch.tensor([9.0, 2.0, 1.0, 0.7, 0.3, 0.0]) @ right.T
        layer.weight.copy_(weight.view_as(layer.weight))
    clip_singular_values(layer)
    clipped = layer.weight.flatten(1)
    expected = left * torch.tensor([1.0, 1.0, 1.0, 0.7, 0.3, 0.0]) @ right.T
    assert torch.allclose(clipped, expected, atol=1e-5)
    before = layer.weight.clone()
    clip_singular_values(layer)
    assert torch.allclose(layer.weight, before, atol=1e-6)


def test_clipping_bounds_the_scales_of_norms_by_what_they_divide_by() -> None:
    norm = nn.BatchNorm3d(4)
    assert norm.running_var is not None
    norm.running_var.copy_(torch.tensor([4.0, 4.0, 4.0, 0.25]))
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([3.0, 1.5, -1.0, 1.0]))
    clip_singular_values(norm)
    assert norm.weight.tolist() == pytest.approx([2.0, 1.5, 0.02, 0.5], rel=1e-4)


def test_a_clipped_critic_is_no_steeper_than_one_where_it_has_seen_the_material() -> None:
    """In eval mode, where a norm divides by what it has seen."""
    torch.manual_seed(0)
    critic = PieceDiscriminator(4, FRAMES)
    with torch.no_grad():
        for layer in critic.modules():
            if isinstance(layer, nn.Conv3d):
                layer.weight *= 20
        critic(torch.zeros(1), torch.rand(2, FRAMES, 3, 128, 96), torch.zeros(1))
    assert max(singular_values(critic)) > 2
    clip_singular_values(critic)
    assert max(singular_values(critic)) < 1 + 1e-5
    critic.eval()
    frames = torch.rand(1, FRAMES, 3, 128, 96, requires_grad=True)
    (gradient,) = torch.autograd.grad(critic(torch.zeros(1), frames, torch.zeros(1)).sum(), frames)
    # A convolution whose places overlap by half in each of three directions meets each input eight times.
    assert gradient.norm() < 8**2.5


@pytest.mark.parametrize("name", ["piece", "wasserstein"])
@pytest.mark.parametrize("frames", [16, 48])
def test_a_critic_of_pieces_sees_all_their_frames_in_one_logit(name: str, frames: int) -> None:
    judge = DISCRIMINATORS[name].build(Sizes(2, WINDOW, RATE, 5, "video", frames=frames)).eval()
    clips = torch.rand(2, frames, 3, 128, 96, requires_grad=True)
    logits = judge(clips[:, 0], clips, torch.zeros(2, frames, WINDOW))
    assert logits.shape == (2,)
    (gradient,) = torch.autograd.grad(logits[0], clips)
    assert (gradient[0].abs().amax(dim=(1, 2, 3)) > 0).all()
    assert not gradient[1].any()


def test_tgan_makes_a_frame_of_one_slow_and_one_fast_code() -> None:
    generator = make_related("tgan")
    assert isinstance(generator, TganGenerator)
    still, windows, noise = material(generator, FRAMES)
    with torch.inference_mode():
        made = generator(still, windows, noise)
        # The noise of a piece is that of its first frame.
        other = noise.clone()
        other[:, 1:] += 1
        assert torch.equal(generator(still, windows, other), made)
