"""How to store aligned frames: bytes, decoding speed per core and fidelity of several ways, on real crops.

The table in docs/formats.md is what this prints.
"""

import io
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from report import Verdict
from rich.console import Console
from rich.table import Table

from s2f.pipeline.core import mjpeg
from s2f.pipeline.core.media import FrameReader
from s2f.pipeline.faces import alignment, open_backend
from s2f.pipeline.faces.tracking import find_tracks

Frames = npt.NDArray[np.uint8]
Way = tuple[Callable[[Frames], list[bytes]], Callable[[list[bytes]], Frames]]

CLIPS = ("s1/bbaf2n", "s2/pwij3p", "s26/swiz3n", "s3/sbia1a", "s4/bbilzs", "s5/lbax4n")
ROUNDS = 5
# What shards need: so many dB, and to be read so many times as fast as the smaller format of equal fidelity.
FIDELITY, FASTER = 45, 3
OURS, SMALLER = "Motion JPEG in AVI, quality 98", "H.264 4:4:4, crf 3"
JPEG_444 = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]


@pytest.fixture(scope="module")
def crops(data: Path) -> list[Frames]:
    """The aligned frames of six clips of six speakers, as they are before any compression."""
    backend = open_backend("dlib")
    found = []
    for name in CLIPS:
        pictures = list(FrameReader(data / "grid" / f"{name}.mpg"))
        tracks, total = find_tracks(pictures, backend, every=8, max_gap=5)
        points = alignment.smooth(tracks[0].dense(0, total).points, 7)
        transforms = alignment.similarity(points)
        found.append(np.stack([alignment.crop(*pair) for pair in zip(pictures, transforms, strict=True)]))
    return found


def jpeg(picture: Frames, quality: int) -> bytes:
    """One picture as JPEG without colour subsampling."""
    return cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality, *JPEG_444])[
        1
    ].tobytes()


def picture_of(data: bytes) -> Frames:
    """The RGB picture of an encoded one."""
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)


def separate(quality: int) -> Way:
    """Each frame a JPEG of its own."""
    return lambda frames: [jpeg(frame, quality) for frame in frames], lambda parts: np.stack(
        [picture_of(p) for p in parts]
    )


def strip(quality: int) -> Way:
    """All frames of a clip below one another in one JPEG."""
    return (
        lambda frames: [jpeg(frames.reshape(-1, *frames.shape[2:]), quality)],
        lambda parts: picture_of(parts[0]).reshape(-1, 128, 96, 3),
    )


def motion_jpeg(quality: int) -> Way:
    """Motion JPEG in AVI."""
    return lambda frames: [mjpeg.encode(frames, Fraction(25), quality)], lambda parts: mjpeg.decode(parts[0])


def video(codec: str, container: str, pixels: str, **options: str) -> Way:
    """A video codec, written and read by PyAV."""

    def encode(frames: Frames) -> list[bytes]:
        target = io.BytesIO()
        with av.open(target, "w", format=container) as out:
            stream = out.add_stream(codec, rate=25, options=options)
            stream.width, stream.height, stream.pix_fmt = 96, 128, pixels
            for frame in frames:
                out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            out.mux(stream.encode())
        return [target.getvalue()]

    def decode(parts: list[bytes]) -> Frames:
        with av.open(io.BytesIO(parts[0])) as source:
            source.streams.video[0].thread_count = 1
            return np.stack([frame.to_ndarray(format="rgb24") for frame in source.decode(video=0)])

    return encode, decode


WAYS: dict[str, Way] = {
    "JPEG per frame, quality 95": separate(95),
    "JPEG per frame, quality 98": separate(98),
    "JPEG strip, quality 98": strip(98),
    "Motion JPEG in AVI, quality 95": motion_jpeg(95),
    "Motion JPEG in AVI, quality 98": motion_jpeg(98),
    "H.264 4:2:0, crf 0": video("libx264", "mp4", "yuv420p", crf="0"),
    "H.264 4:4:4, crf 3": video("libx264", "mp4", "yuv444p", crf="3"),
    "H.264 4:4:4, crf 12": video("libx264", "mp4", "yuv444p", crf="12"),
    "FFV1, lossless": video("ffv1", "matroska", "bgr0"),
}


def psnr(frames: Frames, stored: Frames) -> float:
    """Of a whole clip, in dB."""
    error = np.mean((frames.astype(np.float64) - stored) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def seconds(work: Callable[[], object]) -> float:
    """The least of several runs: what the work costs when nothing disturbs it."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def test_frame_storage(crops: list[Frames], verdict: Verdict) -> None:
    cv2.setNumThreads(1)
    count = sum(len(frames) for frames in crops)
    table = Table(
        "way", "KB/clip", "decode, ms/clip", "speed against JPEG per frame", "PSNR, dB (worst clip)"
    )
    fidelity, spent = {}, dict[str, float]()
    for name, (encode, decode) in WAYS.items():
        stored = [encode(frames) for frames in crops]
        spent[name] = sum(seconds(lambda parts=parts, decode=decode: decode(parts)) for parts in stored)
        fidelity[name] = min(psnr(frames, decode(parts)) for frames, parts in zip(crops, stored, strict=True))
        size = sum(len(part) for parts in stored for part in parts) / len(crops) / 1e3
        figures = (
            f"{size:.0f}",
            f"{spent[name] / count * 75e3:.1f}",
            f"{next(iter(spent.values())) / spent[name]:.2f}",
            f"{fidelity[name]:.1f}",
        )
        table.add_row(name, *figures)
    Console(width=120).print(table)
    ours, smaller = (f"{spent[name] / count * 75e3:.1f} ms per clip" for name in (OURS, SMALLER))
    ratio = spent[SMALLER] / spent[OURS]
    verdict(f"storage: decoding {OURS}", ours, f"{smaller} of {SMALLER}", ratio, FASTER, threads=1)
    ratio = fidelity[OURS] / FIDELITY
    verdict(
        f"storage: PSNR of {OURS}", f"{fidelity[OURS]:.1f} dB", f"{FIDELITY} dB wanted", ratio, 1, threads=1
    )
