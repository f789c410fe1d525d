"""Live animation: sound comes in through a pipe, and every frame goes out as soon as it can be made.

A frame's window is centred on it and so takes half a window of sound from after it: with windows of
0.16 s no frame can be shown sooner than 80 ms after its moment.
"""

import errno
import os
import queue
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from fractions import Fraction
from pathlib import Path
from typing import IO, Literal

import av
import ffmpeg
import numpy as np
import torch

from s2f.model.inference.animate import Animation, generate, read_face
from s2f.model.inference.runtime import load_prepared
from s2f.model.networks.device import best_device
from s2f.model.networks.generator import HEIGHT, WIDTH
from s2f.pipeline.core.errors import InputError, MediaError, OutputError
from s2f.pipeline.core.files import make_folder
from s2f.pipeline.core.media import LOCAL_ONLY, ffmpeg_program
from s2f.pipeline.core.windows import Sound
from s2f.pipeline.faces.settings import DEFAULT_FACES, FaceSettings

STDIN, STDOUT = 0, 1

# Sound in bytes, in pieces of any length.
Pieces = Iterator[bytes]

# ffmpeg has nothing to find out about raw material, and begins at once.
RAW = {"probesize": 32, **LOCAL_ONLY}
# Every frame begins a fragment, so that it can be shown when it comes. With frag_every_frame ffmpeg
# gives some frames the same time, and without delay_moov the picture lags behind the sound.
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


def animate_live(
    run: Path,
    image: Path,
    out: Path,
    *,
    form: Literal["mp4", "rgb24"] = "mp4",
    sample_rate: int | None = None,
    aligned: bool = False,
    faces: FaceSettings = DEFAULT_FACES,
    seed: int = 0,
    source: int = STDIN,
) -> Animation:
    """Animate the face in `image` with the sound that comes in on the file descriptor `source`.

    The sound is mono PCM s16le at `sample_rate`, or else at the model's own rate. `out` is a file, a
    FIFO, or `-` for standard output; `form` is mp4, fragmented and with the sound, or rgb24, the bare
    pixels, 96 x 128. It ends with the sound, or when nobody reads the frames any more. Raises
    InputError for the image, CheckpointError for the run, OutputError and MediaError for `out`.
    """
    if os.isatty(source) or stat.S_ISDIR(os.fstat(source).st_mode):
        raise InputError("no sound comes in", "pipe mono PCM s16le into standard input")
    device = best_device()
    talker = load_prepared(run, device)
    face = read_face(image, aligned=aligned, faces=faces)
    rate = sample_rate or talker.sample_rate
    pieces = iter(lambda: os.read(source, 1 << 16), b"")
    count = 0
    with _one_thread(), suppress(BrokenPipeError), _opened(out) as target:
        encoder = (
            _fragments(target, pieces, rate, talker.fps) if form == "mp4" else nullcontext((target, pieces))
        )
        with encoder as (sink, heard):
            for frame in generate(talker, face, to_sound(heard, rate, talker.sample_rate), device, seed):
                _write(sink, frame.tobytes())
                count += 1
    return Animation(out, count, float(talker.fps), float(count / talker.fps))


def to_sound(pieces: Iterable[bytes], rate: int, wanted: int) -> Iterator[Sound]:
    """Yield mono PCM s16le at `rate` as sound in [-1, 1] at `wanted` samples per second, as it comes."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=wanted)
    rest = b""
    for piece in pieces:
        data = rest + piece
        whole = len(data) // 2 * 2
        rest = data[whole:]
        if whole:
            samples = np.frombuffer(data[:whole], "<i2").astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
            frame.sample_rate = rate
            yield from _samples(resampler, frame)
    yield from _samples(resampler, None)


def _samples(resampler: "av.AudioResampler", frame: "av.AudioFrame | None") -> Iterator[Sound]:
    for some in resampler.resample(frame):
        yield np.asarray(some.to_ndarray()[0], np.float32)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Torch with one thread: for single frames more save little, and cost much where others want them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _opened(out: Path) -> Iterator[int]:
    """The file descriptor to write to. Raises OutputError."""
    if out == Path("-"):
        yield STDOUT
        return
    make_folder(out.parent)
    try:
        target = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    except OSError as error:
        raise _not_written(out, error) from error
    try:
        yield target
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _not_written(out, error) from error
    finally:
        os.close(target)


@contextmanager
def _fragments(target: int, pieces: Pieces, rate: int, fps: Fraction) -> Iterator[tuple[int, Pieces]]:
    """ffmpeg, writing fragmented mp4: where frames are to be written, and the pieces, which it hears too.

    The sound goes to it from a thread of its own: ffmpeg may wait for more of it before it takes the
    next frame. Raises MediaError where ffmpeg fails, BrokenPipeError where nobody reads from it.
    """
    hearing, speaking = os.pipe()
    passed_on: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            _command(hearing, rate, fps),
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=target,
            stderr=log,
            pass_fds=[hearing],
        ) as process,
    ):
        assert process.stdin is not None
        os.close(hearing)
        # A daemon, since it may be waiting for sound when all else has ended.
        threading.Thread(target=_pass_on, args=(pieces, speaking, passed_on), daemon=True).start()
        try:
            yield process.stdin.fileno(), iter(passed_on.get, b"")
            process.stdin.close()
            process.wait()
        except BrokenPipeError:
            process.wait()
        except BaseException:
            process.terminate()
            raise
        if process.returncode:
            _complain(log)


def _command(hearing: int, rate: int, fps: Fraction) -> list[str]:
    picture = ffmpeg.input(
        "pipe:0", format="rawvideo", pix_fmt="rgb24", s=f"{WIDTH}x{HEIGHT}", framerate=str(fps), **RAW
    )
    sound = ffmpeg.input(f"pipe:{hearing}", format="s16le", ar=rate, ch_layout="mono", **RAW)
    output = ffmpeg.output(picture.video, sound.audio, "pipe:1", g=round(fps), **FRAGMENTED)
    command: list[str] = output.global_args("-v", "error").compile(cmd=ffmpeg_program())
    return command


def _pass_on(pieces: Pieces, speaking: int, passed_on: "queue.SimpleQueue[bytes]") -> None:
    """Give each piece to the generator and to ffmpeg; an empty one says that it was the last."""
    try:
        with suppress(BrokenPipeError):
            for piece in pieces:
                passed_on.put(piece)
                _write(speaking, piece)
    finally:
        passed_on.put(b"")
        os.close(speaking)


def _write(target: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(target, left) :]


def _complain(log: IO[bytes]) -> None:
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    if any(os.strerror(errno.EPIPE) in line for line in lines):
        raise BrokenPipeError
    raise MediaError(
        f"ffmpeg could not write the video: {lines[-1] if lines else 'it gave no reason'}",
        "check the free space and the right to write there",
    )


def _not_written(out: Path, error: OSError) -> OutputError:
    return OutputError(f"{out} cannot be written: {error.strerror}", "give another file, FIFO or -")
