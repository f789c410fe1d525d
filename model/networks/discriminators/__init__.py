"""A file per discriminator, and one table.

NAME.py has `build(sizes)`, which makes a network that is called with the still faces, the frames and
their windows, takes of these what it judges, and returns logits: above 0 means "real". What the papers
leave open is our choice and named where it is made. The table itself imports no torch.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from s2f.model.networks.related import TIMES

if TYPE_CHECKING:
    from torch import nn

# Size of the codes of pictures and of sounds.
CODE = 256


@dataclass(frozen=True)
class Sizes:
    """What a discriminator is built from.

    `size` is the height and the width of the pictures, `width` the number of channels of the first layer,
    `window` the samples of sound per frame, `snippet` the frames of a snippet, `sequence` either
    "audiovisual" or "video", `frames` the frames of a clip. One that `halves` sees pictures of half the
    height and width.
    """

    width: int
    window: int
    sample_rate: int
    snippet: int
    sequence: str
    size: tuple[int, int] = (128, 96)
    frames: int = TIMES
    halves: bool = False


@dataclass(frozen=True)
class Discriminator:
    """An entry of the table.

    `judges` completes "It judges". `weight` and `lr` are the defaults of the settings NAME_weight and
    NAME_lr; None = the recipe decides. `decays` says whether its learning rate falls with the generator's.
    `judged` names the setting with the number of frames that it sees of each clip, drawn uniformly; without
    it, it sees all of them in order. `mismatch` names a setting: real frames with the sound of at least
    so many frames earlier or later are fakes to it too. Its clips have `least_frames`, and a multiple of
    `multiple`. A `wasserstein` critic does not tell real from generated, but how far they are apart, and its
    singular values are clipped after each step. `module` is the file, if it is not that of its name.
    """

    name: str
    title: str
    judges: str
    weight: float | None
    lr: float | None
    decays: bool = False
    judged: str = ""
    mismatch: str = ""
    least_frames: int = 1
    multiple: int = 1
    wasserstein: bool = False
    module: str = ""

    def build(self, sizes: Sizes) -> "nn.Module":
        """The network, with new weights."""
        module = importlib.import_module(self.module or f"{__name__}.{self.name}")
        make: Callable[[Sizes], nn.Module] = module.build
        return make(sizes)


DISCRIMINATORS = {
    each.name: each
    for each in (
        Discriminator(
            "frame",
            "frame discriminator",
            "whether single frames are sharp and show this person",
            weight=1.0,
            lr=None,
            decays=True,
            judged="judged_frames",
        ),
        Discriminator(
            "sequence",
            "sequence discriminator",
            "whether a video moves like a face, and in P1 whether it goes with its sound",
            weight=None,
            lr=None,
        ),
        Discriminator(
            "sync",
            "synchronisation discriminator",
            "whether the lips and the sound of a short snippet go together",
            weight=None,
            lr=1e-5,
            mismatch="sync_frames",
        ),
        Discriminator(
            "volume",
            "volume discriminator, MoCoGAN's",
            "whether every 13 frames and every patch of a video look real",
            weight=0.0,
            lr=1e-5,
            least_frames=13,
        ),
        Discriminator(
            "piece",
            "piece discriminator, VGAN's",
            "whether a whole clip, of a fixed length, looks real",
            weight=0.0,
            lr=2e-4,
            multiple=TIMES,
        ),
        Discriminator(
            "wasserstein",
            "Wasserstein critic, TGAN's",
            "how far whole clips, of a fixed length, are from real ones",
            weight=0.0,
            lr=5e-5,
            multiple=TIMES,
            wasserstein=True,
            module=f"{__name__}.piece",
        ),
        Discriminator(
            "mouth",
            "mouth discriminator, ours",
            "whether the mouth of single frames is sharp",
            weight=0.0,
            lr=2e-4,
            decays=True,
            judged="judged_frames",
        ),
    )
}
