"""The related work, driven by the same still and sound as ours: a file per generator, and one table.

The papers' generators make videos from noise alone. To stand in one table with ours, each gets a still face
and the window of every frame; what that adds is ours, and is named in each file. The table imports no torch.
"""

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s2f.model.networks.related.base import RelatedGenerator

# The generator of the two papers, which is in no file here.
PAPERS = "papers"
# What is made in pieces is doubled in time four times, so that a piece has a multiple of so many frames.
TIMES = 16


def resizing(level: int) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Kernel and stride of the layer with this number, from 0, that halves or doubles a piece in 3-D.

    The first ones do so with time and picture, until all of time is one moment; the others with the picture.
    """
    return ((4, 4, 4), (2, 2, 2)) if 2**level < TIMES else ((3, 4, 4), (1, 2, 2))


@dataclass(frozen=True)
class Related:
    """An entry of the table: its name, who published it, and whether it makes pieces of a fixed length."""

    name: str
    title: str
    in_pieces: bool

    def build(self, arguments: dict[str, Any]) -> "RelatedGenerator":
        """The generator, with new weights."""
        made: RelatedGenerator = importlib.import_module(f"{__name__}.{self.name}").build(arguments)
        return made


RELATED = {
    each.name: each
    for each in (
        Related("mocogan", "MoCoGAN", in_pieces=False),
        Related("tgan", "TGAN", in_pieces=True),
        Related("vgan", "VGAN", in_pieces=True),
    )
}
