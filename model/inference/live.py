"""Live animation: sound comes in through a pipe, and every frame goes out as soon as it can be made.

The window of a frame is centred on it, so half of it is sound from after the frame. With windows of
0.16 s every frame is at least 80 ms late.
"""

import logging
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Literal

import av
import numpy as np

from s2f.model.inference.animate import Animation, generate, read_face
from s2f.model.inference.pace import seconds_per_frame, too_slow
from s2f.model.inference.runtime import load_prepared
from s2f.model.inference.streams import fragmented_mp4, open_output, write_all
from s2f.model.networks.device import best_device, limited_threads
from s2f.model.networks.related.base import PieceGenerator
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.windows import Sound
from s2f.pipeline.faces.settings import DEFAULT_FACES, FaceSettings

LOG = logging.getLogger(__name__)

STDIN = 0


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

    The sound is mono PCM s16le at `sample_rate`, by default at the model's own rate. `out` is a file, a
    FIFO, or `-` for standard output. `form` is mp4, fragmented and with the sound, or rgb24, only the
    pixels of the frames. It ends when the sound ends, or when nobody reads the frames any more. Where
    this machine is too slow for the network, a warning says so at the start.
    Raises InputError for the image, CheckpointError for the run, OutputError and MediaError for `out`.
    """
    if os.isatty(source) or stat.S_ISDIR(os.fstat(source).st_mode):
        raise InputError("no sound comes in", "pipe mono PCM s16le into standard input")
    device = best_device()
    talker = load_prepared(run, device)
    if isinstance(talker.generator, PieceGenerator):
        raise InputError(
            f"{run} makes {talker.generator.frames} frames at once: it cannot speak while the sound comes in",
            "give the sound as a file, without --stream",
        )
    face = read_face(image, talker.size, aligned=aligned, faces=faces)
    sample_rate = sample_rate or talker.sample_rate
    pieces = iter(lambda: os.read(source, 1 << 16), b"")
    count = 0
    # On single frames more threads gain little, and slow down other programs.
    with limited_threads(1), suppress(BrokenPipeError), open_output(out) as target:
        cost = seconds_per_frame(talker.generator, device)
        if told := too_slow(cost, talker.fps, int(talker.generator.arguments["width"])):
            LOG.warning("%s", told)
        encoder = (
            fragmented_mp4(target, pieces, sample_rate, talker.fps, talker.size)
            if form == "mp4"
            else nullcontext((target, pieces))
        )
        with encoder as (sink, heard):
            sound = to_sound(heard, sample_rate, talker.sample_rate)
            for frame in generate(talker, face, sound, device, seed):
                write_all(sink, frame.tobytes())
                count += 1
    return Animation(out, count, float(talker.fps), float(count / talker.fps))


def to_sound(pieces: Iterable[bytes], sample_rate: int, wanted: int) -> Iterator[Sound]:
    """Resample mono PCM s16le from `sample_rate` to `wanted` Hz as it comes; yields sound in [-1, 1]."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=wanted)
    rest = b""
    for piece in pieces:
        data = rest + piece
        whole = len(data) // 2 * 2
        rest = data[whole:]
        if whole:
            samples = np.frombuffer(data[:whole], "<i2").astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
            frame.sample_rate = sample_rate
            yield from _samples(resampler, frame)
    yield from _samples(resampler, None)


def _samples(resampler: "av.AudioResampler", frame: "av.AudioFrame | None") -> Iterator[Sound]:
    for resampled in resampler.resample(frame):
        yield np.asarray(resampled.to_ndarray()[0], np.float32)
