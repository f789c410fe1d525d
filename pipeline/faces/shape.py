"""dlib's shape predictor for many pictures at once: the same points, to the last bit, in a third of the time.

dlib takes one picture through all trees after another, and waits for memory most of that time: of the 65 MB
that the leaves take, each picture needs others. Here all pictures go through one forest before the next, so
that its leaves stay in the processor's cache.

The method is that of Kazemi and Sullivan (2014): a forest looks at differences of pixels near the points and
moves the points by the sum of the leaves that it ends in, and the next forest starts from there.
"""

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import sparse

from s2f.pipeline.core.errors import InputError
from s2f.pipeline.faces.base import Box, Picture, Points

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

# So many pictures are worked on at once: more take more memory, and are hardly faster.
AT_ONCE = 128


@dataclass(frozen=True)
class _Forest:
    """One step: where it looks, how it decides, and by how much it moves the points.

    Pixel i lies at point `anchors[i]`, and from there by `deltas` (2, pixels) of the mean face. The trees
    decide whether pixel `first` less pixel `second` is more than `limits`, each (nodes, trees).
    """

    anchors: Integers
    deltas: Floats
    first: Integers
    second: Integers
    limits: npt.NDArray[np.int16]


class ShapePredictor:
    """The model of a file of dlib's `shape_predictor`. Raises InputError where it is none."""

    def __init__(self, path: Path) -> None:
        try:
            self._mean, self._forests, self._leaves = _read(path)
        except (ValueError, IndexError, StopIteration) as error:
            raise InputError(f"{path} is no shape predictor of dlib", "install its package anew") from error
        # Calls share the room before the leaves.
        self._alone = threading.Lock()

    def __call__(self, pictures: Sequence[Picture], boxes: Sequence[Box]) -> Points:
        """The points (n, 68, 2) of the faces in these boxes, whose edges are inclusive, of n RGB pictures.

        Raises ValueError where the pictures are not of one size.
        """
        if len({picture.shape for picture in pictures}) > 1:
            raise ValueError("the pictures are of several sizes")
        found = [np.zeros((0, len(self._mean), 2), np.float32)]
        for begin in range(0, len(pictures), AT_ONCE):
            some = slice(begin, begin + AT_ONCE)
            with self._alone:
                found.append(self._find(pictures[some], np.array(boxes[some], np.float64)))
        return np.concatenate(found)

    def _find(self, pictures: Sequence[Picture], boxes: npt.NDArray[np.float64]) -> Points:
        shapes = np.tile(self._mean, (len(pictures), 1, 1))
        for forest, leaves in zip(self._forests, self._leaves, strict=True):
            pixels = _looked_at(pictures, *self._places(forest, boxes, shapes))
            shapes = _moved(shapes, _chosen(forest, pixels), leaves)
        return np.stack(_placed(shapes[..., 0], shapes[..., 1], boxes), axis=-1).astype(np.float32)

    def _places(
        self, forest: _Forest, boxes: npt.NDArray[np.float64], shapes: Floats
    ) -> tuple[Integers, Integers]:
        """The columns and rows (n, pixels) of the pictures that a forest looks at."""
        # The similarity that takes the mean face to the present one; in complex numbers it is a factor.
        mean, now = (each.astype(np.float64).view(np.complex128)[..., 0] for each in (self._mean, shapes))
        spread = (mean - mean.mean()).conj()
        factor = ((now - now.mean(axis=1, keepdims=True)) @ spread) / (abs(spread) ** 2).sum()
        real, imag = (each.astype(np.float32)[:, None] for each in (factor.real, factor.imag))
        across, down = forest.deltas
        x = real * across - imag * down + shapes[..., 0].take(forest.anchors, axis=1)
        y = imag * across + real * down + shapes[..., 1].take(forest.anchors, axis=1)
        return _placed(x, y, boxes)


def _placed(x: Floats, y: Floats, boxes: npt.NDArray[np.float64]) -> tuple[Integers, Integers]:
    """Places (n, k) in a box of side 1 as columns and rows of the pictures."""
    left, top, right, bottom = boxes.T[..., None]
    columns, rows = x * (right - left), y * (bottom - top)
    columns += left + 0.5
    rows += top + 0.5
    return np.floor(columns, out=columns).astype(np.int64), np.floor(rows, out=rows).astype(np.int64)


def _looked_at(pictures: Sequence[Picture], columns: Integers, rows: Integers) -> npt.NDArray[np.int16]:
    """How bright the pictures are at these places (places, n); 0 beyond their edges."""
    height, width = pictures[0].shape[:2]
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    places = (rows * width + columns) * inside
    colours = np.empty((*places.shape, 3), np.uint8)
    for picture, place, colour in zip(pictures, places, colours, strict=True):
        picture.reshape(-1, 3).take(place, axis=0, out=colour, mode="clip")
    sums = colours[..., 0].astype(np.int16)
    sums += colours[..., 1]
    sums += colours[..., 2]
    sums //= 3
    sums *= inside
    return np.ascontiguousarray(sums.T)


def _chosen(forest: _Forest, pixels: npt.NDArray[np.int16]) -> npt.NDArray[np.int32]:
    """The leaf (n, trees) that every tree of a forest ends in, counted through the forest."""
    nodes, trees = forest.limits.shape
    differ = pixels.take(forest.first, axis=0)
    differ -= pixels.take(forest.second, axis=0)
    right = (differ <= forest.limits[..., None]).view(np.int8)
    # From the leaves up: the first of the nodes below the middle have the leaves 0 and 1.
    half = nodes // 2
    leaf = right[half:] + np.arange(0, nodes + 1, 2, dtype=np.int8)[:, None, None]
    while half:
        below, half = half, half // 2
        leaf = np.where(right[half:below], leaf[1::2], leaf[::2])
    return np.asarray(leaf[0].T + np.arange(0, trees * (nodes + 1), nodes + 1, dtype=np.int32))


def _moved(shapes: Floats, chosen: npt.NDArray[np.int32], leaves: Floats) -> Floats:
    """The shapes (n, points, 2) with the chosen leaves added, one tree after the other, as dlib adds them."""
    count, trees = chosen.shape
    # The shapes themselves come first: a sum that starts elsewhere is rounded in another way.
    leaves[:count] = shapes.reshape(count, -1)
    columns = np.concatenate([np.arange(count, dtype=np.int32)[:, None], chosen + AT_ONCE], axis=1)
    ends = np.arange(0, columns.size + 1, trees + 1, dtype=np.int32)
    ones = np.ones(columns.size, np.float32)
    picked = sparse.csr_matrix((ones, columns.ravel(), ends), shape=(count, len(leaves)))
    # By columns a leaf is fetched once for all pictures.
    return np.asarray(picked.tocsc() @ leaves, np.float32).reshape(shapes.shape)


def _read(path: Path) -> tuple[Floats, list[_Forest], Floats]:
    """The mean face (points, 2), the forests, and for each its leaves behind room for the shapes.

    The file is one row of numbers of different lengths, so that none can be found without those before it:
    but every leaf begins with its size, as the mean face does. From there all leaves are read side by side.
    """
    data = path.read_bytes() + bytes(8)
    # Eight bytes from every place on.
    words = np.ndarray(len(data) - 7, "<u8", data, strides=(1,))
    # Behind the number of the format lies the mean face: its size, a row of so many floats.
    size = data[2:6]
    starts = np.array([found.start() for found in re.finditer(re.escape(size), data)])
    length = -next(_numbers(data, 2))
    face, ends = _floats(words, starts[:1] + len(size), length)
    mean = face.reshape(-1, 2)
    numbers = _numbers(data, int(ends[0]))
    forests, trees, nodes = next(numbers), next(numbers), next(numbers)
    if len(starts) != 1 + forests * trees * (nodes + 1):
        raise ValueError("trees of different sizes")
    leaves = np.zeros((forests, AT_ONCE + trees * (nodes + 1), length), np.float32)
    steps = []
    at = _after(words, ends)
    for room, begin in zip(leaves, np.split(starts[1:], forests), strict=True):
        room[AT_ONCE:], ends = _floats(words, begin + len(size), length)
        at = np.concatenate([_after(words, at), ends[nodes :: nodes + 1]])
        at, left = at[:-1], at[-1:]
        at = _after(words, at)
        first, second, limits = (np.empty((nodes, trees), kind) for kind in (np.int64, np.int64, np.int16))
        for node in range(nodes):
            first[node], at = _whole(words, at)
            second[node], at = _whole(words, at)
            limit, at = _floats(words, at, 1)
            # Differences of pixels are whole numbers.
            limits[node] = np.floor(limit[:, 0])
        if (_after(words, at) != begin[:: nodes + 1]).any():
            raise ValueError("trees of different sizes")
        steps.append((first, second, limits))
        at = left
    numbers = _numbers(data, int(at[0]))
    anchors = [list(islice(numbers, next(numbers))) for _ in range(next(numbers))]
    deltas = [list(islice(numbers, 4 * next(numbers))) for _ in range(next(numbers))]
    found = [
        _Forest(np.array(anchor), np.ldexp(*np.array(delta).reshape(-1, 2, 2).T).astype(np.float32), *step)
        for anchor, delta, step in zip(anchors, deltas, steps, strict=True)
    ]
    return mean, found, leaves


# A number of such a file is a byte with its sign and length, and so many bytes; a float is two numbers, a
# whole one of up to three bytes and a power of 2 of one.
NEGATIVE, LENGTH = 128, 15
POWERS = np.array([2.0**power for power in [*range(256), *range(0, -256, -1)]])


def _numbers(data: bytes, at: int) -> Iterator[int]:
    """The numbers of the file from one place on."""
    while at < len(data):
        size = data[at] & LENGTH
        value = int.from_bytes(data[at + 1 : at + 1 + size], "little")
        yield -value if data[at] & NEGATIVE else value
        at += 1 + size


def _whole(words: npt.NDArray[np.uint64], at: Integers) -> tuple[Integers, Integers]:
    """The numbers at some places, none of them negative, and the places behind; `words` as in _read."""
    found = words[at].astype(np.int64)
    size = found & LENGTH
    return found >> 8 & (1 << 8 * size) - 1, at + 1 + size


def _after(words: npt.NDArray[np.uint64], at: Integers) -> Integers:
    return _whole(words, at)[1]


def _floats(words: npt.NDArray[np.uint64], at: Integers, count: int) -> tuple[Floats, Integers]:
    """So many floats from each of some places on, (places, count), and the places behind them."""
    floats = np.empty((count, len(at)), np.float32)
    for values in floats:
        found = words[at].view(np.int64)
        size = found & LENGTH
        bits = 8 * size
        whole = found >> 8 & (1 << bits) - 1
        power = found >> bits + 8
        values[:] = whole * POWERS[power >> 8 & 255 | (power & NEGATIVE) << 1]
        values[found & NEGATIVE != 0] *= -1
        at = at + 3 + size
    return floats.T, at
