"""Aligned frames as Motion JPEG in an AVI file: any player shows it, and each frame decodes alone.

docs/formats.md compares it with other formats in a measured table.
"""

import io
import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction

import av
import cv2
import numpy as np
import numpy.typing as npt

from s2f.pipeline.core.errors import MediaError
from s2f.pipeline.core.pictures import quiet_decoders

Frames = npt.NDArray[np.uint8]

# A chunk of RIFF: its name, its size, and its kind if it is a list.
CHUNK = struct.Struct("<4sI4s")
# Lists that hold pictures: the file, its continuation after a gigabyte, and the frames.
PARTS = {(b"RIFF", b"AVI "), (b"RIFF", b"AVIX"), (b"LIST", b"movi")}


def encode(frames: Frames, fps: Fraction, quality: int) -> bytes:
    """RGB frames uint8 (n, height, width, 3) as an AVI of JPEGs without colour subsampling.

    The same frames give the same bytes.
    """
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    target = io.BytesIO()
    with av.open(target, "w", format="avi", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mjpeg", rate=fps)
        _, stream.height, stream.width, _ = frames.shape
        stream.pix_fmt = "yuvj444p"
        for number, frame in enumerate(frames):
            packet = av.Packet(cv2.imencode(".jpg", frame[:, :, ::-1], options)[1].tobytes())
            packet.stream, packet.time_base, packet.is_keyframe = stream, 1 / fps, True
            packet.pts = packet.dts = number
            container.mux(packet)
    return target.getvalue()


def decode(data: bytes, wanted: Sequence[int] | slice = slice(None)) -> Frames:
    """RGB frames uint8 (n, height, width, 3) of an AVI made by `encode`: all, a slice, or by number.

    Only the wanted frames are decoded. Raises MediaError where the bytes are not such a file.
    """
    pictures = list(_jpegs(data))
    if not pictures:
        raise MediaError("the frames of a sample cannot be read", "run 's2f prep' again")
    chosen = pictures[wanted] if isinstance(wanted, slice) else [pictures[number] for number in wanted]
    with quiet_decoders():
        return _decoded(chosen)


def _decoded(pictures: list[memoryview]) -> Frames:
    frames = np.empty((0, 0, 0, 3), np.uint8)
    for number, jpeg in enumerate(pictures):
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
        if picture is not None and number == 0:
            frames = np.empty((len(pictures), *picture.shape), np.uint8)
        if picture is None or picture.shape != frames.shape[1:]:
            raise MediaError("the frames of a sample are damaged", "run 's2f prep' again")
        # Not np.stack at the end, which takes a fifth longer.
        frames[number] = picture
    return frames


def _jpegs(data: bytes) -> Iterator[memoryview]:
    """The JPEGs in an AVI, not copied. Walking its chunks takes a tenth of the time that PyAV takes."""
    view, place = memoryview(data), 0
    while place + 12 <= len(data):
        name, size, kind = CHUNK.unpack_from(data, place)
        if (name, kind) in PARTS:
            place += 12
            continue
        if place + 8 + size > len(data):
            raise MediaError("the frames of a sample are cut short", "run 's2f prep' again")
        if name == b"00dc" and size:
            yield view[place + 8 : place + 8 + size]
        place += 8 + size + size % 2
