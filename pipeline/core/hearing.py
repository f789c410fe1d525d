"""The sound of a file in process with PyAV: every sample at its time stamp, mixed to one channel."""

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import av.filter
import numpy as np
import numpy.typing as npt

from s2f.pipeline.core.containers import (
    FARTHEST_BACK,
    LONGEST_GAP,
    choose_sound,
    go_to,
    open_container,
    origin,
    readable,
)
from s2f.pipeline.core.errors import MediaError, SampleError, TimeStampError

Sound = npt.NDArray[np.float32]

# Stamps may differ by so many seconds from where the samples before them end: containers round them.
TOLERANCE = 0.008
# Sound that begins more seconds after its file has a damaged stamp.
LATEST_BEGIN = 3600
# Silence is made of so many seconds at a time.
SILENCE = 10
# A start that lies further in than these seconds is sought, and the sound read from a second before it.
SOUGHT = 10
# The mix is decided by the first SECONDS, and where nothing is heard in them, rms, by up to LATEST.
HEARD, SECONDS, LATEST = 0.003, 10, 120
# Channels cancel where less than this share is left of what the mix of unrelated ones would have, rms.
CANCELLED = 0.3
# Samples lie in [-1, 1]. Those of files that were not scaled so go up to 2^31; beyond is no sound.
LOUDEST = 1e10
# Without the limit ffmpeg adds two equal channels up to 1.41 times their height.
MONO = "ochl=mono:osf=fltp:rematrix_maxval=1.0"


@dataclass(frozen=True)
class _Piece:
    """Decoded samples (channels, n), their rate and layout, and their time from the container's begin."""

    samples: Sound
    rate: int
    layout: str
    time: Fraction | None


@dataclass
class SoundReader:
    """Mono sound in [-1, 1] at `sample_rate`, from `start` seconds after the container's begin to `end`.

    Sample n lies at start + n / sample_rate: gaps in the stream, and the time before a sound that begins
    late, are silence. Iterating yields chunks of `chunk_seconds`, or one piece. Raises MediaError where no
    sound can be read, TimeStampError where its stamps are those of several recordings, SampleError where
    samples are no numbers. After an iteration:

    lost       seconds for which the time stamps leave room, but that did not come
    cancelled  whether one channel was taken, since the mix of all would be silent
    note       what a person should know of the mix; empty where it is the usual one
    """

    path: Path
    sample_rate: int
    start: float = 0.0
    chunk_seconds: float | None = None
    end: float | None = None
    lost: float = 0.0
    cancelled: bool = False
    note: str = ""
    _notes: list[str] = field(default_factory=list, repr=False)

    def __iter__(self) -> Iterator[Sound]:
        self.lost, self.cancelled, self._notes = 0.0, False, []
        size = None if self.chunk_seconds is None else round(self.chunk_seconds * self.sample_rate)
        heard = False
        skip = round((self.start - self._read_from) * self.sample_rate)
        wanted = None if self.end is None else max(0, round((self.end - self.start) * self.sample_rate))
        try:
            for chunk in _chunks(_limited(self._resampled(), skip, wanted), skip, size):
                heard = True
                yield chunk
        except av.error.FFmpegError as error:
            raise MediaError(
                f"ffmpeg cannot read the sound in {self.path}: {error.strerror}", "encode the file anew"
            ) from error
        self.note = "; ".join(self._notes)
        if not heard:
            raise MediaError(
                f"{self.path} holds no sound that ffmpeg can read",
                "give a file with an audio stream, such as a wav, flac, mp3 or mp4",
            )

    @property
    def _read_from(self) -> int:
        """The second from which the file is read."""
        return int(self.start) - 1 if self.start > SOUGHT else 0

    def _resampled(self) -> Iterator[Sound]:
        resampler: av.AudioResampler | None = None
        rate = 0
        for mono, rate_now in self._placed():
            if rate_now != rate:
                yield from _flush(resampler)
                rate = rate_now
                resampler = av.AudioResampler(format="flt", layout="mono", rate=self.sample_rate)
            assert resampler
            frame = av.AudioFrame.from_ndarray(mono[None], format="flt", layout="mono")
            frame.sample_rate = rate
            yield from (each.to_ndarray()[0] for each in resampler.resample(frame))
        yield from _flush(resampler)

    def _placed(self) -> Iterator[tuple[Sound, int]]:
        """The pieces mixed and in their order, with silence where some are missing."""
        at, rate = 0, 0  # samples so far
        for piece, following in _pairs(self._mixed()):
            if piece.rate != rate:
                at, rate = (round(at * piece.rate / rate) if rate else 0), piece.rate
            samples = piece.samples[0]
            off = self._off(piece, at)
            # One late stamp is a recorder's jitter, two are a gap: what follows shows it.
            after = self._off(following, at + len(samples)) if following and at else off
            if min(abs(off), abs(after)) > TOLERANCE * rate and off * after > 0:
                # An overlap takes back what was a late stamp, not a gap.
                self.lost = max(0.0, self.lost + off / rate) if at else 0.0
                if off > 0:
                    for begin in range(0, off, SILENCE * rate):
                        yield np.zeros(min(SILENCE * rate, off - begin), np.float32), rate
                    at += off
                else:
                    samples = samples[-off:]
            if len(samples):
                yield samples, rate
            at += len(samples)

    def _off(self, piece: _Piece, at: int) -> int:
        """By how many samples a piece lies after sample `at`."""
        if piece.time is None:
            return 0
        off = piece.time - Fraction(at, piece.rate)
        if not at and off > LATEST_BEGIN:
            raise TimeStampError(
                f"the sound in {self.path} begins {float(off):,.0f} s after the file",
                "encode the file anew with `ffmpeg -fflags +genpts`",
            )
        if at and not -FARTHEST_BACK <= off <= LONGEST_GAP:
            raise TimeStampError(
                f"the time stamps of the sound in {self.path} jump by {float(off):+.2f} s after"
                f" {at / piece.rate:.2f} s, as where two recordings are put together",
                "cut the file there, or encode it anew with `ffmpeg -fflags +genpts`",
            )
        return round(off * piece.rate)

    def _mixed(self) -> Iterator[_Piece]:
        weights: dict[tuple[str, int], Sound] = {}
        for piece in self._decided(weights):
            form = piece.layout, len(piece.samples)
            if form not in weights:
                weights[form] = _weights(*form)
            mono = weights[form] @ piece.samples if len(piece.samples) > 1 else piece.samples[0]
            yield _Piece(mono[None], piece.rate, "mono", piece.time)

    def _decided(self, weights: dict[tuple[str, int], Sound]) -> Iterator[_Piece]:
        """The pieces; before the first one comes it is decided how channels that cancel are mixed."""
        pieces = self._decode()
        held: list[_Piece] = []
        seconds, heard = 0.0, False
        for piece in pieces:
            held.append(piece)
            seconds += piece.samples.shape[1] / piece.rate
            heard = heard or bool(np.abs(piece.samples).max(initial=0) > HEARD)
            if len(piece.samples) == 1 or (seconds >= SECONDS and heard) or seconds >= LATEST:
                break
        forms = {(each.layout, len(each.samples)) for each in held}
        if len(forms) == 1 and len(held[0].samples) > 1:
            ((layout, count),) = forms
            mix = _weights(layout, count)
            samples = np.concatenate([each.samples for each in held], axis=1)
            levels = np.sqrt(np.square(samples).mean(axis=1))
            left = np.sqrt(np.square(mix @ samples).mean())
            loudest = int(levels.argmax())
            if levels[loudest] > HEARD and left < CANCELLED * np.linalg.norm(mix * levels):
                mix = np.eye(count, dtype=np.float32)[loudest]
                self.cancelled = True
                self._notes.append(f"the channels cancel out: channel {loudest + 1} of {count} was taken")
            elif has_no_layout(layout) and count > 2:
                self._notes.append(f"{count} channels without a layout: their mean was taken")
            weights[layout, count] = mix
        yield from held
        yield from pieces

    def _decode(self) -> Iterator[_Piece]:
        with open_container(self.path) as container, av.logging.Capture():
            chosen = choose_sound(container, self.path)
            if chosen is None:
                return
            stream = container.streams.audio[chosen.number - 1]
            stream.codec_context.thread_count = 1
            begin = origin(container) + self._read_from
            if self._read_from:
                go_to(container, stream, self._read_from)
            try:
                for packet in readable(container.demux(stream), self.path):
                    try:
                        frames = packet.decode()
                    except av.error.FFmpegError:
                        continue
                    for frame in frames:
                        time = (
                            None if frame.pts is None else frame.pts * Fraction(frame.time_base or 1) - begin
                        )
                        samples = _floats(frame)
                        # No comparison holds of what is not a number.
                        if not (np.abs(samples) < LOUDEST).all():
                            raise SampleError(
                                f"{self.path} holds samples of sound that are no numbers, or endless",
                                "write the sound anew, as a wav of 16 bits",
                            )
                        yield _Piece(samples, frame.sample_rate, frame.layout.name, time)
            except av.error.FFmpegError as error:
                # The rest of a broken file cannot be read; what came before it can.
                self._notes.append(f"the sound breaks off: {error.strerror}")


def has_no_layout(layout: str) -> bool:
    """Whether ffmpeg's name of a channel layout is none but their number, such as `10 channels`."""
    return "channels" in layout


def _limited(pieces: Iterable[Sound], skip: int, wanted: int | None) -> Iterator[Sound]:
    """The pieces until `wanted` samples after the first `skip` have come."""
    left = None if wanted is None else max(0, skip + wanted)
    for piece in pieces:
        if left is None:
            yield piece
            continue
        yield piece[:left]
        left -= len(piece)
        if left <= 0:
            return


def _pairs(pieces: Iterable[_Piece]) -> Iterator[tuple[_Piece, _Piece | None]]:
    """Each piece with the one after it."""
    before = None
    for piece in pieces:
        if before is not None:
            yield before, piece
        before = piece
    if before is not None:
        yield before, None


@functools.cache
def _weights(layout: str, count: int) -> Sound:
    """The share of each channel in the mix: ffmpeg's for the layout, their mean where there is none."""
    if has_no_layout(layout):
        return np.full(count, 1 / count, np.float32)
    graph = av.filter.Graph()
    # A sample for each channel that sounds in this one alone: the mix of them is the weights.
    unit = av.AudioFrame.from_ndarray(np.eye(count, dtype=np.float32), format="fltp", layout=layout)
    unit.sample_rate = 48_000
    source = graph.add_abuffer(
        format="fltp", sample_rate=48_000, layout=layout, time_base=Fraction(1, 48_000)
    )
    graph.link_nodes(source, graph.add("aresample", MONO), graph.add("abuffersink")).configure()
    graph.push(unit)
    graph.push(None)
    mixed = graph.pull()
    assert isinstance(mixed, av.AudioFrame)
    return np.asarray(mixed.to_ndarray()[0], np.float32)


def _floats(frame: "av.AudioFrame") -> Sound:
    """The samples of a frame (channels, n) in [-1, 1], from whatever form they are in."""
    samples = frame.to_ndarray()
    if frame.format.is_packed:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype == np.uint8:
        return np.asarray(samples.astype(np.float32) / 128 - 1, np.float32)
    full = 2.0 ** (8 * samples.itemsize - 1) if samples.dtype.kind == "i" else 1.0
    return np.asarray(samples.astype(np.float32) / full, np.float32)


def _flush(resampler: "av.AudioResampler | None") -> Iterator[Sound]:
    if resampler:
        yield from (each.to_ndarray()[0] for each in resampler.resample(None))


def _chunks(pieces: Iterable[Sound], skip: int, size: int | None) -> Iterator[Sound]:
    """The pieces joined to chunks of `size`, without the first `skip` samples."""
    held: list[Sound] = [np.zeros(max(0, -skip), np.float32)]
    count, skip = len(held[0]), max(0, skip)
    for piece in pieces:
        left = piece[skip:]
        skip = max(0, skip - len(piece))
        if len(left):
            held.append(left)
            count += len(left)
        if size and count >= size:
            whole = np.concatenate(held)
            stop = count // size * size
            yield from np.split(whole[:stop], range(size, stop, size))
            held, count = [whole[stop:]], count - stop
    if count:
        yield np.concatenate(held)
