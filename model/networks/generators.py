"""Any generator: that of the two papers, or one of the related work."""

from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor

from s2f.model.networks.generator import Generator, Identity, Memory
from s2f.model.networks.related import PAPERS, RELATED
from s2f.model.networks.related.base import PieceGenerator, RelatedGenerator
from s2f.model.networks.related.pieces import Stretch, joined, overlap, pieces

AnyGenerator = Generator | RelatedGenerator


def build_generator(arguments: dict[str, Any]) -> AnyGenerator:
    """The generator with these arguments, those of `arguments` of another one; new weights."""
    name = arguments.get("generator", PAPERS)
    return Generator(**arguments) if name == PAPERS else RELATED[name].build(arguments)


def speak_on(generator: AnyGenerator, face: Identity, stretches: Iterable[Stretch]) -> Iterator[Tensor]:
    """The frames of a clip (B, n, 3, h, w), in stretches, as its windows and noise come in stretches.

    In eval mode they are the same however these are cut.
    """
    if isinstance(generator, PieceGenerator):
        made = pieces(generator.piece, face, stretches, generator.frames)
        yield from joined(made, overlap(generator.frames))
        return
    memory: Memory | None = None
    for windows, noise in stretches:
        frames, memory = generator.speak(face, windows, noise, memory)
        yield frames
