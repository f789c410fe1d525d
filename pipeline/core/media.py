"""Video and sound files: probe, read frames, read audio, write video.

Containers and pictures are read in process with PyAV, which gives the time stamp and the state of every
frame. The ffmpeg program reads sound and writes files; ffmpeg-python builds its command line. Both are
limited to local files.
"""

import functools
import hashlib
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import av
import ffmpeg
import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

from s2f.pipeline.core.errors import MediaError

Picture = npt.NDArray[np.uint8]
Sound = npt.NDArray[np.float32]

LOCAL_ONLY = {"protocol_whitelist": "file,pipe"}
# Samples lie in [-1, 1]. Those of files that were not scaled so go up to 2^31; beyond is no sound.
LOUDEST = 1e10
# Without the limit ffmpeg adds two equal channels up to 1.41 times their height.
MONO = {"ochl": "mono", "osf": "flt", "rematrix_maxval": 1.0}


@dataclass(frozen=True)
class Encoder:
    """Arguments of ffmpeg: for the picture, and for the sound and the container."""

    video: dict[str, object]
    rest: dict[str, object]


# What each file ending means to write_video.
ENCODERS = {
    ".mp4": Encoder(
        video={"vcodec": "libx264", "pix_fmt": "yuv420p", "crf": 16, "preset": "medium"},
        rest={"acodec": "aac", "audio_bitrate": "128k", "fflags": "+bitexact", "movflags": "+faststart"},
    ),
    ".mpg": Encoder(
        video={"vcodec": "mpeg1video", "pix_fmt": "yuv420p", "video_bitrate": "1500k"},
        rest={
            "acodec": "mp2",
            "ar": 44100,
            "ac": 2,
            "audio_bitrate": "192k",
            "fflags": "+bitexact",
            "f": "mpeg",
        },
    ),
}


# There is nothing to probe in raw input: with the smallest probe ffmpeg starts at once.
RAW = {"probesize": 32, **LOCAL_ONLY}
# Every frame starts a fragment, so that players can show it at once. frag_every_frame would give some
# frames the same time, and without delay_moov the picture would lag behind the sound.
FRAGMENTED = {
    "format": "mp4",
    "movflags": "delay_moov+default_base_moof",
    "frag_duration": 1,
    "flush_packets": 1,
    "vcodec": "libx264",
    "preset": "veryfast",
    "tune": "zerolatency",
    "pix_fmt": "yuv420p",
    "crf": 16,
    "acodec": "aac",
    "audio_bitrate": "128k",
}


# ffmpeg-python hashes names as UTF-8. For bytes of a name that are none, letters for private use stand in.
STOOD_IN = {code: code + 0x100000 for code in range(0xDC80, 0xDD00)}
TRUE = {letter: code for code, letter in STOOD_IN.items()}


@dataclass(frozen=True)
class Probe:
    """What the container says, without decoding a frame. Times in seconds."""

    width: int
    height: int
    fps: float
    duration: float
    video_codec: str
    video_start: float
    audio_codec: str | None
    sample_rate: int | None
    channels: int | None


@functools.cache
def ffmpeg_program() -> str:
    """The ffmpeg to run: the machine's own, else the one that imageio-ffmpeg carries."""
    return shutil.which("ffmpeg") or str(imageio_ffmpeg.get_ffmpeg_exe())


def probe(path: Path) -> Probe:
    """Read a container's header. Raises MediaError where there is no video stream to be read."""
    with _open(path) as container:
        if not container.streams.video:
            raise MediaError(
                f"{path} holds no video stream", "give a video file, or remove it from the folder"
            )
        video = container.streams.video[0]
        sound = container.streams.audio[0] if container.streams.audio else None
        origin = float((container.start_time or 0) / av.time_base)
        start = origin if video.start_time is None else video.start_time * float(video.time_base or 0)
        whole = (container.duration or 0) / av.time_base
        length = video.duration * float(video.time_base or 0) if video.duration else whole
        return Probe(
            width=video.width,
            height=video.height,
            fps=float(video.guessed_rate or video.average_rate or 0),
            duration=float(length),
            video_codec=video.codec_context.name,
            video_start=start - origin,
            audio_codec=sound.codec_context.name if sound else None,
            sample_rate=sound.rate if sound else None,
            channels=sound.channels if sound else None,
        )


@dataclass
class FrameReader:
    """The frames of a video on a constant time grid, from its first frame on.

    Iterating yields upright RGB pictures (height, width, 3): the i-th is the frame nearest to i / fps
    seconds after the first one; `fps=None` keeps every frame as it is. Up to `keep_bytes` of pictures
    are kept for the next iteration. After an iteration:

    decoded     frames that came out of the decoder
    damaged     frames that the decoder marked as corrupt
    missing     frames that the time stamps leave room for, but that did not come
    complaints  what the decoder logged as errors
    steps       seconds from each frame to the next, by the time stamps
    """

    path: Path
    fps: Fraction | None = None
    keep_bytes: int = 0
    decoded: int = 0
    damaged: int = 0
    missing: int = 0
    complaints: list[str] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    _kept: list[Picture] | None = field(default=None, repr=False)

    def __iter__(self) -> Iterator[Picture]:
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[Picture] | None = []
        for picture in self._on_grid():
            if kept is not None and len(kept) < self.keep_bytes // picture.nbytes:
                kept.append(picture)
            else:
                kept = None
            yield picture
        self._kept = kept or None

    def _on_grid(self) -> Iterator[Picture]:
        self.decoded = self.damaged = self.missing = 0
        self.complaints, self.steps = [], []
        shown = 0
        previous: _Decoded | None = None
        for decoded in self._decode():
            if self.fps is None:
                yield decoded.picture
                continue
            # A grid point belongs to the older of two frames until half way to the newer one.
            while previous is not None and shown / self.fps < (previous.time + decoded.time) / 2:
                yield previous.picture
                shown += 1
            previous = decoded
        while (
            previous is not None
            and self.fps is not None
            and shown / self.fps < previous.time + previous.step / 2
        ):
            yield previous.picture
            shown += 1

    def _decode(self) -> "Iterator[_Decoded]":
        with _open(self.path) as container, av.logging.Capture() as log:
            video = container.streams.video[0]
            # One thread: PyAV's log callback needs the GIL, and closing a container holds the GIL while it
            # waits for the decoder's threads, so that a reader left half-way could hang.
            video.codec_context.thread_count = 1
            nominal = 1 / Fraction(video.guessed_rate or video.average_rate or 25)
            unit = Fraction(video.time_base or 1)
            first: Fraction | None = None
            last = Fraction(0)
            for packet in container.demux(video):
                try:
                    frames = packet.decode()
                except av.error.FFmpegError as error:
                    self.complaints.append(str(error))
                    continue
                for frame in frames:
                    stamp = frame.pts * unit if frame.pts is not None else last + nominal
                    if first is None:
                        first = last = stamp
                    elif stamp <= last:
                        continue
                    else:
                        self.steps.append(float(stamp - last))
                    self.decoded += 1
                    self.damaged += bool(frame.is_corrupt)
                    self.missing += max(0, round((stamp - last) / nominal) - 1)
                    last = stamp
                    yield _Decoded(stamp - first, nominal, frame)
            self.complaints += [line.strip() for level, _, line in log if level <= av.logging.ERROR]


@dataclass(frozen=True)
class _Decoded:
    """A frame, its seconds since the first one, and the nominal seconds per frame."""

    time: Fraction
    step: Fraction
    frame: "av.VideoFrame"

    @functools.cached_property
    def picture(self) -> Picture:
        """Upright RGB, converted at first use: frames that the grid leaves out are never converted."""
        return _upright(self.frame)


def sample_frames(path: Path, count: int) -> Iterator[Picture]:
    """Up to `count` RGB pictures evenly spread over a video, found by seeking, so that little is decoded.

    Raises MediaError where the video cannot be opened; pictures that cannot be decoded are left out.
    """
    # The decoder's complaints are captured, not printed.
    with _open(path) as container, av.logging.Capture():
        video = container.streams.video[0]
        video.codec_context.thread_count = 1
        begin, length = container.start_time or 0, container.duration or 0
        for number in range(count):
            try:
                container.seek(begin + length * (2 * number + 1) // (2 * count))
                frame = next(iter(container.decode(video)), None)
            except (av.error.FFmpegError, OSError):
                continue
            if frame is not None:
                yield _upright(frame)


def read_audio(
    path: Path, sample_rate: int, *, start: float = 0.0, chunk_seconds: float | None = None
) -> Iterator[Sound]:
    """Yield mono sound in [-1, 1] at `sample_rate`, from `start` seconds after the container's begin.

    Gaps in the stream, and the time before a sound that begins late, are silence, so that sample n
    always lies at start + n / sample_rate. The sound comes in chunks of `chunk_seconds`, or in one piece.
    Raises MediaError where no sound can be read, or where samples are no numbers.
    """
    command = _command(
        ffmpeg.input(_address(path), **LOCAL_ONLY)
        .audio.filter("aresample", sample_rate, **MONO, **{"async": 1, "first_pts": 0})
        .output("pipe:", format="f32le")
        .global_args("-v", "error", "-nostdin")
    )
    skip = round(start * sample_rate) * 4
    size = -1 if chunk_seconds is None else round(chunk_seconds * sample_rate) * 4
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log) as process,
    ):
        assert process.stdout is not None
        try:
            process.stdout.read(skip)
            heard = 0
            while data := process.stdout.read(size):
                heard += len(data)
                sound = np.frombuffer(data[: len(data) // 4 * 4], dtype="<f4")
                # No comparison holds of what is not a number.
                if not (np.abs(sound) < LOUDEST).all():
                    raise MediaError(
                        f"{path} holds samples of sound that are no numbers, or endless",
                        "write the sound anew, as a wav of 16 bits",
                    )
                yield sound
        finally:
            process.stdout.close()
            process.wait()
        if not heard:
            raise MediaError(
                f"{path} holds no sound that ffmpeg can read: {_last_line(log)}",
                "give a file with an audio stream, such as a wav, flac, mp3 or mp4",
            )


def check_sound(path: Path, sample_rate: int) -> None:
    """Read a sound to its end. Raises MediaError as `read_audio` does, before any work is spent on it."""
    for _ in read_audio(path, sample_rate, chunk_seconds=10.0):
        pass


def write_video(path: Path, frames: Iterable[Picture], fps: Fraction, sound: Path | None = None) -> int:
    """Write RGB frames (height, width, 3) and a sound file as a video; return the number of frames.

    The ending chooses the codecs: `.mp4` H.264 + AAC for browsers, `.mpg` MPEG-1 + mp2 as in GRID.
    The sound is cut to the length of the picture. The file is written atomically.
    """
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise MediaError(f"no frames to write to {path}", "check that the input is not empty")
    height, width = first.shape[:2]
    # The sound is added when the number of frames is known: ffmpeg's -shortest lets it run on by some
    # tenths of a second on a busy machine.
    # Short names of their own: that of the video may be as long as names can be.
    name = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    silent = path.with_name(f".{name}.{os.getpid()}.silent{path.suffix}")
    temporary = path.with_name(f".{name}.{os.getpid()}{path.suffix}")
    encoder = ENCODERS[path.suffix.lower()]
    picture = ffmpeg.input(
        "pipe:", format="rawvideo", pix_fmt="rgb24", s=f"{width}x{height}", framerate=str(fps)
    ).video
    try:
        count = _feed(picture.output(_address(silent), **encoder.video), path, [first], frames)
        streams = [ffmpeg.input(_address(silent), **LOCAL_ONLY).video]
        if sound is not None:
            spoken = ffmpeg.input(_address(sound), **LOCAL_ONLY).audio.filter("apad")
            streams.append(spoken.filter("atrim", end=float(count / fps)))
        joined = ffmpeg.output(*streams, _address(temporary), vcodec="copy", map_metadata=-1, **encoder.rest)
        _feed(joined, path)
        temporary.replace(path)
    finally:
        silent.unlink(missing_ok=True)
        temporary.unlink(missing_ok=True)
    return count


def fragmented_mp4_command(sound: str, sample_rate: int, width: int, height: int, fps: Fraction) -> list[str]:
    """The command that reads RGB frames from standard input and 16 bit mono sound from `sound`.

    It writes fragmented mp4 to standard output, frame by frame.
    """
    picture = ffmpeg.input(
        "pipe:0", format="rawvideo", pix_fmt="rgb24", s=f"{width}x{height}", framerate=str(fps), **RAW
    )
    spoken = ffmpeg.input(sound, format="s16le", ar=sample_rate, ch_layout="mono", **RAW)
    output = ffmpeg.output(picture.video, spoken.audio, "pipe:1", g=round(fps), **FRAGMENTED)
    command: list[str] = output.global_args("-v", "error").compile(cmd=ffmpeg_program())
    return command


def _feed(output: Any, path: Path, *frames: Iterable[Picture]) -> int:
    """Run ffmpeg on raw frames. Its messages go to a file: a pipe could fill up and block it."""
    count = 0
    command = _command(output.global_args("-v", "error").overwrite_output())
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log) as process,
    ):
        assert process.stdin is not None
        try:
            for frame in itertools.chain(*frames):
                process.stdin.write(np.ascontiguousarray(frame).data)
                count += 1
            process.stdin.close()
            code = process.wait()
        except BrokenPipeError:
            code = process.wait() or 1
        except BaseException:
            process.kill()
            raise
        if code:
            raise MediaError(
                f"ffmpeg could not write {path}: {_last_line(log)}",
                "check the free space and the right to write there",
            )
    return count


def _address(path: Path) -> str:
    """What ffmpeg is given for a file: from the root on, so that `a:b.mpg` is no protocol, `-x` no option."""
    return str(path.absolute()).translate(STOOD_IN)


def _command(output: Any) -> list[str]:
    """The command line of ffmpeg for an output, with the true names of its files."""
    line: list[str] = output.compile(cmd=ffmpeg_program())
    return [part.translate(TRUE) for part in line]


def _open(path: Path) -> "av.container.InputContainer":
    if not path.is_file():
        raise MediaError(f"{path} is not a file", "check the path")
    av.logging.set_level(av.logging.ERROR)
    try:
        return av.open(str(path.absolute()), options=LOCAL_ONLY)
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(
            f"{path} cannot be read: {error.strerror or error}", "check that it is a complete media file"
        ) from error


def _upright(frame: "av.VideoFrame") -> Picture:
    """The frame as RGB, turned by the rotation that phones write into the container."""
    picture = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    turns = round(frame.rotation / 90) % 4
    # PyAV pads rows, and dlib misreads pictures that are not contiguous.
    return np.ascontiguousarray(np.rot90(picture, turns))


def _last_line(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it gave no reason"
