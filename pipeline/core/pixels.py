"""A decoded frame as an upright RGB picture of square pixels in normal light."""

import functools
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, cast

import av
import av.filter
import av.video.plane
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

# Transfer functions of high dynamic range, by their numbers in ITU-T H.273.
HDR = {16: "PQ", 18: "HLG"}
# Linear RGB of BT.2020 to that of BT.709.
TO_709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
# Light of a white sheet of paper, as a share of the 10,000 cd/m² of PQ and of the peak of HLG.
WHITE = {16: 203 / 10_000, 18: 0.265}
KNEE = 0.75

# No camera has pixels that are so many times as wide as high, or as high as wide: a damaged file says so.
MOST_ASPECT = 8

# Threads of a conversion. More would live as long as the frame, and a frame that is collected in a process
# forked since then would wait for its threads for ever.
THREADS = 1

# Decoders paint what they have nothing for in the grey or the green of an empty picture: Y, U and V.
NOTHING = ((128, 128, 128), (0, 0, 0))
NEAR = 7
PLANAR = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p")
# A stretch of such pictures begins with one that shows nothing else, and ends when little is left of it.
ALL, REST = 0.9, 0.25


def display_matrix(frame: "av.VideoFrame") -> bytes | None:
    """How the frame is turned and mirrored, which phones write into the container.

    A frame that was asked is freed only when the garbage is collected: ask one frame of a video.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    return None if data is None else bytes(cast("bytes", data))


def upright(frame: "av.VideoFrame", aspect: Fraction | None, matrix: bytes | None = None) -> Picture:
    """The frame as players show it; `aspect` is the width of a pixel by its height, `matrix` turns it."""
    width, height = frame.width, frame.height
    if aspect and 1 / MOST_ASPECT <= aspect <= MOST_ASPECT:
        width, height = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
    options: dict[str, Any] = {}
    if (width, height) != (frame.width, frame.height):
        options = {"width": width, "height": height, "interpolation": "BICUBIC"}
    if frame.color_trc in HDR:
        picture = _toned(
            np.asarray(frame.to_ndarray(format="rgb48le", threads=THREADS, **options), np.uint16),
            frame.color_trc,
        )
    else:
        picture = np.asarray(frame.to_ndarray(format="rgb24", threads=THREADS, **options), np.uint8)
    # PyAV pads rows, and dlib misreads pictures that are not contiguous. Always a copy: the memory of
    # ffmpeg's frames is aligned, and what is freed of it does not fit the next frame: the heap would grow.
    return np.array(_placed(picture, matrix), order="C")


def _placed(picture: Picture, matrix: bytes | None) -> Picture:
    """Turned and mirrored by a display matrix."""
    if matrix is None:
        return picture
    # A point (x, y) is shown at (a x + c y, b x + d y).
    a, b, _, c, d = np.frombuffer(matrix, "<i4")[:5].tolist()
    across, down = (a, d) if abs(a) >= abs(b) else (c, b)
    if abs(a) < abs(b):
        picture = picture.transpose(1, 0, 2)
    return picture[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]


def _toned(deep: npt.NDArray[np.uint16], transfer: int) -> Picture:
    """A picture of high dynamic range in BT.2020, 16 bits, as one for an ordinary screen."""
    light = _light(transfer)[deep] @ TO_709.T
    light = np.maximum(light, 0)
    # As it is up to the knee; what is brighter is pressed together below white.
    above = KNEE + (1 - KNEE) * (1 - np.exp(np.minimum(KNEE - light, 0) / (1 - KNEE)))
    shown = np.where(light <= KNEE, light, above)
    return np.asarray((255 * shown ** (1 / 2.2)).round(), np.uint8)


@functools.cache
def _light(transfer: int) -> npt.NDArray[np.float32]:
    """Linear light of each of the 65,536 values, 1 for paper white (BT.2100)."""
    signal = np.arange(65_536) / 65_535
    if HDR[transfer] == "PQ":
        power = signal ** (32 / 2523)
        light = (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (16_384 / 2610)
    else:
        scene = np.where(
            signal <= 0.5, signal**2 / 3, (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12
        )
        light = scene**1.2 / WHITE[18] ** 0.2
    return np.asarray(light / WHITE[transfer], np.float32)


def emptiness(frame: "av.VideoFrame") -> float:
    """The share of a frame that is painted in the colour of an empty picture."""
    # Rows may lie upside down in memory.
    plain = frame.format.name in PLANAR and all(plane.line_size > 0 for plane in frame.planes)
    planes = (frame if plain else frame.reformat(format="yuv420p", threads=THREADS)).planes
    luma = _points(planes[0], planes[1])
    # In most frames the luma alone tells that they are pictures.
    near = {colour: _near(luma, colour[0]) for colour in NOTHING}
    if max(map(np.count_nonzero, near.values())) <= REST * luma.size:
        return 0.0
    for number in (1, 2):
        chroma = _points(planes[number], planes[number])
        for colour, points in near.items():
            np.logical_and(points, _near(chroma, colour[number]), out=points)
    return float(max(map(np.count_nonzero, near.values())) / luma.size)


def _near(values: Picture, value: int) -> npt.NDArray[np.bool_]:
    """Which values differ from one by no more than NEAR; differences below 0 wrap around to large ones."""
    least, most = max(0, value - NEAR), min(255, value + NEAR)
    return np.asarray(values - np.uint8(least) <= most - least)


def _points(plane: "av.video.plane.VideoPlane", grid: "av.video.plane.VideoPlane") -> Picture:
    """The values of a plane at every eighth point of that of the chroma."""
    values = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    down, across = round(plane.height / grid.height), round(plane.width / grid.width)
    return values[: down * grid.height : 8 * down, : across * grid.width : 8 * across]


def deinterlaced(frames: Iterable["av.VideoFrame"], stream: "av.VideoStream") -> Iterator["av.VideoFrame"]:
    """The frames, from the first one that is interlaced on with the lines of one moment each."""
    graph: av.filter.Graph | None = None
    for frame in frames:
        if graph is None and not frame.interlaced_frame:
            yield frame
            continue
        if graph is None:
            graph = _deinterlacer(frame, stream)
        graph.push(frame)
        yield from _pulled(graph)
    if graph is not None:
        graph.push(None)
        yield from _pulled(graph)


def _deinterlacer(frame: "av.VideoFrame", stream: "av.VideoStream") -> "av.filter.Graph":
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=stream.time_base
    )
    graph.link_nodes(
        source, graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink")
    ).configure()
    return graph


def _pulled(graph: "av.filter.Graph") -> Iterator["av.VideoFrame"]:
    while True:
        try:
            pulled = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        assert isinstance(pulled, av.VideoFrame)
        yield pulled
