"""Video and sound files: probe, read frames, read audio, write video.

Files are read in process with PyAV, which gives the time stamp and the state of every frame. The ffmpeg
program writes files; ffmpeg-python builds its command line. Both are limited to local files.
"""

import functools
import hashlib
import itertools
import json
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

from s2f.pipeline.core.containers import (
    FARTHEST_BACK,
    LOCAL_ONLY,
    LONGEST_GAP,
    Container,
    Probe,
    choose_sound,
    choose_video,
    first_of,
    go_to,
    open_container,
    origin,
    probe,
    readable,
)
from s2f.pipeline.core.errors import MediaError, SizeError, TimeStampError
from s2f.pipeline.core.hearing import Sound, SoundReader, has_no_layout
from s2f.pipeline.core.pixels import ALL, HDR, REST, Picture, deinterlaced, display_matrix, emptiness, upright

__all__ = [
    "EITHER",
    "ENCODERS",
    "SYNTHETIC",
    "FrameReader",
    "Picture",
    "Probe",
    "Sound",
    "SoundReader",
    "ffmpeg_program",
    "fragmented_mp4_command",
    "probe",
    "read_audio",
    "sample_frames",
    "vmaf",
    "write_video",
]

# These decoders give no frame before one that is whole; the others make what they lack from nothing.
WAITING = ("h264", "hevc", "av1")
# In these containers a frame is shown until the next one, however long that is; in the others, such as those
# of MPEG, a time without a frame is one that was lost.
UNTIL_NEXT = ("mov", "matroska", "webm")
# Errors of the decoder after which the rest of a stream is not read.
MOST_ERRORS = 1000


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


# What the comment of a file says of pictures that a network has made, in the term of the IPTC (as recalled);
# and what that of a clip of a study says, real or not, since it must not tell which.
SYNTHETIC = "synthetic: generated, not recorded; digital source type trainedAlgorithmicMedia"
EITHER = "from a study of real and synthetic videos; the key of the study tells which they are"

# ffmpeg-python hashes names as UTF-8. For bytes of a name that are none, letters for private use stand in.
STOOD_IN = {code: code + 0x100000 for code in range(0xDC80, 0xDD00)}
TRUE = {letter: code for code, letter in STOOD_IN.items()}


@functools.cache
def ffmpeg_program() -> str:
    """The ffmpeg to run: the machine's own, else the one that imageio-ffmpeg carries."""
    return shutil.which("ffmpeg") or str(imageio_ffmpeg.get_ffmpeg_exe())


@dataclass
class FrameReader:
    """The frames of a video on a constant time grid, from its first frame on.

    Iterating yields upright RGB pictures (height, width, 3) of square pixels: the i-th is the frame nearest
    to i / fps seconds after the first one; `fps=None` keeps every frame as it is. `begin` and `end`, in
    seconds after the container's begin, choose a piece of the video. Up to `keep_bytes` of pictures are
    kept for the next iteration. Raises TimeStampError and SizeError.
    After an iteration:

    start       seconds from the container's begin to the first frame
    decoded     frames that came out of the decoder
    damaged     frames that the decoder marked as corrupt, or that it made from nothing
    missing     frames that the time stamps leave room for, but that did not come
    still       the same where the container says that the one before is shown so long
    stretches   where that is: second of the picture, and seconds, the longest first
    usual       seconds from one frame to the next, as the time stamps have it
    unordered   frames left out since their time stamps do not come after the one before
    interlaced  frames whose lines were those of two moments
    light       the name of the high dynamic range that was toned down, or ""
    note        why another video stream might be meant, or ""
    complaints  what the decoder logged as errors
    steps       seconds from each frame to the next, by the time stamps
    faulty      for each picture whether it is damaged, or stands for a missing one
    """

    path: Path
    fps: Fraction | None = None
    keep_bytes: int = 0
    begin: float | None = None
    end: float | None = None
    start: float = 0.0
    decoded: int = 0
    damaged: int = 0
    missing: int = 0
    still: int = 0
    stretches: list[tuple[float, float]] = field(default_factory=list)
    usual: float = 0.0
    unordered: int = 0
    interlaced: int = 0
    light: str = ""
    note: str = ""
    complaints: list[str] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    faulty: list[bool] = field(default_factory=list)
    _kept: list[Picture] | None = field(default=None, repr=False)

    def __iter__(self) -> Iterator[Picture]:
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[Picture] | None = []
        for picture in self._readable(self._on_grid()):
            if kept is not None and len(kept) < self.keep_bytes // picture.nbytes:
                kept.append(picture)
            else:
                kept = None
            yield picture
        self._kept = kept or None

    def _readable(self, pictures: Iterator[Picture]) -> Iterator[Picture]:
        """The pictures; what ffmpeg cannot convert or deinterlace is an error with the file's name."""
        try:
            yield from pictures
        except av.error.FFmpegError as error:
            raise MediaError(
                f"ffmpeg cannot read the pictures in {self.path}: {error.strerror}", "encode the file anew"
            ) from error

    def _on_grid(self) -> Iterator[Picture]:
        shown = 0
        sources: list[int] = []  # the decoded frame of each picture
        times: list[Fraction] = []
        damaged: list[bool] = []
        covered: list[bool] = []  # whether the container says that a frame is shown until the next one
        previous: _Decoded | None = None
        nominal = Fraction(0)
        for decoded in self._decode(damaged):
            nominal = decoded.nominal
            times.append(decoded.time)
            if previous is not None:
                shown_until = previous.time + previous.lasts
                covered.append(decoded.held or bool(shown_until >= decoded.time - nominal / 2))
            if self.fps is None:
                previous = decoded
                sources.append(len(sources))
                yield decoded.picture
                continue
            # A grid point belongs to the older of two frames until half way to the newer one.
            while previous is not None and shown / self.fps < (previous.time + decoded.time) / 2:
                yield previous.picture
                sources.append(len(times) - 2)
                shown += 1
            previous = decoded
        step = self._count_gaps(covered, float(nominal))
        while previous is not None and self.fps is not None and shown / self.fps < previous.time + step / 2:
            yield previous.picture
            sources.append(len(times) - 1)
            shown += 1
        self.damaged = sum(damaged)
        self.faulty = [damaged[source] for source in sources]
        if self.fps and self.missing:
            for number, source in enumerate(sources):
                self.faulty[number] |= abs(number / self.fps - times[source]) > step * Fraction(3, 4)

    def _count_gaps(self, covered: list[bool], nominal: float) -> Fraction:
        """Count the frames that the steps between stamps leave room for; return the usual step.

        The stamps alone say what is usual: phones, recorders and screen recorders name rates that they do
        not keep. Frames are lost where the stamps follow the named rate but for some gaps, and nothing says
        that the one before is shown so long.
        """
        usual = float(np.median(self.steps)) if self.steps else nominal
        constant = abs(usual - nominal) < nominal / 10
        self.usual = nominal if constant else usual
        self.missing = self.still = 0
        self.stretches, at = [], 0.0
        for step, held in zip(self.steps, covered, strict=True):
            gap = max(0, round(step / self.usual) - 1)
            if gap and constant and not held:
                self.missing += gap
            elif gap:
                self.still += gap
                self.stretches.append((at, step))
            at += step
        self.stretches.sort(key=lambda each: each[1], reverse=True)
        return Fraction(self.usual).limit_denominator(1_000_000)

    def _decode(self, damaged: list[bool]) -> "Iterator[_Decoded]":
        """The frames in their order; notes in `damaged` which of them are."""
        self.decoded = self.unordered = self.interlaced = 0
        self.light, self.complaints, self.steps = "", [], []
        with open_container(self.path) as container, av.logging.Capture() as log:
            video, choice = choose_video(container, self.path)
            self.note = choice.note
            # One thread: PyAV's log callback needs the GIL, and closing a container holds the GIL while it
            # waits for the decoder's threads, so that a reader left half-way could hang.
            video.codec_context.thread_count = 1
            aspect = video.sample_aspect_ratio
            held = any(name in UNTIL_NEXT for name in container.format.name.split(","))
            nominal = 1 / Fraction(video.guessed_rate or video.average_rate or 25)
            unit = Fraction(video.time_base or 1)
            first: Fraction | None = None
            matrix: bytes | None = None
            last = Fraction(0)
            size = (0, 0)
            empty, keyed = False, video.codec_context.name in WAITING
            for frame in deinterlaced(self._frames(container, video), video):
                stamp = frame.pts * (frame.time_base or unit) if frame.pts is not None else None
                place = self._place(stamp, origin(container), video)
                if place < 0:
                    keyed = keyed or frame.key_frame
                    continue
                if place > 0:
                    break
                if first is None:
                    begin = origin(container)
                    first = last = begin if stamp is None else stamp
                    if self.begin is not None:
                        # What the decoder complained of on the way to the piece is not the piece's.
                        del log[:], self.complaints[:]
                    size, matrix = (frame.width, frame.height), display_matrix(frame)
                    self.start = float(first - begin)
                else:
                    stamp = last + nominal if stamp is None else stamp
                    self._check(stamp - last, size, frame)
                    if stamp <= last:
                        self.unordered += 1
                        continue
                    self.steps.append(float(stamp - last))
                    last = stamp
                self.decoded += 1
                self.light = self.light or HDR.get(frame.color_trc, "")
                if frame.key_frame and not keyed:
                    # What came before the first key frame was made from nothing.
                    damaged[:] = [True] * len(damaged)
                    keyed = True
                share = emptiness(frame)
                empty = share > (REST if empty else ALL)
                damaged.append(bool(frame.is_corrupt) or empty)
                lasts = Fraction(frame.duration or 0) * (frame.time_base or unit)
                # A frame that the decoder complains of may tell of lost ones before it.
                until_next = held and not damaged[-1]
                yield _Decoded(last - first, nominal, lasts, until_next, frame, aspect, matrix)
            self.complaints += [line.strip() for level, _, line in log if level <= av.logging.ERROR]

    def _frames(self, container: Container, video: "av.VideoStream") -> "Iterator[av.VideoFrame]":
        """What the decoder gives; what it cannot read is a complaint."""
        if self.begin is not None:
            go_to(container, video, self.begin)
        source = readable(container.demux(video), self.path)
        while True:
            try:
                packet = next(source, None)
                if packet is None:
                    return
                frames = packet.decode()
            except av.error.FFmpegError as error:
                self.complaints.append(str(error))
                if len(self.complaints) > MOST_ERRORS:
                    return
                continue
            for frame in frames:
                self.interlaced += frame.interlaced_frame
                yield frame

    def _place(self, stamp: Fraction | None, begin: Fraction, video: "av.VideoStream") -> int:
        """Whether a frame lies before the wanted piece, within it or after it: -1, 0 or 1."""
        if stamp is None:
            return 0
        if self.begin is not None and stamp - begin < first_of(self.begin, video):
            return -1
        return int(self.end is not None and stamp - begin >= first_of(self.end, video))

    def _check(self, step: Fraction, size: tuple[int, int], frame: "av.VideoFrame") -> None:
        """Raise TimeStampError or SizeError where a frame does not belong to the ones before."""
        after = f"after {self.decoded} frames of {self.path}"
        if not -FARTHEST_BACK <= step <= LONGEST_GAP:
            raise TimeStampError(
                f"the time stamps jump by {float(step):+,.2f} s {after}, as where two recordings are put"
                " together",
                "cut the file there, or encode it anew with `ffmpeg -fflags +genpts`",
            )
        if (frame.width, frame.height) != size:
            raise SizeError(
                f"the picture changes from {size[0]}x{size[1]} to {frame.width}x{frame.height} px {after}",
                "encode the file anew at one size",
            )


@dataclass(frozen=True)
class _Decoded:
    """A frame, its seconds since the first one, those per frame by the named rate, and those it is shown.

    `held` says that the one before was shown until this one; `aspect` and `matrix` are those of `upright`.
    """

    time: Fraction
    nominal: Fraction
    lasts: Fraction
    held: bool
    frame: "av.VideoFrame"
    aspect: Fraction | None
    matrix: bytes | None

    @functools.cached_property
    def picture(self) -> Picture:
        """Upright RGB, converted at first use: frames that the grid leaves out are never converted."""
        return upright(self.frame, self.aspect, self.matrix)


def sample_frames(path: Path, count: int) -> Iterator[Picture]:
    """Up to `count` RGB pictures evenly spread over a video, found by seeking, so that little is decoded.

    Raises MediaError where the video cannot be opened; pictures that cannot be decoded are left out.
    """
    # The decoder's complaints are captured, not printed.
    with open_container(path) as container, av.logging.Capture():
        video, _ = choose_video(container, path)
        video.codec_context.thread_count = 1
        begin, length = container.start_time or 0, container.duration or 0
        for number in range(count):
            try:
                container.seek(begin + length * (2 * number + 1) // (2 * count))
                frame = next(iter(container.decode(video)), None)
            except (av.error.FFmpegError, OSError):
                continue
            if frame is not None:
                yield upright(frame, video.sample_aspect_ratio, display_matrix(frame))


def read_audio(
    path: Path, sample_rate: int, *, start: float = 0.0, chunk_seconds: float | None = None
) -> Iterator[Sound]:
    """Yield mono sound in [-1, 1] at `sample_rate`, from `start` seconds after the container's begin.

    The sound comes in chunks of `chunk_seconds`, or in one piece; see SoundReader.
    """
    yield from SoundReader(path, sample_rate, start, chunk_seconds)


def check_sound(path: Path, sample_rate: int) -> int:
    """Read a sound to its end, and count its samples at this rate.

    Raises MediaError as `read_audio` does, before any work is spent on it.
    """
    return sum(map(len, read_audio(path, sample_rate, chunk_seconds=10.0)))


def write_video(
    path: Path,
    frames: Iterable[Picture],
    fps: Fraction,
    sound: Path | None = None,
    *,
    comment: str = "",
) -> int:
    """Write RGB frames (height, width, 3) and a sound file as a video; return the number of frames.

    The ending chooses the codecs: `.mp4` H.264 + AAC for browsers, `.mpg` MPEG-1 + mp2 as in GRID.
    The sound is cut to the length of the picture. The file is written atomically. What a network has made
    gets SYNTHETIC as the `comment` in its metadata; `.mpg` has no place for one.
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
            spoken = _sound_track(sound).filter("apad")
            streams.append(spoken.filter("atrim", end=float(count / fps)))
        said = {"metadata": f"comment={comment}"} if comment else {}
        joined = ffmpeg.output(
            *streams, _address(temporary), vcodec="copy", map_metadata=-1, **said, **encoder.rest
        )
        _feed(joined, path)
        temporary.replace(path)
    finally:
        silent.unlink(missing_ok=True)
        temporary.unlink(missing_ok=True)
    return count


def _sound_track(path: Path) -> Any:
    """The sound track that SoundReader would take; encoders take no channels without a layout."""
    source = ffmpeg.input(_address(path), **LOCAL_ONLY)
    try:
        with open_container(path) as container:
            chosen = choose_sound(container, path)
            if chosen is None:
                return source.audio
            stream = container.streams.audio[chosen.number - 1]
            count, layout = stream.channels, stream.layout.name
    except MediaError:
        # ffmpeg will say what is wrong.
        return source.audio
    track = source[str(chosen.index)]
    if count > 2 and has_no_layout(layout):
        # "<" makes the gains add up to 1.
        return track.filter("pan", "mono|c0<" + "+".join(f"c{number}" for number in range(count)))
    return track


def fragmented_mp4_command(sound: str, sample_rate: int, width: int, height: int, fps: Fraction) -> list[str]:
    """The command that reads RGB frames from standard input and 16 bit mono sound from `sound`.

    It writes fragmented mp4 to standard output, frame by frame; its comment says that it is synthetic.
    """
    picture = ffmpeg.input(
        "pipe:0", format="rawvideo", pix_fmt="rgb24", s=f"{width}x{height}", framerate=str(fps), **RAW
    )
    spoken = ffmpeg.input(sound, format="s16le", ar=sample_rate, ch_layout="mono", **RAW)
    output = ffmpeg.output(
        picture.video, spoken.audio, "pipe:1", g=round(fps), metadata=f"comment={SYNTHETIC}", **FRAGMENTED
    )
    command: list[str] = output.global_args("-v", "error").compile(cmd=ffmpeg_program())
    return command


def vmaf(
    video: Iterable[Picture], real: Iterable[Picture], size: tuple[int, int], fps: Fraction
) -> float | None:
    """The VMAF of RGB frames of a width and a height against the real ones; None where ffmpeg lacks libvmaf.

    By the program that imageio-ffmpeg brings, whatever the machine has: its version decides the figures.
    """
    with tempfile.TemporaryDirectory(prefix="s2f-") as folder:
        inputs = []
        for name, frames in (("made", video), ("real", real)):
            path = Path(folder, name)
            path.write_bytes(b"".join(np.ascontiguousarray(frame).tobytes() for frame in frames))
            raw = ffmpeg.input(
                str(path), format="rawvideo", pix_fmt="rgb24", s="{}x{}".format(*size), framerate=str(fps)
            )
            inputs.append(raw.video.filter("format", "yuv420p"))
        # The names of the log and the folder need no escapes: ffmpeg runs in the folder.
        compared = ffmpeg.filter(inputs, "libvmaf", log_fmt="json", log_path="log.json", n_threads=1)
        output = ffmpeg.output(compared, "-", format="null").global_args("-v", "error", "-nostdin")
        command: list[str] = output.compile(cmd=imageio_ffmpeg.get_ffmpeg_exe())
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        if done.returncode:
            if b"libvmaf" in done.stderr:
                return None
            raise MediaError(
                f"ffmpeg could not compare two videos: {done.stderr[-200:].decode(errors='replace')}"
            )
        score = json.loads(Path(folder, "log.json").read_bytes())["pooled_metrics"]["vmaf"]["mean"]
    return float(score)


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


def _last_line(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it gave no reason"
