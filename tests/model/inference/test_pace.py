"""Whether live frames keep up is decided from what a frame costs."""

from fractions import Fraction

import pytest
import torch
from support.model_runs import make_generator

from s2f.model.inference.pace import seconds_per_frame, too_slow
from s2f.model.inference.runtime import prepare

FPS = Fraction(25)


@pytest.mark.parametrize(("cost", "fps"), [(0.02, FPS), (0.04, FPS), (0.06, Fraction(15, 2))])
def test_who_keeps_up_is_told_nothing(cost: float, fps: Fraction) -> None:
    assert too_slow(cost, fps, 64) is None


@pytest.mark.parametrize(
    ("cost", "width", "advice"),
    [
        (0.041, 64, "width 48 would do"),
        (0.1, 64, "width 24 would do"),
        (0.05, 20, "width 8 would do"),
        (2, 64, "no width from 8 on would do"),
        (0.05, 8, "no width from 8 on would do"),
    ],
)
def test_who_does_not_is_told_the_width_that_would(cost: float, width: int, advice: str) -> None:
    told = too_slow(cost, FPS, width)
    assert told
    assert f"width {width}: a frame takes {1000 * cost:.0f} ms" in told
    assert "one every 40 ms" in told
    assert told.endswith(f"; {advice}")


@pytest.mark.parametrize("changes", [{}, {"noise": 0, "temporal": False}, {"blinks": True, "blend": True}])
def test_the_cost_is_that_of_the_network(changes: dict[str, float]) -> None:
    with torch.no_grad():
        ready = prepare(make_generator(**changes))
    assert 0 < seconds_per_frame(ready, torch.device("cpu")) < 60
