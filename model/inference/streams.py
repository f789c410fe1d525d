"""Where live frames go: a file, a FIFO or standard output, as bare pixels or through ffmpeg as mp4."""

import errno
import os
import queue
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import IO

from s2f.pipeline.core.errors import MediaError, OutputError
from s2f.pipeline.core.files import make_folder
from s2f.pipeline.core.media import fragmented_mp4_command

STDOUT = 1

# Sound in bytes, in pieces of any length.
Pieces = Iterator[bytes]


@contextmanager
def open_output(out: Path) -> Iterator[int]:
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
def fragmented_mp4(
    target: int, pieces: Pieces, sample_rate: int, fps: Fraction, size: tuple[int, int]
) -> Iterator[tuple[int, Pieces]]:
    """Run ffmpeg to write fragmented mp4; gives the descriptor for frames, and the pieces of sound.

    `size` is the width and the height of a frame.
    ffmpeg gets each piece too, from a thread of its own, because ffmpeg may wait for more sound before it
    takes the next frame. Raises MediaError where ffmpeg fails, BrokenPipeError where nobody reads the mp4.
    """
    sound_out, sound_in = os.pipe()
    heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            fragmented_mp4_command(f"pipe:{sound_out}", sample_rate, *size, fps),
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=target,
            stderr=log,
            pass_fds=[sound_out],
        ) as process,
    ):
        assert process.stdin is not None
        os.close(sound_out)
        # A daemon thread, because it may still wait for sound when everything else has ended.
        threading.Thread(target=_pass_on, args=(pieces, sound_in, heard), daemon=True).start()
        try:
            yield process.stdin.fileno(), iter(heard.get, b"")
            process.stdin.close()
            process.wait()
        except BrokenPipeError:
            process.wait()
        except BaseException:
            process.terminate()
            raise
        if process.returncode:
            _raise_failure(log)


def _pass_on(pieces: Pieces, sound_in: int, heard: "queue.SimpleQueue[bytes]") -> None:
    """Give each piece to the generator and to ffmpeg; an empty piece marks the end."""
    try:
        with suppress(BrokenPipeError):
            for piece in pieces:
                heard.put(piece)
                write_all(sound_in, piece)
    finally:
        heard.put(b"")
        os.close(sound_in)


def write_all(target: int, data: bytes) -> None:
    """Write all of the data to a file descriptor, in as many writes as it takes."""
    left = memoryview(data)
    while left:
        left = left[os.write(target, left) :]


def _raise_failure(log: IO[bytes]) -> None:
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
