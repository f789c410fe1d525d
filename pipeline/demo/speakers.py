"""The speakers: the portrait with different hair, skin, features and voices."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from s2f.pipeline.demo.portrait import MOUTH_X, MOUTH_Y, Picture, Plane, Portrait, bell, grid, mix, step

RGB = tuple[int, int, int]


@dataclass(frozen=True)
class Speaker:
    """The voice and looks of a person. Sizes are relative to the portrait.

    `length` is that of the whole face, `apart` how far the eyes are from each other. `pitch` is 0 to 99 and
    `speed` is in words per minute, as in `speech.speak`.
    """

    name: str
    voice: str
    pitch: int
    speed: int
    hair: RGB
    skin: RGB
    wall: RGB
    brow: float = 0.3
    stubble: float = 0.0
    glasses: bool = False
    lipstick: float = 0.1
    mirrored: bool = False
    face: float = 1.0
    jaw: float = 1.0
    eyes: float = 1.0
    nose: float = 1.0
    length: float = 1.0
    apart: float = 1.0
    mouth: float = 1.0
    chin: float = 1.0
    zoom: float = 1.4
    shift: tuple[float, float] = (0.0, 0.0)


# The builds were searched for until dlib's face network takes each for another person: any two are more
# than 0.5 apart, and pictures of one mostly less than 0.35.
CAST = (
    Speaker(
        "", "en-us+f2", 58, 150, (160, 130, 84), (206, 172, 148), (30, 150, 205),
        brow=0.0, lipstick=0.05,
        face=1.09, jaw=1.17, eyes=0.94, nose=0.87, length=1.04, mouth=1.17, chin=1.26,
    ),
    Speaker(
        "", "en+m3", 38, 145, (44, 33, 28), (120, 84, 62), (25, 125, 190),
        brow=1.0, mirrored=True,
        face=1.1, jaw=1.11, eyes=1.03, nose=1.17, length=1.09, apart=0.91, mouth=1.14, chin=0.74,
    ),
    Speaker(
        "", "en-gb-scotland+f4", 52, 150, (128, 58, 32), (222, 192, 176), (45, 160, 190),
        brow=0.6, glasses=True, lipstick=0.05, mirrored=True,
        face=1.1, jaw=0.86, eyes=1.15, nose=1.25, length=0.93, apart=0.91, mouth=1.15, chin=0.74,
    ),
    Speaker(
        "", "en-us+m7", 42, 150, (32, 28, 28), (176, 134, 100), (60, 140, 200),
        brow=0.0, stubble=0.8,
        face=0.9, jaw=0.91, eyes=0.94, nose=0.91, apart=0.99, mouth=0.98, chin=1.16,
    ),
    Speaker(
        "", "en-gb-x-rp+m1", 45, 140, (138, 138, 141), (200, 158, 138), (20, 110, 165),
        brow=1.0, stubble=0.2, glasses=True,
        face=0.9, jaw=1.17, eyes=0.87, nose=1.09, length=1.09, apart=0.98, mouth=0.87, chin=1.13,
    ),
    Speaker(
        "", "en-us+f5", 50, 155, (70, 42, 26), (96, 66, 50), (40, 135, 175),
        brow=0.0, lipstick=0.5, mirrored=True,
        jaw=0.86, eyes=1.07, nose=0.87, length=0.95, apart=1.09, mouth=0.88, chin=0.97,
    ),
)  # fmt: skip


def cast(count: int, seed: int) -> list[Speaker]:
    """Speakers s1 … s<count>: those of CAST, repeated as needed, each varied a little by the seed."""
    return [_varied(CAST[index % len(CAST)], index, seed) for index in range(count)]


def _varied(speaker: Speaker, index: int, seed: int) -> Speaker:
    random = np.random.default_rng((seed, index))
    spread = 0.02 if index < len(CAST) else 0.05
    face, jaw, eyes, nose, length, zoom = random.normal(0, spread, 6).clip(-2 * spread, 2 * spread)
    return replace(
        speaker,
        name=f"s{index + 1}",
        pitch=speaker.pitch + int(random.integers(-4, 5)),
        face=speaker.face + face,
        jaw=speaker.jaw + jaw,
        eyes=speaker.eyes + eyes,
        nose=speaker.nose + nose,
        length=speaker.length + length,
        zoom=speaker.zoom + zoom,
        shift=(float(random.uniform(-10, 10)), float(random.uniform(-4, 4))),
    )


def painted(base: Portrait, speaker: Speaker) -> Picture:
    """The portrait with closed mouth in the colours of a speaker, RGB (h, w, 3)."""
    picture = tinted(base.closed, base.skin, speaker.skin)
    picture = _dyed(picture, base.hair, speaker.hair)
    picture = mix(picture, _flat(picture, speaker.hair, 0.6), base.brows * speaker.brow * 0.7)
    picture = mix(picture, _flat(picture, speaker.hair, 0.8), _beard(base) * speaker.stubble)
    picture = mix(picture, _multiplied(picture, (1.0, 0.55, 0.6)), base.lips * speaker.lipstick)
    return _glasses(picture) if speaker.glasses else picture


def tinted(picture: Picture, mask: Plane, colour: RGB) -> Picture:
    """The picture with its mean colour inside the mask changed to `colour`; light and shade are kept."""
    mean = np.average(picture.reshape(-1, 3), axis=0, weights=mask.ravel())
    return mix(picture, _multiplied(picture, tuple(np.array(colour) / mean)), mask)


def _dyed(picture: Picture, mask: Plane, colour: RGB) -> Picture:
    """The picture with everything inside the mask in one colour; light and shade are kept."""
    light = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    light = (light / np.average(light, weights=mask)) ** 0.8
    return mix(picture, np.clip(light[..., None] * np.array(colour), 0, 255).astype(np.uint8), mask)


def shape(x: Plane, y: Plane, speaker: Speaker) -> tuple[Plane, Plane]:
    """The places in the portrait that the speaker's face shows at (x, y): the warp of the speaker's build."""
    off = x - MOUTH_X
    if speaker.mirrored:
        off = -off
    middle = 110.0
    y = middle + (y - middle) / speaker.length
    low = step((y - 118) / 40)
    off = off / speaker.face / (1 + (speaker.jaw - 1) * low * bell(off, 45))
    off = off / (1 + (speaker.apart - 1) * bell(y - 103, 12) * bell(off, 40))
    x = MOUTH_X + off
    y = y - 25 * (speaker.chin - 1) * step((y - 152) / 35)
    for centre_x, centre_y, size, reach in (
        (202.5, 101, speaker.eyes, 9), (248, 103, speaker.eyes, 9), (224, 124, speaker.nose, 8),
        (MOUTH_X, MOUTH_Y, speaker.mouth, 15),
    ):  # fmt: skip
        pull = (1 / size - 1) * bell(np.hypot(x - centre_x, y - centre_y), reach)
        x, y = x + (x - centre_x) * pull, y + (y - centre_y) * pull
    return x.astype(np.float32), y.astype(np.float32)


def wall(speaker: Speaker, width: int, height: int) -> Picture:
    """A lit wall, brighter in the upper middle, RGB (height, width, 3)."""
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    light = 0.75 + 0.5 * np.exp(-1.2 * ((x + 0.3) ** 2 + (y + 0.7) ** 2))
    return np.clip(light[..., None] * speaker.wall, 0, 255).astype(np.uint8)


def _multiplied(picture: Picture, factors: tuple[float, ...]) -> Picture:
    return np.clip(picture * np.array(factors, np.float32), 0, 255).astype(np.uint8)


def _flat(picture: Picture, colour: RGB, share: float) -> Picture:
    """The picture faded towards one colour."""
    return np.clip(picture * (1 - share) + np.array(colour, np.float32) * share, 0, 255).astype(np.uint8)


def _beard(base: Portrait) -> Plane:
    """The mask of a beard on jaw, chin and upper lip, with the grain of short hair."""
    x, y = grid()
    off = (x - MOUTH_X) / 40
    jaw = step((y - 136 - 14 * (1 - off**2)) / 8 + 0.3) * step((182 - y) / 5)
    moustache = bell(y - MOUTH_Y + 8, 3.0) * bell(x - MOUTH_X, 9)
    grain = np.random.default_rng(0).uniform(0.45, 1, x.shape).astype(np.float32)
    short = np.asarray(cv2.GaussianBlur(grain, (0, 0), 0.8), np.float32)
    return np.clip(jaw + moustache, 0, 1) * base.skin * (1 - base.lips) * short


def _glasses(picture: Picture) -> Picture:
    """The picture with dark round glasses."""
    x, y = grid()
    left, right = np.hypot((x - 202.5) / 14.5, (y - 102) / 11.5), np.hypot((x - 248) / 14.5, (y - 104) / 11.5)
    rim = np.maximum(bell(left - 1, 0.055), bell(right - 1, 0.055))
    bridge = bell(y - 100.5 - 0.04 * (x - 225) ** 2, 0.8) * (left > 1) * (right > 1) * (abs(x - 225.2) < 12)
    arms = bell(y - 98 - 0.04 * (x - 225), 0.8) * ((x < 188.5) & (x > 181) | (x > 262) & (x < 270))
    return mix(picture, np.full_like(picture, (38, 32, 34)), np.clip(rim + bridge + arms, 0, 1) * 0.92)
