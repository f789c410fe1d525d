"""Media files opened in process with PyAV: which of their streams are meant, and what the header says."""

import itertools
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeVar, cast

import av
import av.container

from s2f.pipeline.core.errors import CodecError, MediaError

Container = av.container.InputContainer
Stream = TypeVar("Stream", av.VideoStream, av.AudioStream)
Packet = TypeVar("Packet")

LOCAL_ONLY = {"protocol_whitelist": "file,pipe"}

# Packets that are looked at to see which of several pictures moves.
LOOKED_AT = 2000
# A rate above this is the unit of the time stamps, as that of a browser's recorder, not a rate.
MOST_FPS = 240
# Stamps that go forward or back by more than these seconds are those of another recording.
LONGEST_GAP, FARTHEST_BACK = 60, 1
# Seconds before the wanted frame from which it is looked for, until one of its predecessors is found.
LOOK_BACK = (0, 5, 30)
# A header that names a longer duration, in seconds, may have been written before the end was known.
BELIEVED = 60


@dataclass(frozen=True)
class Choice:
    """One stream of its kind: its index in the file, its place among how many, and what a person is told.

    `note` is empty where there was nothing to choose, or where the file itself says which one is meant.
    """

    index: int
    number: int
    count: int
    note: str


@dataclass(frozen=True)
class Probe:
    """What the container says of the chosen streams, and when the first frame comes. Times in seconds."""

    width: int
    height: int
    fps: float
    duration: float
    video_codec: str
    video_start: float
    audio_codec: str | None
    sample_rate: int | None
    channels: int | None
    video: Choice
    sound: Choice | None


def probe(path: Path, begin: float | None = None) -> Probe:
    """Read a container's header and find its first frame, or the first at `begin` seconds or later.

    Where the header does not know how long the video is, the packets tell, but not for a piece.

    Raises MediaError where there is no video stream to be read, CodecError where its codec is not known.
    """
    with open_container(path) as container, av.logging.Capture():
        video, picked = choose_video(container, path)
        chosen = choose_sound(container, path)
        sound = container.streams.audio[chosen.number - 1] if chosen else None
        unit = Fraction(video.time_base or 1)
        whole = Fraction(container.duration or 0, av.time_base)
        length = video.duration * unit if video.duration else whole
        if begin is None and not 0 < length <= BELIEVED:
            length = _counted(path, video)
        fps = video.guessed_rate or 0
        if not 0 < fps <= MOST_FPS:
            fps = video.average_rate or 0
        return Probe(
            width=video.width,
            height=video.height,
            fps=float(fps),
            duration=float(length),
            video_codec=video.codec_context.name,
            video_start=float(_first_stamp(container, video, begin) - origin(container)),
            audio_codec=sound.codec_context.name if sound else None,
            sample_rate=sound.rate if sound else None,
            channels=sound.channels if sound else None,
            video=picked,
            sound=chosen,
        )


def open_container(path: Path) -> Container:
    """Open a local file. Raises MediaError where it is none, or no media file."""
    if not path.is_file():
        raise MediaError(f"{path} is not a file", "check the path")
    av.logging.set_level(av.logging.ERROR)
    try:
        # What ffmpeg complains of comes up again where it matters: in what is read.
        with av.logging.Capture():
            # Titles may be written in any encoding; nothing here depends on them.
            return av.open(str(path.absolute()), options=LOCAL_ONLY, metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(
            f"{path} cannot be read: {error.strerror or error}", "check that it is a complete media file"
        ) from error


def origin(container: Container) -> Fraction:
    """The time stamp, in seconds, that counts as the container's beginning."""
    return Fraction(container.start_time or 0, av.time_base)


def go_to(container: Container, stream: "av.VideoStream | av.AudioStream", begin: float) -> None:
    """Seek, so that what comes at `begin` seconds after the container's beginning is still to come."""
    for back in LOOK_BACK:
        target = container.start_time or 0
        target += max(0, round((begin - back) * av.time_base))
        container.seek(target)
        stamp = _next_stamp(container, stream)
        if stamp is not None and stamp - origin(container) <= begin:
            container.seek(target)
            return
    container.seek(container.start_time or 0)


def choose_video(container: Container, path: Path) -> tuple["av.VideoStream", Choice]:
    """The video: one that moves, never a cover or a thumbnail; of several the default one."""
    streams = container.streams.video
    pictures = [each for each in streams if not each.disposition & av.stream.Disposition.attached_pic]
    if not pictures:
        raise MediaError(f"{path} holds no video stream", "give a video file, or remove it from the folder")
    known = _known(list(pictures), path, "video")
    packets = _count_packets(path, len(known) > 1)
    moving = [each for each in known if packets.get(each.index, 0) > 1] or known
    best = _flagged(moving)
    return best, _choice(best, streams, moving, "picture")


def choose_sound(container: Container, path: Path) -> Choice | None:
    """The sound track that is flagged as default, else the first; None where there is no sound."""
    streams = container.streams.audio
    if not streams:
        return None
    known = _known(list(streams), path, "sound")
    return _choice(_flagged(known), streams, known, "sound track")


def _known(streams: list[Stream], path: Path, kind: Literal["video", "sound"]) -> list[Stream]:
    # PyAV makes no context for a stream whose codec it has no decoder for.
    known = [each for each in streams if each.codec_context is not None]
    if not known:
        raise CodecError(
            f"the codec of the {kind} in {path} is not known to ffmpeg",
            "encode the file anew, as H.264 and AAC, with the program that wrote it",
        )
    return known


def _flagged(streams: list[Stream]) -> Stream:
    flagged = [each for each in streams if each.disposition & av.stream.Disposition.default]
    return (flagged or streams)[0]


def _choice(best: Stream, streams: tuple[Stream, ...], rivals: list[Stream], what: str) -> Choice:
    flagged = [each for each in rivals if each.disposition & av.stream.Disposition.default]
    number = streams.index(best) + 1
    note = ""
    if len(rivals) > 1 and len(flagged) != 1:
        others = [f"{streams.index(each) + 1} ({_told(each)})" for each in rivals if each is not best]
        note = (
            f"{what} {number} of {len(streams)} was taken ({_told(best)}), for no single one is marked as"
            f" the default; left out: {', '.join(others)}"
        )
    return Choice(best.index, number, len(streams), note)


def _told(stream: "av.VideoStream | av.AudioStream") -> str:
    """A stream in words, to tell it from the others."""
    size = (
        f"{stream.width}x{stream.height}"
        if isinstance(stream, av.VideoStream)
        else f"{stream.channels} channels"
    )
    names = (stream.codec_context.name, size, stream.metadata.get("language"), stream.metadata.get("title"))
    return " ".join(name for name in names if name)


def readable(packets: Iterator[Packet], path: Path) -> Iterator[Packet]:
    """The packets of a file. Raises MediaError where a stream begins that was not there at the start."""
    try:
        yield from packets
    except IndexError:
        # PyAV looks for it among the streams that there were when the file was opened.
        raise MediaError(
            f"in {path} a stream begins that its head does not name",
            "write the file anew: `ffmpeg -i FILE -c copy NEW.mkv`",
        ) from None


def _count_packets(path: Path, several: bool) -> dict[int, int]:
    """Packets of each stream in the first ones of a file; nothing is read where there is no choice."""
    counts: dict[int, int] = {}
    if several:
        with open_container(path) as container, av.logging.Capture():
            for _, packet in zip(range(LOOKED_AT), readable(container.demux(), path), strict=False):
                if packet.size:
                    counts[packet.stream_index] = counts.get(packet.stream_index, 0) + 1
    return counts


def _counted(path: Path, video: "av.VideoStream") -> Fraction:
    """Seconds of a video by its packets, which are read, not decoded; jumps of the stamps count as none."""
    count, stamps, last = 0, list[int](), 0
    unit = Fraction(video.time_base or 1)
    with open_container(path) as container, av.logging.Capture(), suppress(av.error.FFmpegError):
        for packet in readable(container.demux(container.streams[video.index]), path):
            count += packet.size > 0
            if packet.size and packet.pts is not None:
                stamps.append(packet.pts)
                last = packet.duration or last
    if not stamps:
        return count / Fraction(video.guessed_rate or video.average_rate or 25)
    stamps.sort()
    steps = [*(later - earlier for earlier, later in itertools.pairwise(stamps)), last]
    return unit * sum(step for step in steps if step * unit <= LONGEST_GAP)


def _first_stamp(container: Container, video: "av.VideoStream", begin: float | None) -> Fraction:
    """When the first frame, or the first at `begin` or later, is shown; without one, what the header says."""
    # One thread, as in FrameReader.
    video.codec_context.thread_count = 1
    earliest = None
    if begin is not None:
        earliest = origin(container) + first_of(begin, video)
        go_to(container, video, begin)
    stamp = _next_stamp(container, video, earliest)
    if stamp is None:
        return (
            origin(container)
            if video.start_time is None
            else video.start_time * Fraction(video.time_base or 1)
        )
    return stamp


def _next_stamp(
    container: Container, stream: "av.VideoStream | av.AudioStream", earliest: Fraction | None = None
) -> Fraction | None:
    """When the next frame that the decoder gives comes, or the next at the stamp `earliest` or later."""
    try:
        for packet in container.demux(stream):
            try:
                frames = cast("list[av.VideoFrame | av.AudioFrame]", packet.decode())
            except av.error.FFmpegError:
                continue
            for frame in frames:
                if frame.pts is None:
                    return None
                stamp = frame.pts * Fraction(frame.time_base or stream.time_base or 1)
                if earliest is None or stamp >= earliest:
                    return stamp
    except (av.error.FFmpegError, IndexError):
        # PyAV fails with an IndexError where a stream begins that was not there.
        pass
    return None


def first_of(begin: float, video: "av.VideoStream") -> Fraction:
    """The earliest time of the frame at `begin` seconds: half a frame before, for stamps are rounded."""
    rate = Fraction(video.guessed_rate or video.average_rate or 25)
    return Fraction(begin).limit_denominator(1_000_000) - 1 / (2 * rate)
