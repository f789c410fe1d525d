"""Whether a machine makes live frames as fast as they are spoken, and the width that it could."""

import time
from fractions import Fraction

import torch

from s2f.model.data.pictures import to_pictures
from s2f.model.networks.generators import AnyGenerator
from s2f.model.networks.noise import NoiseSource

# As many frames at a time as are made when live animation has fallen behind a little.
STRETCH = 4
# The quickest of so many stretches counts, or of those that this many seconds allow: the start stays short.
TIMES, SECONDS = 4, 0.5
# A network of 1/n of the width takes at most 1/n**GROWTH of the time: the sound's part stays the same.
GROWTH = 1.3
# Widths are tried in these steps, and may take this share of the time: other programs want some too.
STEP, SHARE = 8, 0.8


def seconds_per_frame(generator: AnyGenerator, device: torch.device) -> float:
    """What a frame of a short stretch costs here, measured with this very network on silence."""
    windows = torch.zeros(1, STRETCH, int(generator.arguments["window"]), device=device)
    noise = NoiseSource(generator, torch.Generator().manual_seed(0)).draw(1, STRETCH).to(device)
    spent, begun = float("inf"), time.perf_counter()
    with torch.inference_mode():
        identity = generator.identity(torch.zeros(1, 3, *generator.size, device=device))
        for _ in range(TIMES):
            before = time.perf_counter()
            to_pictures(generator.speak(identity, windows, noise)[0][0])
            spent = min(spent, time.perf_counter() - before)
            if time.perf_counter() - begun > SECONDS:
                break
    return spent / STRETCH


def too_slow(cost: float, fps: Fraction, width: int) -> str | None:
    """What to tell where a frame of a network of this width costs so many seconds; None if it keeps up."""
    period = float(1 / fps)
    if cost <= period:
        return None
    fitting = (
        each
        for each in range((width - 1) // STEP * STEP, 0, -STEP)
        if cost * (each / width) ** GROWTH <= SHARE * period
    )
    found = next(fitting, None)
    told = (
        f"this machine is too slow for live frames of width {width}: a frame takes {1000 * cost:.0f} ms, "
        f"and there is one every {1000 * period:.0f} ms, so they come later and later; "
    )
    return told + (f"width {found} would do" if found else f"no width from {STEP} on would do")
