"""Noise and blinks: they do not depend on stretches, and eyes close as often and as long as people's."""

import pytest
import torch
from support.model_runs import make_generator, make_input

from s2f.model.networks.noise import BLINK, BLINKS_PER_SECOND, FPS, NoiseSource


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_blinks_do_not_depend_on_the_stretches() -> None:
    generator = make_generator(blinks=True)
    whole = NoiseSource(generator, source()).draw(2, 300)
    parts = NoiseSource(generator, source())
    assert torch.equal(torch.cat([parts.draw(2, 1), parts.draw(2, 199), parts.draw(2, 100)], dim=1), whole)


def test_eyes_close_as_often_as_they_should_and_never_twice_at_once() -> None:
    generator = make_generator(blinks=True)
    closed = NoiseSource(generator, source()).draw(20, 1500)[..., -1]
    begun = (closed == BLINK[0]).sum().item()
    # In frames without a blink only.
    wanted = 20 * 1500 / (FPS / BLINKS_PER_SECOND + len(BLINK) - 1)
    assert begun == pytest.approx(wanted, rel=0.1)
    start = int(closed[0].nonzero()[0])
    assert closed[0, start : start + len(BLINK)].tolist() == pytest.approx(BLINK)


def test_a_face_without_blinks_takes_the_noise_alone() -> None:
    assert NoiseSource(make_generator(), source()).draw(1, 5).shape == (1, 5, 10)


def test_blinks_reach_the_picture_in_their_own_frame_alone() -> None:
    generator = make_generator(blinks=True)
    stills, windows, noise = make_input(generator, 1, 5, source(1))
    other = noise.clone()
    other[:, 2, -1] = 1 - other[:, 2, -1]
    with torch.inference_mode():
        changed = (
            (generator(stills, windows, noise) - generator(stills, windows, other)).abs().amax((0, 2, 3, 4))
        )
    assert [bool(each > 0) for each in changed] == [False, False, True, False, False]
