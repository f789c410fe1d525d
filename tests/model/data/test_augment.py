"""Clips changed for a small set: what is seen and heard otherwise, and what stays as it is."""

import pytest
import torch
from torch import Tensor

from s2f.model.data.augment import augment_pictures, augment_sound, equalised, moved, relit
from s2f.model.data.loader import Batch


@pytest.fixture
def batch() -> Batch:
    """Three clips that stand still, with a sound each."""
    chance = torch.Generator().manual_seed(5)
    rough = torch.rand(3, 3, 8, 6, generator=chance)
    still = torch.nn.functional.interpolate(rough, (128, 96), mode="bilinear") * 1.2 - 0.6
    frames = still[:, None].repeat(1, 4, 1, 1, 1)
    sound = torch.sin(torch.arange(400) / 9) * torch.tensor([0.1, 0.2, 0.4])[:, None]
    return Batch(("a", "b", "c"), still, frames, sound[:, None].repeat(1, 4, 1), torch.zeros(3, 4, 0))


def source(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_clip_and_its_still_are_changed_alike_and_each_clip_otherwise(batch: Batch) -> None:
    found = augment_pictures(batch, source(1))
    assert torch.equal(found.windows, batch.windows)
    for number in range(3):
        for frame in found.frames[number]:
            assert torch.equal(frame, found.still[number])
    change = (found.still - batch.still).flatten(1)
    assert change.abs().mean(1).min() > 0.01
    assert not torch.allclose(change[0], change[1], atol=0.01)
    assert found.frames.shape == batch.frames.shape
    assert found.still.abs().max() <= 1


def test_the_sound_is_louder_or_softer_perhaps_turned_over_and_a_little_noisy(batch: Batch) -> None:
    def likeness(one: Tensor, two: Tensor) -> float:
        return float(torch.nn.functional.cosine_similarity(one.flatten(), two.flatten(), dim=0))

    seen = []
    for seed in range(20):
        found = augment_sound(batch, source(seed))
        assert torch.equal(found.frames, batch.frames)
        for number in range(3):
            alike = likeness(found.windows[number], batch.windows[number])
            assert 0.8 < abs(alike) < 1
            gain = found.windows[number].norm() / batch.windows[number].norm()
            assert 0.15 < gain < 5
            seen.append(alike > 0)
    assert 15 < sum(seen) < 45


def test_it_is_a_function_of_the_seed(batch: Batch) -> None:
    for augment, names in ((augment_pictures, ("still", "frames")), (augment_sound, ("windows",))):
        one, two, other = (augment(batch, source(seed)) for seed in (1, 1, 2))
        for name in names:
            assert torch.equal(getattr(one, name), getattr(two, name))
            assert not torch.equal(getattr(one, name), getattr(other, name))


def test_a_picture_is_moved_by_as_much_as_is_said(batch: Batch) -> None:
    clips = batch.frames[:1]
    same = moved(clips, torch.tensor([[[1.0, 0, 0], [0, 1, 0]]]))
    assert torch.allclose(same, clips, atol=1e-5)
    aside = moved(clips, torch.tensor([[[1.0, 0, 2 * 12 / 96], [0, 1, 0]]]))
    assert torch.allclose(aside[..., :84], clips[..., 12:], atol=1e-4)
    # A quarter turn keeps lengths, although the picture is not square.
    turned = moved(clips, torch.tensor([[[0.0, -4 / 3, 0], [3 / 4, 0, 0]]]))
    expected = torch.rot90(clips[..., 16:112, :], 1, dims=(-2, -1))
    assert torch.allclose(turned[..., 16:112, :], expected, atol=1e-4) or torch.allclose(
        turned[..., 16:112, :], expected.flip(-1, -2), atol=1e-4
    )


def test_light_changes_brightness_contrast_and_tint(batch: Batch) -> None:
    brighter = relit(batch.frames[:1], torch.tensor([[1.0, 0, 0, 0, 0]]))
    assert float((brighter - batch.frames[:1]).mean()) == pytest.approx(0.15, abs=1e-3)
    redder = relit(batch.frames[:1], torch.tensor([[0.0, 0, 1, 0, 0]])) - batch.frames[:1]
    assert float(redder[:, :, 0].mean()) == pytest.approx(0.08, abs=1e-3)
    assert float(redder[:, :, 1:].abs().max()) == 0


def test_a_filter_is_one_clips_alone_and_looks_back_only() -> None:
    windows = torch.zeros(2, 3, 50)
    windows[:, :, 20] = 1
    draws = torch.stack([torch.ones(8), torch.zeros(8)])
    found = equalised(windows, draws)
    assert torch.equal(found[1], windows[1])
    for window in found[0]:
        assert window[:20].abs().max() == 0
        assert float(window[20]) == pytest.approx(1)
        assert float(window[21]) == pytest.approx(0.25)
        assert torch.all(window[21:29] > 0) and window[29:].abs().max() == 0
