"""Aligned frames as Motion JPEG in an AVI file: any player shows it, any frame decodes alone.

Why this way of storing frames and no other: see the measured table in docs/formats.md.
"""

import io
from collections.abc import Sequence
from fractions import Fraction

import av
import cv2
import numpy as np
import numpy.typing as npt

from s2f.pipeline.errors import MediaError

Frames = npt.NDArray[np.uint8]


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

    Only the frames that are wanted are decoded. Raises MediaError where the bytes are no such file.
    """
    try:
        with av.open(io.BytesIO(data), "r", format="avi") as container:
            packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    except av.error.FFmpegError as error:
        raise MediaError(f"the frames of a sample cannot be read: {error}", "run 's2f prep' again") from error
    chosen = packets[wanted] if isinstance(wanted, slice) else [packets[number] for number in wanted]
    frames = np.empty((0, 0, 0, 3), np.uint8)
    for number, packet in enumerate(chosen):
        picture = cv2.imdecode(np.frombuffer(packet, np.uint8), cv2.IMREAD_COLOR_RGB)
        if picture is not None and number == 0:
            frames = np.empty((len(chosen), *picture.shape), np.uint8)
        if picture is None or picture.shape != frames.shape[1:]:
            raise MediaError("the frames of a sample are damaged", "run 's2f prep' again")
        # One by one: a list of pictures that is stacked at its end takes a fifth longer.
        frames[number] = picture
    if not len(frames):
        raise MediaError("the frames of a sample are damaged", "run 's2f prep' again")
    return frames
